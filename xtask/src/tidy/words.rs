//! One concept, one word: words that GLOSSARY.md replaced, outside the places where vendors speak.
//!
//! Identifiers are taken apart (`syncToken`, `sync_token` and `sync-token` are the same two words),
//! and so are comments and messages, because people read those first.

use std::collections::BTreeSet;

use super::tree::{SourceFile, Tree};
use super::{Finding, providers};

/// The word, small and in the singular, and what we say instead.
const DENIED: [(&str, &str); 21] = [
    ("adapter", "connector"),
    ("agent", "employee"),
    ("change key", "etag"),
    ("checksum", "fingerprint"),
    ("dead letter", "quarantine"),
    ("delta link", "delta token"),
    ("job queue", "outbox"),
    ("managed unit", "schedule group"),
    ("management unit", "schedule group"),
    ("mapping table", "ledger"),
    ("master calendar", "system of record"),
    ("md5", "fingerprint"),
    ("ping pong", "echo"),
    ("plugin", "connector"),
    ("pto", "time off"),
    ("scheduling group", "schedule group"),
    ("skip list", "quarantine"),
    ("slave", "mirror"),
    ("soft delete", "tombstone"),
    ("status db", "ledger"),
    ("times off", "time off"),
];

/// Names of vendors and of their products.
const VENDORS: [&str; 10] = [
    "exchange",
    "genesys",
    "google",
    "icloud",
    "microsoft",
    "nextcloud",
    "outlook",
    "radicale",
    "teams",
    "xandikos",
];

/// Where the words of VENDORS are out of place in code; a comment may cite its source.
const VENDORLESS: [&str; 3] = ["crates/domain/src/", "crates/engine/src/", "crates/store/src/"];

/// Words that are right as they stand: the name of an HTTP header and of an iCalendar parameter,
/// and the columns of the employees file that hold people's ids elsewhere.
const NAMES: [&str; 4] = ["user agent ", "schedule agent ", "google id ", "m365 id "];

pub fn check(tree: &Tree) -> Vec<Finding> {
    let providers = providers::folders(tree);
    tree.rust()
        .filter(|file| speaks_our_language(&file.path, &providers))
        .flat_map(check_file)
        .collect()
}

/// Vendors' words are at home in their provider's folder and in the simulator that plays them.
fn speaks_our_language(path: &str, providers: &BTreeSet<String>) -> bool {
    let in_a_provider_folder = path
        .strip_prefix("crates/connectors/src/")
        .and_then(|rest| rest.split_once('/'))
        .is_some_and(|(folder, _)| providers.contains(folder));
    let product = path.starts_with("crates/") || path.starts_with("sim/");
    let tests = path.contains("/tests/");
    product && !tests && !in_a_provider_folder && !path.starts_with("crates/simulators/")
}

fn check_file(file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    let vendorless = VENDORLESS.iter().any(|folder| file.path.starts_with(folder));
    for (line, text) in file.numbered() {
        let said = segments(text);
        let says = |word: &str| {
            said.contains(&format!(" {word} ")) || said.contains(&format!(" {word}s "))
        };
        for (word, instead) in DENIED {
            if says(word) {
                let what = format!("\"{word}\" is not our word, use \"{instead}\"");
                findings.push(Finding::new(&file.path, line, what));
            }
        }
        let code = segments(text.split("//").next().unwrap_or_default());
        let codes = |vendor: &&&str| vendorless && code.contains(&format!(" {vendor} "));
        if let Some(vendor) = VENDORS.iter().find(codes) {
            let what = format!("\"{vendor}\" is a vendor's name, use it in connectors/ only");
            findings.push(Finding::new(&file.path, line, what));
        }
    }
    findings
}

/// Takes a line apart into small words between single spaces, with one at each end.
fn segments(text: &str) -> String {
    let mut said = String::from(" ");
    let mut before = ' ';
    for c in text.chars() {
        if !c.is_alphanumeric() {
            if !said.ends_with(' ') {
                said.push(' ');
            }
        } else {
            if c.is_uppercase() && before.is_lowercase() {
                said.push(' ');
            }
            said.extend(c.to_lowercase());
        }
        before = c;
    }
    said.push(' ');
    NAMES.iter().fold(said, |said, name| said.replace(name, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn a_word_is_found_in_every_spelling() {
        for text in
            ["let agent_id = 1;", "struct AgentId;", "/// Agents", "deadLetter", "status-db"]
        {
            assert_eq!(count("crates/engine/src/run/cycle.rs", text), 1, "{text}");
        }
        for text in ["let reagent = urgent;", "header::USER_AGENT"] {
            assert_eq!(count("crates/server/src/router.rs", text), 0, "{text}");
        }
    }

    #[test]
    fn vendors_speak_in_their_own_folder() {
        let folder = "crates/connectors/src/genesys_cloud";
        let (wire, provider) = (format!("{folder}/wire.rs"), format!("{folder}/provider.rs"));
        let tree = Tree::of(&[(&wire, "agentId"), (&provider, "//! x")]);
        assert_eq!(check(&tree), []);
        assert_eq!(count("crates/connectors/src/registry.rs", "agentId"), 1);
        assert_eq!(count("crates/connectors/src/transport/paging.rs", "deltaLink"), 1);
    }

    #[test]
    fn the_middle_knows_no_vendor() {
        assert_eq!(
            count("crates/engine/src/plan/echo.rs", "let google_event = google_id.or(google_id);"),
            1
        );
        assert_eq!(count("crates/ical/src/write.rs", "// as Google does"), 0);
    }
}
