//! One event as the history keeps it: 64 bytes.

use super::kind::Kind;
use crate::engine::{MessageState, Time};

/// Stands for no deadline.
const NO_DEADLINE: u32 = u32::MAX;

/// One event as it is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) position: u64,
    pub(super) at: Time,
    pub(super) real: Time,
    pub(super) request: [u64; 2],
    /// The life that it belongs to.
    pub(super) life: u32,
    /// The index of its queue.
    pub(super) queue: u32,
    pub(super) client: u32,
    pub(super) receive_count: u32,
    /// Milliseconds from `at` on; the longest, of a visibility timeout, is 12 hours.
    pub(super) deadline_ms: u32,
    /// The receive that it is about, at most 65,535.
    pub(super) receive: u16,
    pub(super) kind: Kind,
    /// The state of the message after it.
    pub(super) state: Option<MessageState>,
}

const _: () = assert!(size_of::<Record>() == 64);

impl Record {
    /// A record that is not about a message.
    #[inline]
    pub(super) fn new(kind: Kind, at: Time) -> Record {
        Record {
            position: 0,
            at,
            real: at,
            request: [0; 2],
            life: 0,
            queue: u32::MAX,
            client: 0,
            receive_count: 0,
            deadline_ms: NO_DEADLINE,
            receive: 0,
            kind,
            state: None,
        }
    }

    #[inline]
    pub(super) fn set_deadline(&mut self, deadline: Option<Time>) {
        if let Some(deadline) = deadline {
            self.deadline_ms = deadline.ms_since(self.at).min(u64::from(NO_DEADLINE) - 1) as u32;
        }
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        (self.deadline_ms != NO_DEADLINE).then(|| self.at.plus_ms(self.deadline_ms.into()))
    }

    #[inline]
    pub(super) fn set_request(&mut self, request: u128) {
        self.request = [(request >> 64) as u64, request as u64];
    }

    pub(super) fn request(&self) -> u128 {
        u128::from(self.request[0]) << 64 | u128::from(self.request[1])
    }
}
