//! What must not stand in a line: unfinished marks, more than a screen's width, somebody's machine.
//!
//! The needles are put together from pieces, so that this file is checked like any other.

use super::Finding;
use super::tree::{SourceFile, Tree};

const COLUMNS_MAX: usize = 100;

/// Marks of unfinished work, with what to use instead.
const UNFINISHED: [(&str, &str, &str); 6] = [
    ("FIX", "ME", "do it now or describe it in an issue"),
    ("dbg", "!(", "tracing, or nothing"),
    ("todo", "!(", "code, or an error that says what is not supported"),
    ("unimple", "mented!(", "code, or an error that says what is not supported"),
    ("#[ign", "ore]", "a test that runs, or #[ignore = \"why, and how to run it\"]"),
    ("#[al", "low(", "#[expect(…, reason = \"…\")]"),
];

/// Places that exist on one machine only, and hosts that a project must not lean on by name.
const FOREIGN: [(&str, &str); 9] = [
    ("/wor", "k/"),
    ("/far", "m/"),
    ("/tmp/bas", "h"),
    ("/ho", "me/"),
    ("crates", ".io"),
    ("pypi", ".org"),
    ("registry.npm", "js"),
    ("deb.deb", "ian"),
    (".libr", "ary/"),
];

pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files().iter().filter(|file| !file.is_lock()) {
        check_foreign(file, &mut findings);
        if file.is_rust() {
            check_width(file, &mut findings);
            check_unfinished(file, &mut findings);
        }
    }
    findings
}

fn check_foreign(file: &SourceFile, findings: &mut Vec<Finding>) {
    for (line, text) in file.numbered() {
        for (start, end) in FOREIGN {
            let needle = format!("{start}{end}");
            if text.contains(&needle) {
                let what = format!("`{needle}` is one machine's, use a relative path or a name");
                findings.push(Finding::new(&file.path, line, what));
            }
        }
    }
}

/// A line with an address is let pass: a source that is cited cannot be broken in two.
fn check_width(file: &SourceFile, findings: &mut Vec<Finding>) {
    for (line, text) in file.numbered() {
        let columns = text.chars().count();
        if columns > COLUMNS_MAX && !text.contains("://") {
            let what = format!("{columns} columns, use at most {COLUMNS_MAX}");
            findings.push(Finding::new(&file.path, line, what));
        }
    }
}

fn check_unfinished(file: &SourceFile, findings: &mut Vec<Finding>) {
    for (line, text) in file.numbered() {
        for (start, end, instead) in UNFINISHED {
            let needle = format!("{start}{end}");
            if text.contains(&needle) {
                let what = format!("`{needle}` left behind, use {instead}");
                findings.push(Finding::new(&file.path, line, what));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<Finding> {
        check(&Tree::of(&[(path, text)]))
    }

    #[test]
    fn a_wide_line_is_found_unless_it_cites_a_source() {
        let wide = "é".repeat(COLUMNS_MAX);
        assert!(findings("a.rs", &wide).is_empty());
        assert_eq!(findings("a.rs", &format!("\n{wide}x\n"))[0].line, 2);
        assert!(findings("a.rs", &format!("// https://example.org/{wide}\n")).is_empty());
        assert!(findings("README.md", &format!("{wide}x\n")).is_empty());
    }

    #[test]
    fn unfinished_marks_are_found_in_rust() {
        for (start, end, _) in UNFINISHED {
            assert_eq!(findings("a.rs", &format!("x {start}{end} y\n")).len(), 1, "{start}{end}");
        }
    }

    #[test]
    fn a_machines_path_is_found_in_any_text_but_a_lock_file() {
        for (start, end) in FOREIGN {
            let text = format!("see {start}{end}x\n");
            assert_eq!(findings("README.md", &text).len(), 1, "{text}");
            assert!(findings("Cargo.lock", &text).is_empty(), "{text}");
        }
    }
}
