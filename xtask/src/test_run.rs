//! `cargo xtask test`: every test of the workspace, with everything they need around them.
//!
//! Tests find their surroundings in two variables: `ROTABRIDGE_TOOLS`, the folder that
//! [`crate::tools`] fills, and `ROTABRIDGE_TEST_POSTGRES`, the URL of a server they may create
//! databases in.
//! Where one is missing, the tests concerned say that they skip. A server that is already named in
//! the environment is used and left alone.

use crate::machine::{self, Failure, say};
use crate::{database, tools};

/// What a developer asked for.
#[derive(Debug, PartialEq)]
pub struct Options {
    install: Install,
    /// Handed to the test runner; with any, documentation tests are left out.
    filter: Vec<String>,
}

#[derive(Debug, PartialEq)]
enum Install {
    Missing,
    Nothing,
}

impl Options {
    /// Reads the words after `test`.
    ///
    /// # Errors
    /// When a word before `--` is none of ours.
    pub fn parse(words: &[&str]) -> Result<Self, Failure> {
        let mut install = Install::Missing;
        let mut rest = words.iter();
        for word in rest.by_ref() {
            match *word {
                "--no-install" => install = Install::Nothing,
                "--" => break,
                other => {
                    return Err(Failure::usage(format!("`{other}` is no option of `test`"))
                        .with_hint("a filter goes after `--`: cargo xtask test -- NAME"));
                }
            }
        }
        Ok(Self { install, filter: rest.map(|&word| word.to_owned()).collect() })
    }
}

/// Installs, starts, tests, and stops again, also when a test fails.
///
/// # Errors
/// When something cannot be installed or started, or a test fails.
pub fn run(options: &Options) -> Result<(), Failure> {
    let tools_folder = match options.install {
        Install::Missing => tools::install()?,
        Install::Nothing => {
            say(
                "nothing is installed (--no-install): tests without their tools say that they skip",
            );
            tools::folder()?
        }
    };
    let mut surroundings = vec![("ROTABRIDGE_TOOLS", tools_folder.display().to_string())];

    // Held until the end of this function: dropping it stops the server and removes its folder.
    let mut postgres = None;
    if machine::variable(database::URL_VARIABLE).is_some() {
        say("PostgreSQL: the server that the environment names");
    } else if let Some(programs) = database::programs() {
        let server = database::ThrowAway::start(&programs)?;
        say(&format!("PostgreSQL: a throw-away cluster at {}", server.url));
        surroundings.push((database::URL_VARIABLE, server.url.clone()));
        postgres = Some(server);
    } else {
        say("PostgreSQL is not installed: its tests say that they skip");
    }

    let outcome = run_tests(options, &surroundings);
    drop(postgres);
    outcome
}

/// Documentation tests first, so that the closing lines are those of the many.
fn run_tests(options: &Options, surroundings: &[(&str, String)]) -> Result<(), Failure> {
    let with = |arguments: &[&str]| {
        let mut command = machine::cargo();
        command.args(arguments);
        command.envs(surroundings.iter().map(|(name, value)| (name, value)));
        command
    };
    if options.filter.is_empty() {
        machine::run(&mut with(&["test", "--quiet", "--doc", "--workspace"]))?;
    }
    let mut words = if machine::succeeds("cargo-nextest", &["nextest", "--version"]) {
        vec!["nextest", "run"]
    } else {
        say("cargo-nextest is not installed: `cargo test` does the same, crate after crate");
        vec!["test"]
    };
    if !names_a_package(&options.filter) {
        words.push("--workspace");
        if words[0] == "test" {
            // Not the documentation tests once more, whose many zeros would be the closing lines.
            words.extend(["--lib", "--bins", "--tests"]);
        }
    }
    machine::run(with(&words).args(&options.filter))
}

/// A filter with `-p NAME` builds that crate only.
fn names_a_package(filter: &[String]) -> bool {
    filter.iter().any(|word| word == "-p" || word.starts_with("--package"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_after_the_dashes_go_to_the_test_runner() {
        let options = Options::parse(&["--no-install", "--", "-E", "test(dst)"]).unwrap();
        assert_eq!(options.install, Install::Nothing);
        assert_eq!(options.filter, ["-E", "test(dst)"]);
        assert!(!names_a_package(&options.filter));
        assert!(names_a_package(&Options::parse(&["--", "-p", "store"]).unwrap().filter));
    }

    #[test]
    fn an_unknown_option_is_refused_with_the_right_form() {
        let failure = Options::parse(&["dst"]).unwrap_err();
        assert_eq!(failure.exit_code, 2);
        assert!(failure.hint.unwrap().contains("-- NAME"));
    }
}
