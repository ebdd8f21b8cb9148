//! What a calendar shows of an entity, in no vendor's spelling.
//!
//! Made from an [`crate::Entity`] by the engine's mapping profile; written by feeds and by every
//! calendar connector. Equal meaning has an equal fingerprint, whichever way a server folded,
//! escaped or reordered it.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::{EventExtras, Fingerprint, Fingerprinter, UtcInterval};

/// One event of a calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarEvent {
    /// The title; never empty, because some servers refuse an event without one.
    pub summary: String,
    /// The text below it; `None` and an empty text mean the same.
    pub description: Option<String>,
    /// Where; `None` and an empty text mean the same.
    pub location: Option<String>,
    /// Labels, sorted, without repetition.
    pub categories: Vec<String>,
    /// When.
    pub span: EventSpan,
    /// Whether the time is taken.
    pub show_as: ShowAs,
    /// Who may read the details.
    pub visibility: Visibility,
    /// What it shows only where the operator asked for it.
    #[serde(default, skip_serializing_if = "EventExtras::is_empty")]
    pub extras: EventExtras,
}

/// When an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventSpan {
    /// UTC, half-open.
    Timed(UtcInterval),
    /// Whole days without a zone: the same days wherever they are looked at from.
    AllDay {
        /// The first day, included.
        first: Date,
        /// The day after the last; after `first`.
        end: Date,
    },
}

impl EventSpan {
    /// An instant at which it is over wherever one looks at it from.
    #[must_use]
    pub fn is_over_at(&self) -> Timestamp {
        match self {
            Self::Timed(interval) => interval.end(),
            Self::AllDay { first: _, end } => {
                // The last place on Earth where a day ends is twelve hours behind UTC.
                let noon = end.at(12, 0, 0, 0).to_zoned(TimeZone::UTC);
                noon.map_or(Timestamp::MAX, |noon| noon.timestamp())
            }
        }
    }
}

/// What others see of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShowAs {
    /// Taken.
    Busy,
    /// Not taken.
    Free,
    /// Taken, and the person is absent.
    OutOfOffice,
    /// Perhaps taken.
    Tentative,
    /// Taken, by work at another place than usual. Vendors without a word for it show it as taken.
    WorkingElsewhere,
}

impl ShowAs {
    /// Every one.
    pub const ALL: [Self; 5] =
        [Self::Busy, Self::Free, Self::OutOfOffice, Self::Tentative, Self::WorkingElsewhere];
}

/// Who may read the details of an event in a shared calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// As the calendar's owner set it.
    Default,
    /// The owner only.
    Private,
}

impl CalendarEvent {
    /// The hash of what a reader of the calendar sees.
    ///
    /// Line ends are compared as `\n` and trailing white space is not compared, because servers
    /// rewrite both.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let Self { summary, description, location, categories, span, show_as, visibility, extras } =
            self;
        let mut print = Fingerprinter::new("calendar_event/1");
        print.text(&comparable(summary));
        for text in [description, location] {
            print.text(&comparable(text.as_deref().unwrap_or_default()));
        }
        print.number(categories.len() as i64);
        for category in categories {
            print.text(category);
        }
        match span {
            EventSpan::Timed(interval) => {
                print.number(1).instant(interval.start()).instant(interval.end())
            }
            EventSpan::AllDay { first, end } => print.number(2).day(*first).day(*end),
        };
        print.number(*show_as as i64).number(*visibility as i64);
        extras.fingerprint(&mut print);
        print.finish()
    }
}

impl CalendarEvent {
    /// The event with nothing in it that a calendar format cannot hold: control characters are
    /// dropped, every kind of line end is `\n`, labels are sorted, instants are whole seconds,
    /// and a text of which nothing would be seen is absent. What is written comes back equal.
    #[must_use]
    pub fn plain(self) -> Self {
        let Self { summary, description, location, categories, span, show_as, visibility, extras } =
            self;
        let mut categories: Vec<String> =
            categories.into_iter().filter_map(|text| plain_text(&text)).collect();
        categories.sort_unstable();
        categories.dedup();
        Self {
            summary: plain_text(&summary).unwrap_or_else(|| "(untitled)".to_owned()),
            description: description.and_then(|text| plain_text(&text)),
            location: location.and_then(|text| plain_text(&text)),
            categories,
            span: match span {
                EventSpan::Timed(interval) => EventSpan::Timed(interval.to_whole_seconds()),
                EventSpan::AllDay { first, end } => EventSpan::AllDay { first, end },
            },
            show_as,
            visibility,
            extras: extras.plain(),
        }
    }
}

/// Line ends as `\n` (also those that only Unicode knows), no other control characters but tabs;
/// `None` when nothing of it would be seen.
fn plain_text(text: &str) -> Option<String> {
    let text = text.replace("\r\n", "\n");
    let kept = text.chars().filter_map(|c| match c {
        '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some('\n'),
        '\t' => Some('\t'),
        control if control.is_control() => None,
        other => Some(other),
    });
    let kept: String = kept.collect();
    kept.chars().any(|c| !c.is_whitespace()).then_some(kept)
}

fn comparable(text: &str) -> std::borrow::Cow<'_, str> {
    let text = text.trim_end();
    if text.contains('\r') { text.replace("\r\n", "\n").into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(description: Option<&str>) -> CalendarEvent {
        let at = |text: &str| text.parse().unwrap();
        CalendarEvent {
            summary: "Late".into(),
            description: description.map(Into::into),
            location: None,
            categories: vec![],
            span: EventSpan::Timed(
                UtcInterval::new(at("2026-11-21T12:00:00Z"), at("2026-11-21T20:00:00Z")).unwrap(),
            ),
            show_as: ShowAs::Busy,
            visibility: Visibility::Default,
            extras: EventExtras::default(),
        }
    }

    /// What ledgers hold, computed with Python's `hashlib`: another fingerprint here means that
    /// every item of every mirror is written again.
    #[test]
    fn an_event_without_extras_keeps_the_fingerprint_it_always_had() {
        let mut event = event(Some("09:00–09:15 Break (unpaid)"));
        event.location = Some("Straße 1".into());
        event.categories = vec!["Late".into(), "ward".into()];
        assert_eq!(event.fingerprint().to_string(), "042d60def729546e25d4f91e763701b2");
        event.span = EventSpan::AllDay {
            first: jiff::civil::date(2026, 12, 24),
            end: jiff::civil::date(2026, 12, 27),
        };
        event.show_as = ShowAs::OutOfOffice;
        event.visibility = Visibility::Private;
        assert_eq!(event.fingerprint().to_string(), "35e142b702751ddbf6ced4914044facb");
    }

    #[test]
    fn every_extra_changes_the_fingerprint() {
        let ada = |name| crate::Contact::new("ada@example.com", name).unwrap();
        let extras = |change: &dyn Fn(&mut EventExtras)| {
            let mut event = event(None);
            change(&mut event.extras);
            event.fingerprint()
        };
        let prints = [
            extras(&|_| {}),
            extras(&|it| it.colour = Some(crate::Colour::Red)),
            extras(&|it| it.colour = Some(crate::Colour::Teal)),
            extras(&|it| it.reminder_minutes = Some(0)),
            extras(&|it| it.reminder_minutes = Some(15)),
            extras(&|it| it.organizer = Some(ada(None))),
            extras(&|it| it.attendees = vec![ada(None)]),
            extras(&|it| it.attendees = vec![ada(Some("Ada"))]),
        ];
        let distinct: std::collections::BTreeSet<_> = prints.iter().collect();
        assert_eq!(distinct.len(), prints.len());
    }

    #[test]
    fn what_servers_rewrite_without_meaning_does_not_count() {
        assert_eq!(event(None).fingerprint(), event(Some("")).fingerprint());
        assert_eq!(event(Some("a\r\nb\n")).fingerprint(), event(Some("a\nb")).fingerprint());
        assert_ne!(event(Some("a b")).fingerprint(), event(Some("a\nb")).fingerprint());
    }
}
