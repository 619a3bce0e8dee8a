//! Chance out of a seed: what is hit depends on what it is, not on when it comes.
//!
//! A rule with a probability fires if `SipHash(seed; rule id, entity, ordinal) < probability * 2^64`. There is no stream of
//! random numbers that threads would share, and no order.
//!
//! | what is hit | entity | ordinal |
//! | --- | --- | --- |
//! | a message that is received, deleted or changed | queue, content, its place among equal ones | the receive; the delete or change of it |
//! | a message that is sent | queue, content | how many-th send of that content |
//! | anything else | action, queue | how many-th of that rule |
//!
//! So which messages are hit does not depend on how requests are interleaved. Of requests without a message it is fixed how
//! many-th are hit; which client's these are depends on arrival.

use super::bounded::Bounded;
use super::subject::Subject;
use crate::api::Operation;
use crate::broker::Queue;
use crate::engine::{MessageId, Receipt};
use siphasher::sip::SipHasher24;
use std::hash::Hasher;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Messages, contents, and requests of one kind, of which it is known how many there were. Beyond, counting begins again for
/// those that came first.
const COUNTED_MAX: usize = 100_000;

/// The second half of the key; the seed is the first.
const KEY: u64 = 0x6b65_7720_6661_756c;

/// Draws by chance, and counts what has to be counted for it.
pub(super) struct Draws {
    seed: u64,
    counts: Mutex<Counts>,
}

struct Counts {
    /// How many-th of its content a message is, by the queue's uid.
    copies: Bounded<(u64, MessageId), u32>,
    /// How many messages of a content there were.
    contents: Bounded<(u64, Vec<u8>), u32>,
    /// How often a receipt handle was used.
    uses: Bounded<(Receipt, Operation), u64>,
    /// How often a content was sent.
    sends: Bounded<(u64, Vec<u8>, Operation), u64>,
    /// How many requests of a kind came to a rule.
    requests: Bounded<(String, Operation, u64), u64>,
}

/// What is hit, and how many-th time it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entity(Vec<u8>);

impl Draws {
    pub(super) fn new(seed: u64) -> Draws {
        let counts = Counts {
            copies: Bounded::new(COUNTED_MAX),
            contents: Bounded::new(COUNTED_MAX),
            uses: Bounded::new(COUNTED_MAX),
            sends: Bounded::new(COUNTED_MAX),
            requests: Bounded::new(COUNTED_MAX),
        };
        Draws { seed, counts: Mutex::new(counts) }
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// Begins to count anew.
    pub(super) fn clear(&self) {
        let mut counts = self.counts();
        counts.copies.clear();
        counts.contents.clear();
        counts.uses.clear();
        counts.sends.clear();
        counts.requests.clear();
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message that is sent, received, deleted or changed. To be asked for once each time that happens.
    pub(super) fn message(&self, operation: Operation, queue: &Queue, subject: &Subject) -> Entity {
        let mut counts = self.counts();
        let counts = &mut *counts;
        let (copy, receive, use_) = match (subject.id, subject.receipt) {
            (Some(id), Some(receipt)) => {
                let contents = &mut counts.contents;
                let copy = *counts.copies.get_or_insert((queue.uid, id), || {
                    let count = contents.get_or_insert((queue.uid, subject.content.clone()), || 0);
                    *count += 1;
                    *count
                });
                // A receive is counted by the message itself.
                let received = operation == Operation::ReceiveMessage;
                let use_ = if received { 0 } else { next(counts.uses.get_or_insert((receipt, operation), || 0)) };
                (copy, receipt.receive, use_)
            }
            _ => {
                let key = (queue.uid, subject.content.clone(), operation);
                (0, 0, next(counts.sends.get_or_insert(key, || 0)))
            }
        };
        Entity::new(&[
            b"message",
            queue.name.as_bytes(),
            &subject.content,
            &copy.to_be_bytes(),
            operation.name().as_bytes(),
            &receive.to_be_bytes(),
            &use_.to_be_bytes(),
        ])
    }

    /// A request without a message, or with several.
    pub(super) fn request(&self, rule: &str, operation: Operation, queue: Option<&Queue>) -> Entity {
        let uid = queue.map_or(0, |queue| queue.uid);
        let k = next(self.counts().requests.get_or_insert((rule.to_owned(), operation, uid), || 0));
        let name = queue.map_or("", |queue| &*queue.name);
        Entity::new(&[b"request", operation.name().as_bytes(), name.as_bytes(), &k.to_be_bytes()])
    }

    /// Whether it is hit.
    pub(super) fn hits(&self, rule: &str, entity: &Entity, probability: f64) -> bool {
        is_below(self.hash(rule, &entity.0), probability)
    }

    /// A number that depends on the seed and on what it is for.
    pub(super) fn hash(&self, rule: &str, what: &[u8]) -> u64 {
        let mut hasher = SipHasher24::new_with_keys(self.seed, KEY);
        hasher.write(&(rule.len() as u64).to_be_bytes());
        hasher.write(rule.as_bytes());
        hasher.write(what);
        hasher.finish()
    }
}

impl Entity {
    /// Each part with its length before it, so that no two lists of parts are the same bytes.
    fn new(parts: &[&[u8]]) -> Entity {
        let with_length = |part: &&[u8]| [&(part.len() as u64).to_be_bytes()[..], *part].concat();
        Entity(parts.iter().flat_map(with_length).collect())
    }
}

fn next(count: &mut u64) -> u64 {
    *count += 1;
    *count
}

/// Whether a hash is among the part of all hashes that a probability stands for.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a probability is from 0 to 1")]
fn is_below(hash: u64, probability: f64) -> bool {
    const ALL: f64 = 18_446_744_073_709_551_616.0;
    u128::from(hash) < (probability * ALL) as u128
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probability_is_a_part_of_all_hashes() {
        assert!(is_below(u64::MAX, 1.0) && !is_below(0, 0.0));
        assert!(is_below((1 << 63) - 1, 0.5) && !is_below(1 << 63, 0.5));
        let draws = Draws::new(42);
        let hits = (0..10_000_u32).filter(|n| draws.hits("r", &Entity::new(&[&n.to_be_bytes()]), 0.1)).count();
        assert!((800..1_200).contains(&hits), "{hits} of 10,000 by 0.1");
    }

    #[test]
    fn seed_rule_and_parts_all_count() {
        let hash = |seed, rule, parts: &[&[u8]]| Draws::new(seed).hash(rule, &Entity::new(parts).0);
        let first = hash(1, "r", &[b"ab", b"c"]);
        assert_eq!(first, hash(1, "r", &[b"ab", b"c"]));
        for other in [hash(2, "r", &[b"ab", b"c"]), hash(1, "s", &[b"ab", b"c"]), hash(1, "r", &[b"a", b"bc"])] {
            assert_ne!(first, other);
        }
    }
}
