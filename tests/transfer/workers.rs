//! The clients: producers, consumers that fail messages, look at them or take them, one that moves them, and others whose
//! requests only come in between.
//!
//! A worker outlives the server. What it asked for without an answer it asks for again: sends by their deduplication ids,
//! receives that hold messages by their attempt ids, deletes by their receipt handles. With standard queues, which know
//! neither of the first two, the server is not killed.

use crate::audit::{Audit, Delivery, Key, is_fifo};
use crate::client::{Answer, Client};
use fastrand::Rng;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Longer than any round: nothing that is held becomes visible by itself.
const HOLD_SECONDS: u64 = 40_000;

pub fn arn(queue: &str) -> String {
    format!("arn:aws:sqs:us-east-1:000000000000:{queue}")
}

/// A connection and the auditor.
pub struct Line<'a> {
    pub client: Client,
    audit: &'a Mutex<Audit>,
}

impl<'a> Line<'a> {
    pub fn new(client: Client, audit: &'a Mutex<Audit>) -> Line<'a> {
        Line { client, audit }
    }

    pub fn audit(&self) -> MutexGuard<'a, Audit> {
        self.audit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An action that is expected to succeed. `None` if there was no answer.
    pub fn must(&mut self, action: &str, request: &Value) -> Option<Value> {
        match self.client.call(action, request).0 {
            Answer::Done(answer) => Some(answer),
            Answer::Refused(error) => {
                self.audit().complain(format!("{action} {request} was refused: {error}"));
                None
            }
            Answer::Lost => None,
        }
    }

    /// Messages in a queue: visible and in flight. `None` if there was no answer.
    pub fn counts(&mut self, queue: &str) -> Option<[u64; 2]> {
        let answer = self.must("GetQueueAttributes", &json!({"QueueUrl": queue, "AttributeNames": ["All"]}))?;
        let count = |which: &str| -> Option<u64> {
            answer["Attributes"][format!("ApproximateNumberOfMessages{which}")].as_str()?.parse().ok()
        };
        Some([count("")?, count("NotVisible")?])
    }

    /// Both together.
    pub fn count(&mut self, queue: &str) -> Option<u64> {
        self.counts(queue).map(|counts| counts.iter().sum())
    }
}

/// Batch entries with their places as ids.
fn entries(list: impl Iterator<Item = Value>) -> Vec<Value> {
    let with_id = |(place, mut entry): (usize, Value)| {
        entry["Id"] = place.to_string().into();
        entry
    };
    list.enumerate().map(with_id).collect()
}

/// The entries of a batch that were done, by their places.
fn done(answer: &Value) -> impl Iterator<Item = (usize, &Value)> {
    let list = answer["Successful"].as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|entry| Some((entry["Id"].as_str()?.parse().ok()?, entry)))
}

pub enum Worker {
    Producer(Producer),
    Consumer(Consumer),
    Mover(Mover),
    /// Asks for the same again and again.
    Other(&'static str, Value),
}

impl Worker {
    pub fn step(&mut self, line: &mut Line<'_>) {
        match self {
            Worker::Producer(producer) => producer.step(line),
            Worker::Consumer(consumer) => consumer.step(line),
            Worker::Mover(mover) => mover.step(line),
            Worker::Other(action, request) => drop(line.must(action, request)),
        }
    }

    /// Whether nothing is left to do; most work until they are stopped.
    pub fn is_done(&self) -> bool {
        matches!(self, Worker::Producer(producer) if producer.unsent.is_empty())
    }
}

/// Sends messages in their order, the unanswered ones again before anything new.
pub struct Producer {
    pub rng: Rng,
    pub unsent: VecDeque<Key>,
    /// So many of the first are on their way.
    pub pending: usize,
}

impl Producer {
    fn step(&mut self, line: &mut Line<'_>) {
        // One batch is of one queue.
        let source = self.unsent[0].source;
        if self.pending == 0 {
            let same = self.unsent.iter().take_while(|key| key.source == source).count();
            self.pending = self.rng.usize(1..=10).min(same);
        }
        let entry = |key: &Key| {
            let (body, group) = (key.body(), key.group_id());
            match is_fifo(source) {
                true => json!({"MessageBody": body, "MessageGroupId": group, "MessageDeduplicationId": body}),
                false => json!({"MessageBody": body, "MessageGroupId": group}),
            }
        };
        let entries = entries(self.unsent.iter().take(self.pending).map(entry));
        let Some(answer) = line.must("SendMessageBatch", &json!({"QueueUrl": source, "Entries": entries})) else {
            return;
        };
        let mut audit = line.audit();
        if done(&answer).count() < self.pending {
            audit.complain(format!("SendMessageBatch: {answer}"));
        }
        for (place, entry) in done(&answer) {
            audit.sent(&self.unsent[place], entry["MessageId"].as_str().unwrap_or_default());
        }
        self.unsent.drain(..std::mem::take(&mut self.pending));
    }
}

/// What a consumer does with messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// Receives them with a timeout of 0: at the source they die of it, elsewhere they are only seen.
    Look,
    /// That, or holds them for a while and gives them back; deletes a few.
    Fail,
    /// Holds them and gives them back.
    GiveBack,
    /// Deletes them all.
    Take,
}

pub struct Consumer {
    pub rng: Rng,
    pub queue: &'static str,
    pub habit: Habit,
    /// The attempt id of a receive that was not answered.
    attempt: Option<String>,
    /// What it holds.
    held: Vec<Delivery>,
    /// What it does with that.
    deletes: bool,
}

impl Consumer {
    pub fn new(rng: Rng, queue: &'static str, habit: Habit) -> Consumer {
        Consumer { rng, queue, habit, attempt: None, held: Vec::new(), deletes: false }
    }

    /// Whether it holds messages, or may without knowing them.
    pub fn holds(&self) -> bool {
        !self.held.is_empty() || self.attempt.is_some()
    }

    /// Lets go of what it holds.
    pub fn finish(&mut self, line: &mut Line<'_>) {
        while self.holds() && !line.client.is_lost() {
            if self.held.is_empty() {
                self.receive(line, true, 0);
            } else {
                self.let_go(line);
            }
        }
    }

    fn step(&mut self, line: &mut Line<'_>) {
        if !self.held.is_empty() {
            return self.let_go(line);
        }
        let hold = match self.habit {
            Habit::Look => false,
            Habit::Fail => self.attempt.is_some() || self.rng.u32(0..3) == 0,
            Habit::GiveBack | Habit::Take => true,
        };
        let wait_seconds = self.rng.u64(0..=1);
        self.receive(line, hold, wait_seconds);
    }

    fn receive(&mut self, line: &mut Line<'_>, hold: bool, wait_seconds: u64) {
        let mut request = json!({
            "QueueUrl": self.queue, "MaxNumberOfMessages": self.rng.usize(1..=10), "WaitTimeSeconds": wait_seconds,
            "VisibilityTimeout": if hold { HOLD_SECONDS } else { 0 }, "MessageSystemAttributeNames": ["All"],
        });
        if hold && is_fifo(self.queue) {
            let new = || format!("attempt-{}", self.rng.u64(..));
            request["ReceiveRequestAttemptId"] = self.attempt.get_or_insert_with(new).as_str().into();
        }
        let began = line.audit().now();
        let Some(answer) = line.must("ReceiveMessage", &request) else { return };
        let messages = answer["Messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let deliveries: Vec<Delivery> = messages.iter().filter_map(Delivery::read).collect();
        let mut audit = line.audit();
        if deliveries.len() < messages.len() {
            audit.complain(format!("{} gave what cannot be read: {answer}", self.queue));
        }
        audit.received(self.queue, began, &deliveries, hold);
        if hold {
            self.attempt = None;
            self.held = deliveries;
            self.deletes = self.habit == Habit::Take || self.habit == Habit::Fail && self.rng.u32(0..20) == 0;
        }
    }

    /// Deletes what it holds, or makes it visible.
    fn let_go(&mut self, line: &mut Line<'_>) {
        let entry = |delivery: &Delivery| match self.deletes {
            true => json!({"ReceiptHandle": delivery.handle}),
            false => json!({"ReceiptHandle": delivery.handle, "VisibilityTimeout": 0}),
        };
        let request = json!({"QueueUrl": self.queue, "Entries": entries(self.held.iter().map(entry))});
        if !self.deletes {
            self.held.iter().for_each(|delivery| line.audit().giving_back(&delivery.key));
            // The second time what was done the first time is refused, which is as good.
            if line.must("ChangeMessageVisibilityBatch", &request).is_some() {
                self.held.clear();
            }
            return;
        }
        self.held.iter().for_each(|delivery| line.audit().deleting(&delivery.key));
        if let Some(answer) = line.must("DeleteMessageBatch", &request) {
            let mut audit = line.audit();
            if done(&answer).count() < self.held.len() {
                audit.complain(format!("DeleteMessageBatch on {}: {answer}", self.queue));
            }
            done(&answer).for_each(|(place, _)| audit.deleted(&self.held[place].key));
            self.held.clear();
        }
    }
}

/// Has one dead-letter queue emptied by move tasks, one after the other, and cancels some.
pub struct Mover {
    pub rng: Rng,
    pub source: &'static str,
    pub destination: Option<&'static str>,
    handle: Option<String>,
    /// What each task had moved when it was first seen to have ended, oldest first; since the last crash, because what is
    /// listed need not be durable.
    moved: Vec<u64>,
    /// A start was not answered.
    in_doubt: bool,
}

impl Mover {
    pub fn new(rng: Rng, source: &'static str, destination: Option<&'static str>) -> Mover {
        Mover { rng, source, destination, handle: None, moved: Vec::new(), in_doubt: false }
    }

    /// The server was killed.
    pub fn start_afresh(&mut self) {
        self.moved.clear();
    }

    fn step(&mut self, line: &mut Line<'_>) {
        match &self.handle {
            // Only the last ten tasks are listed; there should not be many that find nothing.
            None => {
                if line.count(self.source).is_some_and(|left| left > 0) {
                    self.start(line);
                }
            }
            Some(handle) if self.rng.u32(0..4) == 0 => {
                match line.client.call("CancelMessageMoveTask", &json!({"TaskHandle": handle})).0 {
                    Answer::Refused(error) if !error.contains("Only active tasks can be cancelled") => {
                        line.audit().complain(format!("CancelMessageMoveTask was refused: {error}"));
                    }
                    _ => {}
                }
            }
            Some(_) => drop(self.look(line)),
        }
    }

    fn start(&mut self, line: &mut Line<'_>) {
        let mut request = json!({"SourceArn": arn(self.source)});
        if let Some(destination) = self.destination {
            request["DestinationArn"] = arn(destination).into();
        }
        match line.client.call("StartMessageMoveTask", &request).0 {
            Answer::Done(answer) => self.handle = answer["TaskHandle"].as_str().map(str::to_owned),
            Answer::Refused(error) if self.in_doubt && error.contains("already a task running") => {}
            Answer::Refused(error) => line.audit().complain(format!("StartMessageMoveTask was refused: {error}")),
            Answer::Lost => self.in_doubt = true,
        }
    }

    /// Looks whether the newest task has ended, and that those before it have stayed as they were. Whether one is at work.
    fn look(&mut self, line: &mut Line<'_>) -> Option<bool> {
        let tasks = move_tasks(line, self.source)?;
        if let Some(failed) = tasks.iter().find(|task| task["Status"] == "FAILED") {
            line.audit().complain(format!("a move task failed: {failed}"));
        }
        let at_work =
            tasks.first().is_some_and(|first| first["Status"] == "RUNNING" || first["Status"] == "CANCELLING");
        if self.handle.is_some() && !at_work {
            self.handle = None;
            self.moved.extend(tasks.first().map(moved));
        }
        let ended = tasks.iter().skip(usize::from(at_work));
        for (task, first_seen) in ended.zip(self.moved.iter().rev()) {
            if moved(task) != *first_seen {
                line.audit().complain(format!("a task had ended with {first_seen} messages moved and went on: {task}"));
            }
        }
        Some(at_work)
    }

    /// Waits until no task is at work any more.
    pub fn finish(&mut self, line: &mut Line<'_>) {
        while self.look(line) == Some(true) {}
    }
}

/// The last ten move tasks of a source, newest first.
pub fn move_tasks(line: &mut Line<'_>, source: &str) -> Option<Vec<Value>> {
    let answer = line.must("ListMessageMoveTasks", &json!({"SourceArn": arn(source), "MaxResults": 10}))?;
    Some(answer["Results"].as_array().cloned().unwrap_or_default())
}

/// How many messages a task has moved.
pub fn moved(task: &Value) -> u64 {
    task["ApproximateNumberOfMessagesMoved"].as_u64().unwrap_or(u64::MAX)
}
