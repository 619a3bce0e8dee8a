//! The characters of a file with their lines, and the texts made of them: quoted, in three quotes, unquoted.

use super::super::tree::Remark;

/// A place in a file.
pub struct Scanner<'a> {
    rest: &'a str,
    /// The line of the next character, counted from 1.
    pub line: usize,
}

/// What must be in quotes where it belongs to a text.
const RESERVED: &str = "$\"{}[]:=,+#`^?!@*&\\";

impl<'a> Scanner<'a> {
    /// The beginning of a file.
    pub fn new(text: &'a str) -> Scanner<'a> {
        Scanner { rest: text.strip_prefix('\u{feff}').unwrap_or(text), line: 1 }
    }

    /// The next character.
    pub fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Whether a text comes next.
    pub fn sees(&self, text: &str) -> bool {
        self.rest.starts_with(text)
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a str {
        self.rest
    }

    /// Goes past the next character.
    pub fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.rest = &self.rest[c.len_utf8()..];
        self.line += usize::from(c == '\n');
        Some(c)
    }

    /// Goes past a text if it comes next.
    pub fn take(&mut self, text: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(text) else { return false };
        self.line += text.matches('\n').count();
        self.rest = rest;
        true
    }

    /// Goes past blanks of the line; gives them.
    pub fn blanks(&mut self) -> &'a str {
        let is_blank = |c: char| c != '\n' && (c.is_whitespace() || c == '\u{feff}');
        let end = self.rest.find(|c| !is_blank(c)).unwrap_or(self.rest.len());
        let (blanks, rest) = self.rest.split_at(end);
        self.rest = rest;
        blanks
    }

    /// Goes past blanks, comments and ends of lines; tells whether a line has ended.
    pub fn blanks_and_lines(&mut self) -> bool {
        let line = self.line;
        loop {
            self.blanks();
            if self.sees("#") || self.sees("//") {
                let end = self.rest.find('\n').unwrap_or(self.rest.len());
                self.rest = &self.rest[end..];
            } else if !self.take("\n") {
                return self.line > line;
            }
        }
    }

    /// A remark about the line of the next character.
    pub fn wrong<T>(&self, what: impl Into<String>) -> Result<T, Remark> {
        Err(Remark::new(self.line, what))
    }

    /// What comes next, for messages.
    pub fn shown(&self) -> String {
        match self.peek() {
            None => "the end of the file".to_owned(),
            Some('\n') => "the end of the line".to_owned(),
            Some(c) => format!("`{c}`"),
        }
    }

    /// Reads an unquoted text up to a blank, a reserved character, a comment, or one of these; it may be empty.
    pub fn unquoted(&mut self, also: &[char]) -> &'a str {
        let ends = |(at, c): &(usize, char)| {
            c.is_whitespace() || RESERVED.contains(*c) || also.contains(c) || self.rest[*at..].starts_with("//")
        };
        let end = self.rest.char_indices().find(ends).map_or(self.rest.len(), |(at, _)| at);
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        text
    }

    /// Reads a quoted text, whose opening quote comes next: in one quote as in JSON, or in three quotes as it stands.
    pub fn quoted(&mut self) -> Result<String, Remark> {
        let begin = self.line;
        if self.take("\"\"\"") {
            return match self.rest.find("\"\"\"") {
                Some(end) => {
                    // Quotes beyond the last three belong to the text.
                    let more = self.rest[end + 3..].bytes().take_while(|b| *b == b'"').count();
                    let text = &self.rest[..end + more];
                    self.line += text.matches('\n').count();
                    self.rest = &self.rest[end + more + 3..];
                    Ok(text.to_owned())
                }
                None => Err(Remark::new(begin, "a text in three quotes does not end")),
            };
        }
        self.take("\"");
        let mut text = String::new();
        loop {
            match self.peek() {
                None | Some('\n') => return Err(Remark::new(begin, "a quoted text does not end on its line")),
                Some('"') => {
                    self.next();
                    return Ok(text);
                }
                Some('\\') => {
                    self.next();
                    text.push(self.escape()?);
                }
                Some(c) => {
                    self.next();
                    text.push(c);
                }
            }
        }
    }

    /// Reads an escape of JSON behind its backslash.
    fn escape(&mut self) -> Result<char, Remark> {
        let c = self.next();
        Ok(match c {
            Some('"' | '\\' | '/') => c.unwrap_or_default(),
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => {
                let mut unit = self.code_unit()?;
                // A character beyond the first 65,536 is written as two units.
                if (0xd800..0xdc00).contains(&unit) && self.take("\\u") {
                    let low = self.code_unit()?;
                    unit = 0x10000 + ((unit - 0xd800) << 10) + (low.wrapping_sub(0xdc00) & 0x3ff);
                }
                char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => return self.wrong("a backslash in a quoted text is written as \\\\"),
        })
    }

    fn code_unit(&mut self) -> Result<u32, Remark> {
        let digits = self.rest.get(..4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let unit = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let Some(unit) = unit else { return self.wrong("four hexadecimal digits must follow \\u") };
        self.rest = &self.rest[4..];
        Ok(unit)
    }
}
