//! Which format a file has, by its content, and where that is not enough by its name.

use super::tree::{Node, Remark};
use super::{aws, cloudformation, elasticmq, hocon, terraform, yaml};
use crate::config::SettingError;
use std::fmt;
use std::str::FromStr;

/// A format of foreign files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// ElasticMQ's configuration, in HOCON.
    ElasticMq,
    /// Answers of `aws sqs`, in JSON.
    Aws,
    /// A template of CloudFormation, in JSON or YAML.
    CloudFormation,
    /// A state of Terraform, in JSON.
    Terraform,
}

impl Format {
    /// All of them.
    pub const ALL: [Format; 4] = [Format::ElasticMq, Format::Aws, Format::CloudFormation, Format::Terraform];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Format::ElasticMq => "elasticmq",
            Format::Aws => "aws",
            Format::CloudFormation => "cloudformation",
            Format::Terraform => "terraform",
        }
    }

    /// Recognises a file.
    ///
    /// # Errors
    /// When it may be none of them.
    pub(super) fn of(name: &str, text: &str) -> Result<Format, Remark> {
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
        let begin = text.trim_start_matches('\u{feff}').trim_start();
        if matches!(extension.as_str(), "conf" | "hocon") {
            return Ok(Format::ElasticMq);
        }
        if begin.starts_with(['{', '[']) {
            // ElasticMQ's may be written as JSON too, with its braces.
            let document =
                hocon::read_json(text).or_else(|_| hocon::read(text, &|_| None).map(|file| vec![file.root]))?;
            let is = |looks_like_it: fn(&Node) -> bool| document.iter().any(looks_like_it);
            return match () {
                () if is(cloudformation::looks_like_it) => Ok(Format::CloudFormation),
                () if is(terraform::looks_like_it) => Ok(Format::Terraform),
                () if is(aws::looks_like_it) => Ok(Format::Aws),
                () if is(elasticmq::looks_like_it) => Ok(Format::ElasticMq),
                () => Err(Remark::new(1, unknown())),
            };
        }
        let of_template = |line: &str| line.starts_with("Resources:") || line.starts_with("AWSTemplateFormatVersion");
        if matches!(extension.as_str(), "yaml" | "yml" | "template") || text.lines().any(of_template) {
            return Ok(Format::CloudFormation);
        }
        match hocon::read(text, &|_| Some(String::new())) {
            Ok(file) if elasticmq::looks_like_it(&file.root) => Ok(Format::ElasticMq),
            _ => Err(Remark::new(1, unknown())),
        }
    }
}

fn unknown() -> String {
    let names: Vec<_> = Format::ALL.iter().map(|format| format.name()).collect();
    format!("which format this is cannot be told; say it with --format: {}", names.join(", "))
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Format, SettingError> {
        Format::ALL.into_iter().find(|format| format.name() == text).ok_or_else(|| {
            let names: Vec<_> = Format::ALL.iter().map(|format| format.name()).collect();
            SettingError::new(format!("`{text}` is none of {}", names.join(", ")))
        })
    }
}

/// Reads JSON or YAML, whichever it is.
pub(super) fn json_or_yaml(text: &str) -> Result<Node, Remark> {
    match text.trim_start_matches('\u{feff}').trim_start().starts_with('{') {
        true => hocon::read_json(text).and_then(only_one).or_else(|error| yaml::read(text).map_err(|_| error)),
        false => yaml::read(text),
    }
}

/// The one value of a file that has only one.
pub(super) fn only_one(values: Vec<Node>) -> Result<Node, Remark> {
    match <[Node; 1]>::try_from(values) {
        Ok([one]) => Ok(one),
        Err(values) => {
            let line = values.get(1).map_or(1, |node| node.line);
            Err(Remark::new(line, format!("one object of JSON is wanted, not {}", values.len())))
        }
    }
}
