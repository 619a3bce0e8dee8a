//! Counts the steps of the engine's containers, so that a test can compare the cost of an operation on two queues without
//! measuring time.

use std::cell::Cell;

thread_local! {
    static STEPS: Cell<u64> = const { Cell::new(0) };
}

/// One access to a slot, a group or a timer, or one entry that is looked up, made or removed by key.
pub(crate) fn count() {
    STEPS.set(STEPS.get() + 1);
}

/// The steps that `operation` takes, and its result.
pub(crate) fn of<R>(operation: impl FnOnce() -> R) -> (u64, R) {
    let before = STEPS.get();
    let result = operation();
    (STEPS.get() - before, result)
}
