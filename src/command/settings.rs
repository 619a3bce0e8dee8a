//! All that a server is told, in its layers: arguments and kew's variables, LocalStack's variables, the file, a foreign
//! file.

use super::client::Target;
use super::import;
use super::init_scripts::Scripts;
use clap::{Arg, Args, Command};
use kew::PolicyMode;
use kew::internals::config::{Settings, Understood, go_by_localstack};
use kew::internals::control::nearest;
use std::collections::BTreeMap;

/// What the names of kew's variables begin with.
const PREFIX: &str = "KEW_";
/// What follows it in the name of the one variable that no argument reads.
const TIMEOUT_FACTOR: &str = "TIMEOUT_FACTOR";

/// The settings of all layers.
pub struct Told {
    /// What each layer says, one over the other.
    pub settings: Settings,
    /// What a foreign file says that kew does not do.
    left_out: Vec<String>,
    /// What was understood of LocalStack's variables.
    understood: Understood,
    /// Variables that are nearly kew's.
    misspelt: Vec<String>,
    /// What is to be run at the start.
    pub scripts: Option<Scripts>,
}

/// Reads the files that settings name, and the variables that they ask for.
///
/// # Errors
/// One line that says what is wrong and what would be right.
pub fn read(settings: Settings) -> Result<Told, String> {
    let (mut settings, left_out) = match settings.import.clone() {
        Some(path) => {
            let (imported, left_out) = import::layer(&path)?;
            (settings.over_file()?.over(imported), left_out)
        }
        None => (settings.over_file()?, Vec::new()),
    };
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
    };
    let variables: BTreeMap<String, String> = std::env::vars_os().map(text).collect();
    let understood = go_by_localstack(&mut settings, &variables)?;
    let scripts = settings.init_scripts.as_ref().map(|dir| Scripts::find(&dir.0)).transpose()?;
    let misspelt = misspelt(variables.keys());
    Ok(Told { settings, left_out, understood, misspelt, scripts })
}

/// A sentence for each variable that is nearly one of kew's. What else begins like them may be anybody's: Kubernetes sets
/// `KEW_SERVICE_HOST` where there is a service named kew.
fn misspelt<'a>(names: impl Iterator<Item = &'a String>) -> Vec<String> {
    let command = Target::augment_args(Settings::augment_args(Command::new("kew")));
    let read = command.get_arguments().filter_map(Arg::get_env).filter_map(|name| name.to_str()?.strip_prefix(PREFIX));
    let known: Vec<&str> = read.chain([TIMEOUT_FACTOR]).collect();
    let unknown = names.filter_map(|name| name.strip_prefix(PREFIX)).filter(|name| !known.contains(name));
    let near = unknown.filter_map(|name| Some((name, nearest(name, known.iter().copied())?)));
    near.map(|(name, near)| format!("{PREFIX}{name} is no variable of kew; is {PREFIX}{near} meant?")).collect()
}

impl Told {
    /// Refuses settings that promise more than they hold together.
    ///
    /// # Errors
    /// One line that says what would be right.
    pub fn check(&self) -> Result<(), String> {
        let Settings { policies, credentials, .. } = &self.settings;
        match (policies, credentials) {
            (Some(PolicyMode::Enforce | PolicyMode::Warn), None) => {
                Err("policies are asked only where it is known who asks: --policies needs --credentials FILE"
                    .to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Tells the log what was understood, and what not.
    pub fn log(&self) {
        let Understood { gone_by, without_meaning } = &self.understood;
        for line in [gone_by, without_meaning].into_iter().filter(|line| !line.is_empty()) {
            tracing::info!("{line}");
        }
        for line in self.left_out.iter().chain(&self.misspelt) {
            tracing::warn!("{line}");
        }
    }
}
