//! Many queues: names, accounts and regions, locks, long polls, and the one way of messages from queue to queue.
//!
//! | file | what it holds, from the bottom up |
//! | --- | --- |
//! | `observer.rs` | who watches what happens |
//! | `tally.rs` | what has happened in a queue, counted |
//! | `ids.rs` `journal.rs` `long_polls.rs` `settings.rs` | random or seeded ids; what happened, on its way to its readers; parked receives; queue attributes |
//! | `queue.rs` | one queue behind its lock |
//! | `namespace.rs` `wakeups.rs` `move_tasks.rs` | queues by name; when which queue has something to do; message move tasks |
//! | `shared.rs` | the [`Broker`]: all of the above together |
//! | `open.rs` | the guard [`OpenQueue`], the single way to work on a queue |
//! | `look.rs` | looking at a queue, and watching for its next change |
//! | `transfer.rs` | the one way of messages from one queue to another |
//! | `move_task_steps.rs` | what a message move task does |
//! | `reset.rs` | what a test takes back: queues, or what is in them |
//! | `timers.rs` | serves what is due, and turns a manual clock |
//! | `turn.rs` | turns the clock step by step, and tells what that brought about |
//! | `restore.rs` `skew.rs` | how queues come back from a store, also under another clock |
//! | `neighbours.rs` `elsewhere.rs` | what is kept, and what is different, where other nodes have queues too |
//! | `adopt.rs` | a queue that comes from another node, or goes to one, while others are served |
//!
//! # Locks
//!
//! A thread takes them from top to bottom of this table, at most one of each row, and holds none across an `.await`.
//!
//! | lock | guards | why a lock of its own |
//! | --- | --- | --- |
//! | `Broker::firing` | the serving of due wake-ups | a manual clock is turned on only when no wake-up is half served |
//! | `Queue::state` | engine, parked receives, departures and journal of one queue | queues do not wait for one another |
//! | `MoveTasks::tasks` | message move tasks | listed and cancelled by requests while a source is being emptied |
//! | `Queue::settings` | a queue's settings | read by requests that check their members before they open the queue |
//! | `Namespace::spaces` | names | a thread that holds a queue looks up its dead-letter queue |
//! | `Neighbours::deleting` | deleted queues that the database may still have | noted under the lock of a queue that is deleted |
//! | `Broker::gone` | counts of deleted queues | added to under the lock of a queue that goes |
//! | `Wakeups::set` | wake-ups | set under a queue's lock, taken without it |
//! | those of an observer and of `Points` | histories, faults | told and asked under a queue's lock; they ask for no queue in turn |
//! | the committer's batch | changes on their way to the store | submitted under a queue's lock, so that they are in order |

mod adopt;
mod elsewhere;
mod ids;
mod journal;
mod long_polls;
mod look;
mod move_task_steps;
mod move_tasks;
mod namespace;
mod neighbours;
mod observer;
mod open;
mod queue;
mod reset;
mod restore;
mod settings;
mod shared;
mod skew;
mod tally;
mod timers;
mod transfer;
mod turn;
mod wakeups;

pub use adopt::Adopting;
pub use ids::Ids;
pub use journal::Pending;
pub use long_polls::{Handoff, LongPollId, LongPolls};
pub use look::{Glance, QueueLook};
pub use move_tasks::{MoveTask, MoveTaskStatus, MoveTasks};
pub use namespace::{Added, Namespace};
pub use neighbours::TellSent;
pub use observer::{By, FailedEntry, Observer, QueueEvent, QueueNames};
pub use open::{HANDOFFS_PER_TURN, OpenQueue};
pub use queue::{Gone, Queue, QueueState};
pub use restore::Restoring;
pub use settings::{Changes, Purpose, QueueSettings, asks_for_fifo, check_attributes};
pub use shared::{Broker, BrokerOptions};
pub use tally::{Flows, SIZE_BOUNDS, TIME_BOUNDS_MS, Tally, Totals};
pub use turn::{Due, NEXT_MOVES_MAX, NextMove, STEPS_MAX, Step, Turn, Turned};

#[cfg(test)]
mod tests;
