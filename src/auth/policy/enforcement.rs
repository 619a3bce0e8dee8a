//! What a server does with the decisions of its policies, what it has denied, and what was used.

use super::usage::Usage;
use crate::api::Operation;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is done with a denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The request is refused.
    Enforce,
    /// It is logged and counted, and the request is carried out; unless nobody signed it.
    Warn,
}

/// What a server does with decisions, and what it remembers of them.
#[derive(Debug)]
pub struct Enforcement {
    mode: Mode,
    usage: Mutex<Usage>,
    denied: Vec<AtomicU64>,
}

impl Enforcement {
    /// Nothing denied and nothing used so far.
    pub fn new(mode: Mode) -> Enforcement {
        Enforcement {
            mode,
            usage: Mutex::default(),
            denied: Operation::ALL.iter().map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// What is done with a denial.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// What was used.
    pub fn usage(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a denial of the permission for an action.
    pub fn count_denied(&self, action: Operation) {
        if let Some(count) = self.denied.get(action as usize) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// How often each action was denied, or with [`Mode::Warn`] would have been: those that ever were.
    pub fn denied(&self) -> impl Iterator<Item = (Operation, u64)> {
        let counted = Operation::ALL.iter().zip(&self.denied).map(|(action, count)| (*action, count.load(Relaxed)));
        counted.filter(|(_, count)| *count > 0)
    }
}
