//! What readers ask a history for, and what they get.

use super::event::Event;
use super::gone::GoneMessage;
use super::kind::{Kind, Kinds};
use crate::engine::MessageId;

/// Which events are wanted.
#[derive(Clone, Debug)]
pub struct EventFilter {
    /// Those of these queues; none for all, and for what is about no queue.
    pub queues: Option<Vec<u64>>,
    /// Those of these types.
    pub kinds: Kinds,
}

impl Default for EventFilter {
    fn default() -> EventFilter {
        EventFilter { queues: None, kinds: Kinds::ALL }
    }
}

/// Some events.
#[derive(Clone, Debug, Default)]
pub struct Events {
    /// The events in their order.
    pub events: Vec<Event>,
    /// The position up to which was looked: where to go on.
    pub until: u64,
    /// From this position on everything is known, if that is behind the one that was asked for.
    pub dropped_before: Option<u64>,
}

/// The life of a message, across dead letters and moves.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// Its ids, the last one at the end: a message move task gives a new one.
    pub ids: Vec<MessageId>,
    /// Its events in their order.
    pub events: Vec<Event>,
    /// Whether they are all there: its first ones may have been dropped.
    pub complete: bool,
    /// What is known of it since it left its last queue.
    pub gone: Option<GoneMessage>,
    /// How it ended, if it did.
    pub ended: Option<Kind>,
}

/// Where a message is, or how it left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whereabouts {
    /// The id it has now.
    pub id: MessageId,
    /// The queue that it is in, or was in last.
    pub queue: Option<u64>,
    /// Its slot and its number there.
    pub message: (u32, u64),
    /// How it left that queue, if it did.
    pub left: Option<Kind>,
    /// How often it had been received when something last happened to it.
    pub receive_count: u32,
    /// The position of its last event.
    pub position: u64,
}
