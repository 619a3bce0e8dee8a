//! What can be seen of a queue from outside: the words in which model and engine are compared.

use crate::model::{Message, State};

/// One message in the queue, as it is seen without receiving it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peeked {
    pub name: u32,
    pub group: Option<u8>,
    pub receive_count: u32,
    pub first_received: Option<u64>,
    pub state: State,
}

/// What one receive delivered, in the words the test compares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    pub serial: u64,
    pub name: u32,
    pub group: Option<u8>,
    pub sent: u64,
    pub first_received: u64,
    pub receive_count: u32,
}

#[derive(Default)]
pub struct Received {
    pub delivered: Vec<Delivered>,
    pub dead: Vec<Message>,
    pub over_limit: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Gone,
    Expired,
    BeyondLimit,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Counts {
    pub visible: usize,
    pub in_flight: usize,
    pub delayed: usize,
    pub groups: usize,
    pub groups_with_in_flight: usize,
    pub noisy_groups: usize,
    pub quiet_visible: usize,
}
