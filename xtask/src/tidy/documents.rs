//! Documents that stay true: every decision is on the map, and what the map names exists.

use super::Finding;
use super::tree::{SourceFile, Tree};

const MAP: &str = "ARCHITECTURE.md";

const DECISIONS: &str = "docs/adr/";

pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    check_decisions(tree, &mut findings);
    for file in tree.files().iter().filter(|file| file.path.ends_with(".md")) {
        for (line, text) in file.numbered() {
            for target in links(text) {
                let path = beside(&file.path, target);
                if !tree.exists(&path) {
                    let what = format!("`{target}` leads nowhere, use a link to a file of ours");
                    findings.push(Finding::new(&file.path, line, what));
                }
            }
            let folders: Vec<&str> = quoted(text)
                .filter(|word| is_path(tree, word) || names_a_folder(file, text, word))
                .collect();
            for word in folders {
                if is_map(file) && !tree.exists(word) {
                    let what = format!("`{word}` does not exist, use the map to show what does");
                    findings.push(Finding::new(&file.path, line, what));
                }
            }
        }
    }
    findings
}

fn is_map(file: &SourceFile) -> bool {
    [MAP, "README.md", "CONTRIBUTING.md", "STYLE.md", "GLOSSARY.md"].contains(&file.path.as_str())
}

fn check_decisions(tree: &Tree, findings: &mut Vec<Finding>) {
    let map = tree.get(MAP);
    let linked = |path: &str| {
        map.is_some_and(|map| map.numbered().any(|(_, text)| links(text).any(|l| l == path)))
    };
    for file in tree.files() {
        let decision = file.path.starts_with(DECISIONS) && file.path.ends_with(".md");
        if decision && !linked(&file.path) {
            let what = format!("a decision that {MAP} does not link, use a line in its list");
            findings.push(Finding::new(&file.path, 1, what));
        }
    }
}

/// The targets of Markdown links to files, without their anchors.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| {
        let target = rest.split([')', '#', ' ']).next()?;
        let ours = !target.is_empty() && !target.contains(':') && !target.starts_with('<');
        ours.then_some(target)
    })
}

/// The words between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// A quoted word is a path of ours when it starts with one of our top folders.
fn is_path(tree: &Tree, word: &str) -> bool {
    let plain = !word.contains([' ', '*', '{', '<', '…', ':', '$']);
    word.split_once('/').is_some_and(|(first, _)| {
        let inside = format!("{first}/");
        plain && !first.is_empty() && tree.files().iter().any(|f| f.path.starts_with(&inside))
    })
}

/// The first cell of a row of the map is a folder of ours, whether it exists or not.
fn names_a_folder(file: &SourceFile, text: &str, word: &str) -> bool {
    file.path == MAP && text.starts_with(&format!("| `{word}`"))
}

/// The path a link means, seen from the file that holds it.
fn beside(path: &str, target: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(files)).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn a_decision_that_the_map_lacks_is_found() {
        let decision = ("docs/adr/0001-layout.md", "# Layout\n");
        assert!(findings(&[decision, (MAP, "none\n")])[0].contains("does not link"));
        assert!(findings(&[decision, (MAP, "[0001](docs/adr/0001-layout.md)\n")]).is_empty());
    }

    #[test]
    fn a_folder_of_the_map_that_went_is_found() {
        let engine = ("crates/engine/src/lib.rs", "//! x\n");
        let found = findings(&[(MAP, "`crates/engine/` and\n`crates/motor/src/`\n"), engine]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("ARCHITECTURE.md:2: error: `crates/motor/src/`"));
        let found = findings(&[(MAP, "| `fuzz/` | targets |\n| `docs/` | `plan/` is pure |\n")]);
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn a_link_is_read_from_where_it_stands() {
        let files = [("docs/adr/0002-b.md", "[a](../guide.md) [b](gone.md) [c](https://x.org)\n")];
        let found = findings(&files);
        assert_eq!(found.iter().filter(|f| f.contains("leads nowhere")).count(), 2, "{found:?}");
    }
}
