//! Names of files and their headers.
//!
//! A file called `utils` has no topic, so everything ends up in it; a file without a header makes
//! its reader find out what it is for. Both are refused.

use super::Finding;
use super::tree::Tree;

const NO_TOPIC: [&str; 9] =
    ["common", "helper", "helpers", "manager", "managers", "misc", "util", "utilities", "utils"];

pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        for part in file.path.trim_end_matches(".rs").split(['/', '_', '-']) {
            if NO_TOPIC.contains(&part) {
                let what = format!("`{part}` is no topic, use a noun of the domain as the name");
                findings.push(Finding::new(&file.path, 1, what));
            }
        }
        if !file.text.starts_with("//!") {
            let what = "no header, use `//!` lines that say what the file is for";
            findings.push(Finding::new(&file.path, 1, what));
        }
        if file.path.contains("/tests/") && is_second_test_binary(&file.path) {
            let what = "a second test binary of this crate, use a module of tests/it/main.rs";
            findings.push(Finding::new(&file.path, 1, what));
        }
    }
    findings
}

/// `tests/NAME.rs`: cargo links each of them anew.
fn is_second_test_binary(path: &str) -> bool {
    path.split_once("/tests/").is_some_and(|(before, rest)| {
        !before.contains("/src")
            && (!rest.contains('/') || rest.ends_with("/main.rs"))
            && rest != "it/main.rs"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn names_without_a_topic_are_found_as_files_and_as_folders() {
        assert_eq!(count("crates/store/src/sql_utils.rs", "//! x\n"), 1);
        assert_eq!(count("crates/store/src/common/rows.rs", "//! x\n"), 1);
        assert_eq!(count("crates/store/src/rows.rs", "//! x\n"), 0);
    }

    #[test]
    fn a_file_without_a_header_is_found() {
        assert_eq!(count("sim/src/world.rs", "use std::fs;\n"), 1);
        assert_eq!(count("sim/src/world.rs", ""), 1);
    }

    #[test]
    fn one_test_binary_per_crate() {
        assert_eq!(count("crates/store/tests/ledger.rs", "//! x\n"), 1);
        assert_eq!(count("crates/store/tests/it/main.rs", "//! x\n"), 0);
        assert_eq!(count("crates/store/tests/it/ledger.rs", "//! x\n"), 0);
        assert_eq!(count("crates/app/src/tests/table.rs", "//! x\n"), 0);
    }
}
