//! One unit test for each rule of a queue, named after the rule; and short hands to write them with.

mod age;
mod by_hand;
mod causes;
mod dedup;
mod fair;
mod fifo;
mod replay;
mod scale;
mod standard;
pub(crate) mod steps;

use super::{
    Body, DeduplicationScope, Deleted, Delivery, Effect, Message, MessageId, NewMessage, Queue, QueueType, Receipt,
    ReceiveOptions, Received, Sent, Settings, Time, VisibilityChange,
};

/// The id of test message `number`.
pub(super) fn id(number: u32) -> MessageId {
    let mut bytes = [0; 16];
    bytes[12..].copy_from_slice(&number.to_be_bytes());
    MessageId(bytes)
}

/// A plain message.
pub(crate) fn new(number: u32) -> NewMessage {
    NewMessage {
        id: id(number),
        body: Body::from(format!("body {number}")),
        body_md5: [0; 16],
        attributes: None,
        trace_header: None,
        sender: None,
        group: None,
        deduplication_id: None,
        delay_seconds: 0,
    }
}

/// A plain message outside any queue.
pub(crate) fn message(number: u32, sent: Time) -> Message {
    Message::new(new(number), sent)
}

/// A queue, a clock to turn, and a name for each message.
pub(super) struct QueueFixture {
    pub queue: Queue,
    pub now: Time,
    pub effects: Vec<Effect>,
    names: Vec<String>,
}

impl QueueFixture {
    pub fn standard() -> QueueFixture {
        QueueFixture::new(QueueType::Standard)
    }

    pub fn fifo() -> QueueFixture {
        QueueFixture::new(QueueType::Fifo)
    }

    fn new(queue_type: QueueType) -> QueueFixture {
        let settings = Settings {
            deduplication_scope: DeduplicationScope::Queue,
            visibility_timeout_seconds: 30,
            retention_seconds: 345_600,
            fifo_delay_seconds: 0,
            in_flight_max: 120_000,
            redrive_max_receive_count: None,
        };
        QueueFixture {
            queue: Queue::new(1, queue_type, settings),
            now: Time(1_000_000),
            effects: Vec::new(),
            names: Vec::new(),
        }
    }

    pub fn with(mut self, change: impl FnOnce(&mut Settings)) -> QueueFixture {
        self.configure(change);
        self
    }

    pub fn configure(&mut self, change: impl FnOnce(&mut Settings)) {
        let mut settings = self.queue.settings().clone();
        change(&mut settings);
        self.queue.configure(settings);
    }

    pub fn wait(&mut self, seconds: u64) {
        self.wait_ms(seconds * 1000);
    }

    pub fn wait_ms(&mut self, ms: u64) {
        self.now = self.now.plus_ms(ms);
        while self.queue.tick(self.now, &mut self.effects) {}
    }

    /// The message as `send` would send it: its name is its body; in a FIFO queue the group is what stands before the
    /// dash.
    pub fn draft(&mut self, name: &str) -> NewMessage {
        self.names.push(name.to_owned());
        let number = self.names.len() as u32;
        let fifo = self.queue.queue_type() == QueueType::Fifo;
        let group = name.split('-').next().filter(|_| fifo);
        NewMessage {
            body: name.into(),
            group: group.map(Into::into),
            deduplication_id: fifo.then(|| format!("d{number}").into()),
            ..new(number)
        }
    }

    pub fn send(&mut self, name: &str) -> Sent {
        let draft = self.draft(name);
        self.send_as(draft)
    }

    pub fn send_all(&mut self, names: &[&str]) {
        for name in names {
            self.send(name);
        }
    }

    pub fn send_as(&mut self, draft: NewMessage) -> Sent {
        self.queue.send(self.now, draft, &mut self.effects)
    }

    pub fn receive_as(&mut self, options: &ReceiveOptions) -> Received {
        self.queue.receive(self.now, options, None, &mut self.effects)
    }

    /// With a dead-letter queue for messages received as often as this.
    pub fn receive_with_redrive(&mut self, options: &ReceiveOptions, max_receive_count: u32) -> Received {
        self.queue.receive(self.now, options, Some(max_receive_count), &mut self.effects)
    }

    pub fn receive(&mut self, max: usize, timeout_seconds: u32) -> Vec<Delivery> {
        self.receive_as(&options(max, timeout_seconds)).deliveries
    }

    /// Receives, and tells the names only.
    pub fn names(&mut self, max: usize, timeout_seconds: u32) -> Vec<String> {
        names(&self.receive(max, timeout_seconds))
    }

    pub fn delete(&mut self, delivery: &Delivery) -> Deleted {
        self.queue.delete(self.now, delivery.receipt, &mut self.effects)
    }

    pub fn delete_all(&mut self, deliveries: &[Delivery]) {
        for delivery in deliveries {
            assert_eq!(self.delete(delivery), Deleted::Done);
        }
    }

    pub fn hide(&mut self, delivery: &Delivery, timeout_seconds: u32) -> VisibilityChange {
        self.queue.change_visibility(self.now, delivery.receipt, timeout_seconds, &mut self.effects)
    }

    pub fn give_back(&mut self, deliveries: &[Delivery]) {
        let receipts: Vec<Receipt> = deliveries.iter().map(|delivery| delivery.receipt).collect();
        self.queue.give_back(self.now, &receipts, &mut self.effects);
    }

    pub fn insert(&mut self, message: Message) -> u64 {
        self.queue.insert(self.now, message, &mut self.effects)
    }

    /// Visible, in flight, delayed.
    pub fn counts(&self) -> (usize, usize, usize) {
        let counts = self.queue.counts();
        (counts.visible, counts.in_flight, counts.delayed)
    }
}

pub(super) fn options(max: usize, visibility_timeout_seconds: u32) -> ReceiveOptions {
    ReceiveOptions { max, visibility_timeout_seconds: Some(visibility_timeout_seconds), attempt_id: None }
}

pub(super) fn attempt(id: &str, max: usize, visibility_timeout_seconds: u32) -> ReceiveOptions {
    ReceiveOptions { attempt_id: Some(id.into()), ..options(max, visibility_timeout_seconds) }
}

pub(super) fn names(deliveries: &[Delivery]) -> Vec<String> {
    deliveries.iter().map(|delivery| delivery.body.as_str().to_owned()).collect()
}
