//! The order inside a message group, as the auditor knows it.

use std::collections::BTreeMap;

/// One message group of one queue.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// Those that nobody has begun to delete, by sequence number.
    alive: BTreeMap<u128, String>,
    /// Sequence number by place in the order of sending, as far as known.
    places: BTreeMap<u64, u128>,
}

impl Group {
    /// Takes down a new message. Whether its number fits to its place.
    pub(super) fn learn(&mut self, key: &str, place: u64, sequence: u128) -> bool {
        self.alive.insert(sequence, key.to_owned());
        self.places.insert(place, sequence);
        let below = self.places.range(..place).next_back().is_none_or(|(_, before)| *before < sequence);
        let above = self.places.range(place + 1..).next().is_none_or(|(_, after)| *after > sequence);
        below && above
    }

    /// Takes down that a message is being deleted, or is not after all.
    pub(super) fn alive(&mut self, key: &str, sequence: u128, alive: bool) {
        if alive {
            self.alive.insert(sequence, key.to_owned());
        } else {
            self.alive.remove(&sequence);
        }
    }

    /// The first message that had to be handed out before or together with the one of this number, and was not.
    pub(super) fn overtaken(&self, sequence: u128, together: &[&str]) -> Option<&str> {
        let earlier = self.alive.range(..sequence).map(|(_, key)| key.as_str());
        earlier.into_iter().find(|key| !together.contains(key))
    }
}
