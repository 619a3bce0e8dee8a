//! The nodes as the database tells of them: who is thought dead, and for how long this node may answer from memory.
//!
//! Once a second each node raises its own beat in the database and reads the beats of all: a round. Nothing in here reads a
//! clock: times are milliseconds of the caller's own monotonic clock, and no time of another machine is ever looked at.
//!
//! A node is suspected when its beat was the same in [`SUSPECT_ROUNDS`] rounds one after the other, each begun at least
//! [`ROUND_MS`] after the one before had ended. A round that fails counts for nobody, and the rounds are counted anew after it:
//! what stopped the observer's round (a database that stalls or fails over) may have stopped the beats of the others too, and they
//! may need some moments more to be back.
//!
//! A node answers from memory, without asking the database, only within its lease: [`LEASE_MS`] from the beginning of the last
//! round in which its own beat was confirmed. Whoever saw that beat needs [`SUSPECT_ROUNDS`] more rounds to suspect it, so the
//! lease has ended by then, as long as no clock goes half as fast again as another.

use std::collections::BTreeMap;

/// The pause between the end of a round and the beginning of the next one.
pub const ROUND_MS: u64 = 1_000;

/// A node is suspected after so many rounds without a beat.
pub const SUSPECT_ROUNDS: u32 = 6;

/// For so long a confirmed beat lets a node answer from memory.
pub const LEASE_MS: u64 = 4_000;

/// One life of a kew process: a random number of 63 bits, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub i64);

/// What the database says of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeState {
    /// It serves queues.
    Serving,
    /// It is about to stop and hands its queues over.
    Draining,
    /// Its life is over, whether it knows it or not: it commits nothing any more.
    Gone,
}

/// A node as one round has read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Which one.
    pub id: NodeId,
    /// Its state.
    pub state: NodeState,
    /// Its beat. Any other value than before is a sign of life: a failover of the database may set it back.
    pub beat: i64,
    /// How many queues it owns.
    pub queues: u64,
}

/// A node that may be given queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Which one.
    pub id: NodeId,
    /// How many queues it owns.
    pub queues: u64,
}

/// A node that is thought dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspect {
    /// Which one.
    pub id: NodeId,
    /// Its last beat: whoever declares it gone does so only if that is still its beat.
    pub beat: i64,
}

/// What a round has told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// Who is thought dead, by id. A node stays among them until it beats or is gone.
    pub suspects: Vec<Suspect>,
    /// Whether this node itself was declared gone: it has to drop all its queues and join anew.
    pub gone: bool,
}

/// The nodes, as one of them, or a process that waits to become one, sees them.
#[derive(Debug)]
pub struct Roll {
    me: NodeId,
    /// By id, without those that are gone, and without this node.
    others: BTreeMap<NodeId, Known>,
    /// What the last round said of this node, if it is one and not gone.
    myself: Option<Member>,
    /// When the last round ended that was counted.
    counted_ms: Option<u64>,
    /// When the lease ends.
    lease_ms: Option<u64>,
}

#[derive(Debug)]
struct Known {
    member: Member,
    /// Rounds in which the beat was what it was before.
    unchanged: u32,
}

impl Known {
    fn suspect(&self) -> Option<Suspect> {
        let Member { id, beat, .. } = self.member;
        (self.unchanged >= SUSPECT_ROUNDS).then_some(Suspect { id, beat })
    }
}

impl Roll {
    /// The view of a node before its first round.
    #[must_use]
    pub fn new(me: NodeId) -> Roll {
        Roll { me, others: BTreeMap::new(), myself: None, counted_ms: None, lease_ms: None }
    }

    /// A round succeeded: it began and ended then, this node's own beat was raised in it if it is one of the members, and these
    /// were all that there are.
    pub fn round(&mut self, began_ms: u64, ended_ms: u64, members: &[Member]) -> Round {
        let counts = began_ms >= self.due_ms();
        if counts {
            self.counted_ms = Some(ended_ms);
        }
        let mut before = std::mem::take(&mut self.others);
        for &member in members.iter().filter(|member| member.state != NodeState::Gone && member.id != self.me) {
            let unchanged = match before.remove(&member.id) {
                Some(known) if known.member.beat == member.beat => known.unchanged.saturating_add(counts.into()),
                _ => 0,
            };
            self.others.insert(member.id, Known { member, unchanged });
        }
        let listed = members.iter().find(|member| member.id == self.me).copied();
        let alive = listed.filter(|member| member.state != NodeState::Gone);
        // Once it is gone it may even have been forgotten. A process that has not joined yet is not in the list either.
        let gone = alive.is_none() && (listed.is_some() || self.myself.is_some());
        self.myself = alive;
        self.lease_ms = alive.map(|_| began_ms.saturating_add(LEASE_MS));
        Round { suspects: self.suspects(), gone }
    }

    /// When the next round may begin that counts.
    #[must_use]
    pub fn due_ms(&self) -> u64 {
        self.counted_ms.map_or(0, |last| last.saturating_add(ROUND_MS))
    }

    /// A round failed, or its outcome is not known, or its connection had to be made anew: behind that may stand a database that lost
    /// the last beats.
    pub fn round_failed(&mut self) {
        self.others.values_mut().for_each(|known| known.unchanged = 0);
    }

    /// A node whose port refuses connections, and of which the database has this many sessions. With none it is suspected without
    /// waiting: its process was killed, and its machine lives.
    #[must_use]
    pub fn refused(&self, id: NodeId, sessions: u64) -> Option<Suspect> {
        let Member { beat, .. } = self.others.get(&id)?.member;
        (sessions == 0).then_some(Suspect { id, beat })
    }

    /// Whether this node may answer from memory.
    #[must_use]
    pub fn has_lease(&self, now_ms: u64) -> bool {
        self.lease_ms.is_some_and(|end| now_ms < end)
    }

    /// Who is thought dead, by id.
    #[must_use]
    pub fn suspects(&self) -> Vec<Suspect> {
        self.others.values().filter_map(Known::suspect).collect()
    }

    /// The other nodes that are neither gone nor thought dead: while there are any, a process that waits to be the only one goes on
    /// waiting.
    pub fn others(&self) -> impl Iterator<Item = &Member> {
        self.others.values().filter(|known| known.suspect().is_none()).map(|known| &known.member)
    }

    /// The nodes that may be given queues, this one among them if it serves, each with what it owns: those that serve and are not
    /// thought dead.
    #[must_use]
    pub fn heirs(&self) -> Vec<Load> {
        let nodes = self.others().chain(&self.myself).filter(|member| member.state == NodeState::Serving);
        nodes.map(|member| Load { id: member.id, queues: member.queues }).collect()
    }
}

#[cfg(test)]
mod tests;
