//! The log on standard error: one line an event, whatever foreign text is in it, and no failure of the log is one of kew's.

use crate::command::output::{Escaping, has_colours};
use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::panic::PanicHookInfo;
use tracing::field::Field;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Sets up the log.
///
/// # Errors
/// If the filter cannot be read.
pub fn start(filter: &str) -> Result<(), String> {
    let parts: Vec<&str> = filter.split(',').map(str::trim).collect();
    let filter: Targets = parts.join(",").parse().map_err(|error| format!("log: {error}"))?;
    let log = tracing_subscriber::fmt::layer().with_target(false).with_ansi(has_colours(&io::stderr()));
    let log = log.fmt_fields(debug_fn(field).delimited(" "));
    // Where standard error has no reader any more, there is nobody to tell that either.
    let log = log.with_writer(io::stderr).log_internal_errors(false);
    tracing_subscriber::registry().with(filter).with(log).init();
    std::panic::set_hook(Box::new(panicked));
    Ok(())
}

fn field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    if field.name() != "message" {
        write!(writer, "{}=", field.name())?;
    }
    write!(Escaping(writer), "{value:?}")
}

/// The text of a panic may hold foreign text like any other.
fn panicked(panic: &PanicHookInfo<'_>) {
    let text = panic.payload_as_str().unwrap_or_default();
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(place, "a defect of kew, please report it: {text}");
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured {
        say(&trace.to_string());
    }
}

/// A line on standard error, if anyone reads it.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
