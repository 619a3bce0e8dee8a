//! Many queues: names, accounts and regions, locks, long polls, dead letters, move tasks. Carries out the 23 actions.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `namespace.rs` | how queues are named and found |
//! | `durability.rs` `restore.rs` `skew.rs` | when what a queue did is on disk, and how it comes back, also under another clock |
//! | `queue.rs` | one queue behind its lock, and the single way to work on it |
//! | `settings.rs` `redrive.rs` `permissions.rs` | queue attributes and the policies among them |
//! | `manage.rs` `tags.rs` | the actions on queues |
//! | `send.rs` `receive.rs` `receipts.rs` `batch.rs` | the actions on messages |
//! | `tasks.rs` | message move tasks |
//! | `transfer.rs` | the one way of messages from one queue to another |
//! | `waiters.rs` `timers.rs` | who waits at a queue, and what wakes them |
//!
//! # Locks
//!
//! | lock | guards | may be taken while holding |
//! | --- | --- | --- |
//! | `Broker::ringing` | the serving of due alarms | nothing |
//! | `Queue::state` | one queue: engine, parked receives, departures, outbox | `ringing`; never another queue's |
//! | `MoveTasks::tasks` | message move tasks | a queue's state |
//! | `Queue::settings` | a queue's settings | a queue's state |
//! | `Namespace::spaces` | names | a queue's state, move tasks |
//! | `Timers::alarms` | alarms | a queue's state |
//! | the committer's line | batches | a queue's state |
//!
//! None is held across an `.await`.

mod batch;
mod durability;
mod manage;
mod namespace;
mod permissions;
mod queue;
mod receipts;
mod receive;
mod redrive;
mod restore;
mod send;
mod settings;
mod skew;
mod tags;
mod tasks;
mod timers;
mod transfer;
mod waiters;

pub use namespace::{Arn, ArnError, NamespaceMode, QueueAddress, fill_in, region_of_host};
pub use restore::Restoring;
pub use waiters::Presence;

use crate::api::{Request, Response};
use crate::clock::Clock;
use crate::error::{Error, shown};
use crate::store::{Committer, QUEUES_MAX, Ticket};
use durability::Done;
use namespace::Namespace;
use queue::{CATCH_UP_BYTES_MAX, Queue, State};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tasks::MoveTasks;
use timers::Timers;

/// How the broker differs from AWS, or does not.
#[derive(Clone, Debug)]
pub struct BrokerOptions {
    /// Whether accounts and regions separate queues.
    pub namespace: NamespaceMode,
    /// Whether a minute must pass between two purges, and between deleting a queue and creating it again.
    pub cooldowns: bool,
    /// Whether a queue that is asked for and not there is created.
    pub auto_create: bool,
}

/// Who asks, and from where.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// The caller's account.
    pub account: &'a str,
    /// The region the caller signed for.
    pub region: &'a str,
    /// What queue URLs begin with, without a slash at the end; `{region}` and `{account}` in it stand for those of the queue.
    pub base_url: &'a str,
    /// The `X-Amzn-Trace-Id` header of the request.
    pub trace_header: Option<&'a str>,
    /// Whether the client is still there; taken for granted if absent.
    pub presence: Option<&'a Presence>,
}

/// All queues of a server.
pub struct Broker {
    options: BrokerOptions,
    clock: Clock,
    namespace: Namespace,
    timers: Timers,
    move_tasks: MoveTasks,
    move_task_timers: Timers,
    /// Held while alarms are served, so that whoever turns a manual clock finds none half served.
    ringing: Mutex<()>,
    store: Option<Committer>,
    closing: AtomicBool,
}

/// Alarms that are served in one go before others get a turn.
const ALARMS_PER_TURN: usize = 256;

impl Broker {
    /// A broker without queues that keeps everything in memory.
    pub fn new(options: BrokerOptions, clock: Clock) -> Broker {
        Broker {
            namespace: Namespace::new(options.namespace, options.cooldowns, QUEUES_MAX),
            options,
            clock,
            timers: Timers::default(),
            move_tasks: MoveTasks::default(),
            move_task_timers: Timers::default(),
            ringing: Mutex::default(),
            store: None,
            closing: AtomicBool::new(false),
        }
    }

    /// Has at most so many queues, in place of [`QUEUES_MAX`]; of a broker that has none yet.
    #[must_use]
    pub fn queues_max(mut self, queues: usize) -> Broker {
        self.namespace = Namespace::new(self.options.namespace, self.options.cooldowns, queues);
        self
    }

    /// The clock it goes by.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Carries out one action.
    ///
    /// # Errors
    /// What SQS answers.
    pub async fn execute(&self, caller: &Caller<'_>, mut request: Request) -> Result<Response, Error> {
        self.ready().await;
        self.catch_up(caller, &mut request).await;
        // What changes something is told when it is as durable as was asked for.
        macro_rules! settled {
            ($variant:ident, $done:expr) => {
                Done::settled($done?).await.map(Response::$variant)
            };
        }
        match request {
            Request::AddPermission(r) => settled!(AddPermission, self.add_permission(caller, r)),
            Request::CancelMessageMoveTask(r) => {
                settled!(CancelMessageMoveTask, self.cancel_message_move_task(caller, r).await)
            }
            Request::ChangeMessageVisibility(r) => {
                settled!(ChangeMessageVisibility, self.change_message_visibility(caller, r))
            }
            Request::ChangeMessageVisibilityBatch(r) => {
                settled!(ChangeMessageVisibilityBatch, self.change_message_visibility_batch(caller, r))
            }
            Request::CreateQueue(r) => settled!(CreateQueue, self.create_queue(caller, r)),
            Request::DeleteMessage(r) => settled!(DeleteMessage, self.delete_message(caller, r)),
            Request::DeleteMessageBatch(r) => settled!(DeleteMessageBatch, self.delete_message_batch(caller, r)),
            Request::DeleteQueue(r) => settled!(DeleteQueue, self.delete_queue(caller, r)),
            Request::GetQueueAttributes(r) => self.get_queue_attributes(caller, r).map(Response::GetQueueAttributes),
            Request::GetQueueUrl(r) => self.get_queue_url(caller, r).map(Response::GetQueueUrl),
            Request::ListDeadLetterSourceQueues(r) => {
                self.list_dead_letter_source_queues(caller, r).map(Response::ListDeadLetterSourceQueues)
            }
            Request::ListMessageMoveTasks(r) => {
                self.list_message_move_tasks(caller, r).map(Response::ListMessageMoveTasks)
            }
            Request::ListQueueTags(r) => self.list_queue_tags(caller, r).map(Response::ListQueueTags),
            Request::ListQueues(r) => self.list_queues(caller, r).map(Response::ListQueues),
            Request::PurgeQueue(r) => settled!(PurgeQueue, self.purge_queue(caller, r)),
            Request::ReceiveMessage(r) => self.receive_message(caller, r).await.map(Response::ReceiveMessage),
            Request::RemovePermission(r) => settled!(RemovePermission, self.remove_permission(caller, r)),
            Request::SendMessage(r) => settled!(SendMessage, self.send_message(caller, r)),
            Request::SendMessageBatch(r) => settled!(SendMessageBatch, self.send_message_batch(caller, r)),
            Request::SetQueueAttributes(r) => settled!(SetQueueAttributes, self.set_queue_attributes(caller, r)),
            Request::StartMessageMoveTask(r) => {
                settled!(StartMessageMoveTask, self.start_message_move_task(caller, r))
            }
            Request::TagQueue(r) => settled!(TagQueue, self.tag_queue(caller, r)),
            Request::UntagQueue(r) => settled!(UntagQueue, self.untag_queue(caller, r)),
        }
    }

    /// Waits until the store has taken what a queue has to catch up with, so that a request finds it as it is now.
    async fn catch_up(&self, caller: &Caller<'_>, request: &mut Request) {
        let Some(store) = &self.store else { return };
        let address = request.queue_url_mut().and_then(|url| QueueAddress::parse(url.as_deref()?));
        let Some(queue) = address.and_then(|a| self.namespace.resolve(a, caller.account, caller.region)) else {
            return;
        };
        while queue.is_behind(self) {
            store.pending_below(CATCH_UP_BYTES_MAX).await;
        }
    }

    /// Waits until the store has room for more.
    async fn ready(&self) {
        if let Some(store) = &self.store {
            store.ready().await;
        }
    }

    /// The alarm clocks: they serve queues and move tasks when they have something to do. Runs for good.
    pub async fn run_timers(&self) {
        tokio::join!(self.run_queue_timers(), self.run_move_tasks());
    }

    async fn run_queue_timers(&self) {
        loop {
            self.timers.wait(&self.clock).await;
            if let Some(store) = &self.store {
                store.pending_below(CATCH_UP_BYTES_MAX).await;
            }
            self.ring_queues();
            // A queue that has much to catch up with rings at once again; others come first.
            tokio::task::yield_now().await;
        }
    }

    async fn run_move_tasks(&self) {
        loop {
            self.move_task_timers.wait(&self.clock).await;
            if let (_, Some(ticket)) = self.ring_move_tasks() {
                // If the store fails, the server is about to end.
                let _ = ticket.settled().await;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Serves the queues that are due now; whether there were any.
    fn ring_queues(&self) -> bool {
        let _ringing = self.ringing.lock().unwrap_or_else(PoisonError::into_inner);
        let due = self.timers.take_due(self.clock.now(), ALARMS_PER_TURN);
        due.iter().for_each(|queue| self.alarm_rings(queue));
        !due.is_empty()
    }

    /// Lets the move tasks that are due now take a turn; whether there were any, and what they gave to the store.
    fn ring_move_tasks(&self) -> (bool, Option<Ticket>) {
        let _ringing = self.ringing.lock().unwrap_or_else(PoisonError::into_inner);
        let due = self.move_task_timers.take_due(self.clock.now(), ALARMS_PER_TURN);
        // The newest ticket vouches for the others.
        let ticket = due.iter().filter_map(|queue| self.move_task_turn(queue)).last();
        (!due.is_empty(), ticket)
    }

    /// Turns a manual clock, from one moment at which something is due to the next, and does what is due by then before it
    /// returns: whoever waits for a message that has become available has been handed it. `false` if the clock is not a
    /// manual one.
    pub fn advance(&self, by: Duration) -> bool {
        let mut left_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        loop {
            while self.ring_queues() | self.ring_move_tasks().0 {
                // Somebody else may be about to finish what is waited for here: a move, or a commit.
                std::thread::yield_now();
            }
            let next = self.timers.first().into_iter().chain(self.move_task_timers.first()).min();
            let step_ms = next.map_or(left_ms, |at| at.ms_since(self.clock.now()).min(left_ms));
            if !self.clock.advance(Duration::from_millis(step_ms)) {
                return false;
            }
            if left_ms == 0 {
                return true;
            }
            left_ms -= step_ms;
        }
    }

    /// Answers all long polls with nothing, now and from now on; the server is about to stop.
    pub fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
        if let Some(store) = &self.store {
            store.hurry();
        }
        for queue in self.namespace.all() {
            let _ = self.with(&queue, |state, _| state.line.dismiss());
        }
    }

    /// How many long polls wait at a queue; none if it is not there.
    pub fn waiting_receivers(&self, account: &str, region: &str, name: &str) -> usize {
        let queue = self.namespace.get(account, region, name);
        queue.and_then(|queue| self.with(&queue, |state, _| state.line.len()).ok()).map_or(0, Done::unwaited)
    }

    /// Whether the server is about to stop.
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// The queue that a request means.
    ///
    /// # Errors
    /// `QueueDoesNotExist`, with a hint for the log if there is a queue of that name elsewhere.
    fn find(&self, caller: &Caller<'_>, queue_url: Option<&str>) -> Result<Arc<Queue>, Error> {
        let Some(address) = queue_url.and_then(QueueAddress::parse) else {
            let detail = format!("{:?} is not the URL of a queue", shown(queue_url.unwrap_or_default()));
            return Err(Error::no_queue().with_detail(detail));
        };
        if let Some(queue) = self.namespace.resolve(address, caller.account, caller.region) {
            return Ok(queue);
        }
        if self.options.auto_create {
            return self.auto_create(&Caller { region: address.region_or(caller.region), ..*caller }, address.name);
        }
        Err(self.not_there(address.name))
    }

    fn not_there(&self, name: &str) -> Error {
        let hint = self.namespace.hint(name);
        Error::no_queue().with_detail(hint.unwrap_or_else(|| format!("no queue is named {}", shown(name))))
    }

    /// The region to show in ARNs: when regions are merged each caller sees its own.
    fn shown_region<'a>(&self, caller: &Caller<'a>, queue: &'a Queue) -> &'a str {
        match self.namespace.mode() {
            NamespaceMode::Merged => caller.region,
            NamespaceMode::Aws => &queue.region,
        }
    }

    fn arn(&self, caller: &Caller<'_>, queue: &Queue) -> String {
        Arn { region: self.shown_region(caller, queue), account: &queue.account, name: &queue.name }.to_string()
    }

    fn url(&self, caller: &Caller<'_>, queue: &Queue) -> String {
        let base_url = match caller.base_url.contains('{') {
            true => &fill_in(caller.base_url, self.shown_region(caller, queue), &queue.account),
            false => caller.base_url,
        };
        format!("{base_url}/{}/{}", queue.account, queue.name)
    }
}

#[cfg(test)]
mod tests;
