//! Other people's configuration: a text goes in, kew's settings and queues come out, and remarks about what is not
//! taken over.
//!
//! | file | what it holds, from the bottom up |
//! | --- | --- |
//! | `tree.rs` | what all readers give: values that know their line; remarks |
//! | `hocon/` `yaml.rs` | the readers: HOCON, of which JSON is a part; YAML |
//! | `draft.rs` | what has been found: settings, queues, remarks |
//! | `elasticmq.rs` `aws.rs` `cloudformation.rs` `terraform.rs` | one format each: what its keys are in kew |
//! | `format.rs` | which format a file has |
//! | `written.rs` | kew's own file, written |
//!
//! **Invariant:** nothing here reads a file or a variable by itself, or prints. No key is dropped without a remark, but
//! those that say what kew says by itself, such as the time at which a queue was created.

mod aws;
mod cloudformation;
mod draft;
mod elasticmq;
mod format;
pub mod hocon;
mod terraform;
mod tree;
mod written;
pub mod yaml;

pub use format::Format;
pub use tree::{DEPTH_MAX, FILE_BYTES_MAX, Node, Remark};

use draft::{Draft, Finished};

/// What was taken over from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// What the file is.
    pub format: Format,
    /// The same as a file of kew, which `--config` reads.
    pub toml: String,
    /// How many queues there are.
    pub queues: usize,
    /// What is not taken over: the lines, and what would be right.
    pub remarks: Vec<(Vec<usize>, String)>,
}

/// Reads a file in any of the formats. Its name tells the format where the content alone does not; variables are those
/// that substitutions of HOCON may ask for.
///
/// # Errors
/// The first thing that cannot be read or taken over.
pub fn import(
    name: &str,
    text: &str,
    format: Option<Format>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Imported, Remark> {
    if text.len() > FILE_BYTES_MAX {
        return Err(Remark::new(1, format!("a file of at most {FILE_BYTES_MAX} bytes is read")));
    }
    let mut draft = Draft::default();
    let format = match format {
        Some(format) => format,
        None => Format::of(name, text)?,
    };
    match format {
        Format::ElasticMq => elasticmq::take_over(&hocon::read(text, variable)?, &mut draft)?,
        Format::Aws => aws::take_over(&hocon::read_json(text)?, &mut draft)?,
        Format::CloudFormation => cloudformation::take_over(&format::json_or_yaml(text)?, &mut draft)?,
        Format::Terraform => terraform::take_over(&format::only_one(hocon::read_json(text)?)?, &mut draft)?,
    }
    let Finished { settings, queues, remarks } = draft.finish()?;
    Ok(Imported { format, toml: written::toml(name, format, &settings, &queues), queues: queues.len(), remarks })
}

#[cfg(test)]
mod tests;
