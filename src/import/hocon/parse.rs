//! The grammar of HOCON: fields, objects, lists, and values that are put together of several parts.

use super::super::tree::{DEPTH_MAX, Remark, shortened};
use super::scan::Scanner;
use std::collections::BTreeSet;

/// A value by its key.
#[derive(Debug)]
pub struct Field {
    pub key: String,
    pub line: usize,
    pub value: Parts,
    /// Whether it is put behind the list that is there, as by `+=`.
    pub appends: bool,
}

/// A value as it is written: one part, or several in a row.
#[derive(Debug)]
pub struct Parts {
    pub line: usize,
    pub parts: Vec<Part>,
}

/// A part of a value.
#[derive(Debug)]
pub enum Part {
    Null,
    Text(String),
    /// Blanks between two parts, which count between texts.
    Blanks(String),
    Substitution {
        path: Vec<String>,
        line: usize,
        is_optional: bool,
    },
    List(Vec<Parts>),
    Map(Vec<Field>),
}

/// Another file that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Include {
    /// The line.
    pub line: usize,
    /// As it is written behind `include`.
    pub what: String,
}

/// A whole file.
pub struct File {
    pub fields: Vec<Field>,
    pub includes: Vec<Include>,
    /// The first keys of the paths of its substitutions.
    pub referred: BTreeSet<String>,
}

/// Reads a whole file: an object, whose braces may be left out.
pub fn file(text: &str) -> Result<File, Remark> {
    let mut parser = Parser::new(text);
    parser.scanner.blanks_and_lines();
    let fields = if parser.scanner.take("{") {
        let fields = parser.fields(Some('}'))?;
        parser.scanner.take("}");
        fields
    } else {
        parser.fields(None)?
    };
    parser.scanner.blanks_and_lines();
    match parser.scanner.peek() {
        None => Ok(File { fields, includes: parser.includes, referred: parser.referred }),
        Some(_) => {
            parser.scanner.wrong(format!("{} does not belong here; is a brace missing?", parser.scanner.shown()))
        }
    }
}

/// Reads objects and lists of JSON, one after the other.
pub fn json(text: &str) -> Result<Vec<Parts>, Remark> {
    let mut parser = Parser::new(text);
    let mut values = Vec::new();
    loop {
        parser.scanner.blanks_and_lines();
        let line = parser.scanner.line;
        match parser.scanner.peek() {
            None => return Ok(values),
            Some('{' | '[') => values.push(Parts { line, parts: vec![parser.bracketed()?] }),
            Some(_) => return parser.scanner.wrong(format!("{} is not the beginning of JSON", parser.scanner.shown())),
        }
    }
}

struct Parser<'a> {
    scanner: Scanner<'a>,
    includes: Vec<Include>,
    referred: BTreeSet<String>,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Parser<'a> {
        Parser { scanner: Scanner::new(text), includes: Vec::new(), referred: BTreeSet::new(), depth: 0 }
    }

    /// What comes next fits nowhere.
    fn unexpected<T>(&self) -> Result<T, Remark> {
        let why =
            if matches!(self.scanner.peek(), Some('}' | ']')) { "it closes nothing that is open" } else { QUOTES };
        self.scanner.wrong(format!("{} does not belong here; {why}", self.scanner.shown()))
    }

    /// Reads an object or a list, whose opening bracket comes next.
    fn bracketed(&mut self) -> Result<Part, Remark> {
        if self.depth == DEPTH_MAX {
            return self.scanner.wrong(TOO_DEEP);
        }
        self.depth += 1;
        let begin = self.scanner.line;
        let (part, close) = match self.scanner.next() {
            Some('{') => (Part::Map(self.fields(Some('}'))?), "}"),
            _ => (Part::List(self.elements()?), "]"),
        };
        self.depth -= 1;
        match self.scanner.take(close) {
            true => Ok(part),
            false => Err(Remark::new(begin, format!("the bracket that is opened here is not closed by `{close}`"))),
        }
    }

    /// Reads fields up to a closing brace, which stays, or to the end.
    fn fields(&mut self, close: Option<char>) -> Result<Vec<Field>, Remark> {
        let mut fields = Vec::new();
        loop {
            self.scanner.blanks_and_lines();
            if self.scanner.peek().is_none() || self.scanner.peek() == close {
                return Ok(fields);
            }
            if !self.include()? {
                fields.push(self.field()?);
            }
            let ended = self.scanner.blanks_and_lines();
            let parted = self.scanner.take(",");
            if !ended && !parted && self.scanner.peek().is_some() && self.scanner.peek() != close {
                return self.unexpected();
            }
        }
    }

    fn elements(&mut self) -> Result<Vec<Parts>, Remark> {
        let mut elements = Vec::new();
        loop {
            self.scanner.blanks_and_lines();
            if matches!(self.scanner.peek(), None | Some(']')) {
                return Ok(elements);
            }
            elements.push(self.value()?);
            let ended = self.scanner.blanks_and_lines();
            let parted = self.scanner.take(",");
            if !ended && !parted && !matches!(self.scanner.peek(), None | Some(']')) {
                return self.unexpected();
            }
        }
    }

    /// Reads `include "file"`, `include classpath("file")` and the like, if that comes next.
    fn include(&mut self) -> Result<bool, Remark> {
        let line = self.scanner.line;
        let Some(rest) = self.scanner.rest().strip_prefix("include") else { return Ok(false) };
        let what = rest.trim_start_matches([' ', '\t']);
        let known = ["\"", "classpath(", "file(", "url(", "required("];
        if what.len() == rest.len() || !known.iter().any(|begin| what.starts_with(begin)) {
            return Ok(false);
        }
        self.scanner.take("include");
        self.scanner.blanks();
        let begin = self.scanner.rest();
        let word = self.scanner.unquoted(&['(', ')']);
        let mut open = 0;
        while self.scanner.take("(") {
            open += 1;
            self.scanner.unquoted(&['(', ')']);
        }
        if !self.scanner.sees("\"") {
            return self.scanner.wrong(format!("behind `include {word}` a file in quotes is wanted"));
        }
        self.scanner.quoted()?;
        for _ in 0..open {
            if !self.scanner.take(")") {
                return self.scanner.wrong("the file of an include is not followed by `)`");
            }
        }
        let end = begin.len() - self.scanner.rest().len();
        self.includes.push(Include { line, what: shortened(&begin[..end]) });
        Ok(true)
    }

    fn field(&mut self) -> Result<Field, Remark> {
        let line = self.scanner.line;
        let path = self.path(&[])?;
        self.scanner.blanks();
        let appends = self.scanner.take("+=");
        if !appends && !self.scanner.take("=") && !self.scanner.take(":") && !self.scanner.sees("{") {
            let key = shortened(&path.join("."));
            return self
                .scanner
                .wrong(format!("`=` or `{{` must follow the key `{key}`, not {}", self.scanner.shown()));
        }
        self.scanner.blanks_and_lines();
        // Each key but the last is an object around the next.
        self.depth += path.len() - 1;
        if self.depth > DEPTH_MAX {
            return self.scanner.wrong(TOO_DEEP);
        }
        let value = self.value()?;
        self.depth -= path.len() - 1;
        let mut keys = path.into_iter().rev();
        let last = Field { key: keys.next().unwrap_or_default(), line, value, appends };
        Ok(keys.fold(last, |field, key| {
            let value = Parts { line, parts: vec![Part::Map(vec![field])] };
            Field { key, line, value, appends: false }
        }))
    }

    /// Reads keys with dots between; inside of quotes dots belong to the key.
    fn path(&mut self, also: &[char]) -> Result<Vec<String>, Remark> {
        let ends: Vec<char> = also.iter().copied().chain(['.']).collect();
        let mut path = Vec::new();
        let mut key = String::new();
        let mut is_there = false;
        loop {
            let text = self.scanner.unquoted(&ends);
            key.push_str(text);
            is_there |= !text.is_empty();
            if self.scanner.sees("\"") {
                key.push_str(&self.scanner.quoted()?);
                is_there = true;
                continue;
            }
            let blanks = self.scanner.blanks();
            let goes_on = self.scanner.peek().is_some_and(|c| c == '"' || c.is_alphanumeric() || "-_".contains(c));
            if !blanks.is_empty() && goes_on {
                key.push_str(blanks);
                continue;
            }
            if !is_there {
                return self.scanner.wrong(format!("a key is wanted, not {}", self.scanner.shown()));
            }
            path.push(std::mem::take(&mut key));
            is_there = false;
            if path.len() > DEPTH_MAX {
                return self.scanner.wrong(TOO_DEEP);
            }
            if !self.scanner.take(".") {
                return Ok(path);
            }
        }
    }

    /// Reads a value: parts up to the end of the line, a comma, a bracket or a comment.
    fn value(&mut self) -> Result<Parts, Remark> {
        let line = self.scanner.line;
        let mut parts = Vec::new();
        loop {
            let blanks = self.scanner.blanks();
            let part = match self.scanner.peek() {
                None | Some('\n' | ',' | '}' | ']' | '#') => break,
                _ if self.scanner.sees("//") => break,
                Some('{' | '[') => self.bracketed()?,
                Some('"') => Part::Text(self.scanner.quoted()?),
                Some('$') => self.substitution()?,
                Some(_) => match self.scanner.unquoted(&[]) {
                    "" => {
                        return self.unexpected();
                    }
                    "null" => Part::Null,
                    text => Part::Text(text.to_owned()),
                },
            };
            if !blanks.is_empty() && !parts.is_empty() {
                parts.push(Part::Blanks(blanks.to_owned()));
            }
            parts.push(part);
        }
        match parts.is_empty() {
            true => self.scanner.wrong(format!("a value is wanted, not {}", self.scanner.shown())),
            false => Ok(Parts { line, parts }),
        }
    }

    /// Reads `${path}` or `${?path}`.
    fn substitution(&mut self) -> Result<Part, Remark> {
        let line = self.scanner.line;
        if !self.scanner.take("${") {
            return self.scanner.wrong(format!("`$` begins a substitution, as in ${{?PORT}}; {QUOTES}"));
        }
        let is_optional = self.scanner.take("?");
        self.scanner.blanks();
        let path = self.path(&['}'])?;
        self.referred.extend(path.first().cloned());
        match self.scanner.take("}") {
            true => Ok(Part::Substitution { path, line, is_optional }),
            false => self.scanner.wrong("a substitution ends with `}` on its line"),
        }
    }
}

/// What is said beyond [`DEPTH_MAX`].
const TOO_DEEP: &str = "objects and lists stand in one another too deeply";
/// What helps most when something does not fit.
const QUOTES: &str = "texts with other signs than letters, digits, `-`, `_`, `.` and `/` go in double quotes";
