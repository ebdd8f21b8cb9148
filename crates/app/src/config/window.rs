//! `window = { past = "7d", future = "8w" }`: how far a cycle looks.

use schemars::JsonSchema;
use serde::Deserialize;

use super::duration::Length;

/// How far back and ahead of now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// How far back; what ended before is left as it is.
    #[serde(default = "past")]
    pub past: Length,
    /// How far ahead.
    #[serde(default = "future")]
    pub future: Length,
}

const fn past() -> Length {
    Length::seconds(7 * 86_400)
}

const fn future() -> Length {
    Length::seconds(8 * 7 * 86_400)
}

impl Default for Window {
    fn default() -> Self {
        Self { past: past(), future: future() }
    }
}
