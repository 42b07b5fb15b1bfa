//! The state in `/readyz` as metrics, because a count of failures does not show whether a source still fails.

use std::fmt;
use std::sync::OnceLock;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::health::Health;

/// Whether the server is ready; `None` without an admin port.
#[derive(Debug, Default)]
pub(super) struct Readiness(OnceLock<Health>);

impl Readiness {
    pub(super) fn show(&self, health: Health) {
        // A second admin port would report the same health.
        let _ = self.0.set(health);
    }
}

impl Collector for Readiness {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(health) = self.0.get() else { return Ok(()) };
        let (is_ready, failing) = health.summary();
        let gauge = ConstGauge::new(u64::from(is_ready));
        let of_all = encoder.encode_descriptor(
            "artos_auth_ready",
            "1 while /readyz is 200",
            None,
            gauge.metric_type(),
        )?;
        gauge.encode(of_all)?;
        let mut family = encoder.encode_descriptor(
            "artos_auth_source_failing",
            "1 for each source that /readyz names",
            None,
            MetricType::Gauge,
        )?;
        for source in failing {
            ConstGauge::new(1_u64).encode(family.encode_family(&[("source", source)])?)?;
        }
        Ok(())
    }
}
