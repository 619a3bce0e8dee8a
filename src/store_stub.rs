//! Stand-in.
#![allow(missing_docs, dead_code)]
use crate::engine::{DeduplicationScope, Effect, Time};
use std::collections::BTreeMap;
pub struct QueueRecord { pub uid: u64, pub account: String, pub region: String, pub name: String, pub created: Time, pub modified: Time, pub purged: Option<Time>, pub fifo: bool, pub deduplication_scope: DeduplicationScope, pub attributes: BTreeMap<String, String>, pub tags: BTreeMap<String, String> }
pub struct MoveTaskRecord { pub id: String, pub queue: u64, pub source_arn: String, pub destination_arn: Option<String>, pub rate: Option<u32>, pub started: Time, pub to_move: u64, pub moved: u64, pub status: String, pub failure: Option<String> }
pub enum Change { Queue(Box<QueueRecord>), QueueDeleted { uid: u64, at: Time }, Effect { queue: u64, effect: Effect }, MoveTask(Box<MoveTaskRecord>), MoveTaskForgotten { id: String } }
pub enum Loaded { Queue(QueueRecord), DeletedName { account: String, region: String, name: String, at: Time }, Effect { queue: u64, effect: Effect }, MoveTask(MoveTaskRecord) }
#[derive(Clone)]
pub struct Ticket;
impl Ticket { pub fn is_settled(&self) -> bool { true } pub async fn settled(&self) -> Result<(), std::fmt::Error> { Ok(()) } }
pub struct Committer;
impl Committer { pub fn submit(&self, _: Vec<Change>) -> Ticket { Ticket } }
