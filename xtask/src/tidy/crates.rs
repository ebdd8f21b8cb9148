//! The arrows between crates: the table of ARCHITECTURE.md, compared with every manifest.
//!
//! The border of a crate is the only one the compiler defends, so who may see whom is decided here
//! and nowhere else. The table is exact: an arrow it has and the manifests lack is a finding too.

use super::Finding;
use super::tree::Tree;

struct Layer {
    /// The folder.
    manifest: &'static str,
    /// The crates of ours it depends on, exactly.
    ours: &'static [&'static str],
    /// What it must never see, of others.
    never: &'static [&'static str],
}

const PRODUCT: [Layer; 7] = [
    Layer {
        manifest: "crates/domain/Cargo.toml",
        ours: &[],
        never: &["tokio", "serde_json", "http", "reqwest", "axum", "sqlx", "tracing"],
    },
    Layer {
        manifest: "crates/ical/Cargo.toml",
        ours: &["domain"],
        never: &["tokio", "http", "reqwest", "axum", "sqlx", "tracing"],
    },
    Layer {
        manifest: "crates/engine/Cargo.toml",
        ours: &["domain"],
        never: &["reqwest", "axum", "sqlx", "http", "hyper", "getrandom"],
    },
    Layer {
        manifest: "crates/connectors/Cargo.toml",
        ours: &["domain", "engine", "ical"],
        never: &["sqlx", "axum"],
    },
    Layer {
        manifest: "crates/store/Cargo.toml",
        ours: &["domain", "engine"],
        never: &["reqwest", "axum", "http"],
    },
    Layer {
        manifest: "crates/server/Cargo.toml",
        ours: &["domain", "engine", "ical"],
        never: &["reqwest", "sqlx"],
    },
    Layer {
        manifest: "crates/app/Cargo.toml",
        ours: &["connectors", "domain", "engine", "ical", "server", "simulators", "store"],
        never: &["sqlx", "reqwest"],
    },
];

/// The vendors, played: they must not learn a vendor's spelling from our own code.
const SIMULATORS: &str = "crates/simulators/Cargo.toml";

/// What the simulators may share with the product: the words, and nothing that speaks on a wire.
const SIMULATORS_MAY_SEE: [&str; 1] = ["domain"];

/// Everything of ours that a manifest can name.
const OURS: [&str; 13] = [
    "bench",
    "connectors",
    "domain",
    "engine",
    "ical",
    "rotabridge",
    "server",
    "sim",
    "simulators",
    "store",
    "testkit",
    "xtask",
    "fuzz",
];

pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for layer in &PRODUCT {
        let found = dependencies(tree, layer.manifest, "dependencies", &mut findings);
        let ours = |name: &str| OURS.contains(&name);
        for (name, line) in &found {
            if ours(name) && !layer.ours.contains(&name.as_str()) {
                findings.push(Finding::new(
                    layer.manifest,
                    *line,
                    format!("`{name}` is no layer below this one, use a port that it implements"),
                ));
            }
            if layer.never.contains(&name.as_str()) {
                findings.push(Finding::new(
                    layer.manifest,
                    *line,
                    format!("`{name}` must not be seen here, use it at the rim behind a port"),
                ));
            }
        }
        for name in layer.ours {
            if tree.exists(layer.manifest) && !found.iter().any(|(found, _)| found == name) {
                findings.push(Finding::new(
                    layer.manifest,
                    1,
                    format!(
                        "`{name}` is in the table of layers and not here, \
                     use the table in xtask/src/tidy/crates.rs to say so"
                    ),
                ));
            }
        }
    }
    for (name, line) in dependencies(tree, SIMULATORS, "dependencies", &mut findings) {
        if OURS.contains(&name.as_str()) && !SIMULATORS_MAY_SEE.contains(&name.as_str()) {
            findings.push(Finding::new(SIMULATORS, line, format!(
                "a player that knows `{name}` makes its mistakes too, use the vendor's own pages"
            )));
        }
    }
    findings
}

/// Names the keys of one table of a manifest, with their lines.
fn dependencies(
    tree: &Tree,
    path: &str,
    table: &str,
    findings: &mut Vec<Finding>,
) -> Vec<(String, usize)> {
    let Some(file) = tree.get(path) else {
        return Vec::new();
    };
    let manifest: toml::Table = match file.text.parse() {
        Ok(manifest) => manifest,
        Err(error) => {
            findings.push(Finding::new(path, 1, format!("no TOML: {}", error.message())));
            return Vec::new();
        }
    };
    let Some(entries) = manifest.get(table).and_then(toml::Value::as_table) else {
        return Vec::new();
    };
    let mut in_table = false;
    let mut lines = Vec::new();
    for (number, line) in file.numbered() {
        if line.starts_with('[') {
            in_table = line.trim() == format!("[{table}]");
        } else if in_table {
            lines.push((number, line.split(['.', '=', ' ']).next().unwrap_or_default()));
        }
    }
    let line_of = |name: &str| lines.iter().find(|(_, key)| *key == name).map_or(1, |(n, _)| *n);
    entries.keys().map(|name| (name.clone(), line_of(name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, manifest: &str) -> Vec<String> {
        check(&Tree::of(&[(path, manifest)])).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn an_arrow_outwards_is_found_with_its_line() {
        let found = findings(
            "crates/engine/Cargo.toml",
            "[package]\nname = \"engine\"\n[dependencies]\ndomain.workspace = true\n\
             store.workspace = true\n[dev-dependencies]\nconnectors.workspace = true\n",
        );
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("crates/engine/Cargo.toml:5: error: `store`"), "{found:?}");
    }

    #[test]
    fn a_database_in_the_engine_is_found() {
        let found = findings(
            "crates/engine/Cargo.toml",
            "[dependencies]\ndomain.workspace = true\nsqlx = { workspace = true }\n",
        );
        assert!(found[0].contains(":3: error: `sqlx` must not be seen here"), "{found:?}");
    }

    #[test]
    fn an_arrow_that_went_is_found() {
        let found =
            findings("crates/store/Cargo.toml", "[dependencies]\ndomain.workspace = true\n");
        assert!(found[0].contains("`engine` is in the table of layers and not here"), "{found:?}");
    }

    #[test]
    fn a_player_that_knows_the_connector_is_found() {
        let found = findings(SIMULATORS, "[dependencies]\nconnectors.workspace = true\n");
        assert!(found[0].contains("makes its mistakes too"), "{found:?}");
    }
}
