//! What the pages show, as their templates take it: texts, and whether they are good news.
//!
//! Everything that comes from a roster, a vendor or a configuration is text, and the templates
//! escape it.

mod attention;
mod conflicts;
mod overview;

use askama::Template;
use engine::overview::{ago, instant};
use jiff::Timestamp;

pub(super) use self::attention::AttentionView;
pub(super) use self::conflicts::ConflictsView;
pub(super) use self::overview::OverviewView;

/// The page that asks for the password.
#[derive(Template)]
#[template(path = "sign_in.html")]
pub(super) struct SignIn {
    /// Why it asks again.
    pub told: Option<&'static str>,
}

/// A page that says one thing.
#[derive(Template)]
#[template(path = "message.html")]
pub(super) struct Message<'a> {
    pub title: &'a str,
    pub told: &'a str,
}

/// An instant, for people and for their programs.
struct Moment {
    iso: String,
    text: String,
    /// `12 s ago`; empty where it is not about now.
    ago: String,
}

impl Moment {
    fn of(at: Timestamp) -> Self {
        Self { iso: at.to_string(), text: instant(at), ago: String::new() }
    }

    fn ago(at: Timestamp, now: Timestamp) -> Self {
        Self { ago: ago(at, now), ..Self::of(at) }
    }
}

/// What a text means for whoever looks after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tone {
    Good,
    Plain,
    Worth,
    Bad,
}

impl Tone {
    /// The class of the style.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Plain => "plain",
            Self::Worth => "worth",
            Self::Bad => "bad",
        }
    }
}

/// A word with its tone.
struct Badge {
    text: String,
    tone: &'static str,
}

impl Badge {
    fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self { text: text.into(), tone: tone.as_str() }
    }
}
