//! What is done to the nodes and to the database, and undone.

use super::world::World;
use crate::client::now_ms;
use crate::proxy::{WAYS, Way};
use fastrand::Rng;
use std::time::Duration;

/// How long something lasts that is to be noticed by nobody but those who wait, and what is to be noticed by all.
const SHORT_MS: std::ops::Range<u64> = 500..4_000;
const LONG_MS: std::ops::Range<u64> = 8_000..12_000;
/// The longest time for which a node is frozen.
const FROZEN_MS: u64 = 30_000;
/// Milliseconds of delay of what passes between a node and the database.
const DELAY_MS: std::ops::Range<u64> = 20..300;
/// A clock is set by so many seconds.
const JUMP_SECONDS: i64 = 3600;
/// Of a hundred packets so many get lost.
const LOST_PERCENT: std::ops::Range<u32> = 2..30;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// SIGKILL of a node.
    Kill,
    /// SIGSTOP and SIGCONT of a node.
    Freeze,
    /// SIGTERM of a node, which gives away its queues and ends, and a new one.
    Drain,
    /// The same with one node after the other.
    Roll,
    /// Between a node and the database nothing passes, one way or both.
    Cut,
    /// It passes slowly.
    Slow,
    /// Queues change their nodes.
    Move,
    /// Sessions of nodes are ended, and their statements cancelled.
    Sessions,
    /// A node's clock is set.
    Clock,
    /// Between two nodes nothing passes.
    Part,
    /// Packets get lost that a node is sent, by anyone.
    Loss,
    /// SIGKILL of all processes of the primary.
    DbKill,
    /// The primary stops at once.
    DbStop,
    /// SIGSTOP and SIGCONT of all its processes.
    DbFreeze,
    /// The stand-by stops.
    Standby,
    /// Between the primary and its stand-by nothing passes, one way or both.
    StandbyCut,
    /// The primary is gone, the stand-by takes its place.
    Promote,
    /// The primary is cut off from its stand-by, which takes its place; both live, and some nodes go on with the old one.
    Split,
    /// The disk of the database is full.
    Disk,
    /// The clock of the database is set.
    DbClock,
}

/// All of them, as `FAULTS` names them.
pub const KINDS: [(Kind, &str); 20] = [
    (Kind::Kill, "kill"),
    (Kind::Freeze, "freeze"),
    (Kind::Drain, "drain"),
    (Kind::Roll, "roll"),
    (Kind::Cut, "cut"),
    (Kind::Slow, "slow"),
    (Kind::Move, "move"),
    (Kind::Sessions, "sessions"),
    (Kind::Clock, "clock"),
    (Kind::Part, "part"),
    (Kind::Loss, "loss"),
    (Kind::DbKill, "db-kill"),
    (Kind::DbStop, "db-stop"),
    (Kind::DbFreeze, "db-freeze"),
    (Kind::Standby, "standby"),
    (Kind::StandbyCut, "standby-cut"),
    (Kind::Promote, "promote"),
    (Kind::Split, "split"),
    (Kind::Disk, "disk"),
    (Kind::DbClock, "db-clock"),
];

impl Kind {
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|(kind, _)| *kind == self).map(|(_, name)| *name).unwrap_or_default()
    }

    /// Whether it happens to the database.
    fn is_of_database(self) -> bool {
        use Kind::{DbClock, DbFreeze, DbKill, DbStop, Disk, Promote, Split, Standby, StandbyCut};
        matches!(self, DbKill | DbStop | DbFreeze | Standby | StandbyCut | Promote | Split | Disk | DbClock)
    }

    /// Whether it happens to one node only.
    fn is_of_node(self) -> bool {
        use Kind::{Clock, Cut, Drain, Freeze, Kill, Loss, Part, Slow};
        matches!(self, Kill | Freeze | Drain | Cut | Slow | Clock | Part | Loss)
    }

    /// Whether it needs networks that are the nodes' own.
    pub fn is_of_networks(self) -> bool {
        matches!(self, Kind::Part | Kind::Loss)
    }
}

/// Something that happens.
#[derive(Clone, Debug)]
pub struct Fault {
    pub kind: Kind,
    /// To whom, and with whom.
    pub node: usize,
    other: usize,
    ways: Vec<Way>,
    lasts: Duration,
    pub began_ms: u64,
    /// What the database needed by itself until it could serve again.
    pub needed_ms: u64,
}

impl Fault {
    /// One of these kinds, for so many nodes. Some last as long as it takes to take over.
    pub fn any(rng: &mut Rng, kinds: &[Kind], nodes: usize, long: bool) -> Fault {
        let kind = kinds[rng.usize(..kinds.len())];
        let node = rng.usize(..nodes);
        let ways = match rng.u32(0..4) {
            0 => vec![Way::ToServer],
            1 => vec![Way::ToClient],
            _ => WAYS.to_vec(),
        };
        let lasts = match kind {
            Kind::Freeze if long && rng.u32(0..4) == 0 => rng.u64(LONG_MS.start..FROZEN_MS),
            Kind::Kill | Kind::Freeze | Kind::Cut | Kind::Part | Kind::Loss if rng.bool() => rng.u64(LONG_MS),
            Kind::StandbyCut | Kind::Split if rng.bool() => rng.u64(LONG_MS),
            Kind::Kill => rng.u64(0..SHORT_MS.end),
            _ => rng.u64(SHORT_MS),
        };
        let other = (node + 1 + rng.usize(..nodes.max(2) - 1)) % nodes;
        Fault { kind, node, other, ways, lasts: Duration::from_millis(lasts), began_ms: 0, needed_ms: 0 }
    }

    /// Queues change their nodes for as long as these last.
    pub fn moves_during(faults: &[Fault]) -> Fault {
        let lasts = faults.iter().map(|fault| fault.lasts).max().unwrap_or_default();
        Fault { kind: Kind::Move, lasts, node: 0, other: 0, ways: Vec::new(), began_ms: 0, needed_ms: 0 }
    }

    /// Happens to this node.
    pub fn aim(&mut self, node: usize, nodes: usize) {
        self.other = (self.other + nodes + node - self.node) % nodes;
        self.node = node;
    }

    /// Whether both can happen at the same time.
    pub fn goes_with(&self, other: &Fault) -> bool {
        let same_node = self.kind.is_of_node() && other.kind.is_of_node() && self.node == other.node;
        let both_database = self.kind.is_of_database() && other.kind.is_of_database();
        let both_restart = |a: &Fault, b: &Fault| a.kind == Kind::Roll && (b.kind.is_of_node() || b.kind == Kind::Roll);
        !same_node && !both_database && !both_restart(self, other) && !both_restart(other, self)
    }

    /// When it is over.
    pub fn lasts(&self) -> Duration {
        self.lasts
    }

    /// Whether it happens to one node only.
    pub fn is_of_node(&self) -> bool {
        self.kind.is_of_node()
    }

    /// Whether it happens to the database.
    pub fn is_of_database(&self) -> bool {
        self.kind.is_of_database()
    }

    /// What it counts as where times without service are told.
    pub fn class(&self) -> String {
        let back = if self.lasts.as_millis() >= u128::from(LONG_MS.start) { "" } else { ", soon back" };
        match self.kind {
            Kind::Freeze | Kind::Cut | Kind::Part | Kind::Loss => format!("{}{back}", self.kind.name()),
            _ => self.kind.name().to_owned(),
        }
    }

    /// For the log.
    pub fn describe(&self) -> String {
        let of = if self.kind.is_of_node() { format!(" of node {}", self.node) } else { String::new() };
        let has_ways = matches!(self.kind, Kind::Cut | Kind::StandbyCut);
        let ways = if has_ways { format!(" {:?}", self.ways) } else { String::new() };
        format!("{}{of}{ways} for {} ms", self.kind.name(), self.lasts.as_millis())
    }

    /// Happens.
    pub fn begin(&mut self, world: &mut World) {
        self.began_ms = now_ms();
        let (primary, node) = (&mut world.database.primary, &mut world.nodes[self.node]);
        match self.kind {
            Kind::Kill => node.kill(),
            Kind::Freeze => node.signal("STOP"),
            Kind::Drain => node.end(),
            Kind::Cut => self.ways.iter().for_each(|way| node.proxy.block(*way)),
            Kind::Slow => node.proxy.slow(Duration::from_millis(world.rng.u64(DELAY_MS))),
            Kind::Clock | Kind::DbClock => {
                let seconds = if world.rng.bool() { JUMP_SECONDS } else { -JUMP_SECONDS };
                match self.kind {
                    Kind::Clock => world.nodes[self.node].set_clock(seconds),
                    _ => world.database.set_clock(seconds),
                }
            }
            Kind::Part => world.net().part(self.node, self.other),
            Kind::Loss => {
                let percent = world.rng.u32(LOST_PERCENT);
                world.net().lose(self.node, percent);
            }
            Kind::DbKill => primary.kill(),
            Kind::DbStop => drop(primary.stop("immediate")),
            Kind::DbFreeze => primary.signal_all("STOP"),
            Kind::Standby => {
                if let Some(standby) = &mut world.database.standby {
                    standby.stop("immediate");
                }
            }
            Kind::Promote => {
                match world.rng.u32(0..3) {
                    0 => primary.kill(),
                    1 => drop(primary.stop("immediate")),
                    // It is thought dead, and its connections stand.
                    _ => primary.signal_all("STOP"),
                }
                world.fail_over();
                self.needed_ms = now_ms() - self.began_ms;
            }
            Kind::StandbyCut => self.ways.iter().for_each(|way| world.database.replication.block(*way)),
            Kind::Split => {
                if world.split() {
                    self.needed_ms = now_ms() - self.began_ms;
                }
            }
            Kind::Disk => world.fill_disk(),
            Kind::Roll | Kind::Move | Kind::Sessions => {}
        }
    }

    /// Goes on. Called some times a second.
    pub fn goes_on(&self, world: &mut World) {
        match self.kind {
            Kind::Drain => world.restart(self.node),
            Kind::Roll => world.restart_next(),
            Kind::Move => world.move_a_queue(),
            Kind::Sessions => world.end_sessions(),
            Kind::Split => world.end_sessions_of_old_primary(),
            _ => {}
        }
    }

    /// Is over. What it leaves behind, the world makes well.
    pub fn end(&mut self, world: &mut World) {
        let node = &mut world.nodes[self.node];
        match self.kind {
            Kind::Kill => node.start(),
            Kind::Freeze => node.signal("CONT"),
            Kind::Cut | Kind::Slow => node.proxy.go_on(),
            Kind::Clock => node.set_clock(0),
            Kind::Part => world.net().join(self.node, self.other),
            Kind::Loss => world.net().lose_nothing(self.node),
            Kind::DbKill | Kind::DbStop => {
                world.database.primary.run();
                self.needed_ms = now_ms() - self.began_ms;
            }
            Kind::DbFreeze => {
                world.database.primary.signal_all("CONT");
                self.needed_ms = now_ms() - self.began_ms;
            }
            Kind::Standby => {
                if let Some(standby) = &mut world.database.standby {
                    standby.run();
                }
                self.needed_ms = now_ms() - self.began_ms;
            }
            Kind::StandbyCut => {
                world.database.replication.go_on();
                self.needed_ms = now_ms() - self.began_ms;
            }
            Kind::Promote => world.database.rebuild_standby(),
            Kind::Split => {
                world.lead_all();
                world.database.rebuild_standby();
            }
            Kind::Disk => world.database.primary.empty_disk(),
            Kind::DbClock => world.database.set_clock(0),
            Kind::Drain | Kind::Roll | Kind::Move | Kind::Sessions => {}
        }
    }
}
