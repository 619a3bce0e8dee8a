//! Drives the engine and the model side by side and compares what can be seen of them.

use std::collections::HashMap;

use kew::internals::engine::{
    DeduplicationScope, Deleted, Delivery, Effect, Message, MessageId, MessageState, NewMessage, Queue, QueueType,
    Receipt, ReceiveOptions, Sent, Settings, StoredMessage, Time, VisibilityChange,
};
use proptest::sample::Index;

use crate::model::{self, Model, Outcome};

/// Far enough from zero that messages can be older than the first step.
const START_MS: u64 = 1_700_000_000_000;

#[derive(Clone, Debug)]
pub enum Step {
    Send {
        group: Option<u8>,
        deduplication: u8,
        delay: u32,
    },
    SendMany {
        group: u8,
        count: u8,
    },
    Receive {
        max: usize,
        timeout: u32,
        attempt: Option<u8>,
        dead: bool,
    },
    /// Any handle ever given out.
    Delete(Index),
    /// One of the last five handles.
    DeleteRecent(Index),
    Change {
        which: Index,
        timeout: u32,
    },
    /// The deliveries of the receive so many receives ago.
    GiveBack(u8),
    Insert {
        group: Option<u8>,
        sent_ago_ms: u64,
        receive_count: u32,
        restarted: bool,
    },
    PutBackDead,
    TakeOldest,
    Purge,
    Configure {
        retention: u32,
        fifo_delay: u32,
    },
    Jump(u64),
    /// The queue is dropped and built again from its effects.
    Replay,
}

#[derive(Clone, Debug)]
pub struct Start {
    pub in_flight_max: usize,
    pub max_receive_count: Option<u32>,
    pub fifo_delay: u32,
    pub retention: u32,
    pub group_scope: bool,
}

struct Pair {
    queue: Queue,
    effects: Vec<Effect>,
    model: Model,
    max_receive_count: Option<u32>,
    names: u32,
    /// Engine number by model serial.
    numbers: HashMap<u64, u64>,
    /// Every handle ever given out, with the serial and receive count it stands for.
    handles: Vec<(Receipt, u64, u32)>,
    /// The handles of each receive.
    receives: Vec<Vec<(Receipt, u64, u32)>>,
    dead: Vec<(Message, model::Message)>,
}

pub fn run(fifo: bool, start: &Start, steps: &[Step]) {
    let mut model = Model::new(fifo);
    model.group_scope = start.group_scope;
    model.retention = start.retention;
    model.fifo_delay = start.fifo_delay;
    model.in_flight_max = start.in_flight_max;
    model.max_receive_count = start.max_receive_count;
    model.now = START_MS;
    let settings = Settings {
        deduplication_scope: if start.group_scope {
            DeduplicationScope::MessageGroup
        } else {
            DeduplicationScope::Queue
        },
        visibility_timeout_seconds: 30,
        retention_seconds: start.retention,
        fifo_delay_seconds: start.fifo_delay,
        in_flight_max: start.in_flight_max,
        redrive_max_receive_count: start.max_receive_count,
    };
    let mut pair = Pair {
        queue: Queue::new(7, if fifo { QueueType::Fifo } else { QueueType::Standard }, settings),
        effects: Vec::new(),
        model,
        max_receive_count: start.max_receive_count,
        names: 0,
        numbers: HashMap::new(),
        handles: Vec::new(),
        receives: Vec::new(),
        dead: Vec::new(),
    };
    for step in steps {
        pair.model.advance();
        pair.step(step);
        pair.compare(step);
    }
}

impl Pair {
    fn now(&self) -> Time {
        Time(self.model.now)
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Send { group, deduplication, delay } => self.send(group, deduplication, delay),
            Step::SendMany { group, count } => (0..count).for_each(|_| self.send(Some(group), 0, 0)),
            Step::Receive { max, timeout, attempt, dead } => self.receive(max, timeout, attempt, dead),
            Step::Delete(which) => self.delete(which, usize::MAX),
            Step::DeleteRecent(which) => self.delete(which, 5),
            Step::Change { which, timeout } => self.change(which, timeout),
            Step::GiveBack(ago) => self.give_back(usize::from(ago)),
            Step::Insert { group, sent_ago_ms, receive_count, restarted } => {
                self.insert(group, sent_ago_ms, receive_count, restarted);
            }
            Step::PutBackDead => {
                if let Some((message, twin)) = self.dead.pop() {
                    let number = self.queue.insert(self.now(), message, &mut self.effects);
                    let serial = self.model.insert(&twin);
                    self.numbers.insert(serial, number);
                }
            }
            Step::TakeOldest => {
                let taken = self.queue.take_oldest_visible(self.now(), &mut self.effects);
                let twin = self.model.take_oldest();
                self.same_messages(taken.into_iter().collect(), twin.into_iter().collect());
            }
            Step::Purge => {
                let messages = self.model.messages.len();
                self.queue.tick(self.now(), &mut self.effects);
                let discarded = self.queue.purge(self.now(), &mut self.effects);
                assert_eq!(discarded.messages(), messages);
                self.model.purge();
            }
            Step::Configure { retention, fifo_delay } => {
                self.queue.tick(self.now(), &mut self.effects);
                self.queue.configure(Settings {
                    retention_seconds: retention,
                    fifo_delay_seconds: fifo_delay,
                    ..self.queue.settings().clone()
                });
                self.model.retention = retention;
                self.model.fifo_delay = fifo_delay;
            }
            Step::Jump(ms) => self.model.now += ms,
            Step::Replay => {
                let mut again = Queue::new(self.queue.uid(), self.queue.queue_type(), self.queue.settings().clone());
                self.effects.iter().cloned().for_each(|effect| again.replay(effect));
                assert_eq!(again.next_number(), self.queue.next_number());
                self.queue = again;
                self.model.restart();
            }
        }
    }

    fn send(&mut self, group: Option<u8>, deduplication: u8, delay: u32) {
        self.names += 1;
        let name = self.names;
        let new = NewMessage {
            id: id(name),
            body: format!("body {name}").into(),
            body_md5: [0; 16],
            attributes: None,
            trace_header: None,
            sender: None,
            group: group.map(group_name),
            deduplication_id: self.model.fifo.then(|| deduplication.to_string().into()),
            delay_seconds: delay,
        };
        let sent = self.queue.send(self.now(), new, &mut self.effects);
        match (self.model.send(name, group, deduplication, delay), sent) {
            (Ok(serial), Sent::Stored { number }) => {
                self.numbers.insert(serial, number);
            }
            (Err((name, serial)), Sent::Duplicate { id: first, number }) => {
                assert_eq!((first, number), (id(name), self.numbers[&serial]));
            }
            (twin, sent) => panic!("model {twin:?}, engine {sent:?}"),
        }
    }

    fn receive(&mut self, max: usize, timeout: u32, attempt: Option<u8>, dead: bool) {
        let attempt_id = attempt.map(|attempt| attempt.to_string().into());
        let dead_letter_after = self.max_receive_count.filter(|_| dead);
        let options = ReceiveOptions { max, visibility_timeout_seconds: Some(timeout), attempt_id };
        let received = self.queue.receive(self.now(), &options, dead_letter_after, &mut self.effects);
        let twin = self.model.receive(max, timeout, attempt, dead_letter_after);
        assert_eq!(received.over_limit, twin.over_limit);
        assert!(!received.more_dead);
        let mut handles = Vec::new();
        assert_eq!(received.deliveries.len(), twin.delivered.len(), "{received:#?} {:#?}", twin.delivered);
        for (delivery, twin) in received.deliveries.iter().zip(&twin.delivered) {
            let seen = model::Delivered {
                serial: twin.serial,
                name: name(delivery.id),
                group: delivery.group.as_deref().map(group_number),
                sent: delivery.sent.as_ms(),
                first_received: delivery.first_received.as_ms(),
                receive_count: delivery.receive_count,
            };
            assert_eq!(seen, *twin);
            self.check_handle(delivery, twin.serial);
            handles.push((delivery.receipt, twin.serial, twin.receive_count));
        }
        self.same_messages(received.dead.clone(), twin.dead.clone());
        self.dead.extend(received.dead.into_iter().zip(twin.dead));
        self.handles.extend(&handles);
        self.receives.push(handles);
    }

    fn check_handle(&self, delivery: &Delivery, serial: u64) {
        assert_eq!(delivery.number, self.numbers[&serial]);
        assert_eq!(delivery.receipt.number, delivery.number);
        assert_eq!(delivery.receipt.queue, self.queue.uid());
        assert_eq!(delivery.receipt.receive, delivery.receive_count);
        assert_eq!(delivery.body.as_str(), format!("body {}", name(delivery.id)));
    }

    fn delete(&mut self, which: Index, recent: usize) {
        let handles = &self.handles[self.handles.len().saturating_sub(recent)..];
        if handles.is_empty() {
            return;
        }
        let (receipt, serial, receive_count) = handles[which.index(handles.len())];
        let deleted = self.queue.delete(self.now(), receipt, &mut self.effects);
        let outcome = match deleted {
            Deleted::Done => Outcome::Done,
            Deleted::AlreadyGone => Outcome::Gone,
            Deleted::ReceiptExpired => Outcome::Expired,
        };
        assert_eq!(outcome, self.model.delete(serial, receive_count));
    }

    fn change(&mut self, which: Index, timeout: u32) {
        if self.handles.is_empty() {
            return;
        }
        let (receipt, serial, receive_count) = self.handles[which.index(self.handles.len())];
        let change = self.queue.change_visibility(self.now(), receipt, timeout, &mut self.effects);
        let outcome = match change {
            VisibilityChange::Changed => Outcome::Done,
            VisibilityChange::NotAvailable => Outcome::Gone,
            VisibilityChange::BeyondLimit => Outcome::BeyondLimit,
        };
        assert_eq!(outcome, self.model.change_visibility(serial, receive_count, timeout));
    }

    fn give_back(&mut self, ago: usize) {
        let Some(handles) = self.receives.iter().rev().nth(ago) else { return };
        let receipts: Vec<Receipt> = handles.iter().map(|handle| handle.0).collect();
        self.queue.give_back(self.now(), &receipts, &mut self.effects);
        for &(_, serial, receive_count) in handles {
            self.model.give_back(serial, receive_count);
        }
    }

    fn insert(&mut self, group: Option<u8>, sent_ago_ms: u64, receive_count: u32, restarted: bool) {
        let group = if self.model.fifo { group.or(Some(0)) } else { group };
        self.names += 1;
        let now = self.model.now;
        let sent = now - sent_ago_ms;
        let retained_from = if restarted { now } else { sent };
        let first_received = (receive_count > 0).then_some(sent + sent_ago_ms / 2);
        let message = Message {
            id: id(self.names),
            body: format!("body {}", self.names).into(),
            body_md5: [0; 16],
            extra: None,
            group: group.map(|group| group_name(group).into()),
            sent: Time(sent),
            retained_from: Time(retained_from),
            first_received: first_received.map(Time),
            receive_count,
        };
        let number = self.queue.insert(self.now(), message, &mut self.effects);
        let serial = self.model.arrive(
            self.names,
            group,
            sent,
            retained_from,
            receive_count,
            first_received,
            model::State::Visible,
        );
        self.numbers.insert(serial, number);
    }

    fn same_messages(&self, messages: Vec<Message>, twins: Vec<model::Message>) {
        assert_eq!(messages.len(), twins.len());
        for (message, twin) in messages.iter().zip(&twins) {
            assert_eq!(name(message.id), twin.name);
            assert_eq!(message.group.as_deref().map(group_number), twin.group);
            assert_eq!(message.sent, Time(twin.sent));
            assert_eq!(message.retained_from, Time(twin.retained_from));
            assert_eq!(message.receive_count, twin.receive_count);
            assert_eq!(message.first_received, twin.first_received.map(Time));
        }
    }

    fn compare(&mut self, step: &Step) {
        self.model.advance();
        self.queue.tick(self.now(), &mut self.effects);
        let counts = self.queue.counts();
        let seen = model::Counts {
            visible: counts.visible,
            in_flight: counts.in_flight,
            delayed: counts.delayed,
            groups: counts.groups,
            groups_with_in_flight: counts.groups_with_in_flight,
            noisy_groups: counts.noisy_groups,
            quiet_visible: if self.model.fifo { counts.visible } else { counts.quiet_visible },
        };
        assert_eq!(seen, self.model.counts(), "after {step:?}");
        assert_eq!(self.queue.has_ready(), self.model.has_ready(), "after {step:?}");
        let deadline = self.queue.next_deadline().map(Time::as_ms);
        assert_eq!(deadline, self.model.next_deadline(), "after {step:?}");
        assert_eq!(self.peek(), self.model.peek(), "after {step:?}");
    }

    /// Every message in the queue, looked at in small pages.
    fn peek(&self) -> Vec<model::Peeked> {
        let mut seen = Vec::new();
        let mut from = Some(0);
        while let Some(page) = from.map(|from| self.queue.messages(from, 3)) {
            assert!(page.messages.len() <= 3);
            from = page.next;
            seen.extend(page.messages.into_iter().map(peeked));
        }
        seen.sort_unstable_by_key(|message| message.name);
        seen
    }
}

fn peeked(stored: StoredMessage) -> model::Peeked {
    let StoredMessage { status, message, .. } = stored;
    assert_eq!(message.receive_count, status.receive_count);
    let until = status.deadline.map(Time::as_ms);
    model::Peeked {
        name: name(message.id),
        group: message.group.as_deref().map(group_number),
        receive_count: message.receive_count,
        first_received: message.first_received.map(Time::as_ms),
        state: match (status.state, until) {
            (MessageState::Visible, None) => model::State::Visible,
            (MessageState::InFlight, Some(until)) => model::State::InFlight { until },
            (MessageState::Delayed, Some(until)) => model::State::Delayed { until },
            odd => panic!("{odd:?}"),
        },
    }
}

fn id(name: u32) -> MessageId {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&name.to_be_bytes());
    MessageId(bytes)
}

fn name(id: MessageId) -> u32 {
    u32::from_be_bytes([id.0[0], id.0[1], id.0[2], id.0[3]])
}

fn group_name(group: u8) -> Box<str> {
    format!("g{group}").into()
}

fn group_number(name: &str) -> u8 {
    name[1..].parse().expect("a group of this test")
}
