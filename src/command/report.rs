//! `kew report`: what kew has noticed about the consumers, and whether that is bad enough to fail.

use super::client::{Failure, Target};
use super::control::{self, REFUSED};
use super::output;
use super::request::Request;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Level {
    /// Warnings and errors
    Warning,
    /// Errors only
    Error,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
    /// For CI systems: a test suite in XML, with a failure for each finding
    Junit,
}

impl Format {
    /// The format that the name of a file asks for.
    fn of_file(path: &Path) -> Format {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => Format::Json,
            Some("xml") => Format::Junit,
            _ => Format::Text,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Format::Text => "text",
            Format::Json => "json",
            Format::Junit => "junit",
        }
    }
}

/// Flags of `kew report`.
#[derive(Args, Debug)]
pub struct ReportArgs {
    /// End with exit code 1 if there is a finding that is so bad
    #[arg(long, value_name = "LEVEL")]
    fail_on: Option<Level>,
    /// How it is written [default: text, or what the name of --output says: .json, .xml]
    #[arg(long)]
    format: Option<Format>,
    /// Write it to this file in place of standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// The report of a kew in a format.
async fn fetch(target: &Target, format: Format) -> Result<Result<String, (u8, String)>, Failure> {
    let request = Request::get(&["report"], &json!({ "format": format.name() }));
    let answer = target.send(&request, control::accept(format == Format::Json)).await?;
    let status = answer.status;
    let text = answer.text().await?;
    Ok(if status == 200 { Ok(text) } else { Err((control::refusal_code(status), text)) })
}

/// Whether a report, in JSON, has a finding that is so bad.
fn is_bad(report: &str, level: Level) -> bool {
    let report: Value = serde_json::from_str(report).unwrap_or_default();
    let levels = report["findings"].as_array().into_iter().flatten();
    let levels = levels.filter_map(|finding| Level::from_str(finding["level"].as_str()?, true).ok());
    levels.max().is_some_and(|worst| worst >= level)
}

/// Shows the report, and says by the exit code whether it is bad.
pub fn report(target: &Target, args: &ReportArgs, json: bool) -> Result<ExitCode, String> {
    let by_name = args.output.as_deref().map(Format::of_file);
    let format = args.format.or(json.then_some(Format::Json)).or(by_name).unwrap_or_default();
    control::run(async {
        let text = match fetch(target, format).await? {
            Ok(text) => text,
            Err((code, refusal)) => {
                output::print_beside(&format!("kew: {refusal}"));
                return Ok(ExitCode::from(code));
            }
        };
        match &args.output {
            Some(path) => std::fs::write(path, text).map_err(|error| cannot_write(path, &error))?,
            None => output::print(&text),
        }
        let Some(level) = args.fail_on else { return Ok(ExitCode::SUCCESS) };
        let findings = fetch(target, Format::Json).await?.unwrap_or_default();
        Ok(if is_bad(&findings, level) { ExitCode::from(REFUSED) } else { ExitCode::SUCCESS })
    })
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Usage(format!("{}: cannot be written: {error}", path.display()))
}

/// What `kew run` does with the report when its command has ended: shows it on standard error, writes it to a file, and tells
/// whether it is bad.
pub async fn at_the_end(target: &Target, file: Option<&Path>, fail_on: Option<Level>) -> Result<bool, Failure> {
    match fetch(target, Format::Text).await? {
        Ok(text) => output::print_beside(&text),
        Err((_, refusal)) => {
            output::print_beside(&format!("kew: no report: {refusal}"));
            return Ok(fail_on.is_some());
        }
    }
    if let Some(path) = file {
        let text = fetch(target, Format::of_file(path)).await?.unwrap_or_default();
        std::fs::write(path, text).map_err(|error| cannot_write(path, &error))?;
    }
    let Some(level) = fail_on else { return Ok(false) };
    let findings = fetch(target, Format::Json).await?.unwrap_or_default();
    Ok(is_bad(&findings, level))
}
