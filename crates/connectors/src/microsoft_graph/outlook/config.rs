//! The keys of an `outlook` mirror.

use domain::CalendarKey;
use engine::port::{Capabilities, ContentForm, ItemIdentity, QuotaDeclaration, QuotaScope, Rate};
use schemars::JsonSchema;
use serde::Deserialize;

use super::turns::{PER_MAILBOX_AT_ONCE, PER_MAILBOX_PERIOD, PER_MAILBOX_REQUESTS};
use crate::{ConnectionError, MirrorConfig};

/// The word for the default calendar.
const PRIMARY: &str = "primary";
/// What our own calendar is called.
const NAME_DEFAULT: &str = "Shifts";
/// Bytes of a calendar's name: Exchange takes 255 characters for a folder's.
const NAME_BYTES_MAX: usize = 255;
/// Requests per second of the application on all mailboxes together. Graph takes far more (130,000
/// in ten seconds, `calendars.md` §1.7); an older page had four at once over all mailboxes.
const RATE_DEFAULT: u32 = 100;
const RATE_MAX: u32 = 2000;
/// Requests of the application under way at once.
const CONCURRENCY_DEFAULT: usize = 64;
const CONCURRENCY_MAX: usize = 512;
/// Probes in one look: what fits a batch of Graph's.
const LOOK_SIZE_MAX: usize = domain::limits::BATCH_REQUESTS_MAX;

/// What no event in Outlook can have, and why (Learn, "Create event" and "event resource type",
/// read 2026-11).
const CANNOT_SHOW: [(&str, &str); 3] = [
    ("organizer", "Graph takes a mailbox's owner for the organiser of what is in it"),
    ("attendees", "Graph mails an invitation to everybody who is named, and offers no way not to"),
    ("colour", "an event in Outlook has the colour of its category, and none of its own"),
];

/// In which calendars shifts are shown.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutlookMirrorConfig {
    /// The name of a calendar, which is made where it is missing, or `primary` for the default one.
    /// Without it `Shifts`, and in a shared mailbox the default one.
    #[serde(default)]
    pub calendar: Option<String>,
    /// The address of one mailbox that shows everybody's shifts, instead of each in their own.
    #[serde(default)]
    pub shared: Option<String>,
    /// Requests per second over all mailboxes, 1 to 2000.
    #[serde(default = "rate_default")]
    pub requests_per_second: u32,
    /// Requests under way at once over all mailboxes, 1 to 512.
    #[serde(default = "concurrency_default")]
    pub concurrency: usize,
}

const fn rate_default() -> u32 {
    RATE_DEFAULT
}

const fn concurrency_default() -> usize {
    CONCURRENCY_DEFAULT
}

/// Which calendar of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// The default one.
    Primary,
    /// The one of this name.
    Named(String),
}

impl OutlookMirrorConfig {
    /// Which calendar of each mailbox is used.
    #[must_use]
    pub fn which(&self) -> Which {
        match (self.calendar.as_deref().map(str::trim), &self.shared) {
            (Some(PRIMARY), _) | (None, Some(_)) => Which::Primary,
            (Some(name), _) => Which::Named(name.to_owned()),
            (None, None) => Which::Named(NAME_DEFAULT.to_owned()),
        }
    }

    /// What such a target can do.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        let per_second = Rate { requests: self.requests_per_second, per: super::turns::SECOND };
        let per_mailbox = Rate { requests: PER_MAILBOX_REQUESTS, per: PER_MAILBOX_PERIOD };
        Capabilities {
            kinds: vec![
                domain::EntityKind::OpenShift,
                domain::EntityKind::Shift,
                domain::EntityKind::TimeOff,
            ],
            content: ContentForm::CalendarEvent,
            personal: self.is_personal(),
            identity: ItemIdentity::OriginTag,
            publishes: false,
            deltas: true,
            look_size_max: LOOK_SIZE_MAX,
            batch_size_max: domain::limits::BATCH_REQUESTS_MAX,
            quotas: vec![
                QuotaDeclaration {
                    scope: QuotaScope::Connection,
                    concurrency: Some(self.concurrency),
                    rate: Some(per_second),
                },
                QuotaDeclaration {
                    scope: QuotaScope::Calendar,
                    concurrency: Some(PER_MAILBOX_AT_ONCE),
                    rate: Some(per_mailbox),
                },
            ],
        }
    }
}

fn wrong(key: &'static str, message: impl Into<String>) -> ConnectionError {
    ConnectionError::Key { key, message: message.into() }
}

impl MirrorConfig for OutlookMirrorConfig {
    fn validate(&self) -> Result<(), ConnectionError> {
        if let Some(name) = &self.calendar
            && (name.trim().is_empty()
                || name.len() > NAME_BYTES_MAX
                || name.chars().any(char::is_control))
        {
            let expected = format!("expected a calendar's name of at most {NAME_BYTES_MAX} bytes");
            return Err(wrong("calendar", format!("is no name; {expected}, or `{PRIMARY}`")));
        }
        if let Some(mailbox) = &self.shared
            && domain::Contact::new(mailbox, None).is_err()
        {
            let message = "is no address; expected that of a shared or room mailbox. Calendars of \
                           Microsoft 365 groups cannot be written by applications";
            return Err(wrong("shared", message));
        }
        if !(1..=RATE_MAX).contains(&self.requests_per_second) {
            let found = self.requests_per_second;
            let message = format!("{found} found, expected 1 to {RATE_MAX}");
            return Err(wrong("requests_per_second", message));
        }
        if !(1..=CONCURRENCY_MAX).contains(&self.concurrency) {
            let message = format!("{} found, expected 1 to {CONCURRENCY_MAX}", self.concurrency);
            return Err(wrong("concurrency", message));
        }
        Ok(())
    }

    fn is_personal(&self) -> bool {
        self.shared.is_none()
    }

    fn group_calendar(&self, name: &str) -> Result<CalendarKey, String> {
        let address = name.trim().to_lowercase();
        domain::Contact::new(&address, None).map_err(|_| {
            "is no address; expected that of a shared or room mailbox (applications cannot write \
             calendars of Microsoft 365 groups)"
                .to_owned()
        })?;
        CalendarKey::new(address).map_err(|error| error.to_string())
    }

    fn cannot_show(&self) -> &'static [(&'static str, &'static str)] {
        &CANNOT_SHOW
    }

    fn profile(&self) -> String {
        let Self { calendar: _, shared, requests_per_second: _, concurrency: _ } = self;
        let which = match self.which() {
            Which::Primary => "primary".to_owned(),
            Which::Named(name) => format!("named {name}"),
        };
        format!("outlook/1 {which} {}", shared.as_deref().unwrap_or_default())
    }
}
