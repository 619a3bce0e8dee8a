//! What can happen: the types of events, and how often each took place in a queue.

use crate::broker::QueueEvent;
use crate::engine::Cause;

/// Declares the types with the names that answers give them.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $name:literal,)*) => {
        /// The type of an event.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            /// All of them.
            pub const ALL: &[Kind] = &[$(Kind::$kind,)*];

            /// Its name in answers.
            pub fn name(self) -> &'static str {
                match self {
                    $(Kind::$kind => $name,)*
                }
            }
        }
    };
}

kinds! {
    /// SendMessage put a message in.
    Sent "sent",
    /// SendMessage was a duplicate and put nothing in.
    Deduplicated "deduplicated",
    /// The message that was just sent waits for the end of its delay.
    Delayed "delayed",
    /// The delay ended.
    Available "available",
    /// A receive handed it out.
    Received "received",
    /// ChangeMessageVisibility hid it anew, or made it visible.
    VisibilityChanged "visibilityChanged",
    /// The visibility timeout ended.
    VisibilityEnded "visibilityEnded",
    /// A receive was undone, because its client had gone.
    GivenBack "givenBack",
    /// It was made visible by hand.
    Released "released",
    /// It was taken out by hand, to be thrown away or put into another queue.
    Removed "removed",
    /// DeleteMessage took it out.
    Deleted "deleted",
    /// DeleteMessage found it gone, or its receipt handle expired.
    DeleteMissed "deleteMissed",
    /// An entry of a batch failed.
    EntryFailed "entryFailed",
    /// It was received too often and left for the dead-letter queue.
    DeadLettered "deadLettered",
    /// A message move task took it out.
    Moved "moved",
    /// It came from another queue.
    Arrived "arrived",
    /// Its retention period ended.
    Expired "expired",
    /// PurgeQueue emptied the queue.
    Purged "purged",
    /// The queue was created.
    QueueCreated "queueCreated",
    /// The queue was deleted.
    QueueDeleted "queueDeleted",
    /// Attributes or tags of the queue were set.
    AttributesSet "attributesSet",
    /// A request was answered with an error.
    RequestFailed "requestFailed",
    /// The clock was turned.
    ClockAdvanced "clockAdvanced",
    /// A fault was injected.
    FaultFired "faultFired",
    /// Something was done by test control.
    Control "control",
    /// A receive ended with nothing. Counted, and not kept as an event.
    EmptyReceive "emptyReceive",
}

impl Kind {
    /// The type of this name.
    pub fn of_name(name: &str) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// What a cause is; none for what goes with another event.
    #[inline]
    pub(super) fn of_cause(cause: Cause) -> Option<Kind> {
        Some(match cause {
            Cause::Sent => Kind::Sent,
            Cause::Arrived => Kind::Arrived,
            Cause::Received => Kind::Received,
            Cause::VisibilityChanged => Kind::VisibilityChanged,
            Cause::VisibilityTimeoutEnded => Kind::VisibilityEnded,
            Cause::DelayEnded => Kind::Available,
            Cause::GivenBack => Kind::GivenBack,
            Cause::Deleted => Kind::Deleted,
            Cause::Expired => Kind::Expired,
            Cause::DeadLettered => Kind::DeadLettered,
            Cause::Moved => Kind::Moved,
            Cause::Purged => Kind::Purged,
            Cause::Released => Kind::Released,
            Cause::Removed => Kind::Removed,
            Cause::Deduplicated => Kind::Deduplicated,
            Cause::DeleteMissed => Kind::DeleteMissed,
            Cause::ReceivedNothing => Kind::EmptyReceive,
            Cause::Remembered => return None,
        })
    }

    pub(super) fn of_queue_event(event: QueueEvent) -> Kind {
        match event {
            QueueEvent::Created => Kind::QueueCreated,
            QueueEvent::Deleted => Kind::QueueDeleted,
            QueueEvent::AttributesSet => Kind::AttributesSet,
        }
    }

    /// Whether a message is not in its queue any more after it.
    #[inline]
    pub fn leaves_queue(self) -> bool {
        self.ends_life() || matches!(self, Kind::DeadLettered | Kind::Moved)
    }

    /// Whether nothing more happens to a message after it, unless it is put into another queue by hand.
    #[inline]
    pub(super) fn ends_life(self) -> bool {
        matches!(self, Kind::Deleted | Kind::Expired | Kind::Removed | Kind::Purged | Kind::QueueDeleted)
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// Some types of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u32);

impl Kinds {
    /// All of them.
    pub const ALL: Kinds = Kinds(u32::MAX);

    /// Just these.
    pub fn of(kinds: impl IntoIterator<Item = Kind>) -> Kinds {
        Kinds(kinds.into_iter().fold(0, |bits, kind| bits | kind.bit()))
    }

    /// Whether this is one of them.
    pub fn has(self, kind: Kind) -> bool {
        self.0 & kind.bit() != 0
    }
}

/// How often each thing took place in a queue, since it was created or the history was last forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals([u64; Kind::ALL.len()]);

impl Totals {
    /// How often this took place.
    pub fn of(&self, kind: Kind) -> u64 {
        self.0[kind as usize]
    }

    #[inline]
    pub(super) fn count(&mut self, kind: Kind) {
        self.0[kind as usize] += 1;
    }

    pub(super) fn add(&mut self, more: &Totals) {
        self.0.iter_mut().zip(more.0).for_each(|(count, more)| *count += more);
    }

    /// How often messages were received, without the receives that were undone.
    pub fn received(&self) -> u64 {
        self.of(Kind::Received).saturating_sub(self.of(Kind::GivenBack))
    }

    /// What was added since an earlier state of the same totals.
    #[must_use]
    pub fn since(&self, earlier: &Totals) -> Totals {
        let mut since = *self;
        since.0.iter_mut().zip(earlier.0).for_each(|(count, before)| *count = count.saturating_sub(before));
        since
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_a_name_of_its_own_and_a_bit() {
        for kind in Kind::ALL {
            assert_eq!(Kind::of_name(kind.name()), Some(*kind));
            assert!(Kinds::of([*kind]).has(*kind) && Kinds::ALL.has(*kind));
            assert_eq!(Kind::ALL.iter().filter(|other| Kinds::of([*kind]).has(**other)).count(), 1);
        }
        assert_eq!(Kind::of_name("nothing"), None);
    }
}
