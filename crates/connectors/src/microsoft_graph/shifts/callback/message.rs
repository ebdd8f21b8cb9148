//! What people are told when something they did in Shifts is not done, in their own language.
//!
//! Shifts shows our text to whoever asked, and sends the language of their app as
//! `Accept-Language`. English, German, French and Spanish; English for all others. Each text says
//! what stands in the way and what can be done; the reason arrives as data, so a new one breaks
//! the build here and not in front of people. Times are those of a clock in the team's zone.

mod language;
#[cfg(test)]
mod tests;
mod texts;

use std::time::Duration;

use domain::{CommandKind, Refusal, UtcInterval};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

pub use language::Language;
use texts::Text;

/// Characters of a name (a group, a qualification) that are shown.
const NAME_CHARS_MAX: usize = 60;

/// What is to be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice<'a> {
    /// The system of record refused it, or would.
    Refused(&'a Refusal),
    /// Nothing that we take from here.
    Unsupported,
    /// We cannot make sense of it.
    Unreadable,
    /// A text in it is too long or has signs that are none, or it has too many activities.
    TooMuch,
    /// It came too late to be decided.
    Expired,
    /// It is still being decided.
    InProgress,
    /// The team is none of this mirror's.
    OtherTeam,
}

impl Notice<'_> {
    /// The sentence for people, with times of a clock in `zone`.
    #[must_use]
    pub fn say(&self, language: Language, zone: &TimeZone) -> String {
        let speaker = Speaker { language, zone };
        let (text, details) = match self {
            Self::Refused(refusal) => speaker.refusal(refusal),
            Self::Unsupported => (&texts::UNSUPPORTED, Vec::new()),
            Self::Unreadable => (&texts::UNREADABLE, Vec::new()),
            Self::TooMuch => (&texts::TOO_MUCH, Vec::new()),
            Self::Expired => (&texts::EXPIRED, Vec::new()),
            Self::InProgress => (&texts::IN_PROGRESS, Vec::new()),
            Self::OtherTeam => (&texts::OTHER_TEAM, Vec::new()),
        };
        fill(text.of(language), &details)
    }
}

/// Puts the details where the text says `{0}`, `{1}`; what they hold is not looked into again.
fn fill(template: &str, details: &[String]) -> String {
    let mut filled = String::with_capacity(template.len() + 40);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let (number, after) = after.split_once('}').unwrap_or(("", after));
        let detail = number.parse::<usize>().ok().and_then(|index| details.get(index));
        filled.push_str(detail.map_or("", String::as_str));
        rest = after;
    }
    filled.push_str(rest);
    filled
}

struct Speaker<'a> {
    language: Language,
    zone: &'a TimeZone,
}

impl Speaker<'_> {
    fn refusal(&self, refusal: &Refusal) -> (&'static Text, Vec<String>) {
        match refusal {
            Refusal::NotHere { kind } => {
                (&texts::NOT_HERE, vec![subject(*kind).of(self.language).to_owned()])
            }
            Refusal::Unknown => (&texts::UNKNOWN, vec![]),
            Refusal::Outdated => (&texts::OUTDATED, vec![]),
            Refusal::Begun => (&texts::BEGUN, vec![]),
            Refusal::Overlaps { with } => (&texts::OVERLAPS, vec![self.interval(with)]),
            Refusal::Absent { during } => (&texts::ABSENT, vec![self.interval(during)]),
            Refusal::RestTooShort { required, left } => {
                (&texts::REST_TOO_SHORT, vec![self.duration(*required), self.duration(*left)])
            }
            Refusal::DayTooLong { day, allowed, would_be } => (
                &texts::DAY_TOO_LONG,
                vec![self.date(*day), self.duration(*allowed), self.duration(*would_be)],
            ),
            Refusal::WeekTooLong { monday, allowed, would_be } => (
                &texts::WEEK_TOO_LONG,
                vec![self.date(*monday), self.duration(*allowed), self.duration(*would_be)],
            ),
            Refusal::NotQualified { qualification } => {
                (&texts::NOT_QUALIFIED, vec![name(qualification)])
            }
            Refusal::OtherGroup { group } => (&texts::OTHER_GROUP, vec![name(group)]),
            Refusal::TooLate { notice } => (&texts::TOO_LATE, vec![self.notice(*notice)]),
            Refusal::BalanceSpent { reason, left, asked } => {
                (&texts::BALANCE_SPENT, vec![name(reason), left.to_string(), asked.to_string()])
            }
            Refusal::TooManyAbsent { day, allowed } => {
                (&texts::TOO_MANY_ABSENT, vec![self.date(*day), allowed.to_string()])
            }
            Refusal::ReasonNotOffered { reason } => {
                (&texts::REASON_NOT_OFFERED, vec![name(reason)])
            }
            Refusal::NoSlotLeft => (&texts::NO_SLOT_LEFT, vec![]),
            Refusal::NotEligible => (&texts::NOT_ELIGIBLE, vec![]),
            Refusal::UnknownEmployee => (&texts::UNKNOWN_EMPLOYEE, vec![]),
            Refusal::BadLength { shortest, longest } => {
                (&texts::BAD_LENGTH, vec![self.duration(*shortest), self.duration(*longest)])
            }
            Refusal::NotReachable => (&texts::NOT_REACHABLE, vec![]),
            Refusal::Other { said } => (&texts::OTHER, vec![said.replace(char::is_control, " ")]),
        }
    }

    fn date(&self, date: Date) -> String {
        let (day, month, year) = (date.day(), date.month(), date.year());
        match self.language {
            Language::English => {
                const MONTHS: [&str; 12] = [
                    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov",
                    "Dec",
                ];
                let month = MONTHS.get(usize::from(month.unsigned_abs()) - 1).unwrap_or(&"");
                format!("{day} {month} {year}")
            }
            Language::German => format!("{day}.{month}.{year}"),
            Language::French | Language::Spanish => format!("{day:02}/{month:02}/{year}"),
        }
    }

    fn interval(&self, interval: &UtcInterval) -> String {
        let local = |at: Timestamp| self.zone.to_datetime(at);
        let (start, end) = (local(interval.start()), local(interval.end()));
        let clock = |at: jiff::civil::DateTime| format!("{:02}:{:02}", at.hour(), at.minute());
        let (from, to) = (self.date(start.date()), self.date(end.date()));
        if from == to {
            return format!("{from}, {}–{}", clock(start), clock(end));
        }
        format!("{from}, {} – {to}, {}", clock(start), clock(end))
    }

    /// Hours and minutes, which are spelled alike in all four languages; a rest of seconds is cut.
    fn duration(&self, duration: Duration) -> String {
        let minutes = duration.as_secs() / 60;
        match (minutes / 60, minutes % 60) {
            (0, minutes) => format!("{minutes} min"),
            (hours, 0) => format!("{hours} h"),
            (hours, minutes) => format!("{hours} h {minutes} min"),
        }
    }

    /// In days, where it is two or more whole ones.
    fn notice(&self, notice: Duration) -> String {
        let (days, rest) = (notice.as_secs() / 86_400, notice.as_secs() % 86_400);
        if days < 2 || rest != 0 {
            return self.duration(notice);
        }
        format!("{days} {}", texts::DAYS.of(self.language))
    }
}

/// A name out of the roster, cut short, on one line.
fn name(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let mut name: String = text.chars().take(NAME_CHARS_MAX).map(plain).collect();
    if text.chars().nth(NAME_CHARS_MAX).is_some() {
        name.push('…');
    }
    name
}

/// What a command is about, in the plural, at the beginning of a sentence.
fn subject(kind: CommandKind) -> &'static Text {
    match kind {
        CommandKind::Availability => &texts::AVAILABILITY,
        CommandKind::OfferRequest => &texts::OFFERS,
        CommandKind::OpenShift => &texts::OPEN_SHIFTS,
        CommandKind::OpenShiftRequest => &texts::CLAIMS,
        CommandKind::Shift => &texts::SHIFTS,
        CommandKind::SwapRequest => &texts::SWAPS,
        CommandKind::TimeOff => &texts::TIME_OFF,
        CommandKind::TimeOffRequest => &texts::TIME_OFF_REQUESTS,
    }
}
