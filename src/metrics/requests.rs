//! Requests to SQS, counted by action and outcome; how long they took is measured once somebody has read it.

use crate::api::Operation;
use crate::error::ErrorKind;
use crate::histogram::{Histogram, SharedHistogram};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Upper bounds of the times that requests take, in microseconds: 0.1 ms to 10 s.
pub(super) const REQUEST_BOUNDS_US: [u64; 12] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 10_000_000];

/// All actions, and behind them what is none.
const ACTIONS: usize = Operation::ALL.len() + 1;
/// Success, and all errors behind it.
const OUTCOMES: usize = ErrorKind::ALL.len() + 1;

/// The counts of one action.
struct Row {
    outcomes: [AtomicU64; OUTCOMES],
    seconds: SharedHistogram<12>,
}

/// Requests to SQS.
pub(super) struct Requests(Vec<Row>);

impl Default for Requests {
    fn default() -> Requests {
        let row = || Row { outcomes: std::array::from_fn(|_| AtomicU64::new(0)), seconds: SharedHistogram::default() };
        Requests(std::iter::repeat_with(row).take(ACTIONS).collect())
    }
}

impl Requests {
    /// Counts a request; none is the action of what was not understood.
    pub(super) fn count(&self, action: Option<Operation>, error: Option<ErrorKind>) {
        let outcome = error.map_or(0, |error| error as usize + 1);
        self.row(action).outcomes[outcome].fetch_add(1, Relaxed);
    }

    /// Counts how long a request took.
    pub(super) fn took(&self, action: Operation, us: u64) {
        self.row(Some(action)).seconds.add(&REQUEST_BOUNDS_US, us);
    }

    fn row(&self, action: Option<Operation>) -> &Row {
        &self.0[action.map_or(ACTIONS - 1, |action| action as usize)]
    }

    /// Action, outcome and count. Success is there for each action from the start, so that its first request is seen to be one more.
    pub(super) fn counts(&self) -> Vec<(&'static str, &'static str, u64)> {
        let mut counts = Vec::new();
        for (index, row) in self.0.iter().enumerate() {
            let action = Operation::ALL.get(index);
            for (outcome, count) in row.outcomes.iter().enumerate() {
                let code = outcome.checked_sub(1).map_or("OK", |error| ErrorKind::ALL[error].json_type().1);
                let count = count.load(Relaxed);
                if count > 0 || (outcome == 0 && action.is_some()) {
                    counts.push((action.map_or("unknown", |action| action.name()), code, count));
                }
            }
        }
        counts
    }

    /// The times of each action that was measured.
    pub(super) fn times(&self) -> Vec<(&'static str, Histogram<12>)> {
        let times = Operation::ALL.iter().map(|action| (action.name(), self.row(Some(*action)).seconds.read()));
        times.filter(|(_, times)| times.count() > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_action_and_each_error_has_a_place_of_its_own() {
        let requests = Requests::default();
        for action in Operation::ALL {
            for error in ErrorKind::ALL {
                requests.count(Some(*action), Some(*error));
            }
        }
        requests.count(None, Some(ErrorKind::UnknownOperation));
        let counts = requests.counts();
        assert_eq!(counts.len(), Operation::ALL.len() * (ErrorKind::ALL.len() + 1) + 1);
        assert!(counts.iter().all(|(_, code, count)| *count == u64::from(*code != "OK")), "{counts:?}");
        assert_eq!(counts.last(), Some(&("unknown", "UnknownOperationException", 1)));
    }
}
