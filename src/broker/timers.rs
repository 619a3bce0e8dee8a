//! Serves queues and move tasks when they have something to do, and turns a manual clock.

use super::open::CATCH_UP_BYTES_MAX;
use super::queue::Queue;
use super::shared::Broker;
use crate::store::CommitTicket;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// Wake-ups that are served in one go before others get a turn.
const WAKEUPS_PER_TURN: usize = 256;

impl Broker {
    /// Serves what is due when it is due. Runs for good.
    pub async fn run_timers(&self) {
        tokio::join!(self.run_queue_timers(), self.run_move_tasks());
    }

    async fn run_queue_timers(&self) {
        loop {
            self.wakeups.wait(&self.clock).await;
            if let Some(store) = self.store() {
                store.pending_below(CATCH_UP_BYTES_MAX).await;
            }
            self.fire_due_queues();
            // A queue that has much to catch up with is due at once again; others come first.
            tokio::task::yield_now().await;
        }
    }

    async fn run_move_tasks(&self) {
        loop {
            self.move_task_wakeups.wait(&self.clock).await;
            if let (_, Some(ticket)) = self.fire_due_move_tasks() {
                // If the store fails, the server is about to end.
                ticket.finished().await;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Serves the queues that are due now, and tells which those were.
    pub(super) fn fire_due_queues(&self) -> Vec<Arc<Queue>> {
        let _firing = self.firing.lock().unwrap_or_else(PoisonError::into_inner);
        let due = self.wakeups.take_due(self.clock.now(), WAKEUPS_PER_TURN);
        due.iter().for_each(|queue| self.on_wakeup(queue));
        due
    }

    /// Lets the move tasks that are due now take a turn; whether there were any, and what they gave to the store.
    pub(super) fn fire_due_move_tasks(&self) -> (bool, Option<CommitTicket>) {
        let _firing = self.firing.lock().unwrap_or_else(PoisonError::into_inner);
        let due = self.move_task_wakeups.take_due(self.clock.now(), WAKEUPS_PER_TURN);
        // The newest ticket vouches for the others.
        let ticket = due.iter().filter_map(|queue| self.move_task_turn(queue)).last();
        (!due.is_empty(), ticket)
    }

    /// Turns a manual or a controlled clock, from one moment at which something is due to the next, and does what is due by then before it
    /// returns: a parked receive has been handed the message that has become available. `false` on the system clock.
    /// Code that is async turns it by [`Broker::turn`].
    pub fn advance(&self, by: Duration) -> bool {
        let mut left_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        loop {
            while !self.fire_due_queues().is_empty() | self.fire_due_move_tasks().0 {
                // Another thread may be about to finish what is waited for here: a move, or a commit.
                std::thread::yield_now();
            }
            let step_ms = self.due_in_ms().map_or(left_ms, |ms| ms.min(left_ms));
            if !self.clock.advance(Duration::from_millis(step_ms)) {
                return false;
            }
            if left_ms == 0 {
                return true;
            }
            left_ms -= step_ms;
        }
    }

    /// In how many milliseconds of its clock a queue or a move task is due next, if any is.
    pub fn due_in_ms(&self) -> Option<u64> {
        let next = self.wakeups.first().into_iter().chain(self.move_task_wakeups.first()).min();
        next.map(|at| at.ms_since(self.clock.now()))
    }

    /// Answers all long polls with nothing, now and from now on; the server is about to stop.
    pub fn close(&self) {
        self.closing.send_replace(true);
        if let Some(store) = self.store() {
            store.hurry();
        }
        for queue in self.namespace.all() {
            if let Ok(mut open) = self.open(&queue) {
                open.dismiss_long_polls();
            }
        }
    }

    /// How many receives are parked at a queue; none if it is not there.
    pub fn waiting_receivers(&self, account: &str, region: &str, name: &str) -> usize {
        let Some(queue) = self.namespace.get(account, region, name) else { return 0 };
        self.open(&queue).map_or(0, |open| open.parked_receives())
    }
}
