//! Texts with placeholders: checked when the program starts, filled for every item.
//!
//! A placeholder whose value is not known vanishes together with what separates it from the one
//! before (`{activity} – {group}` becomes `Late`). `{{` is a brace.

use std::borrow::Cow;
use std::fmt;

/// What a text can be filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// The list of a shift's activities, one a line.
    Activities,
    /// What kind of work it is, or what the activity is.
    Activity,
    /// How many people work.
    Count,
    /// The first day, in the roster's zone.
    Date,
    /// Who works.
    Employee,
    /// When it ends, in the roster's zone.
    End,
    /// Of which schedule group it is.
    Group,
    /// Where.
    Location,
    /// What somebody wrote about it.
    Notes,
    /// The kind of absence.
    Reason,
    /// How many can still take an open shift.
    Slots,
    /// When it starts, in the roster's zone.
    Start,
}

impl Field {
    const ALL: [Self; 12] = [
        Self::Activities,
        Self::Activity,
        Self::Count,
        Self::Date,
        Self::Employee,
        Self::End,
        Self::Group,
        Self::Location,
        Self::Notes,
        Self::Reason,
        Self::Slots,
        Self::Start,
    ];

    /// Its name between the braces.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Activities => "activities",
            Self::Activity => "activity",
            Self::Count => "count",
            Self::Date => "date",
            Self::Employee => "employee",
            Self::End => "end",
            Self::Group => "group",
            Self::Location => "location",
            Self::Notes => "notes",
            Self::Reason => "reason",
            Self::Slots => "slots",
            Self::Start => "start",
        }
    }
}

/// What is known of a shift, an open shift or a part of them.
pub const OF_SHIFT: &[Field] = &[
    Field::Activities,
    Field::Activity,
    Field::Date,
    Field::Employee,
    Field::End,
    Field::Group,
    Field::Location,
    Field::Notes,
    Field::Slots,
    Field::Start,
];
/// What is known of an absence.
pub const OF_TIME_OFF: &[Field] = &[
    Field::Date,
    Field::Employee,
    Field::End,
    Field::Location,
    Field::Notes,
    Field::Reason,
    Field::Start,
];
/// What is known of a head count.
pub const OF_COUNT: &[Field] =
    &[Field::Count, Field::Date, Field::End, Field::Group, Field::Location, Field::Start];

/// A text with placeholders that are all known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field(Field),
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A placeholder that nothing is known of.
    #[error("`{{{found}}}` is no placeholder here")]
    Unknown {
        /// What stands between the braces.
        found: String,
        /// What may.
        known: Vec<&'static str>,
    },
    /// A brace that is not closed.
    #[error("a `{{` is not closed; `{{{{` is a brace that stands for itself")]
    Open,
}

impl Template {
    /// Reads a text; `known` are the placeholders that it may hold.
    ///
    /// # Errors
    /// When it holds another one.
    pub fn parse(text: &str, known: &[Field]) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            literal.push_str(&rest[..open]);
            rest = &rest[open + 1..];
            if let Some(after) = rest.strip_prefix('{') {
                literal.push('{');
                rest = after;
                continue;
            }
            let Some(close) = rest.find('}') else { return Err(TemplateError::Open) };
            let name = &rest[..close];
            let field = Field::ALL.into_iter().find(|it| it.as_str() == name);
            let Some(field) = field.filter(|it| known.contains(it)) else {
                let known = known.iter().map(|it| it.as_str()).collect();
                return Err(TemplateError::Unknown { found: name.to_owned(), known });
            };
            if !literal.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Field(field));
            rest = &rest[close + 1..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Ok(Self { pieces })
    }

    /// Whether it is filled with this.
    #[must_use]
    pub fn has(&self, field: Field) -> bool {
        self.pieces.contains(&Piece::Field(field))
    }

    /// The text with every placeholder replaced.
    #[must_use]
    pub fn fill<'v>(&self, value: &dyn Fn(Field) -> Option<Cow<'v, str>>) -> String {
        let mut out = String::new();
        let mut literal = "";
        let (mut placeholders, mut shown) = (0, 0);
        for piece in &self.pieces {
            let field = match piece {
                Piece::Text(text) => {
                    literal = text;
                    continue;
                }
                Piece::Field(field) => *field,
            };
            let value = value(field).filter(|value| !value.trim().is_empty());
            // What stands before the first placeholder is text; what stands between two separates.
            if placeholders == 0 || (value.is_some() && shown > 0) {
                out.push_str(literal);
            }
            if let Some(value) = value {
                out.push_str(&value);
                shown += 1;
            }
            literal = "";
            placeholders += 1;
        }
        out.push_str(literal);
        out
    }
}

/// As it was written.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(&text.replace('{', "{{")),
            Piece::Field(field) => write!(f, "{{{}}}", field.as_str()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(template: &str, activity: Option<&str>, group: Option<&str>, expected: &str) {
        let parsed = Template::parse(template, OF_SHIFT).unwrap();
        assert_eq!(parsed.to_string(), template);
        let value = |field| match field {
            Field::Activity => activity.map(Cow::from),
            Field::Group => group.map(Cow::from),
            _ => None,
        };
        assert_eq!(parsed.fill(&value).trim(), expected, "{template}");
    }

    #[test]
    fn an_unknown_value_takes_its_separator_with_it() {
        check("{activity} – {group}", Some("Late"), Some("Ward 3"), "Late – Ward 3");
        check("{activity} – {group}", Some("Late"), None, "Late");
        check("{activity} – {group}", None, Some("Ward 3"), "Ward 3");
        check("{activity} – {group}", None, None, "");
        check("{activity} – {employee} – {group}", Some("Late"), Some("W"), "Late – W");
        check("Work: {activity}", Some("Late"), None, "Work: Late");
        check("Work", None, None, "Work");
        check("{{x} {activity}", Some("Late"), None, "{x} Late");
    }

    #[test]
    fn an_unknown_placeholder_says_which_are_known() {
        let error = Template::parse("{activty}", OF_SHIFT).unwrap_err();
        let TemplateError::Unknown { found, known } = error else { panic!("{error}") };
        assert_eq!(found, "activty");
        assert!(known.contains(&"activity") && !known.contains(&"count"));
        assert!(Template::parse("{count}", OF_COUNT).is_ok());
        assert_eq!(Template::parse("a {b", OF_SHIFT), Err(TemplateError::Open));
    }
}
