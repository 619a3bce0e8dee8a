//! `kew import`, and `--import`: other people's configuration.

use super::output;
use clap::Args;
use kew::internals::config::{Settings, read_text};
use kew::internals::import::{FILE_BYTES_MAX, Format, Imported, import};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What the help ends with.
pub const HELP_END: &str = "What is not taken over is named on standard error, with file and line.\n\n\
    Exit codes: 0 the file was read; 1 it cannot be read, or has a wrong value.";

/// Flags of `kew import`.
#[derive(Args, Debug)]
pub struct ImportArgs {
    /// The file: elasticmq.conf, answers of aws sqs, a template of CloudFormation, a state of Terraform; - is standard
    /// input
    #[arg(required_unless_present = "from_aws")]
    file: Option<PathBuf>,
    /// The same, but it must be of AWS: not of ElasticMQ
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    from_aws: Option<PathBuf>,
    /// What it is, if that cannot be told from its name and content
    #[arg(long, value_name = "elasticmq|aws|cloudformation|terraform")]
    format: Option<Format>,
}

/// Prints what was taken over, as the file that `--config` reads.
///
/// # Errors
/// When the file cannot be read, or has a wrong value.
pub fn show(args: &ImportArgs) -> Result<ExitCode, String> {
    let path = args.file.as_ref().or(args.from_aws.as_ref()).ok_or("which file?")?;
    let imported = read(path, args.format)?;
    if args.from_aws.is_some() && imported.format == Format::ElasticMq {
        return Err(format!("{}: this is of ElasticMQ, not of AWS: kew import {0}", path.display()));
    }
    for remark in remarks(path, &imported) {
        output::complain(&remark);
    }
    output::print(&imported.toml);
    Ok(ExitCode::SUCCESS)
}

/// The settings and queues of a file, and what is not taken over.
///
/// # Errors
/// As [`show`].
pub fn layer(path: &Path) -> Result<(Settings, Vec<String>), String> {
    let imported = read(path, None)?;
    // Read as it is printed, so that both are the same.
    let settings = read_text(path, &imported.toml).map_err(|error| error.to_string())?;
    Ok((settings, remarks(path, &imported)))
}

fn read(path: &Path, format: Option<Format>) -> Result<Imported, String> {
    let failed = |error: std::io::Error| format!("{}: cannot be read: {error}", path.display());
    let mut bytes = Vec::new();
    // One byte more, so that what is too large is noticed.
    let limit = FILE_BYTES_MAX as u64 + 1;
    match path.to_str() {
        Some("-") => std::io::stdin().take(limit).read_to_end(&mut bytes).map_err(failed)?,
        _ => std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)).map_err(failed)?,
    };
    let text = String::from_utf8(bytes).map_err(|_| format!("{}: is no text in UTF-8", path.display()))?;
    let variable = |name: &str| std::env::var(name).ok();
    import(&path.to_string_lossy(), &text, format, &variable).map_err(|error| format!("{}:{error}", path.display()))
}

fn remarks(path: &Path, imported: &Imported) -> Vec<String> {
    let place = |lines: &[usize]| {
        let shown: Vec<String> = lines.iter().take(LINES_SHOWN_MAX).map(ToString::to_string).collect();
        let more = if lines.len() > shown.len() { " and more" } else { "" };
        format!("{}:{}{more}", path.display(), shown.join(","))
    };
    imported.remarks.iter().map(|(lines, what)| format!("{}: {what}", place(lines))).collect()
}

/// Lines that one remark names at most.
const LINES_SHOWN_MAX: usize = 5;
