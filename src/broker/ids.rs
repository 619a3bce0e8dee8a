//! Ids of messages, queues and move tasks: random, or the same again from a seed.

use crate::engine::MessageId;
use fastrand::Rng;
use std::sync::{Mutex, PoisonError};

/// Where ids come from. With a seed the same requests in the same order get the same ids, and with them the same receipt
/// handles.
#[derive(Debug, Default)]
pub struct Ids(Option<Mutex<Rng>>);

impl Ids {
    /// The same ids in each run.
    pub fn seeded(seed: u64) -> Ids {
        Ids(Some(Mutex::new(Rng::with_seed(seed))))
    }

    /// The id of a message or a move task: a UUID of version 4.
    pub fn message_id(&self) -> MessageId {
        MessageId::from_random(self.draw(|rng| rng.u128(..), || fastrand::u128(..)).to_be_bytes())
    }

    /// What receipt handles know a queue by.
    pub fn queue_uid(&self) -> u64 {
        self.draw(|rng| rng.u64(..), || fastrand::u64(..))
    }

    fn draw<T>(&self, seeded: impl FnOnce(&mut Rng) -> T, random: impl FnOnce() -> T) -> T {
        match &self.0 {
            None => random(),
            Some(rng) => seeded(&mut rng.lock().unwrap_or_else(PoisonError::into_inner)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_ids_again_and_no_seed_others() {
        let draw = |ids: Ids| (ids.message_id(), ids.queue_uid(), ids.message_id());
        assert_eq!(draw(Ids::seeded(7)), draw(Ids::seeded(7)));
        assert_ne!(draw(Ids::seeded(7)), draw(Ids::seeded(8)));
        assert_ne!(draw(Ids::default()), draw(Ids::default()));
    }
}
