//! How a row id is made of the number of a queue's range and the number of a message.

/// Message numbers take the lower 44 bits of a row id. At 100 000 messages a second they last more than five years
/// in one queue.
pub(super) const NUMBER_BITS: u32 = 44;

/// The largest number that has a row id.
pub(super) const NUMBER_MAX: u64 = (1 << NUMBER_BITS) - 1;

/// What is left of a positive 64-bit row id for the queues: half a million of them at the same time.
pub(super) const RANGES_MAX: i64 = (1 << (63 - NUMBER_BITS)) - 1;
