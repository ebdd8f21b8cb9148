//! What a benchmark found: rows of one table, with the goal beside the figure.

use std::fmt;

use crate::measure::Runs;

/// Why a benchmark has no figure.
#[derive(Debug)]
pub enum Trouble {
    /// Something that is not part of the project is missing.
    Needs(String),
    /// It went wrong.
    Failed(String),
}

impl Trouble {
    /// Something went wrong, in words.
    pub fn failed(what: impl fmt::Display) -> Self {
        Self::Failed(what.to_string())
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Needs(what) => write!(f, "skipped: needs {what}"),
            Self::Failed(what) => write!(f, "failed: {what}"),
        }
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// How a figure is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds; less is better.
    Seconds,
    /// So many of something in a second; more is better.
    PerSecond(&'static str),
    /// Mebibytes; less is better.
    MiB,
    /// A number of something; less is better.
    Count(&'static str),
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::Seconds if value < 0.1 => format!("{:.1} ms", value * 1e3),
            Self::Seconds => format!("{value:.2} s"),
            Self::PerSecond(what) => format!("{} {what}/s", thousands(value)),
            Self::MiB => format!("{value:.1} MiB"),
            Self::Count(what) => format!("{} {what}", thousands(value)),
        }
    }

    fn show_runs(self, runs: &Runs) -> String {
        let median = self.show(runs.median());
        if runs.len() < 2 {
            return median;
        }
        format!("{median} ({} to {})", self.show(runs.lowest()), self.show(runs.highest()))
    }

    fn more_is_better(self) -> bool {
        match self {
            Self::PerSecond(_) => true,
            Self::Seconds | Self::MiB | Self::Count(_) => false,
        }
    }
}

fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// One line of the table.
#[derive(Debug, Clone)]
pub struct Row {
    what: String,
    ours: String,
    other: String,
    ratio: String,
    goal: String,
    met: Option<bool>,
}

impl Row {
    /// Ours beside another's: how many times better it must be at least.
    pub fn beside(
        what: impl Into<String>,
        unit: Unit,
        ours: &Runs,
        (name, other): (&str, &Runs),
        goal: f64,
    ) -> Self {
        let better = if unit.more_is_better() {
            ours.median() / other.median()
        } else {
            other.median() / ours.median()
        };
        Self {
            what: what.into(),
            ours: unit.show_runs(ours),
            other: format!("{name}: {}", unit.show_runs(other)),
            ratio: format!("{better:.2} × better"),
            goal: format!("≥ {goal} ×"),
            met: Some(better >= goal),
        }
    }

    /// Ours beside the least that is possible: how many times as much it may be at most.
    pub fn near(
        what: impl Into<String>,
        unit: Unit,
        ours: &Runs,
        (name, other): (&str, &Runs),
        goal: f64,
    ) -> Self {
        let times = ours.median() / other.median();
        Self {
            what: what.into(),
            ours: unit.show_runs(ours),
            other: format!("{name}: {}", unit.show_runs(other)),
            ratio: format!("{times:.3}"),
            goal: format!("≤ {goal}"),
            met: Some(times <= goal),
        }
    }

    /// Ours alone, with what it may be at most.
    pub fn limit(what: impl Into<String>, unit: Unit, ours: &Runs, at_most: f64) -> Self {
        Self {
            what: what.into(),
            ours: unit.show_runs(ours),
            other: "–".into(),
            ratio: format!("{:.2} of it", ours.median() / at_most),
            goal: format!("≤ {}", unit.show(at_most)),
            met: Some(ours.median() <= at_most),
        }
    }

    /// Ours alone, with what it must be at least.
    pub fn at_least(what: impl Into<String>, unit: Unit, ours: &Runs, goal: f64) -> Self {
        Self {
            what: what.into(),
            ours: unit.show_runs(ours),
            other: "–".into(),
            ratio: format!("{:.2} of it", ours.median() / goal),
            goal: format!("≥ {}", unit.show(goal)),
            met: Some(ours.median() >= goal),
        }
    }

    /// A figure without a goal.
    pub fn seen(
        what: impl Into<String>,
        unit: Unit,
        ours: &Runs,
        other: Option<(&str, &Runs)>,
    ) -> Self {
        Self {
            what: what.into(),
            ours: unit.show_runs(ours),
            other: other
                .map_or("–".into(), |(name, it)| format!("{name}: {}", unit.show_runs(it))),
            ratio: other
                .map_or("–".into(), |(_, it)| format!("{:.2}", ours.median() / it.median())),
            goal: "–".into(),
            met: None,
        }
    }

    /// Something that is either so or not.
    pub fn fact(
        what: impl Into<String>,
        ours: String,
        other: String,
        goal: &str,
        met: bool,
    ) -> Self {
        let (what, goal) = (what.into(), goal.into());
        Self { what, ours, other, ratio: "–".into(), goal, met: Some(met) }
    }

    /// A number that must be this one.
    pub fn exactly(what: impl Into<String>, found: f64, expected: f64) -> Self {
        let same = (found - expected).abs() < 0.5;
        Self::fact(what, format!("{found}"), "–".into(), &format!("{expected}"), same)
    }

    /// No figure.
    pub fn none(what: impl Into<String>, trouble: &Trouble) -> Self {
        let none = || "–".to_owned();
        let (ours, other, ratio, goal) = (trouble.to_string(), none(), none(), none());
        Self { what: what.into(), ours, other, ratio, goal, met: None }
    }

    /// Whether a goal was missed.
    pub fn missed(&self) -> bool {
        self.met == Some(false)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, ours, other, ratio, goal, met } = self;
        let met = match met {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "–",
        };
        write!(f, "| {what} | {ours} | {other} | {ratio} | {goal} | {met} |")
    }
}

/// The first two lines of a table of rows.
pub const TABLE_HEAD: &str =
    "| what | ours | beside | ratio | goal | met |\n|---|---|---|---|---|---|\n";

/// What one benchmark found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The figures.
    pub rows: Vec<Row>,
    /// How they came about, one sentence or two each.
    pub notes: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_better_when_higher_and_a_time_when_lower() {
        let (low, high) = (Runs::of([1.0]), Runs::of([10.0]));
        let time = Row::beside("t", Unit::Seconds, &low, ("peer", &high), 8.0);
        assert!(!time.missed());
        let rate = Row::beside("r", Unit::PerSecond("x"), &low, ("peer", &high), 8.0);
        assert!(rate.missed());
    }

    #[test]
    fn long_numbers_are_grouped() {
        assert_eq!(thousands(1_234_567.0), "1,234,567");
        assert_eq!(thousands(999.0), "999");
    }
}
