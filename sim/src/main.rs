//! Runs simulated worlds from the command line; exit code 1 when a promise was broken.

use std::process::ExitCode;

use clap::Parser;

/// Runs the engine in simulated worlds and looks whether its promises are kept.
#[derive(Parser)]
struct Arguments {
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many worlds, each with the next seed.
    #[arg(long, default_value_t = 1)]
    worlds: u64,
    /// Print everything that happens.
    #[arg(long)]
    trace: bool,
    /// Stop after so many broken worlds.
    #[arg(long, default_value_t = 5)]
    failures: u64,
}

fn main() -> ExitCode {
    let Arguments { seed, worlds, trace, failures } = Arguments::parse();
    let mut broken = 0;
    let mut writes = 0;
    for seed in seed..seed.saturating_add(worlds) {
        let outcome = sim::run(seed, None);
        writes += outcome.writes;
        if trace {
            print!("{}", outcome.trace);
        }
        if !outcome.is_good() {
            println!("{outcome}");
            broken += 1;
        }
        if broken >= failures {
            break;
        }
    }
    println!("{worlds} worlds from seed {seed}, {writes} writes: {broken} broken");
    if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
