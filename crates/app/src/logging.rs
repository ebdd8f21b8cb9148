//! Where log lines go: to stderr, between the progress bars.

use std::io::{self, Write};

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::output::progress::Bars;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    // Without documentation comments: one of them would make every help text three times as long.
    #[default]
    Text,
    Json,
}

/// Starts logging. `RUST_LOG` wins over `level`.
pub fn start(format: LogFormat, level: &str, bars: Bars, colour: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(BetweenBars(bars));
    // A second subscriber is refused: then the first one stays.
    let _ = match format {
        LogFormat::Text => builder.with_ansi(colour).with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}

struct BetweenBars(Bars);

struct Line(Bars, Vec<u8>);

impl<'a> MakeWriter<'a> for BetweenBars {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(self.0.clone(), Vec::new())
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // Nobody reads the log any more: not a reason to stop working.
        self.0.suspend(|| drop(io::stderr().lock().write_all(&self.1)));
    }
}
