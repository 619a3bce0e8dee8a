//! A client of the load: sends, receives, deletes and hides at random until its server is gone, and goes on with the next.

use crate::audit::{Delivery, REPEATABLE_MS};
use crate::client::now_ms;
use crate::content::{CONTENT, DEAD, DELAYED, ORDERED, PLAIN, SOURCE, is_fifo};
use crate::line::Line;
use crate::ops::{Hand, OutgoingMessage, Want};
use fastrand::Rng;

/// Receipts that a worker keeps before it does nothing but delete.
const HANDS_MAX: usize = 60;
/// Message groups of each worker in each FIFO queue. Nobody else sends to them.
const GROUPS: usize = 3;
/// Messages that may be sent again.
const RECENT_MAX: usize = 50;
/// A delay that no run waits for.
const LONG_DELAY_SECONDS: u64 = 900;

/// A message group as its sender sees it.
struct GroupToSend {
    queue: &'static str,
    name: String,
    next_place: u64,
    /// Without an answer. They are sent again before anything new, as a careful producer does.
    pending: Vec<OutgoingMessage>,
}

/// A receive that may be repeated.
struct Attempt {
    queue: &'static str,
    id: String,
    /// `None` if there was no answer.
    answer: Option<Vec<Delivery>>,
}

/// See the module. It outlives the servers.
pub struct Worker {
    number: usize,
    rng: Rng,
    next_key: u64,
    groups: Vec<GroupToSend>,
    recent: Vec<(OutgoingMessage, u64)>,
    hands: Vec<Hand>,
    attempt: Option<Attempt>,
}

impl Worker {
    pub fn new(number: usize, seed: u64) -> Worker {
        let group = |queue: &'static str, n: usize| GroupToSend {
            queue,
            name: format!("group-{number}-{n}"),
            next_place: 0,
            pending: Vec::new(),
        };
        let groups = (0..GROUPS).flat_map(|n| [group(ORDERED, n), group(CONTENT, n)]).collect();
        let rng = Rng::with_seed(seed.wrapping_mul(31).wrapping_add(number as u64));
        Worker { number, rng, next_key: 0, groups, recent: Vec::new(), hands: Vec::new(), attempt: None }
    }

    /// Forgets receipts: the queues were emptied.
    pub fn start_afresh(&mut self) {
        self.hands.clear();
        self.attempt = None;
    }

    /// Works until the server is gone.
    pub fn run(&mut self, line: &mut Line<'_>) {
        self.repeat_attempt(line);
        while !line.is_over() {
            self.step(line);
        }
    }

    fn step(&mut self, line: &mut Line<'_>) {
        if self.hands.len() > HANDS_MAX {
            let count = self.rng.usize(2..=10);
            return self.delete(line, count);
        }
        match self.rng.u32(0..100) {
            0..22 => self.send(line, 1),
            22..32 => {
                let count = self.rng.usize(2..=10);
                self.send(line, count);
            }
            32..57 => self.receive(line, 0),
            57..60 => self.receive(line, 1),
            60..74 => self.delete(line, 1),
            74..86 => {
                let count = self.rng.usize(2..=10);
                self.delete(line, count);
            }
            86..98 => self.change(line),
            _ => self.repeat_attempt(line),
        }
    }

    fn key(&mut self, queue: &str) -> String {
        self.next_key += 1;
        format!("{queue}/{}/{}", self.number, self.next_key)
    }

    fn send(&mut self, line: &mut Line<'_>, count: usize) {
        let queue = self.any_of(&[(PLAIN, 25), (SOURCE, 25), (ORDERED, 22), (CONTENT, 22), (DELAYED, 6)]);
        if is_fifo(queue) {
            return self.send_fifo(line, queue, count);
        }
        let messages: Vec<OutgoingMessage> = (0..count)
            .map(|_| {
                let delay_seconds = match self.rng.u32(0..10) {
                    _ if queue != DELAYED => 0,
                    0 => LONG_DELAY_SECONDS,
                    _ => self.rng.u64(1..=2),
                };
                OutgoingMessage { queue, key: self.key(queue), group: None, delay_seconds }
            })
            .collect();
        line.send(&messages);
    }

    fn send_fifo(&mut self, line: &mut Line<'_>, queue: &'static str, count: usize) {
        let now_ms = now_ms();
        self.recent.retain(|(_, sent_ms)| sent_ms + REPEATABLE_MS > now_ms);
        if !self.recent.is_empty() && self.rng.u32(0..7) == 0 {
            let again = self.recent[self.rng.usize(..self.recent.len())].0.clone();
            line.send(&[again]);
            return;
        }
        let of_queue: Vec<usize> = (0..self.groups.len()).filter(|&n| self.groups[n].queue == queue).collect();
        let chosen = of_queue[self.rng.usize(..of_queue.len())];
        let mut messages = std::mem::take(&mut self.groups[chosen].pending);
        if messages.is_empty() {
            for _ in 0..count {
                let key = self.key(queue);
                let group = &mut self.groups[chosen];
                let place = group.next_place;
                group.next_place += 1;
                messages.push(OutgoingMessage {
                    queue,
                    key,
                    group: Some((group.name.clone(), place)),
                    delay_seconds: 0,
                });
            }
        }
        if line.send(&messages) {
            self.recent.extend(messages.into_iter().map(|message| (message, now_ms)));
            let surplus = self.recent.len().saturating_sub(RECENT_MAX);
            self.recent.drain(..surplus);
        } else {
            self.groups[chosen].pending = messages;
        }
    }

    fn receive(&mut self, line: &mut Line<'_>, wait_seconds: u64) {
        let queue = self.any_of(&[(PLAIN, 25), (SOURCE, 22), (DEAD, 8), (ORDERED, 20), (CONTENT, 20), (DELAYED, 5)]);
        let attempt = (is_fifo(queue) && self.attempt.is_none() && self.rng.u32(0..6) == 0).then(|| {
            self.next_key += 1;
            format!("attempt-{}-{}", self.number, self.next_key)
        });
        let max = self.rng.usize(1..=10);
        // Some are received in vain, so that there are dead messages.
        let visibility_seconds = if queue == SOURCE && self.rng.bool() { 0 } else { self.rng.u64(2..=3) };
        let want = Want { queue, max, visibility_seconds, wait_seconds, attempt: attempt.as_deref() };
        let answer = line.receive(&want);
        match attempt {
            Some(id) => self.attempt = Some(Attempt { queue, id, answer }),
            None => self.take(queue, answer),
        }
    }

    fn take(&mut self, queue: &'static str, deliveries: Option<Vec<Delivery>>) {
        self.hands.extend(deliveries.iter().flatten().map(|delivery| Hand::of(queue, delivery)));
    }

    fn repeat_attempt(&mut self, line: &mut Line<'_>) {
        let Some(Attempt { queue, id, answer }) = self.attempt.take() else { return };
        let want = Want { queue, max: 10, visibility_seconds: 2, wait_seconds: 0, attempt: Some(&id) };
        let deliveries = match &answer {
            Some(before) if !before.is_empty() => line.receive_again(&want, before),
            // Whatever the lost answer was, this one counts.
            _ => line.receive(&want),
        };
        let deliveries = deliveries.or(answer);
        self.take(queue, deliveries);
    }

    fn delete(&mut self, line: &mut Line<'_>, count: usize) {
        let hands = self.some_hands(count);
        line.delete(&hands);
    }

    fn change(&mut self, line: &mut Line<'_>) {
        let count = if self.rng.bool() { 1 } else { self.rng.usize(2..=10) };
        let seconds = [0, 0, 0, 2, 3, 600][self.rng.usize(..6)];
        let hands = self.some_hands(count);
        let standing = line.change(hands, seconds);
        if seconds > 0 {
            self.hands.extend(standing);
        }
    }

    /// Takes up to so many receipts of one queue, in no order: many are from before the last crash.
    fn some_hands(&mut self, count: usize) -> Vec<Hand> {
        if self.hands.is_empty() {
            return Vec::new();
        }
        let first = self.hands.swap_remove(self.rng.usize(..self.hands.len()));
        let queue = first.queue;
        let mut taken = vec![first];
        while let Some(at) = self.hands.iter().position(|hand| hand.queue == queue).filter(|_| taken.len() < count) {
            taken.push(self.hands.swap_remove(at));
        }
        taken
    }

    fn any_of(&mut self, weighted: &[(&'static str, u32)]) -> &'static str {
        let mut left = self.rng.u32(0..weighted.iter().map(|(_, weight)| weight).sum());
        for (queue, weight) in weighted {
            match left.checked_sub(*weight) {
                Some(rest) => left = rest,
                None => return queue,
            }
        }
        PLAIN
    }
}
