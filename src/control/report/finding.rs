//! What a report says: one finding for each mistake and queue.

use std::fmt;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; a report with nothing worse is clean.
    Info,
    /// It will cost money, time or messages some day.
    Warning,
    /// Work was lost or done twice.
    Error,
}

impl Severity {
    /// Its name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A mistake that was found in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// `K1` to `K12`; a code never changes its meaning.
    pub code: &'static str,
    /// What the code stands for.
    pub title: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The name of the queue.
    pub queue: String,
    /// What happened, with numbers.
    pub summary: String,
    /// How many messages or requests it is about; 0 if it is about the settings.
    pub count: u64,
    /// The ids of up to three messages.
    pub examples: Vec<String>,
    /// What to change.
    pub advice: String,
    /// The code of another finding of the queue that is the cause of all of this.
    pub caused_by: Option<&'static str>,
}
