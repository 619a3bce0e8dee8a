//! The log on standard error: one line an event, whatever foreign text is in it, and no failure of the log is one of kew's.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal, Write as _};
use std::panic::PanicHookInfo;
use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

/// Passes text on with what could end a line or command a terminal written as escapes.
struct Escaping<'a, W>(&'a mut W);

impl<W: fmt::Write> fmt::Write for Escaping<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some((at, odd)) = rest.char_indices().find(|(_, c)| is_hostile(*c)) {
            self.0.write_str(&rest[..at])?;
            write!(self.0, "{}", odd.escape_debug())?;
            rest = &rest[at + odd.len_utf8()..];
        }
        self.0.write_str(rest)
    }
}

/// Control characters, and those that end lines or turn the direction of writing in Unicode.
fn is_hostile(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Sets up the log.
///
/// # Errors
/// If the filter cannot be read.
pub fn start(filter: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter).map_err(|error| format!("log: {error}"))?;
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_target(false).with_ansi(colours);
    let log = log.fmt_fields(debug_fn(field).delimited(" "));
    // Where standard error has no reader any more, there is nobody to tell that either.
    log.with_writer(io::stderr).log_internal_errors(false).init();
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

/// The last word of a command that failed.
pub fn complain(error: &str) {
    let mut line = String::from("kew: ");
    let _ = Escaping(&mut line).write_str(error);
    say(&line);
}

/// A line on standard error, if anyone reads it.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
