//! `rotabridge wfm`: for those who implement the WFM contract.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use connectors::ConnectionContext;
use connectors::secret::read_secret;
use connectors::wfm_http::conformance::{Check, CheckOptions, CheckReport, CheckResult, check};
use domain::ConnectionName;

use super::Session;
use crate::failure::{Exit, Failure};
use crate::output::Output;

/// The flags of `wfm`.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: WfmCommand,
}

#[derive(Debug, Subcommand)]
enum WfmCommand {
    /// Look whether somebody's implementation keeps the WFM contract; changes nothing there
    Check(CheckArguments),
}

#[derive(Debug, Args)]
struct CheckArguments {
    /// Where the contract is served, such as https://wfm.example.com/rota
    url: String,
    /// A file that holds the bearer token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Also check commands: make, change and remove a shift of this employee, 45 days ahead
    #[arg(long, value_name = "EMPLOYEE")]
    write_as: Option<String>,
    /// Also check webhooks: wait for one here
    #[arg(long, value_name = "ADDR", requires = "webhook_secret_file")]
    hooks_listen: Option<SocketAddr>,
    /// A file that holds the secret that webhooks are signed with
    #[arg(long, value_name = "FILE")]
    webhook_secret_file: Option<PathBuf>,
    /// Allow `http://` to another machine
    #[arg(long)]
    allow_http: bool,
    /// Data for programs
    #[arg(long)]
    json: bool,
}

/// Runs it.
///
/// # Errors
/// When a flag makes no sense. What is wrong with the implementation is told, and exit code 1.
pub async fn run(arguments: Arguments, session: &Session) -> Result<Exit, Failure> {
    let WfmCommand::Check(arguments) = arguments.command;
    let usage = |error: connectors::ConnectionError| Failure::usage(error.to_string());
    let here = Path::new("");
    let secret = |key, file: &Option<PathBuf>| {
        let secret = file.as_ref().map(|file| read_secret(here, key, file));
        secret.transpose().map_err(usage)
    };
    let webhook_secret = secret("--webhook-secret-file", &arguments.webhook_secret_file)?;
    let options = CheckOptions {
        url: arguments.url,
        token: secret("--token-file", &arguments.token_file)?,
        allow_http: arguments.allow_http,
        write_as: arguments.write_as,
        hooks: arguments.hooks_listen.zip(webhook_secret),
    };
    let context = ConnectionContext {
        name: ConnectionName::new("wfm").map_err(Failure::because)?,
        base: PathBuf::new(),
        clock: session.outside().clock,
        entropy: session.outside().entropy,
    };
    let report = check(&options, &context).await.map_err(usage)?;
    match arguments.json {
        true => session.output.json(&report)?,
        false => print(&report, &session.output)?,
    }
    Ok(match report.count(CheckResult::Failed) {
        0 => Exit::Done,
        _ => Exit::Failed,
    })
}

fn print(report: &CheckReport, output: &Output) -> Result<(), Failure> {
    let width = report.checks.iter().map(|it| it.name.len()).max().unwrap_or(0);
    for check in &report.checks {
        output.data(line(check, width))?;
    }
    let product = report.product.as_deref().unwrap_or("the implementation");
    let count = |result| report.count(result);
    let (passed, skipped) = (count(CheckResult::Passed), count(CheckResult::Skipped));
    let verdict = match count(CheckResult::Failed) {
        0 => format!("`{product}` keeps the contract as far as was looked"),
        1 => format!("`{product}` breaks 1 rule of the contract"),
        failed => format!("`{product}` breaks {failed} rules of the contract"),
    };
    let advised = match count(CheckResult::Advised) {
        0 => String::new(),
        count => format!(", {count} could be kept better"),
    };
    output.data(format!("\n{verdict}: {passed} kept{advised}, {skipped} skipped"))
}

fn line(check: &Check, width: usize) -> String {
    let Check { name, rule, result, found, expected, hint } = check;
    let mark = match result {
        CheckResult::Passed => "ok     ",
        CheckResult::Skipped => "skipped",
        CheckResult::Advised => "advice ",
        CheckResult::Failed => "FAILED ",
    };
    let mut text = format!("{mark}  {name:width$}  {rule}");
    let mut more = |word: &str, said: Option<&str>| {
        if let Some(said) = said {
            text.push_str(&format!("\n           {word:9} {said}"));
        }
    };
    let word = if *result == CheckResult::Skipped { "because" } else { "found" };
    more(word, found.as_deref());
    more("expected", *expected);
    more("do", *hint);
    text
}
