//! HOCON, the language of ElasticMQ's configuration, and JSON, which is a part of it.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `scan.rs` | characters with their lines; quoted and unquoted texts |
//! | `parse.rs` | the grammar: fields, objects, lists, values put together of several parts |
//! | `resolve.rs` | what fields of one path become together, and what substitutions stand for |
//!
//! Read is what configuration files use: comments, `=`, `:` and neither before an object, paths as keys, merging, texts
//! in one and in three quotes, substitutions of paths and of environment variables, and `+=`. Other files are not read:
//! an `include` is told to the caller.

mod parse;
mod resolve;
mod scan;

pub use parse::Include;

use super::tree::{Node, Remark};
use std::collections::BTreeSet;

/// A file, with its substitutions filled in.
#[derive(Debug)]
pub struct Document {
    /// All of it: a map.
    pub root: Node,
    /// The other files that it asks for.
    pub includes: Vec<Include>,
    /// The first keys of the paths that substitutions ask for.
    pub referred: BTreeSet<String>,
}

/// Reads a file of HOCON. Substitutions that no path of the file answers are looked up among variables.
///
/// # Errors
/// The first thing that is wrong.
pub fn read(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Document, Remark> {
    let parse::File { fields, includes, referred } = parse::file(text)?;
    Ok(Document { root: resolve::resolve(fields, variable)?, includes, referred })
}

/// Reads JSON: one value, or several one after the other as several runs of a command write them.
///
/// # Errors
/// The first thing that is wrong.
pub fn read_json(text: &str) -> Result<Vec<Node>, Remark> {
    parse::json(text)?.into_iter().map(resolve::of_json).collect()
}

#[cfg(test)]
mod tests;
