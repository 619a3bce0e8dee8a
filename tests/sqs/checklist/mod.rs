//! One test for each line of the list of facts that were recorded from AWS.

mod messages;
mod queues;
