//! Documents that stay true: every decision is on the map under a number of its own, and what the
//! map names exists.

use super::Finding;
use super::tree::{SourceFile, Tree};

const MAP: &str = "ARCHITECTURE.md";

const DECISIONS: &str = "docs/adr/";

pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    check_decisions(tree, &mut findings);
    check_numbers(tree, &mut findings);
    check_references(tree, &mut findings);
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

/// Numbers of decisions are used once, and leave out none: `0012` means one page for ever.
fn check_numbers(tree: &Tree, findings: &mut Vec<Finding>) {
    let mut last: Option<(u32, &str)> = None;
    // In the order of their paths, and so of their numbers.
    for file in tree.files().iter().filter(|it| it.path.ends_with(".md")) {
        let Some(name) = file.path.strip_prefix(DECISIONS) else { continue };
        let number = name.split('-').next().filter(|it| it.len() == 4);
        let Some(number) = number.and_then(|it| it.parse().ok()) else {
            let what = "a decision without a number, use four digits and `-` before its name";
            findings.push(Finding::new(&file.path, 1, what.to_owned()));
            continue;
        };
        let next = last.map_or(1, |(last, _)| last + 1);
        match last {
            Some((same, other)) if same == number => {
                let what = format!("`{other}` has this number too, use the next free one");
                findings.push(Finding::new(&file.path, 1, what));
            }
            _ if number != next => {
                let what = format!("the number before is missing, use {next:04}");
                findings.push(Finding::new(&file.path, 1, what));
            }
            _ => {}
        }
        last = Some((number, &file.path));
    }
}

/// Code that refers to a decision says to which.
fn check_references(tree: &Tree, findings: &mut Vec<Finding>) {
    for file in tree.files().iter().filter(|it| it.is_rust() && it.path.starts_with("crates/")) {
        for (line, text) in file.numbered() {
            for rest in text.split(DECISIONS).skip(1) {
                let name: String = rest
                    .chars()
                    .take_while(|it| it.is_ascii_alphanumeric() || "-.".contains(*it))
                    .collect();
                let path = format!("{DECISIONS}{}", name.trim_end_matches('.'));
                // By its name, or by its number alone.
                let numbered = format!("{path}-");
                let known = |it: &SourceFile| it.path == path || it.path.starts_with(&numbered);
                if !tree.files().iter().any(known) {
                    let what = format!("`{path}` is no decision, use the number of one");
                    findings.push(Finding::new(&file.path, line, what));
                }
            }
        }
    }
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
    fn a_number_is_used_once_and_none_is_left_out() {
        let map = |names: &[&str]| {
            let links = names.iter().map(|it| format!("[x](docs/adr/{it})\n"));
            (MAP.to_owned(), links.collect::<String>())
        };
        let found = |names: &[&str]| {
            let pages = names.iter().map(|it| (format!("docs/adr/{it}"), "# x\n".to_owned()));
            let files: Vec<(String, String)> = pages.chain([map(names)]).collect();
            let files: Vec<(&str, &str)> =
                files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
            findings(&files)
        };
        assert!(found(&["0001-a.md", "0002-b.md"]).is_empty());
        assert!(found(&["0001-a.md", "0001-b.md"])[0].contains("has this number too"));
        assert!(found(&["0001-a.md", "0003-b.md"])[0].contains("use 0002"));
        assert!(found(&["0001-a.md", "later.md"])[0].contains("without a number"));
    }

    #[test]
    fn a_reference_to_no_decision_in_particular_is_found() {
        let page = ("docs/adr/0001-a.md", "# x\n");
        let map = (MAP, "[x](docs/adr/0001-a.md)\n");
        let code = |text| ("crates/engine/src/lib.rs", text);
        for text in ["//! See `docs/adr/0001-a.md`.\n", "//! See `docs/adr/0001`, and so on.\n"] {
            assert!(findings(&[page, map, code(text)]).is_empty(), "{text}");
        }
        for text in ["//! See `docs/adr/`.\n", "//! See docs/adr/0002-b.md.\n"] {
            assert_eq!(findings(&[page, map, code(text)]).len(), 1, "{text}");
        }
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
