//! How far the scripts are that run at the start, as LocalStack tells it at `/_localstack/init`.

use serde_json::{Value, json};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How far a script is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitScriptState {
    /// It has not begun.
    Unknown,
    /// It is running.
    Running,
    /// It ended well.
    Successful,
    /// It ended badly, or could not be begun.
    Error,
}

/// The scripts of a server; none if there are none to run.
#[derive(Debug, Default)]
pub struct InitScripts {
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    scripts: Vec<(String, InitScriptState)>,
    is_under_way: bool,
}

/// Where LocalStack's own scripts are in the life of a server, and whether that is behind it once it answers.
const OTHER_STAGES: [(&str, bool); 3] = [("BOOT", true), ("START", true), ("SHUTDOWN", false)];
/// The stage whose scripts are run.
const READY: &str = "READY";

impl InitScripts {
    /// Scripts of these names will be run.
    pub fn begin(&self, names: Vec<String>) {
        let scripts = names.into_iter().map(|name| (name, InitScriptState::Unknown)).collect();
        *self.told() = Told { scripts, is_under_way: true };
    }

    /// A script has come so far.
    pub fn set(&self, index: usize, state: InitScriptState) {
        if let Some((_, now)) = self.told().scripts.get_mut(index) {
            *now = state;
        }
    }

    /// All have ended.
    pub fn end(&self) {
        self.told().is_under_way = false;
    }

    /// What LocalStack answers, of all stages or of one; none if there is no such stage.
    pub(super) fn answer(&self, stage: Option<&str>) -> Option<Value> {
        let told = self.told();
        let state = |state| match state {
            InitScriptState::Unknown => "UNKNOWN",
            InitScriptState::Running => "RUNNING",
            InitScriptState::Successful => "SUCCESSFUL",
            InitScriptState::Error => "ERROR",
        };
        let script = |(name, now): &(String, _)| json!({"stage": READY, "name": name, "state": state(*now)});
        let scripts: Vec<Value> = told.scripts.iter().map(script).collect();
        let is_completed = |stage: &str| {
            let other = OTHER_STAGES.iter().find(|(name, _)| name.eq_ignore_ascii_case(stage)).map(|(_, done)| *done);
            other.or(stage.eq_ignore_ascii_case(READY).then_some(!told.is_under_way))
        };
        let Some(stage) = stage else {
            let stages = OTHER_STAGES.iter().map(|(name, _)| *name).chain([READY]);
            let completed: Value = stages.map(|stage| (stage.to_owned(), json!(is_completed(stage)))).collect();
            return Some(json!({"completed": completed, "scripts": scripts}));
        };
        let completed = is_completed(stage)?;
        let scripts = if stage.eq_ignore_ascii_case(READY) { scripts } else { Vec::new() };
        Some(json!({"completed": completed, "scripts": scripts}))
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stage_is_told_with_its_scripts() {
        let scripts = InitScripts::default();
        assert_eq!(scripts.answer(Some("ready")).unwrap(), json!({"completed": true, "scripts": []}));
        scripts.begin(vec!["a.sh".to_owned(), "b.py".to_owned()]);
        scripts.set(0, InitScriptState::Error);
        scripts.set(1, InitScriptState::Running);
        scripts.set(7, InitScriptState::Running);
        let both = json!([
            {"stage": "READY", "name": "a.sh", "state": "ERROR"},
            {"stage": "READY", "name": "b.py", "state": "RUNNING"},
        ]);
        let completed = json!({"BOOT": true, "START": true, "READY": false, "SHUTDOWN": false});
        assert_eq!(scripts.answer(None).unwrap(), json!({"completed": completed, "scripts": both}));
        scripts.end();
        assert_eq!(scripts.answer(Some("READY")).unwrap(), json!({"completed": true, "scripts": both}));
        assert_eq!(scripts.answer(Some("boot")).unwrap(), json!({"completed": true, "scripts": []}));
        assert_eq!(scripts.answer(Some("noon")), None);
    }
}
