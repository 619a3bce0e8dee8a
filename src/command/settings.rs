//! All that a server is told, in its layers: arguments and kew's variables, LocalStack's variables, the file, a foreign
//! file.

use super::import;
use super::init_scripts::Scripts;
use kew::internals::config::{Settings, Understood, go_by_localstack};
use std::collections::BTreeMap;

/// The settings of all layers.
pub struct Told {
    /// What each layer says, one over the other.
    pub settings: Settings,
    /// What a foreign file says that kew does not do.
    left_out: Vec<String>,
    /// What was understood of LocalStack's variables.
    understood: Understood,
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
    Ok(Told { settings, left_out, understood, scripts })
}

impl Told {
    /// Tells the log what was understood, and what not.
    pub fn log(&self) {
        let Understood { gone_by, without_meaning } = &self.understood;
        for line in [gone_by, without_meaning].into_iter().filter(|line| !line.is_empty()) {
            tracing::info!("{line}");
        }
        for line in &self.left_out {
            tracing::warn!("{line}");
        }
    }
}
