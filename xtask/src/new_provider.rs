//! `cargo xtask new-provider NAME`: the folder of a new provider, with headers to fill.
//!
//! Writes the files that `tidy` expects in every provider folder and nothing else; the compiler
//! then says what is missing. The rest is on the checklist of CONTRIBUTING.md, repeated at the end.

use std::fs;

use crate::machine::{self, Failure, say};
use crate::tidy::PROVIDER_FILES;

const CONNECTORS: &str = "crates/connectors/src";

/// Writes the folder.
///
/// # Errors
/// When the name is no module name, the folder exists already, or a file cannot be written.
pub fn run(name: &str) -> Result<(), Failure> {
    if !is_module_name(name) {
        return Err(
            Failure::usage(format!("`{name}` is no name for a provider folder"))
                .with_hint("vendor and product in small letters: `ukg_pro`"),
        );
    }
    let folder = machine::workspace_root().join(CONNECTORS).join(name);
    let unwritable = |e| Failure::new(format!("folder `{CONNECTORS}/{name}` cannot be made: {e}"));
    fs::create_dir(&folder).map_err(unwritable)?;
    for (file, text) in skeleton(name) {
        fs::write(folder.join(file), text).map_err(unwritable)?;
        say(&format!("wrote {CONNECTORS}/{name}/{file}"));
    }
    say("next:");
    for step in next_steps(name) {
        say(&format!("  {step}"));
    }
    Ok(())
}

fn is_module_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn next_steps(name: &str) -> [String; 5] {
    [
        format!("add `{name}` to the list in {CONNECTORS}/registry.rs"),
        "fill wire, map, classify, client, provider: the compiler says what is missing".to_owned(),
        format!("write the vendor's player, crates/simulators/src/{name}/, from its own pages"),
        format!("cargo xtask test -- {name}"),
        "one line in CHANGELOG.md".to_owned(),
    ]
}

fn skeleton(name: &str) -> Vec<(&'static str, String)> {
    let modules = PROVIDER_FILES
        .iter()
        .map(|(file, _)| file.trim_end_matches(".rs"));
    let declared: String = modules
        .filter(|module| *module != "mod")
        .map(|module| match module {
            "tests" => "#[cfg(test)]\nmod tests;\n".to_owned(),
            module => format!("mod {module};\n"),
        })
        .collect();
    PROVIDER_FILES
        .iter()
        .map(|&(file, purpose)| match file {
            "mod.rs" => (file, format!("{}\n{declared}", module_header(name))),
            _ => (file, format!("//! {name}: {purpose}.\n")),
        })
        .collect()
}

/// The questions that a reader of a provider folder asks first.
fn module_header(name: &str) -> String {
    format!(
        "//! {name}: the vendor's product, in one sentence.\n\
         //!\n\
         //! Pages read (with the day): …\n\
         //!\n\
         //! What is peculiar: …\n\
         //!\n\
         //! What it is for here: the source of a roster, the target of a mirror, or both. A file\n\
         //! that this provider has no use for is deleted and named here, with the reason after a\n\
         //! colon, as in: No, the file in backticks, why.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_a_header_and_is_declared() {
        let files = skeleton("ukg_pro");
        assert_eq!(files.len(), PROVIDER_FILES.len());
        let (_, module) = files.iter().find(|(file, _)| *file == "mod.rs").unwrap();
        for (file, text) in &files {
            assert!(text.starts_with("//! ukg_pro: "), "{file}");
            let stem = file.trim_end_matches(".rs");
            assert!(
                stem == "mod" || module.contains(&format!("mod {stem};")),
                "{file}"
            );
        }
    }

    #[test]
    fn only_a_module_name_names_a_folder() {
        assert!(is_module_name("ukg_pro2"));
        for wrong in ["", "Ukg", "ukg-pro", "2go", "../ukg"] {
            assert!(!is_module_name(wrong), "{wrong}");
        }
    }
}
