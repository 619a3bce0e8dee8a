//! The auditor: knows each message and where it was seen, and complains of what must not be.
//!
//! A message travels along [`Leg`]s: sent to its source queue, dead, perhaps moved back to the source and dead once more, and
//! perhaps moved to the third queue. All messages of a group go the same way, one leg after the other, except those that a
//! consumer deletes on the way. A dead letter keeps its message id and a move task gives a new one, so queue and id tell the
//! leg. What must hold:
//!
//! 1. *Order*, between FIFO queues. On every leg the messages of a group have rising sequence numbers in the order in which
//!    they were sent, and are given out for the first time in that order. The sequence number, which a queue draws on
//!    arrival, shows an inversion whoever received first; the order of deliveries is compared where it is certain, among
//!    receives that hold a group until what they got has been taken down.
//! 2. *Nothing twice.* A delivery that was asked for after a delete was acknowledged, a second id or number on one leg, or a
//!    leg after a later one was seen.
//! 3. *Nothing shared.* A delivery that was asked for while somebody is known to hold the message.
//! 4. *Nothing lost.* When all queues are empty, each message has been deleted by somebody.

use serde_json::Value;
use std::collections::BTreeMap;

/// The queues of a round.
#[derive(Debug)]
pub struct Queues {
    /// Those that messages are sent to, each with its dead-letter queue.
    pub sources: [(&'static str, &'static str); 3],
    /// Dead-letter queues: one of two sources, one of a single one.
    pub dead: [&'static str; 2],
    /// Where move tasks bring messages to if not back.
    pub other: &'static str,
}

pub const FIFO: Queues = Queues {
    sources: [("a.fifo", "x.fifo"), ("b.fifo", "x.fifo"), ("c.fifo", "y.fifo")],
    dead: ["x.fifo", "y.fifo"],
    other: "other.fifo",
};

pub const STANDARD: Queues = Queues { sources: [("a", "x"), ("b", "x"), ("c", "y")], dead: ["x", "y"], other: "other" };

impl Queues {
    pub fn sources(&self) -> [&'static str; 3] {
        self.sources.map(|(source, _)| source)
    }

    pub fn all(&self) -> Vec<&'static str> {
        self.sources().into_iter().chain(self.dead).chain([self.other]).collect()
    }
}

pub fn is_fifo(queue: &str) -> bool {
    queue.ends_with(".fifo")
}

/// A stretch of a message's way, in the order in which it takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leg {
    Sent,
    Dead,
    Back,
    DeadAgain,
    Other,
}

/// Source queue, group and place in the group. The body of the message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub source: &'static str,
    pub group: usize,
    pub place: usize,
}

impl Key {
    pub fn body(&self) -> String {
        format!("{}/{}/{}", self.source, self.group, self.place)
    }

    pub fn group_id(&self) -> String {
        format!("{}/{}", self.source, self.group)
    }

    fn read(body: &str) -> Option<Key> {
        let mut parts = body.split('/');
        let source = parts.next()?;
        let source = FIFO.sources().into_iter().chain(STANDARD.sources()).find(|name| *name == source)?;
        Some(Key { source, group: parts.next()?.parse().ok()?, place: parts.next()?.parse().ok()? })
    }
}

/// A message as it was received.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub key: Key,
    pub id: String,
    /// Its sequence number; 0 in a standard queue.
    pub number: u128,
    pub handle: String,
}

impl Delivery {
    pub fn read(message: &Value) -> Option<Delivery> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let key = Key::read(message["Body"].as_str()?)?;
        let number = &message["Attributes"]["SequenceNumber"];
        Some(Delivery {
            number: if is_fifo(key.source) { number.as_str()?.parse().ok()? } else { 0 },
            key,
            id: text(&message["MessageId"])?,
            handle: text(&message["ReceiptHandle"])?,
        })
    }
}

/// A message group on one leg: the leg, its source queue and its number.
type Group = (Leg, &'static str, usize);

/// What was seen of a message on one leg.
#[derive(Debug)]
struct Seen {
    id: String,
    number: u128,
    /// When its first delivery had been taken down.
    at: u64,
}

/// All that is known of a message.
#[derive(Debug, Default)]
struct Tracked {
    /// The id it was sent with.
    id: Option<String>,
    seen: BTreeMap<Leg, Seen>,
    /// Since when somebody is known to hold it.
    held: Option<u64>,
    /// When its delete was acknowledged.
    deleted: Option<u64>,
    /// A delete was tried.
    in_doubt: bool,
}

/// See the module. Its time is a counter: all that matters is what came before what.
#[derive(Debug, Default)]
pub struct Audit {
    now: u64,
    messages: BTreeMap<Key, Tracked>,
    /// The highest place of each group that came to somebody who holds it, by leg.
    highest: BTreeMap<Group, usize>,
    /// By sequence numbers, on all legs.
    pub inversions: usize,
    pub violations: Vec<String>,
}

impl Audit {
    pub fn complain(&mut self, violation: String) {
        self.violations.push(violation);
    }

    /// A moment of its own.
    pub fn now(&mut self) -> u64 {
        self.now += 1;
        self.now
    }

    /// The id of a message is known: its send was acknowledged, or it was received for the first time.
    pub fn sent(&mut self, key: &Key, id: &str) {
        let message = self.messages.entry(key.clone()).or_default();
        if *message.id.get_or_insert_with(|| id.to_owned()) != id {
            let violation = format!("{} was sent as {id} and {:?}", key.body(), message.id);
            self.complain(violation);
        }
    }

    /// A receive that was asked for at `began` gave these. `held`: nobody else gets a message of these groups until this has
    /// been taken down.
    pub fn received(&mut self, queue: &'static str, began: u64, deliveries: &[Delivery], held: bool) {
        for delivery in deliveries {
            if let Some(violation) = self.delivered(queue, began, delivery, held) {
                self.complain(format!("{} in {queue} {violation}", delivery.key.body()));
            }
        }
    }

    fn delivered(&mut self, queue: &'static str, began: u64, delivery: &Delivery, held: bool) -> Option<String> {
        let now = self.now();
        let Delivery { key, id, number, .. } = delivery;
        let message = self.messages.entry(key.clone()).or_default();
        // A message whose send was not answered: it has not been moved yet, for all sends are answered before that.
        let original = message.id.get_or_insert_with(|| id.clone()) == id;
        let leg = match (queue, original) {
            (queue, _) if queue == FIFO.other || queue == STANDARD.other => Leg::Other,
            (queue, true) if queue == key.source => Leg::Sent,
            (queue, false) if queue == key.source => Leg::Back,
            (_, true) => Leg::Dead,
            (_, false) => Leg::DeadAgain,
        };
        if message.deleted.is_some_and(|deleted| deleted < began) {
            return Some("came after it was deleted".to_owned());
        }
        if message.held.is_some_and(|since| since < began) {
            return Some("came while somebody held it".to_owned());
        }
        if let Some((later, _)) = message.seen.iter().find(|(later, seen)| **later > leg && seen.at < began) {
            return Some(format!("is {leg:?} after it was {later:?}"));
        }
        let first = !message.seen.contains_key(&leg);
        let seen = message.seen.entry(leg).or_insert_with(|| Seen { id: id.clone(), number: *number, at: now });
        if (&seen.id, seen.number) != (id, *number) {
            return Some(format!("is {leg:?} twice: {} {} and {id} {number}", seen.id, seen.number));
        }
        if held {
            message.held = Some(now);
        }
        if held && first && is_fifo(queue) {
            let highest = self.highest.entry((leg, key.source, key.group)).or_default();
            if *highest > key.place {
                return Some(format!("came after {highest} of its group"));
            }
            *highest = key.place;
        }
        None
    }

    /// Who holds a message is about to give it back.
    pub fn giving_back(&mut self, key: &Key) {
        self.messages.entry(key.clone()).or_default().held = None;
    }

    pub fn deleting(&mut self, key: &Key) {
        self.messages.entry(key.clone()).or_default().in_doubt = true;
    }

    /// A delete was acknowledged, by somebody who held the message.
    pub fn deleted(&mut self, key: &Key) {
        let now = self.now();
        self.messages.entry(key.clone()).or_default().deleted.get_or_insert(now);
    }

    /// All queues are empty.
    pub fn finish(&mut self, sent: impl Iterator<Item = Key>) {
        for key in sent {
            let message = self.messages.entry(key.clone()).or_default();
            if message.deleted.is_none() && !message.in_doubt {
                let violation = format!("{} is lost, last seen {:?}", key.body(), message.seen.last_key_value());
                self.complain(violation);
            }
        }
        let mut numbers: BTreeMap<Group, Vec<(u128, usize)>> = BTreeMap::new();
        for (key, message) in self.messages.iter().filter(|(key, _)| is_fifo(key.source)) {
            for (leg, seen) in &message.seen {
                numbers.entry((*leg, key.source, key.group)).or_default().push((seen.number, key.place));
            }
        }
        for ((leg, source, group), mut places) in numbers {
            places.sort_unstable();
            let late: Vec<_> = places.windows(2).filter(|two| two[0].1 > two[1].1).collect();
            self.inversions += late.len();
            if let Some(two) = late.first() {
                let (before, after) = (two[0].1, two[1].1);
                let count = late.len();
                self.violations.push(format!("{source}/{group}, {leg:?}: {count} inversions, {after} after {before}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(place: usize, id: &str, number: u128) -> Delivery {
        let key = Key { source: "a.fifo", group: 0, place };
        Delivery { key, id: id.to_owned(), number, handle: String::new() }
    }

    type Story<'a> = &'a dyn Fn(&mut Audit, &[Delivery; 2]);

    /// Two messages that died and were drained, told to the auditor with one thing wrong or nothing.
    fn story(tell: impl Fn(&mut Audit, &[Delivery; 2])) -> Vec<String> {
        let mut audit = Audit::default();
        let two = [delivery(0, "first", 10), delivery(1, "second", 20)];
        two.iter().for_each(|delivery| audit.sent(&delivery.key, &delivery.id));
        tell(&mut audit, &two);
        audit.finish(two.iter().map(|delivery| delivery.key.clone()));
        audit.violations
    }

    fn take(audit: &mut Audit, queue: &'static str, delivery: &Delivery) {
        let began = audit.now();
        audit.received(queue, began, std::slice::from_ref(delivery), true);
        audit.deleted(&delivery.key);
    }

    #[test]
    fn what_is_right_is_passed() {
        let violations = story(|audit, [first, second]| {
            let began = audit.now();
            audit.received("a.fifo", began, &[first.clone(), second.clone()], false);
            take(audit, "x.fifo", first);
            take(audit, "x.fifo", second);
        });
        assert_eq!(violations, [""; 0]);
    }

    #[test]
    fn each_wrong_is_noticed() {
        let table: [(&str, Story); 7] = [
            ("a.fifo/0/1 is lost", &|audit, [first, _]| take(audit, "x.fifo", first)),
            ("came after 1 of its group", &|audit, [first, second]| {
                take(audit, "x.fifo", second);
                take(audit, "x.fifo", first);
            }),
            ("1 inversions, 0 after 1", &|audit, [first, second]| {
                take(audit, "x.fifo", &Delivery { number: 30, ..first.clone() });
                take(audit, "x.fifo", second);
            }),
            ("came after it was deleted", &|audit, [first, second]| {
                [first, second, second].iter().for_each(|delivery| take(audit, "x.fifo", delivery));
            }),
            ("came while somebody held it", &|audit, [first, _]| {
                for _ in 0..2 {
                    let began = audit.now();
                    audit.received("x.fifo", began, std::slice::from_ref(first), true);
                }
            }),
            ("is Dead twice", &|audit, [first, second]| {
                let began = audit.now();
                audit.received("x.fifo", began, &[first.clone(), second.clone()], false);
                take(audit, "x.fifo", &Delivery { number: 40, ..first.clone() });
            }),
            ("is Sent after it was Dead", &|audit, [first, _]| {
                let began = audit.now();
                audit.received("x.fifo", began, std::slice::from_ref(first), false);
                take(audit, "a.fifo", first);
            }),
        ];
        for (expected, tell) in table {
            let violations = story(tell);
            assert!(violations.iter().any(|violation| violation.contains(expected)), "{expected}: {violations:?}");
        }
    }
}
