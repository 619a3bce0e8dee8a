//! A queue as a plain list, written from the documented rules and without a thought for speed.
//!
//! It shares no code with the engine: every question is answered by walking over all messages.

use std::collections::{BTreeMap, BTreeSet};

pub use crate::observed::{Counts, Delivered, Outcome, Peeked, Received};

/// Five minutes, in milliseconds: deduplication, attempts, and the silence that ends a noisy tenant.
const FIVE_MINUTES: u64 = 300_000;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    Visible,
    Withheld,
    InFlight { until: u64 },
    Delayed { until: u64 },
}

#[derive(Clone, Debug)]
pub struct Message {
    /// Unique for good, ascending.
    pub serial: u64,
    pub name: u32,
    pub group: Option<u8>,
    pub sent: u64,
    pub retained_from: u64,
    pub receive_count: u32,
    pub first_received: Option<u64>,
    received_at: Option<u64>,
    state: State,
    /// The moment it became available, as a count of moments.
    available: u64,
    /// The moment of its last change, as a count of changes.
    changed: u64,
    /// Its receive was repeated.
    repeated: bool,
}

#[derive(Default)]
struct Tenant {
    noisy: bool,
    /// The same as a queue that is built again from its effects takes it: a silence shows there only in the times of the messages
    /// around it, and one that came from another queue was sent before it came.
    noisy_by_effects: bool,
    last_sent: u64,
}

/// A deduplication id, with its group if it counts only there.
type Key = (Option<u8>, u8);

/// Serial, receive count and change count of a message.
type HandedOut = (u64, u32, u64);

pub struct Model {
    pub fifo: bool,
    pub group_scope: bool,
    pub retention: u32,
    pub fifo_delay: u32,
    pub in_flight_max: usize,
    pub max_receive_count: Option<u32>,
    pub now: u64,
    pub messages: Vec<Message>,
    tenants: BTreeMap<u8, Tenant>,
    /// Key, first send, name and serial of the first.
    remembered: Vec<(Key, u64, u32, u64)>,
    /// Attempt, when, and what it handed out.
    attempts: Vec<(u8, u64, Vec<HandedOut>)>,
    count: u64,
}

impl Model {
    pub fn new(fifo: bool) -> Model {
        Model {
            fifo,
            group_scope: false,
            retention: 0,
            fifo_delay: 0,
            in_flight_max: 0,
            max_receive_count: None,
            now: 0,
            messages: Vec::new(),
            tenants: BTreeMap::new(),
            remembered: Vec::new(),
            attempts: Vec::new(),
            count: 0,
        }
    }

    fn moment(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// `Err` with the first one's name and serial for a duplicate.
    pub fn send(&mut self, name: u32, group: Option<u8>, deduplication: u8, delay: u32) -> Result<u64, (u32, u64)> {
        let key = (group.filter(|_| self.group_scope), deduplication);
        let now = self.now;
        if self.fifo
            && let Some(first) =
                self.remembered.iter().rev().find(|first| first.0 == key && now - first.1 < FIVE_MINUTES)
        {
            return Err((first.2, first.3));
        }
        let delay = if self.fifo { self.fifo_delay } else { delay };
        let state = if delay == 0 { State::Visible } else { State::Delayed { until: now + u64::from(delay) * 1000 } };
        let serial = self.arrive(name, group, now, now, 0, None, state);
        if self.fifo {
            self.remembered.push((key, now, name, serial));
        }
        Ok(serial)
    }

    pub fn insert(&mut self, message: &Message) -> u64 {
        let Message { name, group, sent, retained_from, receive_count, first_received, .. } = *message;
        self.arrive(name, group, sent, retained_from, receive_count, first_received, State::Visible)
    }

    #[allow(clippy::too_many_arguments)]
    pub fn arrive(
        &mut self,
        name: u32,
        group: Option<u8>,
        sent: u64,
        retained_from: u64,
        receive_count: u32,
        first_received: Option<u64>,
        state: State,
    ) -> u64 {
        let serial = self.moment();
        self.messages.push(Message {
            serial,
            name,
            group,
            sent,
            retained_from,
            receive_count,
            first_received,
            received_at: None,
            state,
            available: serial,
            changed: serial,
            repeated: false,
        });
        if let Some(group) = group.filter(|_| !self.fifo) {
            let tenant = self.tenants.entry(group).or_default();
            if sent >= tenant.last_sent + FIVE_MINUTES {
                tenant.noisy = false;
                tenant.noisy_by_effects = false;
            }
            tenant.last_sent = tenant.last_sent.max(sent);
        }
        serial
    }

    pub fn receive(&mut self, max: usize, timeout: u32, attempt: Option<u8>, dead_after: Option<u32>) -> Received {
        if let Some(again) = attempt.and_then(|attempt| self.repeat(attempt, timeout)) {
            return again;
        }
        let mut received = Received::default();
        let room = self.in_flight_max.saturating_sub(self.in_flight());
        received.over_limit = room == 0 && !self.fifo;
        let mut draining = None;
        while received.delivered.len() < max.min(room) {
            let Some(at) = self.next(&mut draining) else { break };
            if dead_after.is_some_and(|limit| self.messages[at].receive_count >= limit) {
                received.dead.push(self.messages.remove(at));
                self.forget_tenants();
                continue;
            }
            received.delivered.push(self.deliver(at, timeout));
        }
        for delivered in &received.delivered {
            if timeout == 0 {
                self.visible_again(delivered.serial);
            }
        }
        if let Some(attempt) = attempt
            && timeout > 0
            && !received.delivered.is_empty()
        {
            self.remember(attempt, self.now, &received.delivered);
        }
        received
    }

    fn deliver(&mut self, at: usize, timeout: u32) -> Delivered {
        let now = self.now;
        let changed = self.moment();
        let message = &mut self.messages[at];
        message.receive_count += 1;
        message.repeated = false;
        message.first_received.get_or_insert(now);
        message.received_at = Some(now);
        message.changed = changed;
        message.state =
            if timeout == 0 { State::Withheld } else { State::InFlight { until: now + u64::from(timeout) * 1000 } };
        let delivered = seen(message);
        if let Some(group) = delivered.group.filter(|_| !self.fifo && timeout > 0) {
            let own = self.messages.iter().filter(|m| m.group == Some(group) && m.is_in_flight()).count();
            let backlog = self.messages.iter().any(|m| m.group == Some(group) && !m.is_in_flight());
            let all = self.in_flight();
            let tenant = self.tenants.get_mut(&group).expect("has a message");
            if own >= 30 && own * 10 > all && backlog && now < tenant.last_sent + FIVE_MINUTES {
                tenant.noisy = true;
                tenant.noisy_by_effects = true;
            }
        }
        self.forget_tenants();
        delivered
    }

    /// The message to give next; `draining` is the group and the serial at which a FIFO call is.
    fn next(&self, draining: &mut Option<(u8, u64)>) -> Option<usize> {
        if !self.fifo {
            return self.next_standard();
        }
        if let Some((group, serial)) = *draining {
            let following = self
                .messages
                .iter()
                .enumerate()
                .filter(|(_, m)| m.group == Some(group) && m.serial > serial)
                .min_by_key(|(_, m)| m.serial);
            if let Some((at, message)) = following
                && message.state == State::Visible
            {
                *draining = Some((group, message.serial));
                return Some(at);
            }
        }
        let groups: BTreeSet<u8> = self.messages.iter().filter_map(|m| m.group).collect();
        let heads = groups.into_iter().filter_map(|group| {
            self.messages
                .iter()
                .enumerate()
                .filter(|(_, m)| m.group == Some(group))
                .min_by_key(|(_, m)| m.serial)
                .filter(|(_, m)| m.state == State::Visible)
        });
        let (at, message) = heads.min_by_key(|(_, m)| m.available)?;
        *draining = Some((message.group?, message.serial));
        Some(at)
    }

    fn next_standard(&self) -> Option<usize> {
        let visible = || self.messages.iter().enumerate().filter(|(_, m)| m.state == State::Visible);
        let quiet = visible().filter(|(_, m)| !self.is_noisy(m.group)).min_by_key(|(_, m)| m.available);
        let noisy = || {
            visible().min_by_key(|(_, m)| {
                let own = self.messages.iter().filter(|o| o.group == m.group && o.is_in_flight());
                // Of two groups with as many in flight, the one whose first message is older goes first.
                (own.count(), m.available)
            })
        };
        quiet.or_else(noisy).map(|(at, _)| at)
    }

    fn is_noisy(&self, group: Option<u8>) -> bool {
        group.and_then(|group| self.tenants.get(&group)).is_some_and(|tenant| tenant.noisy)
    }

    /// A tenant without messages is forgotten; one without a backlog is not noisy.
    fn forget_tenants(&mut self) {
        let messages = &self.messages;
        self.tenants.retain(|&group, tenant| {
            let mut own = messages.iter().filter(|m| m.group == Some(group)).peekable();
            let any = own.peek().is_some();
            let backlog = own.any(|m| !m.is_in_flight());
            tenant.noisy &= backlog;
            tenant.noisy_by_effects &= backlog;
            any
        });
    }

    fn repeat(&mut self, attempt: u8, timeout: u32) -> Option<Received> {
        let at = self.attempts.iter().position(|known| known.0 == attempt)?;
        let (_, first, handed_out) = self.attempts[at].clone();
        let untouched = handed_out.iter().all(|&(serial, receive_count, changed)| {
            self.find(serial)
                .is_some_and(|m| m.is_in_flight() && m.receive_count == receive_count && m.changed == changed)
        });
        if self.now >= first + FIVE_MINUTES || !untouched {
            return None;
        }
        let mut received = Received::default();
        for (serial, _, _) in handed_out {
            let now = self.now;
            let changed = self.moment();
            let message = self.find_mut(serial)?;
            received.delivered.push(seen(message));
            if timeout == 0 {
                self.visible_again(serial);
                continue;
            }
            message.changed = changed;
            message.repeated = true;
            message.received_at = Some(now);
            message.state = State::InFlight { until: now + u64::from(timeout) * 1000 };
        }
        if timeout > 0 {
            self.remember(attempt, first, &received.delivered);
        }
        Some(received)
    }

    fn remember(&mut self, attempt: u8, at: u64, delivered: &[Delivered]) {
        let handed_out = delivered
            .iter()
            .filter_map(|d| self.find(d.serial).map(|m| (m.serial, m.receive_count, m.changed)))
            .collect();
        self.attempts.retain(|known| known.0 != attempt);
        self.attempts.push((attempt, at, handed_out));
    }

    /// Who waited for answers is gone, so it is not known any more which receives were repeated, nor who was silent when.
    pub fn restart(&mut self) {
        self.messages.iter_mut().for_each(|message| message.repeated = false);
        self.tenants.values_mut().for_each(|tenant| tenant.noisy = tenant.noisy_by_effects);
    }

    pub fn give_back(&mut self, serial: u64, receive_count: u32) {
        let changed = self.moment();
        let Some(message) = self.find_mut(serial) else { return };
        if !message.is_in_flight() || message.receive_count != receive_count || message.repeated {
            return;
        }
        message.receive_count -= 1;
        if message.receive_count == 0 {
            message.first_received = None;
            message.received_at = None;
        }
        message.state = State::Visible;
        message.changed = changed;
    }

    pub fn delete(&mut self, serial: u64, receive_count: u32) -> Outcome {
        let Some(message) = self.find(serial) else { return Outcome::Gone };
        if self.fifo && !(message.is_in_flight() && message.receive_count == receive_count) {
            return Outcome::Expired;
        }
        self.messages.retain(|m| m.serial != serial);
        self.forget_tenants();
        Outcome::Done
    }

    pub fn change_visibility(&mut self, serial: u64, receive_count: u32, timeout: u32) -> Outcome {
        let (now, fifo) = (self.now, self.fifo);
        let changed = self.moment();
        let Some(message) = self.find_mut(serial) else { return Outcome::Gone };
        if fifo && !(message.is_in_flight() && message.receive_count == receive_count) {
            return Outcome::Gone;
        }
        let timeout = u64::from(timeout) * 1000;
        if timeout == 0 {
            if message.is_in_flight() {
                self.visible_again(serial);
            }
            return Outcome::Done;
        }
        let elapsed = (now - message.received_at.unwrap_or(now)).max(2_000);
        if elapsed + timeout > 12 * 3_600_000 {
            return Outcome::BeyondLimit;
        }
        message.state = State::InFlight { until: now + timeout };
        message.changed = changed;
        self.forget_tenants();
        Outcome::Done
    }

    pub fn take_oldest(&mut self) -> Option<Message> {
        let at = self.next(&mut None)?;
        let message = self.messages.remove(at);
        self.forget_tenants();
        Some(message)
    }

    pub fn purge(&mut self) {
        self.messages.clear();
        self.tenants.clear();
        self.remembered.clear();
        self.attempts.clear();
    }

    /// When this message will next change by itself, the kind of change, and what decides between equals.
    fn next_change(&self, message: &Message) -> (u64, u8, u64) {
        let expiry = (message.retained_from + u64::from(self.retention) * 1000, 0, 0);
        let other = match message.state {
            State::Visible | State::Withheld => return expiry,
            State::Delayed { .. } if self.fifo => (message.sent + u64::from(self.fifo_delay) * 1000, 1, message.serial),
            State::InFlight { until } | State::Delayed { until } => (until, 2, message.changed),
        };
        expiry.min(other)
    }

    pub fn next_deadline(&self) -> Option<u64> {
        self.messages.iter().map(|message| self.next_change(message).0).min()
    }

    /// Lets everything happen that is due, in the order of its moment.
    pub fn advance(&mut self) {
        while let Some((change, at)) = self.messages.iter().enumerate().map(|(at, m)| (self.next_change(m), at)).min() {
            if change.0 > self.now {
                break;
            }
            let serial = self.messages[at].serial;
            match (change.1, self.messages[at].state) {
                (0, _) => {
                    self.messages.remove(at);
                }
                (_, State::Delayed { .. }) => {
                    let moment = self.moment();
                    let fifo = self.fifo;
                    let message = &mut self.messages[at];
                    message.state = State::Visible;
                    message.changed = moment;
                    if fifo {
                        message.available = moment;
                    }
                }
                _ => self.visible_again(serial),
            }
            self.forget_tenants();
        }
        for tenant in self.tenants.values_mut() {
            tenant.noisy &= self.now < tenant.last_sent + FIVE_MINUTES;
        }
    }

    fn visible_again(&mut self, serial: u64) {
        let moment = self.moment();
        let fifo = self.fifo;
        let comes_back_often = self.max_receive_count.is_some_and(|count| count > 3);
        let Some(message) = self.find_mut(serial) else { return };
        message.state = State::Visible;
        message.changed = moment;
        if fifo || (comes_back_often && message.receive_count > 3) {
            message.available = moment;
        }
    }

    pub fn counts(&self) -> Counts {
        let in_flight = || self.messages.iter().filter(|m| m.is_in_flight());
        let delayed = self.messages.iter().filter(|m| matches!(m.state, State::Delayed { .. })).count();
        let groups = |messages: &mut dyn Iterator<Item = &Message>| {
            messages.filter_map(|m| m.group).collect::<BTreeSet<u8>>().len()
        };
        Counts {
            visible: self.messages.len() - in_flight().count() - delayed,
            in_flight: in_flight().count(),
            delayed,
            groups: groups(&mut self.messages.iter()),
            groups_with_in_flight: if self.fifo { groups(&mut in_flight()) } else { 0 },
            noisy_groups: self.tenants.values().filter(|tenant| tenant.noisy).count(),
            quiet_visible: self
                .messages
                .iter()
                .filter(|m| m.state == State::Visible && !self.is_noisy(m.group))
                .count(),
        }
    }

    /// Every message as it stands, by name.
    pub fn peek(&self) -> Vec<Peeked> {
        let peeked = |message: &Message| {
            let Message { name, group, receive_count, first_received, .. } = *message;
            let state = match message.state {
                State::Delayed { .. } if self.fifo => {
                    State::Delayed { until: message.sent + u64::from(self.fifo_delay) * 1000 }
                }
                state => state,
            };
            Peeked { name, group, receive_count, first_received, state }
        };
        let mut messages: Vec<Peeked> = self.messages.iter().map(peeked).collect();
        messages.sort_unstable_by_key(|message| message.name);
        messages
    }

    pub fn has_ready(&self) -> bool {
        self.next(&mut None).is_some()
    }

    fn in_flight(&self) -> usize {
        self.messages.iter().filter(|m| m.is_in_flight()).count()
    }

    fn find(&self, serial: u64) -> Option<&Message> {
        self.messages.iter().find(|m| m.serial == serial)
    }

    fn find_mut(&mut self, serial: u64) -> Option<&mut Message> {
        self.messages.iter_mut().find(|m| m.serial == serial)
    }
}

impl Message {
    fn is_in_flight(&self) -> bool {
        matches!(self.state, State::InFlight { .. })
    }
}

fn seen(message: &Message) -> Delivered {
    Delivered {
        serial: message.serial,
        name: message.name,
        group: message.group,
        sent: message.sent,
        first_received: message.first_received.unwrap_or_default(),
        receive_count: message.receive_count,
    }
}
