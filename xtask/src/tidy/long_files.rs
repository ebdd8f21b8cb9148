//! Long files are listed, and the list may only get shorter.
//!
//! `xtask/tidy/long-files.txt` holds one `path lines` per line. A file over the limit that is not
//! there is refused; one that grew beyond its figure too; one that became short must leave it.

use super::Finding;
use super::tree::Tree;

/// At this length one looks for the second idea in a file.
const LINES_MAX: usize = 600;

const LIST: &str = "xtask/tidy/long-files.txt";

pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut listed = Vec::new();
    for (line, text) in tree.get(LIST).into_iter().flat_map(|file| file.numbered()) {
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        match text.split_once(' ').map(|(path, lines)| (path, lines.trim().parse::<usize>())) {
            Some((path, Ok(lines))) => listed.push((line, path, lines)),
            _ => findings.push(Finding::new(LIST, line, "unreadable, use `path lines`")),
        }
    }
    for &(line, path, _) in &listed {
        let long = tree.get(path).is_some_and(|file| file.text.lines().count() > LINES_MAX);
        if !long {
            let what = format!("`{path}` is no longer over {LINES_MAX} lines, use a shorter list");
            findings.push(Finding::new(LIST, line, what));
        }
    }
    for file in tree.rust() {
        let found = file.text.lines().count();
        let allowed = listed.iter().find(|(_, path, _)| *path == file.path);
        let max = allowed.map_or(LINES_MAX, |(_, _, lines)| *lines);
        if found > max {
            let what = format!("{found} lines, use at most {max}: where is the second idea?");
            findings.push(Finding::new(&file.path, found, what));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(lines: usize, list: &str) -> Vec<String> {
        let text = "//! x\n".repeat(lines);
        let tree = Tree::of(&[("crates/a/src/long.rs", &text), (LIST, list)]);
        check(&tree).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn a_long_file_must_be_listed() {
        assert!(findings(LINES_MAX, "").is_empty());
        assert!(findings(LINES_MAX + 1, "")[0].contains("use at most 600"));
        assert!(findings(LINES_MAX + 1, "crates/a/src/long.rs 601\n").is_empty());
    }

    #[test]
    fn a_listed_file_may_not_grow() {
        assert!(findings(700, "crates/a/src/long.rs 650\n")[0].contains("use at most 650"));
    }

    #[test]
    fn a_file_that_became_short_leaves_the_list() {
        assert!(
            findings(10, "# why\ncrates/a/src/long.rs 650\n")[0]
                .starts_with(&format!("{LIST}:2: error: `crates/a/src/long.rs` is no longer"))
        );
    }
}
