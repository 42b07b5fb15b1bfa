//! Evaluates the answers of an instance, and the time until a revocation took effect: pure functions.

use std::time::Duration;

/// An answer of an instance. Times count from the return of the command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The time when its request was sent.
    pub sent: Duration,
    /// The time when it was received.
    pub received: Duration,
    /// Its meaning.
    pub seen: Seen,
}

/// The meaning of an answer for the revoked token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// 2xx.
    Accepted,
    /// The documented 401.
    Refused,
    /// Another response, in words.
    Other(String),
    /// No response, in words.
    Silent(String),
}

/// How an instance behaved after the command had returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The time when the first refusal was received; 0 if the first request was refused.
    pub first_refusal: Option<Duration>,
    /// The time when the last accepted request after that was sent; if none was refused, the last accepted request.
    pub last_acceptance: Option<Duration>,
    /// The final state.
    pub end: End,
}

/// The final state of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It refused and never accepted again.
    Refused,
    /// It accepted again after a refusal.
    AcceptedAgain,
    /// It never refused, and still accepted at the end.
    Accepted,
    /// It neither refused nor accepted at the end, but gave this response.
    Other(String),
    /// It gave no response at the end.
    Silent(String),
}

impl End {
    /// Whether the revocation failed: the instance answered, and did not refuse for good.
    pub fn is_failure(&self) -> bool {
        match self {
            Self::AcceptedAgain | Self::Accepted | Self::Other(_) => true,
            Self::Refused | Self::Silent(_) => false,
        }
    }
}

/// Evaluates an instance's answers, in the order of their requests. The instance started to refuse
/// between sending the last accepted request and receiving the first refusal.
pub fn judge(observations: &[Observation]) -> Finding {
    let first = observations.iter().position(|observation| observation.seen == Seen::Refused);
    let after = observations.get(first.unwrap_or(0)..).unwrap_or_default();
    let last_acceptance = after.iter().rfind(|observation| observation.seen == Seen::Accepted);
    let end = match (first.is_some(), last_acceptance.is_some(), observations.last().map(|last| &last.seen)) {
        (true, true, _) => End::AcceptedAgain,
        (_, _, Some(Seen::Accepted)) => End::Accepted,
        (_, _, Some(Seen::Refused)) => End::Refused,
        (_, _, Some(Seen::Other(what))) => End::Other(what.clone()),
        (_, _, Some(Seen::Silent(what))) => End::Silent(what.clone()),
        (_, _, None) => End::Silent("nothing was asked".to_owned()),
    };
    Finding {
        first_refusal: first.and_then(|first| match first {
            0 => Some(Duration::ZERO),
            _ => observations.get(first).map(|observation| observation.received),
        }),
        last_acceptance: last_acceptance.map(|observation| observation.sent),
        end,
    }
}

/// The median and the maximum of first refusals. An instance that never refused counts as infinite: `None`.
pub fn summarize(first_refusals: &[Option<Duration>]) -> (Option<Duration>, Option<Duration>) {
    let mut sorted: Vec<Duration> =
        first_refusals.iter().map(|refusal| refusal.unwrap_or(Duration::MAX)).collect();
    sorted.sort_unstable();
    let finite = |duration: Duration| Some(duration).filter(|duration| *duration != Duration::MAX);
    let at = |index: usize| sorted.get(index).copied().and_then(finite);
    let maximum = sorted.last().copied().and_then(finite);
    let (lower, upper) = (at(sorted.len().saturating_sub(1) / 2), at(sorted.len() / 2));
    let median = lower.zip(upper).map(|(lower, upper)| lower + (upper.saturating_sub(lower)) / 2);
    (median, maximum)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// `A` accepted, `R` refused, `O` another response, `S` no response: sent at the full second, received 100 ms later.
    fn observations(text: &str) -> Vec<Observation> {
        let seen = |letter| match letter {
            'A' => Seen::Accepted,
            'R' => Seen::Refused,
            'O' => Seen::Other("503".into()),
            _ => Seen::Silent("connection refused".into()),
        };
        let observation = |(second, letter): (usize, char)| {
            let sent = Duration::from_secs(u64::try_from(second).unwrap());
            Observation { sent, received: sent + Duration::from_millis(100), seen: seen(letter) }
        };
        text.chars().enumerate().map(observation).collect()
    }

    #[rstest]
    #[case::at_once("RRR", Some(0), None, End::Refused)]
    #[case::after_two_seconds("AARRR", Some(2100), None, End::Refused)]
    #[case::at_the_very_end("AAAR", Some(3100), None, End::Refused)]
    #[case::flaps("ARARR", Some(1100), Some(2), End::AcceptedAgain)]
    #[case::flaps_often("RARARA", Some(0), Some(5), End::AcceptedAgain)]
    #[case::accepts_again_at_the_end("RRA", Some(0), Some(2), End::AcceptedAgain)]
    #[case::accepts_again_and_fails("RAS", Some(0), Some(1), End::AcceptedAgain)]
    #[case::never_hears("AAA", None, Some(2), End::Accepted)]
    #[case::a_break_that_opens_nothing("AROSR", Some(1100), None, End::Refused)]
    #[case::an_error_instead_of_a_refusal("AAOO", None, Some(1), End::Other("503".into()))]
    #[case::an_error_in_the_end("ARO", Some(1100), None, End::Other("503".into()))]
    #[case::goes_away("AS", None, Some(0), End::Silent("connection refused".into()))]
    #[case::goes_away_after_a_refusal("RS", Some(0), None, End::Silent("connection refused".into()))]
    #[case::nothing("", None, None, End::Silent("nothing was asked".into()))]
    fn an_instance_is_judged(
        #[case] text: &str,
        #[case] first_in_milliseconds: Option<u64>,
        #[case] last: Option<u64>,
        #[case] end: End,
    ) {
        let finding = Finding {
            first_refusal: first_in_milliseconds.map(Duration::from_millis),
            last_acceptance: last.map(Duration::from_secs),
            end,
        };
        assert_eq!(judge(&observations(text)), finding);
    }

    #[rstest]
    #[case::refused(End::Refused, false)]
    #[case::again(End::AcceptedAgain, true)]
    #[case::accepted(End::Accepted, true)]
    #[case::other(End::Other("503".into()), true)]
    #[case::silent(End::Silent("connection refused".into()), false)]
    fn only_an_answer_can_fail(#[case] end: End, #[case] failure: bool) {
        assert_eq!(end.is_failure(), failure);
    }

    #[rstest]
    #[case::none(&[], None, None)]
    #[case::one(&[Some(3)], Some(3), Some(3))]
    #[case::two(&[Some(6), Some(2)], Some(4), Some(6))]
    #[case::three(&[Some(9), Some(1), Some(2)], Some(2), Some(9))]
    #[case::one_of_three_never(&[Some(1), None, Some(2)], Some(2), None)]
    #[case::one_of_two_never(&[Some(1), None], None, None)]
    #[case::never(&[None, None], None, None)]
    fn the_summary_counts_an_instance_that_never_refused_as_infinite(
        #[case] refusals: &[Option<u64>],
        #[case] median: Option<u64>,
        #[case] maximum: Option<u64>,
    ) {
        let refusals: Vec<_> = refusals.iter().map(|refusal| refusal.map(Duration::from_secs)).collect();
        let expected = (median.map(Duration::from_secs), maximum.map(Duration::from_secs));
        assert_eq!(summarize(&refusals), expected);
    }
}
