//! `RESULTS.md`: one section for each benchmark, replaced when it runs again.
//!
//! Sections that no benchmark made (written by hand: profiles, what was tried) stay as they are.

use std::path::Path;

use crate::report::{Report, TABLE_HEAD, Trouble};

const HEAD: &str = "\
# What was measured

Written by `cargo xtask bench [NAMES…]`, which replaces the sections of the benchmarks that it
runs and leaves the others. Both sides of a row are measured in the same run, one after the other
in turn; figures are medians, with the lowest and the highest in brackets. What a benchmark does
is said in `bench/src/<name>.rs`.
";

/// Puts a section into the file, in the place of the one of the same name.
pub fn put(
    path: &Path,
    name: &str,
    about: &str,
    context: &str,
    report: &Report,
) -> Result<(), Trouble> {
    let old = std::fs::read_to_string(path).unwrap_or_default();
    let new = with_section(&old, name, &section(name, about, context, report));
    std::fs::write(path, new)
        .map_err(|error| Trouble::failed(format!("`{}`: {error}", path.display())))
}

/// One section as text.
pub fn section(name: &str, about: &str, context: &str, report: &Report) -> String {
    let mut out = format!("## {name}\n\n{about}\n\n{context}\n\n{TABLE_HEAD}");
    for row in &report.rows {
        out.push_str(&format!("{row}\n"));
    }
    if !report.notes.is_empty() {
        out.push('\n');
    }
    for note in &report.notes {
        out.push_str(&format!("- {note}\n"));
    }
    out
}

fn with_section(old: &str, name: &str, section: &str) -> String {
    let mut sections = sections(old);
    match sections.iter_mut().find(|(found, _)| found == name) {
        Some((_, text)) => *text = section.to_owned(),
        None => sections.push((name.to_owned(), section.to_owned())),
    }
    let mut out = HEAD.to_owned();
    for (_, text) in sections {
        out.push('\n');
        out.push_str(text.trim_end());
        out.push('\n');
    }
    out
}

fn sections(text: &str) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            out.push((name.trim().to_owned(), String::new()));
        }
        if let Some((_, section)) = out.last_mut() {
            section.push_str(line);
            section.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_replaced_and_others_stay() {
        let first = with_section("", "plan", "## plan\n\nold\n");
        let both = with_section(&first, "Profiles", "## Profiles\n\nby hand\n");
        let again = with_section(&both, "plan", "## plan\n\nnew\n");
        assert_eq!(again, format!("{HEAD}\n## plan\n\nnew\n\n## Profiles\n\nby hand\n"));
    }
}
