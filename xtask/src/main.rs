//! The project's own commands, `cargo xtask …`: what a machine can do for its developers.
//!
//! Called by people and by `.ci/run`. It builds without the product (one small dependency), so that
//! `tidy` answers in a second. It decides nothing about the product, which never needs it.

use std::process::ExitCode;

mod database;
mod generated;
mod machine;
mod new_provider;
mod test_run;
mod tidy;
mod tools;

use machine::Failure;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  test [--no-install] [-- FILTER…]   installs what the tests need, starts a throw-away
                                     PostgreSQL and runs every test of the workspace
  tools                              installs what the tests need and prints its folder
  tidy                               checks what no compiler does: layers, words, files, documents
  schema [--check]                   writes the generated files of config/, or compares them
  new-provider NAME                  writes the folder of a new provider, with headers to fill
  bench [ARGS…]                      cargo run --release -p bench -- ARGS";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {}", failure.what);
            if let Some(hint) = &failure.hint {
                eprintln!("hint: {hint}");
            }
            ExitCode::from(failure.exit_code)
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<(), Failure> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["test", rest @ ..] => test_run::run(&test_run::Options::parse(rest)?),
        ["tools"] => tools::install().map(|folder| println!("{}", folder.display())),
        ["tidy"] => tidy::run(),
        ["schema"] => generated::write(),
        ["schema", "--check"] => generated::check(),
        ["new-provider", name] => new_provider::run(name),
        ["bench", rest @ ..] => machine::run(
            machine::cargo().args(["run", "--release", "--package", "bench", "--"]).args(rest),
        ),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        [] => Err(Failure::usage("no command given").with_hint(USAGE)),
        [unknown, ..] => {
            Err(Failure::usage(format!("`{unknown}` with these arguments is no command"))
                .with_hint(USAGE))
        }
    }
}
