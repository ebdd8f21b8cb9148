//! Provider folders: the same files in each, and no folder that knows another.
//!
//! A reader who knows one provider knows all of them, and a provider can be deleted by deleting its
//! folder. A file that a provider has no use for is a statement, written in the header of its
//! `mod.rs`: ``No `client.rs`: …``.

use std::collections::BTreeSet;

use super::Finding;
use super::tree::{SourceFile, Tree};

const CONNECTORS: &str = "crates/connectors/src/";

const REGISTRY: &str = "crates/connectors/src/registry.rs";

/// The files of a provider folder, with what each is for.
pub const FILES: [(&str, &str); 8] = [
    ("mod.rs", "the vendor's pages read (with dates), quirks, descriptor and capabilities"),
    ("config.rs", "this provider's section of the configuration; unknown keys are errors"),
    ("wire.rs", "request and response bodies exactly as the vendor spells them; private"),
    ("map.rs", "wire ⇄ domain, by exhaustive destructuring; pure"),
    ("client.rs", "one method per endpoint used; no decisions"),
    ("classify.rs", "status, vendor code and headers to a failure class; pure"),
    ("provider.rs", "the engine's port, in terms of the files above"),
    ("tests.rs", "the tables of map and classify"),
];

/// Files that only some providers have, and that need no excuse when they are missing.
const OPTIONAL: [&str; 1] = ["inbound.rs"];

pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let providers = folders(tree);
    let registered = registered(tree);
    for provider in &providers {
        check_files(tree, provider, &mut findings);
        if !registered.contains(provider) {
            let path = format!("{CONNECTORS}{provider}/mod.rs");
            let what = format!("`{provider}` is not in the registry, use a line in {REGISTRY}");
            findings.push(Finding::new(&path, 1, what));
        }
    }
    for folder in all_folders(tree) {
        for other in providers.iter().filter(|other| **other != folder) {
            check_borders(tree, &folder, other, &mut findings);
        }
    }
    findings
}

/// Names the provider folders: those in the registry, and those that implement a port. Other
/// folders are shared by several providers, and name none of them.
pub fn folders(tree: &Tree) -> BTreeSet<String> {
    let registered = registered(tree);
    all_folders(tree)
        .into_iter()
        .filter(|folder| registered.contains(folder) || implements_a_port(tree, folder))
        .collect()
}

fn implements_a_port(tree: &Tree, folder: &str) -> bool {
    let files = ["provider.rs", "provider/mod.rs"];
    files.iter().any(|file| tree.get(&format!("{CONNECTORS}{folder}/{file}")).is_some())
}

fn all_folders(tree: &Tree) -> BTreeSet<String> {
    tree.rust()
        .filter_map(|file| file.path.strip_prefix(CONNECTORS)?.split_once('/'))
        .map(|(folder, _)| folder.to_owned())
        .collect()
}

/// Reads the names between the braces of `$with! { … }`.
fn registered(tree: &Tree) -> BTreeSet<String> {
    let list = tree
        .get(REGISTRY)
        .and_then(|file| file.text.split("$with! {").nth(1))
        .and_then(|rest| rest.split('}').next())
        .unwrap_or_default();
    list.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

fn check_files(tree: &Tree, provider: &str, findings: &mut Vec<Finding>) {
    let folder = format!("{CONNECTORS}{provider}");
    let header = tree.get(&format!("{folder}/mod.rs")).map(header_of).unwrap_or_default();
    for (name, purpose) in FILES {
        // A file that outgrew its length is a folder of the same name.
        let stem = name.trim_end_matches(".rs");
        let present = tree.get(&format!("{folder}/{name}")).is_some()
            || tree.exists(&format!("{folder}/{stem}/"));
        let excused = header.contains(&format!("No `{name}`"));
        if !present && !excused {
            findings.push(Finding::new(
                &format!("{folder}/mod.rs"),
                1,
                format!(
                    "`{name}` is missing ({purpose}), use the header to say \"No `{name}`: why\""
                ),
            ));
        }
        if present && excused {
            findings.push(Finding::new(
                &format!("{folder}/mod.rs"),
                1,
                format!(
                    "the header says \"No `{name}`\" and there is one, use a header that is true"
                ),
            ));
        }
    }
    check_known_names(tree, &folder, &header, findings);
}

/// A file of another name is allowed when the header explains it by name.
fn check_known_names(tree: &Tree, folder: &str, header: &str, findings: &mut Vec<Finding>) {
    let inside = format!("{folder}/");
    for file in tree.rust() {
        let Some(name) = file.path.strip_prefix(&inside) else {
            continue;
        };
        let known = |first: &str| {
            let name =
                if first.ends_with(".rs") { first.to_owned() } else { format!("{first}.rs") };
            FILES.iter().any(|(file, _)| *file == name) || OPTIONAL.contains(&name.as_str())
        };
        let first = name.split('/').next().unwrap_or(name);
        if !known(first) && !header.contains(&format!("`{first}`")) {
            findings.push(Finding::new(
                &file.path,
                1,
                format!(
                    "no file that every provider has, use one of those or explain `{first}` \
                 in the header of mod.rs"
                ),
            ));
        }
    }
}

fn check_borders(tree: &Tree, provider: &str, other: &str, findings: &mut Vec<Finding>) {
    let inside = format!("{CONNECTORS}{provider}/");
    let needles = ["crate::", "super::", "super::super::"].map(|start| format!("{start}{other}"));
    for file in tree.rust().filter(|file| file.path.starts_with(&inside)) {
        for (line, text) in file.numbered() {
            let code = text.split("//").next().unwrap_or_default();
            let ends = |at: usize, needle: &str| {
                !code[at + needle.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
            };
            let crosses = |needle: &String| code.match_indices(needle).any(|(at, n)| ends(at, n));
            // `super::map` of a folder is its own file, whatever other folders are called.
            let own = tree.get(&format!("{inside}{other}.rs")).is_some();
            if !own && needles.iter().any(crosses) {
                findings.push(Finding::new(
                    &file.path,
                    line,
                    format!("`{provider}` names `{other}`, use transport/ for what both need"),
                ));
            }
        }
    }
}

fn header_of(file: &SourceFile) -> String {
    let lines = file.text.lines().take_while(|line| line.starts_with("//!"));
    lines.map(|line| line.trim_start_matches("//!").trim()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(header: &str, names: &[&str]) -> Vec<(String, String)> {
        let mut files: Vec<(String, String)> = names
            .iter()
            .map(|name| (format!("{CONNECTORS}acme/{name}"), "//! x\n".to_owned()))
            .collect();
        files.push((format!("{CONNECTORS}acme/mod.rs"), header.to_owned()));
        let list = "//! x\n$with! {\n    acme,\n    zeta,\n}\n";
        files.push((REGISTRY.to_owned(), list.to_owned()));
        files
    }

    fn findings(files: &[(String, String)]) -> Vec<String> {
        let files: Vec<(&str, &str)> =
            files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        check(&Tree::of(&files)).iter().map(Finding::to_string).collect()
    }

    const ALL: [&str; 7] =
        ["config.rs", "wire.rs", "map.rs", "client.rs", "classify.rs", "provider.rs", "tests.rs"];

    #[test]
    fn a_complete_folder_is_fine() {
        assert_eq!(findings(&folder("//! x\n", &ALL)), Vec::<String>::new());
    }

    #[test]
    fn a_missing_file_needs_a_statement() {
        let found = findings(&folder("//! x\n", &ALL[..6]));
        assert!(found[0].contains("`tests.rs` is missing"), "{found:?}");
        let header = "//! x\n//!\n//! No `tests.rs`: they are elsewhere.\n";
        assert!(findings(&folder(header, &ALL[..6])).is_empty());
    }

    #[test]
    fn a_statement_that_is_no_longer_true_is_found() {
        let found = findings(&folder("//! No `wire.rs`: none.\n", &ALL));
        assert!(found[0].contains("use a header that is true"), "{found:?}");
    }

    #[test]
    fn a_file_of_another_name_needs_an_explanation() {
        let mut files = folder("//! x\n", &ALL);
        files.push((format!("{CONNECTORS}acme/quirks.rs"), "//! x\n".to_owned()));
        assert!(findings(&files)[0].contains("explain `quirks.rs`"));
    }

    #[test]
    fn a_provider_that_names_another_is_found() {
        let mut files = folder("//! x\n", &ALL);
        let path = format!("{CONNECTORS}zeta/mod.rs");
        let all = ALL.map(|name| format!("No `{name}`")).join(" ");
        files.push((path, format!("//! {all}\nuse crate::acme::wire;\nuse crate::acmesque;\n")));
        let found = findings(&files);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("zeta/mod.rs:2: error: `zeta` names `acme`"), "{found:?}");
    }

    #[test]
    fn a_shared_folder_has_files_of_its_own_and_names_no_provider() {
        let mut files = folder("//! x\n", &ALL);
        let path = format!("{CONNECTORS}table/rows.rs");
        files.push((path, "//! x\nuse crate::acme::config;\n".to_owned()));
        let found = findings(&files);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("`table` names `acme`"), "{found:?}");
    }

    #[test]
    fn a_provider_that_is_not_registered_is_found() {
        let mut files = folder("//! x\n", &ALL);
        files.retain(|(path, _)| path != REGISTRY);
        assert!(findings(&files)[0].contains("is not in the registry"));
    }
}
