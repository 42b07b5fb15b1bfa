//! `[otlp]`: where spans of decisions are sent.

use hyper::Uri;
use serde::Deserialize;

use crate::fetch::endpoint_problem;

/// Where spans of decisions are sent, and how many.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Otlp {
    /// `endpoint`: the collector's address for OTLP over HTTP; `/v1/traces` is appended.
    pub endpoint: String,
    /// `sample_ratio`: the part of the requests without a `traceparent` that have a span. Default: 0.
    pub sample_ratio: SampleRatio,
}

/// A part of requests, between none and all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SampleRatio(u64);

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OtlpSpec {
    endpoint: Option<String>,
    sample_ratio: Option<f64>,
}

impl Otlp {
    /// Validates the table, or names the key that is wrong and says how to fix it.
    pub(super) fn new(spec: OtlpSpec) -> Result<Self, (String, String)> {
        let endpoint = spec.endpoint.ok_or_else(|| {
            let problem =
                "missing `endpoint`; expected the address of a collector, such as \"http://127.0.0.1:4318\"";
            ("otlp".to_owned(), problem.to_owned())
        })?;
        if let Some(problem) = endpoint_problem(&endpoint) {
            return Err(("otlp.endpoint".to_owned(), problem));
        }
        let ratio = spec.sample_ratio.unwrap_or_default();
        let sample_ratio = SampleRatio::new(ratio).ok_or_else(|| {
            ("otlp.sample_ratio".to_owned(), format!("must be between 0 and 1, found {ratio}"))
        })?;
        Ok(Self { endpoint: endpoint.trim_end_matches('/').to_owned(), sample_ratio })
    }

    /// Where the spans of a collector are sent.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}/v1/traces", self.endpoint)
    }

    /// The host, as messages name the collector.
    pub(crate) fn host(&self) -> String {
        self.endpoint.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_default()
    }
}

impl SampleRatio {
    /// A part between 0 and 1.
    #[must_use]
    pub fn new(ratio: f64) -> Option<Self> {
        // The conversion saturates.
        (0.0..=1.0).contains(&ratio).then_some(Self((ratio * u64::MAX as f64) as u64))
    }

    /// Whether one of all random numbers belongs to the part.
    pub(crate) fn contains(self, random: u64) -> bool {
        self.0 != 0 && random <= self.0
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0.0, 0, false)]
    #[case(1.0, u64::MAX, true)]
    #[case(0.5, u64::MAX / 2 - 1000, true)]
    #[case(0.5, u64::MAX / 2 + 2000, false)]
    fn a_ratio_is_a_part_of_all_numbers(#[case] ratio: f64, #[case] random: u64, #[case] expected: bool) {
        assert_eq!(SampleRatio::new(ratio).unwrap().contains(random), expected);
    }

    #[rstest]
    #[case(-0.1)]
    #[case(1.1)]
    #[case(f64::NAN)]
    #[case(f64::INFINITY)]
    fn a_ratio_is_between_none_and_all(#[case] ratio: f64) {
        assert_eq!(SampleRatio::new(ratio), None);
    }
}
