//! A rule about faults, as it stands in the file: what it says is read where faults are known.

use serde_json::Value;

/// A rule about faults that is there when the server starts: the members that `POST /_kew/faults` takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultConfig {
    /// Where it stands: file and line, or nothing if code says it.
    pub place: String,
    /// What it says.
    pub rule: Value,
}

impl FaultConfig {
    /// A rule that code says.
    pub fn new(rule: Value) -> FaultConfig {
        FaultConfig { place: String::new(), rule }
    }
}
