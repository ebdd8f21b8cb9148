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
        return Err(Failure::usage(format!("`{name}` is no name for a provider folder"))
            .with_hint("vendor and product in small letters: `ukg_pro`"));
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
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
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
    let typed = type_name(name);
    let filled = |text: &str| text.replace("NAME", name).replace("TYPE", &typed);
    PROVIDER_FILES
        .iter()
        .map(|&(file, purpose)| match file {
            "mod.rs" => (file, filled(MODULE)),
            "config.rs" => (file, filled(CONFIG)),
            _ => (file, format!("//! {name}: {purpose}.\n")),
        })
        .collect()
}

/// `ukg_pro` as a type: `UkgPro`.
fn type_name(name: &str) -> String {
    let capital = |part: &str| {
        let mut letters = part.chars();
        letters.next().map_or_else(String::new, |first| {
            first.to_ascii_uppercase().to_string() + letters.as_str()
        })
    };
    name.split('_').map(capital).collect()
}

/// The questions that a reader of a provider folder asks first, and what the registry needs.
const MODULE: &str = r#"//! NAME: the vendor's product, in one sentence.
//!
//! Pages read (with the day): …
//!
//! What is peculiar: …
//!
//! What it is for here: the source of a roster, the target of a mirror, or both. A file that this
//! provider has no use for is deleted and named here with the reason, as in the other folders.

mod classify;
mod client;
mod config;
mod map;
mod provider;
#[cfg(test)]
mod tests;
mod wire;

use serde::Deserialize;

use crate::{ConnectionConfig, Descriptor};

pub use config::TYPEConfig;

/// What the registry knows of it.
pub const DESCRIPTOR: Descriptor = Descriptor {
    kind: "NAME",
    summary: "",
    parse: |section| {
        let config = TYPEConfig::deserialize(section)?;
        Ok(Box::new(config) as Box<dyn ConnectionConfig>)
    },
    schema: |generator| generator.subschema_for::<TYPEConfig>(),
    mirrors: &[],
};
"#;

/// The keys, and the trait that the compiler then asks for.
const CONFIG: &str = r#"//! The keys of a `NAME` connection.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::ConnectionConfig;

/// Where it is and how to get in. Secrets are named by files, never given here.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TYPEConfig {
    /// The address of the vendor's API.
    pub url: String,
}

impl ConnectionConfig for TYPEConfig {}
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_a_header_and_is_declared() {
        let files = skeleton("ukg_pro");
        assert_eq!(files.len(), PROVIDER_FILES.len());
        let (_, module) = files.iter().find(|(file, _)| *file == "mod.rs").unwrap();
        for (file, text) in &files {
            assert!(text.starts_with("//! "), "{file}");
            let stem = file.trim_end_matches(".rs");
            assert!(stem == "mod" || module.contains(&format!("mod {stem};")), "{file}");
        }
    }

    #[test]
    fn a_module_name_becomes_a_type() {
        assert_eq!(type_name("ukg_pro2"), "UkgPro2");
        let files = skeleton("ukg_pro");
        assert!(files.iter().any(|(_, text)| text.contains("pub struct UkgProConfig {")));
    }

    #[test]
    fn only_a_module_name_names_a_folder() {
        assert!(is_module_name("ukg_pro2"));
        for wrong in ["", "Ukg", "ukg-pro", "2go", "../ukg"] {
            assert!(!is_module_name(wrong), "{wrong}");
        }
    }
}
