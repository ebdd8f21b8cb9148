//! `rotabridge`: keeps a workforce schedule mirrored, exactly, in calendars.
//!
//! The rim of the product: the command line ([`cli`]), the configuration ([`config`]), the
//! machine's clock, chance and identity ([`system`]), and the only place where the parts meet
//! ([`wiring`]). It decides nothing about schedules.

mod approvals;
mod cli;
mod config;
mod event;
mod failure;
mod hints;
mod impersonal;
mod jobs;
mod logging;
mod lookout;
mod output;
mod runs;
mod system;
mod tally;
mod wiring;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;

use crate::cli::{Cli, Session};
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::output::progress::Bars;
use crate::system::{SystemClock, SystemEntropy, ThisProcess};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            // The terminal is gone: nobody to tell.
            let _ = error.print();
            return ExitCode::from(exit.code());
        }
    };
    let bars = Bars::default();
    let colour = console::colors_enabled_stderr() && console::user_attended_stderr();
    logging::start(cli.log_format, cli.command.log_level(), bars.clone(), colour);
    let output = Output::new(cli.quiet, bars);
    let exit = match run(cli, output.clone()) {
        Ok(exit) => exit,
        Err(failure) => {
            output.failure(&failure);
            failure.exit
        }
    };
    ExitCode::from(exit.code())
}

fn run(cli: Cli, output: Output) -> Result<Exit, Failure> {
    let entropy = Arc::new(SystemEntropy);
    let session = Session {
        config_path: cli.config,
        output,
        clock: Arc::new(SystemClock::new()),
        ownership: Arc::new(ThisProcess::identify(entropy.as_ref())),
        entropy,
    };
    // A command does one thing after the other: without a second thread nothing has to be woken,
    // and a first sync takes a fifth less time. A service also answers requests meanwhile.
    let mut runtime = if cli.command.serves() {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    let runtime = runtime.worker_threads(2).enable_all().build().map_err(Failure::because)?;
    runtime.block_on(cli.command.run(&session))
}
