//! Rows of a table with the measured value, the target, and whether it is met.

use std::fmt;

/// The target of a figure.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// At most this much.
    AtMost(f64),
    /// At least this much.
    AtLeast(f64),
    /// No target: a reference for the other figures.
    None,
}

impl Target {
    fn met(self, value: f64) -> Option<bool> {
        match self {
            Self::AtMost(bound) => Some(value <= bound),
            Self::AtLeast(bound) => Some(value >= bound),
            Self::None => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(bound) => write!(f, "≤ {}", shown(*bound)),
            Self::AtLeast(bound) => write!(f, "≥ {}", shown(*bound)),
            Self::None => Ok(()),
        }
    }
}

/// One row: a figure, the figure it is compared with, and the target of their ratio.
#[derive(Clone, Debug)]
pub struct Row {
    what: String,
    measured: String,
    value: f64,
    unit: &'static str,
    target: Target,
}

impl Row {
    /// A ratio with its two figures.
    pub fn ratio(what: impl Into<String>, measured: impl Into<String>, value: f64, target: Target) -> Self {
        Self { what: what.into(), measured: measured.into(), value, unit: "×", target }
    }

    /// A figure with its own unit.
    pub fn figure(what: impl Into<String>, value: f64, unit: &'static str, target: Target) -> Self {
        Self { what: what.into(), measured: String::new(), value, unit, target }
    }

    /// Whether the target is met; `true` without a target.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.target.met(self.value) != Some(false)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, measured, value, unit, target } = self;
        let verdict = match target.met(*value) {
            Some(true) => "pass",
            Some(false) => "**fail**",
            None => "",
        };
        write!(f, "| {what} | {measured} | {} {unit} | {target} | {verdict} |", shown(*value))
    }
}

/// The head of a table of [`Row`]s.
pub const HEAD: &str = "| what | measured | value | target | |\n|---|---|---|---|---|";

/// Nanoseconds, readable.
#[must_use]
pub fn nanoseconds(value: f64) -> String {
    format!("{} ns", shown(value))
}

/// Three significant digits, with thousands separators.
#[must_use]
pub fn shown(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude >= 100.0 {
        let whole = format!("{value:.0}");
        let digits = whole.len();
        let grouped = whole.char_indices().flat_map(|(index, digit)| {
            let comma = index > 0 && (digits - index).is_multiple_of(3);
            comma.then_some(',').into_iter().chain([digit])
        });
        return grouped.collect();
    }
    let decimals = match magnitude {
        10.0.. => 1,
        1.0.. => 2,
        0.0 => 0,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits() {
        let figures = [0.0, 0.0625, 0.25, 1.0, 1.044, 25.0, 25.04, 397.2, 12_345_678.0].map(shown);
        assert_eq!(figures, ["0", "0.062", "0.25", "1", "1.04", "25", "25", "397", "12,345,678"]);
    }

    #[test]
    fn a_target_is_checked_against_its_figure() {
        assert!(Row::ratio("", "", 1.6, Target::AtMost(1.6)).passes());
        assert!(!Row::ratio("", "", 1.61, Target::AtMost(1.6)).passes());
        assert!(!Row::ratio("", "", 3.79, Target::AtLeast(3.8)).passes());
    }
}
