//! `cargo xtask schema`: the files of `config/` that the product itself prints.
//!
//! They are committed, so that an editor finds the schema and a reader the example without a
//! build; `--check` is how CI knows that nobody forgot to write them again.

use crate::machine::{self, Failure, say};

/// The file, and the words after `rotabridge` that print it.
const GENERATED: [(&str, [&str; 2]); 2] = [
    ("config/config.schema.json", ["config", "schema"]),
    ("config/example.toml", ["config", "example"]),
];

/// Writes every generated file.
///
/// # Errors
/// When the product cannot be built or refuses, or a file cannot be written.
pub fn write() -> Result<(), Failure> {
    for (path, words) in GENERATED {
        let text = print(words)?;
        std::fs::write(machine::workspace_root().join(path), text)
            .map_err(|e| Failure::new(format!("`{path}` cannot be written: {e}")))?;
        say(&format!("wrote {path}"));
    }
    Ok(())
}

/// Compares every generated file with what the product prints now.
///
/// # Errors
/// When one differs or is missing; all of them are named.
pub fn check() -> Result<(), Failure> {
    let mut stale = Vec::new();
    for (path, words) in GENERATED {
        let found = std::fs::read_to_string(machine::workspace_root().join(path));
        let expected = print(words)?;
        if let Some(line) = first_difference(&found.unwrap_or_default(), &expected) {
            stale.push(format!(
                "{path}:{line}: error: differs from `rotabridge {}`",
                words.join(" ")
            ));
        }
    }
    if stale.is_empty() {
        say("generated files are as the product prints them");
        return Ok(());
    }
    Err(Failure::new(stale.join("\n")).with_hint("cargo xtask schema"))
}

fn print(words: [&str; 2]) -> Result<String, Failure> {
    machine::capture(
        machine::cargo().args(["run", "--quiet", "-p", "rotabridge", "--"]).args(words),
    )
}

/// Finds the first line, counted from 1, in which two texts differ.
fn first_difference(found: &str, expected: &str) -> Option<usize> {
    if found == expected {
        return None;
    }
    let same = found.lines().zip(expected.lines()).take_while(|(a, b)| a == b).count();
    Some(same + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_differing_line_is_named() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(first_difference("a\nb\n", "a\nc\n"), Some(2));
        assert_eq!(first_difference("", "a\n"), Some(1));
        assert_eq!(first_difference("a\nb\n", "a\n"), Some(2));
    }
}
