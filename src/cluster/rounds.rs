//! Once a second: this node's beat goes up, and all others are looked at.

use super::desk::Task;
use super::giving::Giving;
use super::link::{LinkError, Peer};
use super::node::{Cluster, NodeLook};
use super::roll::{LEASE_MS, Member, NodeId, NodeState, ROUND_MS, Roll, Suspect};
use crate::clock::Sample;
use crate::store::StoreError;
use crate::store::postgres::{ClockLook, NodeRow, NodeRowState, Orphan, RoundRead, Shared};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};

/// Queues of nobody are given to somebody by the node with the lowest id, and after so many rounds by any.
const ORPHAN_ROUNDS: u32 = 3;

/// Round trips before anything is served, of which the quickest tells the time best.
const FIRST_SAMPLES: usize = 5;

/// Nodes that live say again by then how far their clocks are ahead. If none does, what they said last has to do.
const OTHERS_TIME_LIMIT_MS: u64 = 5_000;

/// The pause before they are looked at again.
const OTHERS_PAUSE: Duration = Duration::from_millis(200);

/// What does not answer a round for so long is asked anew, over a new connection: the machine of a database that fails over may be
/// lost without a word. Any longer, and the answer would be worth next to no lease.
const ROUND_TIME_LIMIT: Duration = Duration::from_secs(3);

/// The pause after a round that failed: until the next one that does not, this node may have no lease.
const FAILED_PAUSE_MS: u64 = 250;

/// A node with so many beats has begun, and keeps a session in the database for as long as it lives.
const BEATS_OF_A_START: i64 = FIRST_SAMPLES as i64 - 2;

/// What happens once a second.
pub(super) struct Rounds {
    pub(super) cluster: Arc<Cluster>,
    pub(super) roll: Rc<RefCell<Roll>>,
    pub(super) giving: Giving,
    pub(super) desk: mpsc::UnboundedSender<Task>,
    /// Ends the pause before the next round.
    pub(super) sooner: Rc<Notify>,
    /// Rounds in which there were queues of nobody.
    pub(super) orphaned: Cell<u32>,
    /// Whether somebody is being given queues.
    pub(super) gives: Rc<Cell<bool>>,
}

impl Rounds {
    /// The first rounds, before anything is served: the time, and who is there.
    ///
    /// # Errors
    /// What the database says.
    pub(super) async fn begin(&self, shared: &mut Shared) -> Result<(), StoreError> {
        let clock = self.cluster.broker.clock();
        let mut best: Option<(Sample, i64)> = None;
        let (first_ms, mut samples) = (self.cluster.time.now_ms(), 0);
        while samples < FIRST_SAMPLES {
            let began_ms = self.cluster.time.now_ms();
            let read = shared.round(None, &|| clock.monotonic_us()).await?;
            self.take(&read, began_ms);
            let is_other = |row: &&NodeRow| row.id != self.cluster.me.0 && row.sessions > 0;
            let (hold, old): (Vec<_>, Vec<_>) = read.nodes.iter().filter(is_other).partition(|row| row.ahead_holds);
            let most = |rows: Vec<&NodeRow>| rows.into_iter().filter_map(|row| row.ahead_us).max();
            let ahead_us = match (most(hold), most(old)) {
                (Some(ahead_us), _) => ahead_us,
                (None, None) => 0,
                // The clock of the database may have jumped since that was said.
                (None, Some(_)) if began_ms < first_ms + OTHERS_TIME_LIMIT_MS => {
                    self.cluster.time.pause(OTHERS_PAUSE).await;
                    continue;
                }
                (None, Some(ahead_us)) => ahead_us,
            };
            let sample = sample(&read);
            if best.is_none_or(|(best, _)| sample.ended_us - sample.began_us < best.ended_us - best.began_us) {
                best = Some((sample, ahead_us));
            }
            samples += 1;
        }
        if let Some((sample, ahead_us)) = best {
            clock.follow(sample, ahead_us);
        }
        Ok(())
    }

    /// Goes on for good.
    pub(super) async fn run(&self, mut shared: Shared) {
        let mut pause_ms = ROUND_MS;
        let mut complained = false;
        loop {
            tokio::select! {
                () = self.cluster.time.pause(Duration::from_millis(pause_ms)) => {}
                () = self.sooner.notified() => {}
            }
            let began_ms = self.cluster.time.now_ms();
            let clock = self.cluster.broker.clock();
            let monotonic_us = || clock.monotonic_us();
            let look = clock.follows().map(|(ahead_us, database_us)| ClockLook { ahead_us, database_us });
            let read = tokio::select! {
                biased;
                read = shared.round(look, &monotonic_us) => read,
                () = self.cluster.time.pause(ROUND_TIME_LIMIT) => {
                    Err(StoreError::Unreachable { detail: "the database did not answer in time".to_owned() })
                }
            };
            match read {
                Ok(read) => {
                    clock.follow(sample(&read), 0);
                    self.take(&read, began_ms);
                    if complained && self.cluster.has_lease() {
                        complained = false;
                        tracing::warn!("beats of this node are acknowledged again; requests are taken again");
                    }
                    // One that came sooner does not count, and must not put off the next one that does.
                    pause_ms = self.roll.borrow().due_ms().saturating_sub(self.cluster.time.now_ms());
                }
                Err(error) => {
                    pause_ms = FAILED_PAUSE_MS;
                    self.roll.borrow_mut().round_failed();
                    tracing::debug!("a round failed: {error}");
                    if !complained && !self.cluster.has_lease() {
                        complained = true;
                        complain(error);
                    }
                }
            }
        }
    }

    /// Takes what a round has read.
    fn take(&self, read: &RoundRead, began_ms: u64) {
        let members: Vec<Member> = read.nodes.iter().map(member).collect();
        let round = {
            let mut roll = self.roll.borrow_mut();
            if read.reconnected {
                roll.round_failed();
            }
            roll.round(began_ms, self.cluster.time.now_ms(), &members)
        };
        if round.gone {
            self.cluster.lease_ms.store(0, Ordering::Release);
            return self.cluster.find_out();
        }
        self.cluster.lease_ms.store(began_ms + LEASE_MS, Ordering::Release);
        self.cluster.link.tidy();
        self.look_at(&read.nodes);
        self.cluster.round_ms.store(began_ms, Ordering::Release);
        for suspect in round.suspects {
            let _ = self.desk.send(fence(&self.roll.borrow(), suspect));
        }
        self.probe(&read.nodes);
        self.see_to_orphans(&read.orphans);
        let _ = self.desk.send(Task::Rev(read.rev));
        if !read.transfers.is_empty() {
            let _ = self.desk.send(Task::Take(read.transfers.clone(), None));
        }
        self.balance();
    }

    /// Takes down who is there.
    fn look_at(&self, rows: &[NodeRow]) {
        let mut peers = std::collections::BTreeMap::new();
        let mut looks = Vec::new();
        for row in rows.iter().filter(|row| row.state != NodeRowState::Gone) {
            let Some(url) = &row.peer_url else { continue };
            if row.id != self.cluster.me.0 {
                peers.insert(NodeId(row.id), Peer { id: NodeId(row.id), url: url.as_str().into() });
            }
            looks.push(NodeLook {
                id: NodeId(row.id),
                name: row.name.clone(),
                url: url.clone(),
                state: if row.state == NodeRowState::Draining { "draining" } else { "serving" },
                version: row.version.clone(),
                queues: row.queues,
            });
        }
        looks.sort_by_key(|look| look.id);
        *self.cluster.nodes.write().unwrap_or_else(PoisonError::into_inner) = looks;
        let mut known = self.cluster.peers.write().unwrap_or_else(PoisonError::into_inner);
        if *known != peers {
            // Who waits for an answer of theirs waits in vain.
            known.keys().filter(|id| !peers.contains_key(id)).for_each(|id| self.cluster.link.gone(*id));
            *known = peers;
            drop(known);
            self.cluster.learned();
        }
    }

    /// Asks nodes without a session in the database whether they are there: a process that was killed is taken over at once. One that
    /// is just being started has neither a session all the time nor a port that is listened on, and no beats yet.
    fn probe(&self, rows: &[NodeRow]) {
        let has_begun = |row: &&NodeRow| row.state != NodeRowState::Gone && row.beat >= BEATS_OF_A_START;
        for row in rows.iter().filter(has_begun).filter(|row| row.sessions == 0) {
            let Some(peer) = self.cluster.peer(NodeId(row.id)) else { continue };
            let (cluster, roll, desk) = (self.cluster.clone(), self.roll.clone(), self.desk.clone());
            tokio::task::spawn_local(async move {
                if !matches!(cluster.link.look(&peer).await, Err(LinkError::Refused)) {
                    return;
                }
                let roll = roll.borrow();
                if let Some(suspect) = roll.refused(peer.id, 0) {
                    let _ = desk.send(fence(&roll, suspect));
                }
            });
        }
    }

    /// Has queues whose node is gone given to those that are there.
    fn see_to_orphans(&self, orphans: &[Orphan]) {
        if orphans.is_empty() {
            return self.orphaned.set(0);
        }
        self.orphaned.set(self.orphaned.get() + 1);
        let heirs = self.roll.borrow().heirs();
        let first = heirs.iter().map(|heir| heir.id).min();
        if first == Some(self.cluster.me) || self.orphaned.get() > ORPHAN_ROUNDS {
            let _ = self.desk.send(Task::Assign(orphans.to_vec(), heirs));
        }
    }

    /// Gives queues to nodes that have too few, one round's worth at a time.
    fn balance(&self) {
        if self.gives.replace(true) {
            return;
        }
        let (giving, gives) = (self.giving.clone(), self.gives.clone());
        tokio::task::spawn_local(async move {
            giving.balance().await;
            gives.set(false);
        });
    }
}

/// Says that this node has no lease.
fn complain(error: StoreError) {
    let why = match error {
        StoreError::Unreachable { detail } => detail,
        error => error.to_string(),
    };
    tracing::warn!(
        "no beat of this node has been acknowledged for {} s by the database, and by the stand-by that its commits wait for; \
         requests get ServiceUnavailable until one is: {why}",
        LEASE_MS / 1000
    );
}

/// Has a node declared gone, and its queues given to the others.
fn fence(roll: &Roll, suspect: Suspect) -> Task {
    let mut heirs = roll.heirs();
    heirs.retain(|heir| heir.id != suspect.id);
    Task::Fence(suspect, heirs)
}

fn sample(read: &RoundRead) -> Sample {
    Sample { began_us: read.began_us, database_us: read.database_us, ended_us: read.ended_us }
}

fn member(row: &NodeRow) -> Member {
    let state = match row.state {
        NodeRowState::Serving => NodeState::Serving,
        NodeRowState::Draining => NodeState::Draining,
        NodeRowState::Gone => NodeState::Gone,
    };
    Member { id: NodeId(row.id), state, beat: row.beat, queues: row.queues }
}
