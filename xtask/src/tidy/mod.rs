//! `cargo xtask tidy`: the promises of STYLE.md that no compiler checks.
//!
//! Each check is a pure function from the [`Tree`] of files to findings, printed as
//! `path:line: error: what, use what instead`. The same function runs as a test of this crate. A
//! check that stands in the way of something honest is changed here, with the reason in the commit.

mod crates;
mod documents;
mod files;
mod lines;
mod long_files;
mod providers;
mod purity;
mod tree;
mod words;

use std::fmt;

use crate::machine::{self, Failure, say};
pub use providers::FILES as PROVIDER_FILES;
use tree::Tree;

/// One broken promise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    /// Counted from 1.
    line: usize,
    /// What is wrong, and what to use instead.
    what: String,
}

impl Finding {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: error: {}", self.path, self.line, self.what)
    }
}

/// Checks this clone and prints what it finds.
///
/// # Errors
/// When a file cannot be read, or there is a finding.
pub fn run() -> Result<(), Failure> {
    let tree = Tree::read(&machine::workspace_root())?;
    let findings = check(&tree);
    for finding in &findings {
        println!("{finding}");
    }
    if findings.is_empty() {
        say(&format!("tidy: {} files, nothing found", tree.files().len()));
        return Ok(());
    }
    Err(Failure::new(format!("tidy found {} in {} files", findings.len(), tree.files().len())))
}

fn check(tree: &Tree) -> Vec<Finding> {
    let checks = [
        crates::check,
        documents::check,
        files::check,
        lines::check,
        long_files::check,
        providers::check,
        purity::check,
        words::check,
    ];
    let mut findings: Vec<Finding> = checks.iter().flat_map(|check| check(tree)).collect();
    findings.sort();
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_repository_is_tidy() {
        let findings = check(&Tree::read(&machine::workspace_root()).unwrap());
        let shown: Vec<String> = findings.iter().map(Finding::to_string).collect();
        assert!(shown.is_empty(), "\n{}\n", shown.join("\n"));
    }
}
