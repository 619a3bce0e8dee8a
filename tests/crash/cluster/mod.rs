//! The crash test of several nodes over one database: each request of each client goes to another node, while nodes are killed,
//! frozen, restarted and cut off, and the database crashes, freezes and fails over to its stand-by.
//!
//! `CLUSTER=1 ROUNDS=100 SEED=7 FAULTS=kill,freeze cargo test --release --test crash cluster -- --nocapture`. Without `FAULTS` what
//! happens is one of the kinds that need no rights, or two of them at a time; `FAULTS=all` has all kinds, and needs root, `nft` and
//! faketime. `NODES=1` has a single kew in place of three nodes.

mod database;
mod faults;
mod net;
mod nodes;
mod service;
mod world;

use crate::admin_client::AdminClient;
use crate::audit::Audit;
use crate::client::now_ms;
use crate::drain::{TIME_LIMIT_MS, drain};
use crate::line::Line;
use crate::support::number;
use crate::verify_after_restart::verify_after_restart;
use crate::worker::Worker;
use crate::{DRAIN_EVERY, WORKERS, rounds};
use database::Database;
use fastrand::Rng;
use faults::{Fault, KINDS, Kind};
use net::Net;
use nodes::CLOCK_LIBRARY;
use service::{PROBED, Prober, Table};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use world::World;

const NODES: u64 = 3;
/// Rounds of a run that was not asked for by `CLUSTER`.
const ROUNDS_SHORT: u64 = 3;
/// The clocks of the nodes follow that of the database, on a machine that is busy.
const MARGIN_MS: u64 = 300;
/// Milliseconds before something happens, and after all is well again.
const CALM_MS: std::ops::Range<u64> = 300..1_500;
/// What a process or a connection has still under way takes place within this time.
const SETTLING: Duration = Duration::from_millis(1_500);
/// Between two looks at what is happening.
const TICK: Duration = Duration::from_millis(50);
/// The second of two faults follows the first after this at most.
const APART_MS: u64 = 1_500;
/// Megabytes of the database's disk, where it gets full.
const DISK: u32 = 1_500;

/// What needs nothing but a PostgreSQL.
const ORDINARY: [Kind; 11] = [
    Kind::Kill,
    Kind::Freeze,
    Kind::Drain,
    Kind::Roll,
    Kind::Cut,
    Kind::Slow,
    Kind::Move,
    Kind::Sessions,
    Kind::DbKill,
    Kind::DbStop,
    Kind::DbFreeze,
];

/// One run over many rounds.
struct Run {
    seed: u64,
    rng: Rng,
    directory: PathBuf,
    world: World,
    /// What happens, and whether it was asked for.
    kinds: Vec<Kind>,
    named: bool,
    /// Whether there is time for what lasts long.
    long: bool,
    audit: Mutex<Audit>,
    workers: Vec<Worker>,
    admin: AdminClient,
    probers: Vec<Prober>,
    table: Table,
    counts: BTreeMap<String, u64>,
    line_seed: u64,
}

/// What happens in the short run: what is over soon, on a busy machine too.
const BRIEF: &[Kind] = &[Kind::Kill, Kind::Drain, Kind::Move, Kind::Roll, Kind::Sessions];

/// The kinds that `FAULTS` names; `all` stands for all of them.
fn named_kinds() -> Option<Vec<Kind>> {
    let text = std::env::var("FAULTS").ok().filter(|text| !text.is_empty())?;
    if text == "all" {
        return Some(KINDS.map(|(kind, _)| kind).to_vec());
    }
    let kind = |name: &str| {
        let found = KINDS.iter().find(|(_, known)| *known == name);
        found.unwrap_or_else(|| panic!("FAULTS names {name}; there are {:?}", KINDS.map(|(_, name)| name))).0
    };
    Some(text.split(',').map(kind).collect())
}

impl Run {
    /// One that has not begun, if there is a PostgreSQL.
    fn new(long: bool) -> Option<Run> {
        let seed = number("SEED").unwrap_or_else(|| fastrand::u64(..1_000_000));
        eprintln!("cluster: seed: {seed}, repeat with SEED={seed}");
        let named = named_kinds();
        let usual = if long { &ORDINARY[..] } else { BRIEF };
        let mut kinds = named.clone().unwrap_or_else(|| usual.to_vec());
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("crash-cluster-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).unwrap();
        let clocks = kinds.iter().any(|kind| matches!(kind, Kind::Clock | Kind::DbClock));
        assert!(!clocks || Path::new(CLOCK_LIBRARY).exists(), "there is no {CLOCK_LIBRARY}");
        let clock = kinds.contains(&Kind::DbClock).then(|| directory.join("database.clock"));
        let database = Database::start(kinds.contains(&Kind::Disk).then_some(DISK), clock)?;
        if named.is_none() && long && database.standby.is_some() {
            kinds.extend([Kind::Standby, Kind::StandbyCut, Kind::Promote, Kind::Split]);
        }
        let count = number("NODES").unwrap_or(NODES) as usize;
        let needs_networks = kinds.iter().any(|kind| kind.is_of_networks());
        let net = needs_networks.then(|| Net::new(count).unwrap_or_else(|error| panic!("networks: {error}")));
        let mut rng = Rng::with_seed(seed);
        let mut world = World::new(count, database, &directory, rng.fork(), net);
        if kinds.contains(&Kind::Clock) {
            world.nodes.iter_mut().for_each(nodes::Node::use_clock);
        }
        Some(Run {
            seed,
            rng,
            directory,
            world,
            kinds,
            named: named.is_some(),
            long,
            audit: Mutex::new(Audit::with_margin(MARGIN_MS)),
            workers: (0..WORKERS).map(|number| Worker::new(number, seed)).collect(),
            admin: AdminClient::new(seed),
            probers: PROBED.into_iter().map(Prober::new).collect(),
            table: Table::default(),
            counts: BTreeMap::new(),
            line_seed: seed,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Audit> {
        self.audit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_seed(&mut self) -> u64 {
        self.line_seed = self.line_seed.wrapping_add(1_000);
        self.line_seed
    }

    /// Starts everything, and makes the queues.
    fn set_up(&mut self) {
        self.world.nodes.iter_mut().for_each(nodes::Node::start);
        self.world.make_well();
        self.check();
        let (nodes, seed) = (self.world.addresses(), self.next_seed());
        let mut line = Line::of_inspector(&nodes, seed, &self.audit);
        self.admin.set_up(&mut line);
        self.world.database.guard();
        verify_after_restart(&mut line, &mut self.admin);
        self.check();
    }

    /// What happens in a round: one thing, or two at a time.
    fn choose(&mut self, round: u64) -> Vec<Fault> {
        let count = self.world.nodes.len();
        let owners = self.world.owners();
        // However short a run is, a node is killed in it.
        let kinds = if round == 0 && !self.named { &[Kind::Kill][..] } else { &self.kinds };
        let mut any = || {
            let mut fault = Fault::any(&mut self.rng, kinds, count, self.long);
            // Mostly to one who has something to lose.
            if let Some(owner) =
                self.rng.choice(PROBED).and_then(|queue| owners.get(queue)).filter(|_| self.rng.u32(0..4) > 0)
            {
                fault.aim(*owner, count);
            }
            fault
        };
        let (first, second) = (any(), any());
        let both = kinds.len() > 1 && self.rng.u32(0..3) == 0 && first.goes_with(&second);
        let mut faults = if both { vec![first, second] } else { vec![first] };
        // Queues change their nodes whatever else happens.
        let moved = faults.iter().any(|fault| fault.kind == Kind::Move);
        if kinds.contains(&Kind::Move) && !moved && self.rng.u32(0..3) == 0 {
            faults.push(Fault::moves_during(&faults));
        }
        faults
    }

    /// Works while something happens, until all is well again; then looks at everything.
    fn round(&mut self, number: u64) {
        let mut faults = self.choose(number);
        let described: Vec<String> = faults.iter().map(Fault::describe).collect();
        let described = described.join(" and ");
        let unanswered = self.lock().unanswered;
        let (nodes, seed) = (self.world.addresses(), self.next_seed());
        let owners = {
            let (end, avoided) = (AtomicBool::new(false), AtomicU64::new(0));
            let Run { audit, workers, admin, probers, world, rng, .. } = self;
            let newest_ms: Vec<_> = probers.iter().map(|prober| prober.newest_ms.clone()).collect();
            std::thread::scope(|scope| {
                for (worker, seed) in workers.iter_mut().zip(seed..) {
                    let (nodes, end, audit) = (&nodes, &end, &*audit);
                    scope.spawn(move || worker.run(&mut Line::of_worker(nodes, seed, end, audit)));
                }
                scope.spawn(|| admin.run(&mut Line::of_careful(&nodes, seed + 100, &end, audit)));
                for (prober, seed) in probers.iter_mut().zip(seed + 200..) {
                    let (nodes, end, avoided, audit) = (&nodes, &end, &avoided, &*audit);
                    scope.spawn(move || prober.run(&mut Line::of_prober(nodes, seed, end, avoided, audit)));
                }
                let owners = happen(world, &mut faults, rng, audit, &avoided, &newest_ms);
                end.store(true, Ordering::SeqCst);
                owners
            })
        };
        std::thread::sleep(SETTLING);
        self.lock().life_ends(now_ms());
        self.measure(&faults, &owners);
        let unanswered = self.lock().unanswered - unanswered;
        // As it is to: when the disk is full, and at a start without the database or the session for it. It was started again.
        let fine = |end: &String| {
            let stops_starts = |fault: &Fault| fault.is_of_database() || fault.kind == Kind::Sessions;
            faults.iter().any(|fault| fault.kind == Kind::Disk) && end.ends_with("status: 74")
                || faults.iter().any(stops_starts) && end.ends_with("status: 1")
        };
        self.world.nodes.iter_mut().for_each(|node| node.ends.retain(|end| !fine(end)));
        *self.counts.entry(faults.iter().map(|fault| fault.kind.name()).collect::<Vec<_>>().join("+")).or_default() +=
            1;
        eprintln!("cluster: round {number}: {described}; {unanswered} requests without an answer");
        self.inspect(&nodes, number % DRAIN_EVERY == DRAIN_EVERY - 1);
        self.check();
    }

    /// Takes down for how long queues were not served.
    fn measure(&mut self, faults: &[Fault], owners: &BTreeMap<String, usize>) {
        let [fault] = faults else { return };
        for prober in &self.probers {
            if fault.is_of_node() && owners.get(prober.queue).is_some_and(|owner| *owner != fault.node) {
                continue;
            }
            let Some(unserved_ms) = prober.unserved_ms(fault.began_ms) else { continue };
            self.table.add(&fault.class(), unserved_ms);
            if fault.needed_ms > 0 {
                let beyond = format!("{}, beyond its own", fault.class());
                self.table.add(&beyond, unserved_ms.saturating_sub(fault.needed_ms));
            }
        }
    }

    /// Looks at everything while nothing happens, and perhaps empties it.
    fn inspect(&mut self, nodes: &[SocketAddr], empty: bool) {
        let seed = self.next_seed();
        let mut line = Line::of_inspector(nodes, seed, &self.audit);
        verify_after_restart(&mut line, &mut self.admin);
        if empty {
            drain(&mut line, &mut self.admin, TIME_LIMIT_MS);
            self.workers.iter_mut().for_each(Worker::start_afresh);
        }
    }

    /// Panics with everything that there is to complain of.
    fn check(&mut self) {
        let ends = self.world.nodes.iter_mut().flat_map(|node| std::mem::take(&mut node.ends));
        let mut complaints: Vec<String> = ends.collect();
        complaints.append(&mut self.world.complaints);
        complaints.extend(self.lock().violations.iter().take(20).cloned());
        if self.world.database.has_guard() && self.world.database.has_guarded() {
            complaints.push("the guard has refused what another than the owner wrote".to_owned());
        }
        if complaints.is_empty() {
            return;
        }
        let mut report = format!("seed {}, {} violations:\n", self.seed, complaints.len());
        for complaint in complaints {
            let _ = writeln!(report, "- {complaint}");
        }
        panic!(
            "{report}what the nodes said last:\n{}their logs are in {}",
            self.world.logs(),
            self.directory.display()
        );
    }

    /// Everything is emptied, twice: nothing comes back.
    fn finish(&mut self) {
        let nodes = self.world.addresses();
        for _ in 0..2 {
            self.inspect(&nodes, true);
        }
        self.check();
    }

    fn report(&mut self) {
        let mut acknowledged: Vec<_> =
            self.lock().acknowledged.iter().map(|(action, count)| format!("{action} {count}")).collect();
        acknowledged.sort();
        let (counts, moves) = (&self.counts, self.world.moves);
        eprintln!("cluster: rounds: {counts:?}; {moves} queues moved; acknowledged: {}", acknowledged.join(", "));
        eprint!("{}", self.table.show());
    }
}

/// All that happens in a round, while others work. Returns whose the queues were before.
fn happen(
    world: &mut World,
    faults: &mut [Fault],
    rng: &mut Rng,
    audit: &Mutex<Audit>,
    avoided: &AtomicU64,
    newest_ms: &[Arc<AtomicU64>],
) -> BTreeMap<String, usize> {
    std::thread::sleep(Duration::from_millis(rng.u64(CALM_MS)));
    // Those who look how soon it goes on ask the others, and wait for nobody else when it begins.
    let hit = faults.iter().filter(|fault| fault.is_of_node()).fold(0_u64, |hit, fault| hit | 1 << fault.node);
    if hit.count_ones() < u32::try_from(world.nodes.len()).unwrap_or_default() {
        avoided.store(hit, Ordering::SeqCst);
    }
    world.complaints.extend(service::wait_until_served(newest_ms).err());
    let owners = world.owners();
    audit.lock().unwrap_or_else(PoisonError::into_inner).trouble_begins(now_ms());
    let began = Instant::now();
    let starts: Vec<Duration> = (0..faults.len())
        .map(|place| Duration::from_millis(if place == 0 { 0 } else { rng.u64(0..APART_MS) }))
        .collect();
    let mut running = vec![false; faults.len()];
    let mut over = vec![false; faults.len()];
    while over.contains(&false) {
        for place in 0..faults.len() {
            let at = began.elapsed();
            if !running[place] && at >= starts[place] {
                faults[place].begin(world);
                running[place] = true;
            } else if running[place] && !over[place] {
                if at >= starts[place] + faults[place].lasts() {
                    faults[place].end(world);
                    over[place] = true;
                } else {
                    faults[place].goes_on(world);
                }
            }
        }
        std::thread::sleep(TICK);
    }
    world.make_well();
    world.complaints.extend(service::wait_until_served(newest_ms).err());
    std::thread::sleep(Duration::from_millis(rng.u64(CALM_MS)));
    owners
}

/// Nothing acknowledged is lost, nothing deleted comes back, and everything else the auditor knows, whatever happens to nodes and
/// to the database.
#[test]
fn a_cluster_survives_what_happens_to_its_nodes_and_its_database() {
    let long = std::env::var_os("CLUSTER").is_some();
    let Some(mut run) = Run::new(long) else { return };
    run.set_up();
    for round in 0..if long { rounds() } else { ROUNDS_SHORT } {
        run.round(round);
    }
    run.finish();
    run.report();
    let _ = std::fs::remove_dir_all(&run.directory);
}

/// The tests of the test: what another than the owner writes is refused and noticed, and what gets lost is missed.
#[test]
fn what_must_not_happen_is_noticed() {
    let Some(database) = Database::start(None, None) else { return };
    let directory = tempfile::tempdir().unwrap();
    let mut world = World::new(2, database, directory.path(), Rng::with_seed(0), None);
    world.nodes.iter_mut().for_each(nodes::Node::start);
    world.make_well();
    let (nodes, audit, mut admin) = (world.addresses(), Mutex::new(Audit::with_margin(MARGIN_MS)), AdminClient::new(0));
    let mut line = Line::of_inspector(&nodes, 0, &audit);
    admin.set_up(&mut line);
    world.database.guard();
    let mut prober = Prober::new(PROBED[0]);
    (0..3).for_each(|_| prober.probe(&mut line));
    assert!(!world.database.has_guarded());
    // What was sent becomes rows some seconds later.
    while world.database.ask("SELECT count(*) > 1 FROM kew.message").is_ok_and(|rows| rows == ["f"]) {
        std::thread::sleep(TICK);
    }
    let refused = world.database.ask("UPDATE kew.message SET receive_count = 7");
    assert!(refused.is_err_and(|error| error.contains("guard: UPDATE")));
    assert!(world.database.has_guarded());
    // Behind the back of all, and of the trigger.
    world.database.ask("SET session_replication_role = replica; DELETE FROM kew.message WHERE number % 2 = 0").unwrap();
    let owner = world.owners()[PROBED[0]];
    world.nodes[owner].kill();
    world.make_well();
    assert_eq!(line.audit().violations, Vec::<String>::new());
    drain(&mut line, &mut admin, TIME_LIMIT_MS);
    let violations = line.audit().violations.clone();
    assert!(violations.iter().any(|violation| violation.contains("lost:")), "{violations:#?}");
    assert_eq!(world.complaints, Vec::<String>::new());
}
