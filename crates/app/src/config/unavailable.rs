//! `[mirror.unavailable]`: events by which people say that they want to be absent, and how they are
//! told what came of it.

use connectors::MirrorConfig;
use engine::plan::unavailable::{Becomes, StateLabels, UnavailableRules};
use schemars::JsonSchema;
use serde::Deserialize;

/// The label that such events have, unless the operator says otherwise.
const CATEGORY: &str = "Unavailable";
/// The same, and how the answer is told, where a vendor has no labels but these colours.
const COLOURS: [(&str, &str); 4] =
    [("category", "Graphite"), ("asked", "Banana"), ("granted", "Basil"), ("refused", "Tomato")];

/// Which events ask for time off.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Unavailable")]
pub struct UnavailableSection {
    /// The label that makes a request of an event: a category, in Google the colour's name. Left
    /// out, `Unavailable` (in Google `Graphite`), unless `calendar` is there.
    #[serde(default)]
    category: Option<String>,
    /// The calendar in which every event is a request: the name of one of the person's own, for
    /// CalDAV the last part of its path, which then is among `conflict_collections`.
    #[serde(default)]
    calendar: Option<String>,
    /// What it becomes: `time_off_request`, which a manager decides where the record does not
    /// grant such requests by itself, or `time_off`, which the record decides at once. It cannot
    /// become availability: that is a pattern of weeks, and one event says nothing of other weeks.
    #[serde(default)]
    becomes: BecomesWord,
    /// The kind of absence: the id or the name of a time-off reason. Some records need one.
    #[serde(default)]
    reason: Option<String>,
    /// The label of an event that waits for a manager.
    #[serde(default)]
    asked: Option<String>,
    /// The label of one that was granted.
    #[serde(default)]
    granted: Option<String>,
    /// The label of one that was refused.
    #[serde(default)]
    refused: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum BecomesWord {
    /// A request.
    #[default]
    TimeOffRequest,
    /// Time off.
    TimeOff,
}

impl UnavailableSection {
    /// What the engine is told, in a mirror of this kind: some vendors have labels of their own,
    /// and read only what they are told to.
    ///
    /// # Errors
    /// What is wrong with it, and a hint.
    pub fn rules(&self, mirror: &dyn MirrorConfig) -> Result<UnavailableRules, (String, String)> {
        let colours = mirror.event_labels();
        let colour = |key: &str| COLOURS.iter().find(|it| it.0 == key).map(|it| it.1.to_owned());
        let own = |key: &str, default: String| match colours {
            Some(_) => colour(key).unwrap_or(default),
            None => default,
        };
        let Self { category, calendar, becomes, reason, asked, granted, refused } = self;
        let defaults = StateLabels::default();
        let said = |it: &Option<String>, key, default| it.clone().unwrap_or(own(key, default));
        let labels = StateLabels {
            asked: said(asked, "asked", defaults.asked),
            granted: said(granted, "granted", defaults.granted),
            refused: said(refused, "refused", defaults.refused),
        };
        let category = category.clone();
        let category = match calendar {
            None => Some(category.unwrap_or_else(|| own("category", CATEGORY.to_owned()))),
            Some(_) => category,
        };
        let becomes = match becomes {
            BecomesWord::TimeOffRequest => Becomes::Request,
            BecomesWord::TimeOff => Becomes::TimeOff,
        };
        let (calendar, reason) = (calendar.clone(), reason.clone());
        let rules = UnavailableRules { category, calendar, becomes, reason, labels };
        if let Some(fault) = fault(&rules, colours) {
            return Err(fault);
        }
        rules.calendar.as_deref().map_or(Ok(()), |it| mirror.wishes_in(it.trim()))?;
        Ok(rules)
    }
}

fn fault(rules: &UnavailableRules, colours: Option<&[&str]>) -> Option<(String, String)> {
    let UnavailableRules { category, calendar, becomes: _, reason, labels } = rules;
    let StateLabels { asked, granted, refused } = labels;
    let labels = [
        ("category", category.as_ref()),
        ("asked", Some(asked)),
        ("granted", Some(granted)),
        ("refused", Some(refused)),
    ];
    let others = [("calendar", calendar.as_ref()), ("reason", reason.as_ref())];
    let empty = labels.iter().chain(&others);
    let empty = empty.filter(|it| it.1.is_some_and(|text| text.trim().is_empty()));
    if let Some((key, _)) = empty.into_iter().next() {
        return Some((format!("`{key}` is empty"), "leave the key out".to_owned()));
    }
    let said: Vec<(&str, &String)> =
        labels.into_iter().filter_map(|(key, text)| Some((key, text?))).collect();
    for (at, (key, text)) in said.iter().enumerate() {
        let same = said.iter().take(at).find(|it| it.1.eq_ignore_ascii_case(text));
        if let Some((other, _)) = same {
            let message = format!("`{other}` and `{key}` are both `{text}`");
            return Some((message, "each tells something else".to_owned()));
        }
        let unknown = colours.filter(|all| !all.iter().any(|it| it.eq_ignore_ascii_case(text)));
        if let Some(all) = unknown {
            let message = format!("`{key}` is `{text}`, and events have only these labels");
            return Some((message, format!("one of {}", all.join(", "))));
        }
    }
    None
}
