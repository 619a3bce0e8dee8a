//! `kew report`: what kew has noticed about the consumers, and whether that is bad enough to fail.

use super::client::{Failure, Target};
use super::control::{self, REFUSED};
use super::output;
use super::request::Request;
use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::Value;
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
    /// SARIF 2.1.0
    Sarif,
    /// Commands of GitHub Actions, which show each finding beside the run
    Github,
}

impl Format {
    /// The format that the name of a file asks for.
    fn of_file(path: &Path) -> Format {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => Format::Json,
            Some("xml") => Format::Junit,
            Some("sarif") => Format::Sarif,
            _ => Format::Text,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Format::Text => "text",
            Format::Json => "json",
            Format::Junit => "junit",
            Format::Sarif => "sarif",
            Format::Github => "github",
        }
    }
}

/// What a report is about.
#[derive(Args, Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct About {
    /// Only this queue
    #[arg(long)]
    queue: Option<String>,
    /// The timeout of the Lambda function that reads the queues, to compare visibility timeouts with it
    #[arg(long, value_name = "DURATION")]
    lambda_timeout: Option<String>,
    /// Codes that are left out, as in K4,K6
    #[arg(long, value_name = "CODES")]
    ignore: Option<String>,
}

impl About {
    /// All queues, without some codes.
    pub fn all_but(ignore: Option<String>) -> About {
        About { ignore, ..About::default() }
    }
}

/// Flags of `kew report`.
#[derive(Args, Debug)]
pub struct ReportArgs {
    #[command(flatten)]
    about: About,
    /// End with exit code 1 if there is a finding that is so bad
    #[arg(long, value_name = "LEVEL")]
    fail_on: Option<Level>,
    /// How it is written [default: text, or what the name of --output says: .json, .xml, .sarif]
    #[arg(long)]
    format: Option<Format>,
    /// Write it to this file in place of standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// A report as it was written, or the exit code and the text of a refusal.
type Fetched = Result<String, (u8, String)>;

async fn fetch(target: &Target, about: &About, format: Format) -> Result<Fetched, Failure> {
    #[derive(Serialize)]
    struct Input<'a> {
        #[serde(flatten)]
        about: &'a About,
        format: &'static str,
    }
    let request = Request::get(&["report"], &Input { about, format: format.name() });
    let answer = target.send(&request, control::accept(format == Format::Json)).await?;
    let status = answer.status;
    let text = answer.text().await?;
    Ok(if status == 200 { Ok(text) } else { Err((control::refusal_code(status), text)) })
}

/// Whether there is a finding that is so bad.
async fn is_bad(target: &Target, about: &About, level: Level) -> Result<bool, Failure> {
    let report = fetch(target, about, Format::Json).await?.unwrap_or_default();
    let report: Value = serde_json::from_str(&report).unwrap_or_default();
    // Not worth a failure are those of the level `info`.
    let worst = report["worst"].as_str().and_then(|worst| Level::from_str(worst, true).ok());
    Ok(worst.is_some_and(|worst| worst >= level))
}

/// Shows the report, and says by the exit code whether it is bad.
pub fn report(target: &Target, args: &ReportArgs, json: bool) -> Result<ExitCode, String> {
    let by_name = args.output.as_deref().map(Format::of_file);
    let format = args.format.or(json.then_some(Format::Json)).or(by_name).unwrap_or_default();
    control::run(async {
        let text = match fetch(target, &args.about, format).await? {
            Ok(text) => text,
            Err((code, refusal)) => {
                output::tell(&refusal);
                return Ok(ExitCode::from(code));
            }
        };
        match &args.output {
            Some(path) => std::fs::write(path, text).map_err(|error| cannot_write(path, &error))?,
            None => output::print(&text),
        }
        let Some(level) = args.fail_on else { return Ok(ExitCode::SUCCESS) };
        let bad = is_bad(target, &args.about, level).await?;
        Ok(if bad { ExitCode::from(REFUSED) } else { ExitCode::SUCCESS })
    })
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Usage(format!("{}: cannot be written: {error}", path.display()))
}

/// What `kew run` does with the report when its command has ended: shows it on standard error, writes it to a file, and tells
/// whether it is as bad as said.
pub async fn at_the_end(
    target: &Target,
    about: &About,
    file: Option<&Path>,
    fail_on: Option<Level>,
) -> Result<bool, Failure> {
    match fetch(target, about, Format::Text).await? {
        Ok(text) => output::tell(&text),
        Err((_, refusal)) => {
            output::tell(&format!("no report: {refusal}"));
            return Ok(fail_on.is_some());
        }
    }
    if let Some(path) = file {
        let text = fetch(target, about, Format::of_file(path)).await?.unwrap_or_default();
        std::fs::write(path, text).map_err(|error| cannot_write(path, &error))?;
    }
    match fail_on {
        Some(level) => is_bad(target, about, level).await,
        None => Ok(false),
    }
}
