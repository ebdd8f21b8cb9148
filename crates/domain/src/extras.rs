//! What an event shows beside text and time, and only where the operator asked for it.
//!
//! Nobody's calendar gets a colour, a reminder or named people from us unless the mapping profile
//! says so, and what a person adds to an event of ours stays theirs: a connector writes
//! [`EventExtras::set`] into its own mark on the item, and reading the item back keeps no more
//! than what that mark names ([`EventExtras::keep`]).

use serde::{Deserialize, Serialize};

use crate::Fingerprinter;

/// What an event shows only where it was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventExtras {
    /// Its colour; `None` leaves it to the calendar.
    pub colour: Option<Colour>,
    /// Rings this many minutes before it starts; `None` rings never.
    pub reminder_minutes: Option<u32>,
    /// Who is named as having called it together. No mail is sent for it.
    pub organizer: Option<Contact>,
    /// Who is named as taking part, sorted. No mail is sent for it.
    pub attendees: Vec<Contact>,
}

/// A colour that every calendar product has something near to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Colour {
    /// CSS `red`.
    Red,
    /// CSS `orange`.
    Orange,
    /// CSS `yellow`.
    Yellow,
    /// CSS `green`.
    Green,
    /// CSS `teal`.
    Teal,
    /// CSS `blue`.
    Blue,
    /// CSS `purple`.
    Purple,
    /// CSS `pink`.
    Pink,
    /// CSS `brown`.
    Brown,
    /// CSS `gray`.
    Grey,
}

impl Colour {
    /// Every colour.
    pub const ALL: [Self; 10] = [
        Self::Red,
        Self::Orange,
        Self::Yellow,
        Self::Green,
        Self::Teal,
        Self::Blue,
        Self::Purple,
        Self::Pink,
        Self::Brown,
        Self::Grey,
    ];

    /// Its name in CSS, which RFC 7986 §5.9 asks for.
    #[must_use]
    pub const fn css(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Orange => "orange",
            Self::Yellow => "yellow",
            Self::Green => "green",
            Self::Teal => "teal",
            Self::Blue => "blue",
            Self::Purple => "purple",
            Self::Pink => "pink",
            Self::Brown => "brown",
            Self::Grey => "gray",
        }
    }

    /// The colour of this CSS name, whatever its case; `None` for names that we never write.
    #[must_use]
    pub fn from_css(name: &str) -> Option<Self> {
        let name = name.trim();
        let name = if name.eq_ignore_ascii_case("grey") { "gray" } else { name };
        Self::ALL.into_iter().find(|it| it.css().eq_ignore_ascii_case(name))
    }
}

/// Somebody who is named in an event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Contact {
    email: String,
    name: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Written {
    email: String,
    #[serde(default)]
    name: Option<String>,
}

/// Why a text is no e-mail address. Does not repeat it: it may be somebody's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an e-mail address; expected something like `rota@example.com`")]
pub struct ContactError;

impl Contact {
    /// Somebody with this address, called `name`. Of a name, what some reader of iCalendar
    /// unescapes between quotes is left out (RFC 6868).
    /// between quotes is left out (RFC 6868).
    /// # Errors
    /// When the address is none, or holds what no calendar format takes unquoted.
    pub fn new(email: &str, name: Option<&str>) -> Result<Self, ContactError> {
        let email = email.trim();
        let (local, domain) = email.rsplit_once('@').ok_or(ContactError)?;
        let plain = |c: char| {
            !c.is_whitespace()
                && !c.is_control()
                && !matches!(c, '"' | '\\' | ',' | ';' | ':' | '<' | '>' | '(' | ')' | '[' | ']')
        };
        if local.is_empty() || domain.is_empty() || !email.chars().all(plain) {
            return Err(ContactError);
        }
        let name = name.map(|name| {
            let kept = name.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
            let kept = kept.filter(|c| !c.is_control() && !matches!(c, '"' | '\\' | '^'));
            let kept: String = kept.collect();
            kept.trim().to_owned()
        });
        Ok(Self { email: email.to_owned(), name: name.filter(|name| !name.is_empty()) })
    }

    /// The address.
    #[must_use]
    pub fn email(&self) -> &str {
        &self.email
    }

    /// What they are called.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

impl TryFrom<Written> for Contact {
    type Error = ContactError;
    fn try_from(Written { email, name }: Written) -> Result<Self, ContactError> {
        Self::new(&email, name.as_deref())
    }
}

impl From<Contact> for Written {
    fn from(Contact { email, name }: Contact) -> Self {
        Self { email, name }
    }
}

impl EventExtras {
    /// Whether there are none: the common case.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { colour, reminder_minutes, organizer, attendees } = self;
        colour.is_none()
            && reminder_minutes.is_none()
            && organizer.is_none()
            && attendees.is_empty()
    }

    /// Which there are, in words for the mark on an item: `colour reminder people`.
    #[must_use]
    pub fn set(&self) -> String {
        let people = self.organizer.is_some() || !self.attendees.is_empty();
        let words = [
            ("colour", self.colour.is_some()),
            ("reminder", self.reminder_minutes.is_some()),
            ("people", people),
        ];
        let words: Vec<&str> = words.into_iter().filter(|it| it.1).map(|it| it.0).collect();
        words.join(" ")
    }

    /// Drops what the mark of an item does not name: that is somebody else's.
    pub fn keep(&mut self, mark: &str) {
        let names = |word: &str| mark.split_whitespace().any(|it| it == word);
        if !names("colour") {
            self.colour = None;
        }
        if !names("reminder") {
            self.reminder_minutes = None;
        }
        if !names("people") {
            self.organizer = None;
            self.attendees.clear();
        }
    }

    /// Adds what there is to the fingerprint of an event; events without extras keep theirs.
    pub(crate) fn fingerprint(&self, print: &mut Fingerprinter) {
        let Self { colour, reminder_minutes, organizer, attendees } = self;
        if let Some(colour) = colour {
            print.text("colour").text(colour.css());
        }
        if let Some(minutes) = reminder_minutes {
            print.text("reminder").number(i64::from(*minutes));
        }
        for (role, people) in
            [("organizer", organizer.as_slice()), ("attendee", attendees.as_slice())]
        {
            for Contact { email, name } in people {
                print.text(role).text(&email.to_lowercase()).optional(name.as_deref());
            }
        }
    }

    /// Attendees sorted, nobody twice.
    pub(crate) fn plain(mut self) -> Self {
        self.attendees.sort_unstable();
        self.attendees.dedup();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_mark_does_not_name_is_somebody_elses() {
        let all = EventExtras {
            colour: Some(Colour::Teal),
            reminder_minutes: Some(15),
            organizer: Contact::new("rota@example.com", None).ok(),
            attendees: vec![],
        };
        assert_eq!(all.set(), "colour reminder people");
        let mut kept = all.clone();
        kept.keep(&all.set());
        assert_eq!(kept, all);
        kept.keep("colour");
        assert_eq!(kept, EventExtras { colour: Some(Colour::Teal), ..EventExtras::default() });
        kept.keep("");
        assert!(kept.is_empty());
    }

    #[test]
    fn a_contact_is_an_address_that_needs_no_quotes() {
        for bad in ["", "ada", "@x", "a@", "a b@x", "a@x,b@x", "mailto:a@x", "a@x\n", "\"a\"@x"] {
            assert!(Contact::new(bad, None).is_err() || bad.ends_with('\n'), "{bad:?}");
        }
        let ada = Contact::new(" ada@example.com ", Some("Ada \"A\"\tL ")).unwrap();
        assert_eq!((ada.email(), ada.name()), ("ada@example.com", Some("Ada A L")));
    }

    #[test]
    fn colours_read_back_by_their_css_names() {
        for colour in Colour::ALL {
            assert_eq!(Colour::from_css(&colour.css().to_uppercase()), Some(colour));
        }
        assert_eq!(Colour::from_css("chartreuse"), None);
    }
}
