//! Standard output and standard error of the subcommands: foreign text commands no terminal, and colours are for people.

use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal, Write as _};

/// Passes text on with what could end a line or command a terminal written as escapes.
pub struct Escaping<'a, W>(pub &'a mut W);

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

/// A line with all hostile characters escaped.
pub fn escaped(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    // Writing to a String cannot fail.
    let _ = Escaping(&mut text).write_str(line);
    text
}

/// Whether a stream shows colours: a terminal, and `NO_COLOR` does not ask for none.
pub fn has_colours(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// What lines on standard error begin with.
fn label() -> &'static str {
    if has_colours(&io::stderr()) { "\x1b[1mkew:\x1b[0m" } else { "kew:" }
}

/// The last word of a command that failed. If standard error is closed there is nobody to tell.
pub fn complain(error: &str) {
    let _ = writeln!(io::stderr(), "{} {}", label(), escaped(error));
}

/// What another program said, on its way to a stream. On a terminal it goes line by line, with all that could command the terminal
/// escaped; anywhere else it stays as it is.
pub struct Foreign<W: io::Write + IsTerminal> {
    to: W,
    begun: Vec<u8>,
    /// Written before and after the first line.
    first: (&'static str, &'static str),
}

impl<W: io::Write + IsTerminal> Foreign<W> {
    /// Everything goes to this stream.
    pub fn to(to: W) -> Foreign<W> {
        Foreign { to, begun: Vec::new(), first: ("", "") }
    }

    /// The same with a first line that stands out, where there are colours.
    #[must_use]
    pub fn with_heading(mut self) -> Foreign<W> {
        if has_colours(&self.to) {
            self.first = ("\x1b[1m", "\x1b[0m");
        }
        self
    }

    /// Passes on what has come.
    ///
    /// # Errors
    /// When nobody reads the stream any more.
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.to.is_terminal() {
            self.begun.extend_from_slice(bytes);
            while let Some(end) = self.begun.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.begun.drain(..=end).collect();
                self.line(&line[..end])?;
            }
        } else {
            self.to.write_all(bytes)?;
        }
        self.to.flush()
    }

    /// Passes on a last line without an end.
    ///
    /// # Errors
    /// When nobody reads the stream any more.
    pub fn end(mut self) -> io::Result<()> {
        let rest = std::mem::take(&mut self.begun);
        if rest.is_empty() { Ok(()) } else { self.line(&rest) }
    }

    fn line(&mut self, line: &[u8]) -> io::Result<()> {
        let text = String::from_utf8_lossy(line);
        let first = std::mem::take(&mut self.first);
        // A heading has columns; `no queues` is none.
        let (before, after) = if text.contains("  ") { first } else { ("", "") };
        let cells: Vec<String> = text.split('\t').map(escaped).collect();
        writeln!(self.to, "{before}{}{after}", cells.join("\t"))
    }
}

/// Whether a person reads standard output.
pub fn is_read_by_a_person() -> bool {
    io::stdout().is_terminal()
}

/// Standard output, for what another program says.
pub fn out() -> Foreign<io::Stdout> {
    Foreign::to(io::stdout())
}

/// Prints a text of another program on standard output. It may be closed: then nobody wants it.
pub fn print(text: &str) {
    let mut out = out();
    let _ = out.push(text.as_bytes()).and_then(|()| out.end());
}

/// Prints a text of another program, maybe of several lines, on standard error.
pub fn tell(text: &str) {
    let _ = write!(io::stderr(), "{} ", label());
    let mut out = Foreign::to(io::stderr());
    let _ = out.push(text.as_bytes()).and_then(|()| out.end());
}
