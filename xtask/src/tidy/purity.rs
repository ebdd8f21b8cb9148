//! Pure folders stay pure, and the rim sees the engine only through its ports.
//!
//! A crate's manifest cannot say "no asynchronous code in this folder" or "only that module of it";
//! these few lines do. They read text, so a comment may speak of anything.

use super::Finding;
use super::tree::Tree;

/// Folders whose functions are plain: what comes in decides what goes out.
const PURE: [&str; 5] = [
    "crates/domain/src/",
    "crates/ical/src/",
    "crates/engine/src/ingest/",
    "crates/engine/src/plan/",
    "crates/engine/src/resilience/",
];

/// What cannot be in a pure folder.
const IMPURE: [&str; 5] = ["async fn", ".await", "std::fs", "std::net", "std::env"];

/// Crates at the rim: they implement ports, and know nothing of who calls them.
const RIM: [&str; 2] = ["crates/connectors/src/", "crates/store/src/"];

pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let pure = PURE.iter().any(|folder| file.path.starts_with(folder));
        let rim = RIM.iter().any(|folder| file.path.starts_with(folder));
        for (line, text) in file.numbered() {
            let code = text.split("//").next().unwrap_or_default();
            if let Some(found) = IMPURE.iter().find(|needle| pure && code.contains(*needle)) {
                findings.push(Finding::new(&file.path, line, format!(
                    "`{found}` in a folder that only decides, use engine/src/run/ or the rim for it"
                )));
            }
            if rim && let Some(found) = past_the_port(code) {
                findings.push(Finding::new(
                    &file.path,
                    line,
                    format!("`engine::{found}` is not for the rim, use engine::port"),
                ));
            }
        }
    }
    findings
}

/// Names the part of the engine a line uses besides its ports.
fn past_the_port(code: &str) -> Option<&str> {
    code.match_indices("engine::").find_map(|(at, needle)| {
        let before = code[..at].chars().next_back();
        let rest = &code[at + needle.len()..];
        let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or(rest);
        let a_path = !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':');
        (a_path && name != "port" && !name.is_empty()).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn waiting_in_a_pure_folder_is_found() {
        assert_eq!(count("crates/engine/src/plan/guard.rs", "let a = b().await;\n"), 1);
        assert_eq!(count("crates/engine/src/plan/guard.rs", "// never .await here\n"), 0);
        assert_eq!(count("crates/engine/src/run/cycle.rs", "let a = b().await;\n"), 0);
    }

    #[test]
    fn the_rim_uses_the_ports_only() {
        assert_eq!(count("crates/store/src/rows.rs", "use engine::run::Cycle;\n"), 1);
        assert_eq!(count("crates/store/src/rows.rs", "use engine::port::store::Ledger;\n"), 0);
        assert_eq!(count("crates/store/src/rows.rs", "base64::engine::general_purpose\n"), 0);
        assert_eq!(count("crates/app/src/wiring.rs", "use engine::run::Cycle;\n"), 0);
    }
}
