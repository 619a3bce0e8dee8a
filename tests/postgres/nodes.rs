//! Several nodes of one database: beats, nodes that are declared gone, the directory, names that are claimed.

use kew::internals::engine::Time;
use kew::internals::store::postgres::{
    Claimed, ClockLook, ClusterOptions, Directory, Give, NodeRowState, Options, Orphan, RoundRead, Shared,
};
use kew::internals::store::{AdoptedQueue, Change, PostgresStore, Store, StoreError, StoredItem, TransferRecord};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::server::{new_url, sql};
use crate::support::*;

pub const SECRET: &str = "known to all of them";

/// Refuses every write to a message by a node that does not have its queue, but for one that settles what a node that
/// has gone left in the journal.
const GUARD: &str = "CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
      row kew.message := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
      me text := current_setting('kew.held', true);
      dead text := current_setting('kew.settles', true);
    BEGIN
      IF EXISTS (SELECT FROM kew.node n WHERE n.id::text = dead AND n.state = 'gone' AND NOT n.settled) THEN
        RETURN row;
      END IF;
      IF EXISTS (SELECT FROM kew.queue q WHERE q.uid = row.queue AND q.owner <> me::int8 AND row.number >= q.purged_below) THEN
        RAISE EXCEPTION 'node % writes into queue % of another', me, row.queue;
      END IF;
      RETURN row;
    END $$;
    CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON kew.message FOR EACH ROW EXECUTE FUNCTION guard()";

/// One of several nodes.
pub struct Node {
    pub store: PostgresStore,
    pub shared: Shared,
    runtime: Runtime,
}

pub fn options(name: &str) -> Options {
    let cluster = ClusterOptions { peer_url: format!("http://{name}:9325"), secret: SECRET.into() };
    Options { cluster: Some(cluster), name: Some(name.into()), ..Options::default() }
}

/// What a node tells whose clock is ahead by so much, and who knows the clock of the database.
fn look(ahead_us: i64) -> Option<ClockLook> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Some(ClockLook { ahead_us, database_us: i64::try_from(since.as_micros()).unwrap() })
}

impl Node {
    pub fn join(url: &str, name: &str) -> Node {
        let store = PostgresStore::open(url, &options(name)).unwrap();
        let shared = store.shared().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Node { store, shared, runtime }
    }

    pub fn id(&self) -> i64 {
        self.store.node()
    }

    pub fn commit(&mut self, changes: impl IntoIterator<Item = Change>) {
        self.store.commit(NOW, changes.into_iter().collect()).unwrap();
    }

    /// As after a crash of its process: it says nothing, and does not leave.
    pub fn die(self) -> i64 {
        let id = self.id();
        std::mem::forget(self);
        id
    }

    pub fn round(&mut self) -> RoundRead {
        self.try_round().unwrap()
    }

    pub fn try_round(&mut self) -> Result<RoundRead, StoreError> {
        self.runtime.block_on(self.shared.round(look(0), &|| 0))
    }

    pub fn directory(&mut self, since: Option<u64>) -> Directory {
        self.runtime.block_on(self.shared.directory(since)).unwrap()
    }

    pub fn directory_for_certain(&mut self, since: Option<u64>) -> Directory {
        self.runtime.block_on(self.shared.directory_for_certain(since)).unwrap()
    }

    /// The same; `None` if it is given up before.
    pub fn directory_until(&mut self, given_up: oneshot::Receiver<()>) -> Option<Directory> {
        self.runtime.block_on(async {
            tokio::select! {
                read = self.shared.directory_for_certain(None) => Some(read.unwrap()),
                _ = given_up => None,
            }
        })
    }

    /// Declares a node gone at this beat; all it had is this one's.
    pub fn fence_at(&mut self, dead: i64, beat: i64) -> bool {
        let me = self.id();
        self.fence_giving(dead, beat, &|uids| all_to(uids, me))
    }

    /// The same, with its queues given to these.
    pub fn fence_giving(&mut self, dead: i64, beat: i64, give: &Give<'_>) -> bool {
        self.runtime.block_on(self.shared.fence(dead, beat, give)).unwrap()
    }

    pub fn fence(&mut self, dead: i64) {
        let beat = self.round().nodes.iter().find(|node| node.id == dead).unwrap().beat;
        assert!(self.fence_at(dead, beat));
    }

    pub fn assign(&mut self, orphans: &[Orphan]) -> usize {
        let me = self.id();
        self.runtime.block_on(self.shared.assign(orphans, &|uids| all_to(uids, me))).unwrap()
    }

    /// A queue with all that is in it, if it is this node's.
    pub fn load(&mut self, uid: u64) -> Option<(AdoptedQueue, Vec<StoredItem>)> {
        let mut items = Vec::new();
        let loaded = self.runtime.block_on(self.shared.load_queue(uid, NOW, &mut |item| items.push(item))).unwrap();
        assert!(loaded.is_some() || items.is_empty());
        loaded.map(|adopted| (adopted, items))
    }

    /// Loads a queue, and knows it from then on.
    pub fn adopt(&mut self, uid: u64) -> Vec<StoredItem> {
        let (adopted, items) = self.load(uid).expect("it is this node's");
        self.commit([Change::Adopted(Box::new(adopted))]);
        items
    }

    pub fn transfers(&mut self, target: u64) -> Vec<TransferRecord> {
        self.runtime.block_on(self.shared.transfers(target, 1_000)).unwrap()
    }

    pub fn claim(&mut self, name: &str) -> Claimed {
        self.runtime.block_on(self.shared.claim("000000000000", "eu-central-1", name)).unwrap()
    }

    fn disclaim(&mut self, name: &str) {
        self.runtime.block_on(self.shared.disclaim("000000000000", "eu-central-1", name)).unwrap();
    }

    fn drain(&mut self) {
        self.runtime.block_on(self.shared.drain()).unwrap();
    }
}

fn all_to(uids: Vec<u64>, to: i64) -> Vec<(u64, i64)> {
    uids.into_iter().map(|uid| (uid, to)).collect()
}

/// Some nodes of a new database in which only its owner writes into a queue.
pub fn nodes<const N: usize>() -> Option<(String, [Node; N])> {
    let url = new_url()?;
    let names = ["one", "two", "three"];
    let first = Node::join(&url, names[0]);
    sql(&url, GUARD);
    let mut first = Some(first);
    let nodes = std::array::from_fn(|at| first.take().unwrap_or_else(|| Node::join(&url, names[at])));
    Some((url, nodes))
}

pub fn value(url: &str, question: &str) -> String {
    sql(url, question).join(" ")
}

fn uids(directory: &Directory) -> Vec<u64> {
    let mut uids: Vec<u64> = directory.queues.iter().map(|queue| queue.record.uid).collect();
    uids.sort_unstable();
    uids
}

#[test]
fn nodes_see_each_other_and_each_raises_its_own_beat() {
    let Some((_, [mut one, mut two])) = nodes() else { return };
    one.commit([queue(7), queue(8)]);
    let (first, second) = (one.id(), two.id());
    let beats = |round: &RoundRead| {
        let beat = |id| round.nodes.iter().find(|node| node.id == id).unwrap().beat;
        (beat(first), beat(second))
    };
    let found = two.round();
    assert_eq!(found.nodes.len(), 2);
    let row = found.nodes.iter().find(|node| node.id == first).unwrap();
    assert_eq!((&*row.name, row.peer_url.as_deref(), row.queues), ("one", Some("http://one:9325"), 2));
    assert_eq!((row.state, &*row.version), (NodeRowState::Serving, env!("CARGO_PKG_VERSION")));
    assert!(row.sessions > 0 && !found.reconnected);
    let before = beats(&found);
    let after = beats(&two.round());
    assert_eq!(after, (before.0, before.1 + 1));
    assert_eq!(beats(&one.round()), (before.0 + 1, before.1 + 1));

    one.drain();
    let state = |round: RoundRead| round.nodes.iter().find(|node| node.id == first).unwrap().state;
    assert_eq!(state(two.round()), NodeRowState::Draining);
    drop(one);
    let found = two.round();
    assert!(found.orphans.contains(&Orphan { uid: 7, owner: first }) && found.orphans.len() == 2);
    assert_eq!(state(found), NodeRowState::Gone);
}

#[test]
fn a_round_asks_for_the_time_and_makes_its_connection_anew() {
    let Some((url, [mut one])) = nodes() else { return };
    let ask = |node: &mut Node| {
        let monotonic = std::sync::atomic::AtomicI64::new(100);
        let next = || monotonic.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        node.runtime.block_on(node.shared.round(look(-250), &next))
    };
    let round = ask(&mut one).unwrap();
    assert!(round.began_us >= 100 && round.ended_us > round.began_us);
    let seconds: i64 = value(&url, "SELECT extract(epoch FROM now())::int8").parse().unwrap();
    assert!((seconds - round.database_us / 1_000_000).abs() <= 60, "{}", round.database_us);
    assert_eq!(round.nodes[0].ahead_us, Some(-250));
    let end = format!(
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE application_name = 'kew/{}/round'",
        one.id()
    );
    assert_eq!(value(&url, &end), "t");
    // Whether the end of the connection is heard of before it is used.
    let again = ask(&mut one).or_else(|_| ask(&mut one)).unwrap();
    assert!(again.reconnected);
    assert!(!ask(&mut one).unwrap().reconnected);
}

#[test]
fn a_round_of_which_a_part_fails_has_raised_no_beat() {
    let Some((url, [mut one])) = nodes() else { return };
    let beat = || value(&url, "SELECT beat FROM kew.beat").parse::<i64>().unwrap();
    one.round();
    let before = beat();
    sql(&url, "ALTER TABLE kew.transfer RENAME TO elsewhere");
    assert!(one.runtime.block_on(one.shared.round(look(0), &|| 0)).is_err());
    assert_eq!(beat(), before);
    sql(&url, "ALTER TABLE kew.elsewhere RENAME TO transfer");
    one.round();
    assert_eq!(beat(), before + 1);
}

/// The beat that waits for whoever declares its node gone is not the last word.
#[test]
fn a_round_that_began_before_its_node_was_declared_gone_is_told_so() {
    let Some((url, [mut one, mut two])) = nodes() else { return };
    let (first, second) = (one.id(), two.id());
    let beat = two.round().nodes.iter().find(|node| node.id == first).unwrap().beat;
    let waits = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'kew/{first}/round' AND wait_event_type = 'Lock'"
    );
    let (is_held, is_waited_for) = (std::sync::Barrier::new(3), std::sync::Barrier::new(2));
    let round = std::thread::scope(|threads| {
        let round = threads.spawn(|| {
            is_held.wait();
            one.round()
        });
        threads.spawn(|| {
            is_held.wait();
            while value(&url, &waits) == "0" {
                std::thread::yield_now();
            }
            is_waited_for.wait();
        });
        let give = |uids| {
            is_held.wait();
            is_waited_for.wait();
            all_to(uids, second)
        };
        assert!(two.runtime.block_on(two.shared.fence(first, beat, &give)).unwrap());
        round.join().unwrap()
    });
    assert_eq!(round.nodes.iter().find(|node| node.id == first).unwrap().state, NodeRowState::Gone);
}

#[test]
fn a_round_is_two_transactions() {
    const ROUNDS: i64 = 100;
    let Some((url, [one])) = nodes() else { return };
    let transactions = || {
        let sql = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()";
        value(&url, sql).parse::<i64>().unwrap()
    };
    let before = transactions();
    let sessions = format!("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'kew/{}/round'", one.id());
    let Node { store: _store, mut shared, runtime } = one;
    for _ in 0..ROUNDS {
        runtime.block_on(shared.round(look(0), &|| 0)).unwrap();
    }
    // What a session has done is counted at its end.
    drop((shared, runtime));
    while value(&url, &sessions) != "0" {
        std::thread::yield_now();
    }
    let transactions = transactions() - before;
    assert!((2 * ROUNDS..3 * ROUNDS).contains(&transactions), "{transactions}");
}

/// Whoever joins takes its time from those: one that has none yet, or has gone, is not asked.
#[test]
fn only_a_node_that_has_set_its_clock_tells_by_how_much_it_is_ahead() {
    let Some((_, [mut one, mut two, three])) = nodes() else { return };
    let ahead = |node: &mut Node, by: Option<i64>| -> Vec<(i64, Option<i64>)> {
        let read = node.runtime.block_on(node.shared.round(by.and_then(look), &|| 0)).unwrap();
        read.nodes.iter().map(|row| (row.id, row.ahead_us)).collect()
    };
    let (first, second, third) = (one.id(), two.id(), three.id());
    let told = |rows: &[(i64, Option<i64>)], id| rows.iter().find(|row| row.0 == id).unwrap().1;
    // It has joined, and has looked.
    let rows = ahead(&mut two, None);
    assert_eq!((told(&rows, first), told(&rows, second)), (None, None));
    ahead(&mut one, Some(-3_600_000_000));
    let rows = ahead(&mut two, None);
    assert_eq!((told(&rows, first), told(&rows, second)), (Some(-3_600_000_000), None));
    drop(three);
    let rows = ahead(&mut two, Some(-3_600_000_000));
    assert_eq!((told(&rows, second), told(&rows, third)), (Some(-3_600_000_000), None));
}

/// What was said of a clock that the database has not got any more is of no use to one that joins.
#[test]
fn by_how_much_a_node_is_ahead_holds_for_the_clock_of_which_it_was_said() {
    let Some((url, [mut one, mut two])) = nodes() else { return };
    let first = one.id();
    let mut holds = |node: &mut Node, look: Option<ClockLook>| {
        node.runtime.block_on(node.shared.round(look, &|| 0)).unwrap();
        let read = two.runtime.block_on(two.shared.round(None, &|| 0)).unwrap();
        read.nodes.iter().find(|row| row.id == first).unwrap().ahead_holds
    };
    assert!(!holds(&mut one, None), "it has not set it");
    assert!(holds(&mut one, look(5)));
    // It has not heard yet that the clock of the database jumped.
    for by_us in [3_600_000_000, -3_600_000_000] {
        let before = look(5).map(|look| ClockLook { database_us: look.database_us + by_us, ..look });
        assert!(!holds(&mut one, before), "{by_us}");
        assert!(holds(&mut one, look(5)));
    }
    // It has jumped since, or has not been heard of for a while.
    for told in ["told + interval '1 hour'", "told - interval '1 hour'", "told - interval '2 seconds'"] {
        one.runtime.block_on(one.shared.round(look(5), &|| 0)).unwrap();
        sql(&url, &format!("UPDATE kew.beat SET told = {told}"));
        let read = two.runtime.block_on(two.shared.round(None, &|| 0)).unwrap();
        let row = read.nodes.iter().find(|row| row.id == first).unwrap();
        assert_eq!((row.ahead_us, row.ahead_holds), (Some(5), false), "{told}");
    }
}

#[test]
fn a_node_that_stands_still_is_declared_gone_and_commits_nothing_more() {
    let Some((url, [mut one, mut two])) = nodes() else { return };
    one.commit([queue(7), store(7, 1, "first"), queue(8)]);
    let (first, second) = (one.id(), two.id());
    two.fence(first);
    let late = one.store.commit(NOW, vec![store(7, 2, "late")]);
    assert_eq!(late, Err(StoreError::Fenced { by: "two".into() }));
    assert_eq!(value(&url, "SELECT body FROM kew.message"), "first");
    // It is told so by its round, and by whatever else needs it to live.
    let row = one.round().nodes.into_iter().find(|node| node.id == first).unwrap();
    assert_eq!(row.state, NodeRowState::Gone);
    let fenced = |error| assert_eq!(error, StoreError::Fenced { by: "two".into() });
    fenced(one.runtime.block_on(one.shared.claim("000000000000", "eu-central-1", "a")).unwrap_err());
    fenced(one.runtime.block_on(one.shared.load_queue(7, NOW, &mut |_| ())).unwrap_err());

    let owners = format!("{second} {second}");
    assert_eq!(value(&url, "SELECT owner FROM kew.queue"), owners);
    assert_eq!(value(&url, "SELECT epoch FROM kew.queue"), "2 2");
    assert!(!two.fence_at(first, row.beat), "somebody was first");
    assert_eq!(two.adopt(7).iter().filter(|item| item.is_message()).count(), 1);
    two.commit([store(7, 1 << 17, "second")]);

    // What nobody asks for any more goes, and after some time the node itself.
    let left = format!(
        "SELECT (SELECT count(*) FROM kew.mark WHERE node = {first}), (SELECT count(*) FROM kew.beat), (SELECT count(*) FROM kew.node)"
    );
    assert_eq!(value(&url, &left), "1|2|2");
    while two.store.upkeep(NOW).unwrap() {}
    assert_eq!(value(&url, &left), "0|1|2");
    sql(&url, "UPDATE kew.node SET gone = gone - interval '8 days'");
    while two.store.upkeep(NOW.plus_seconds(20)).unwrap() {}
    assert_eq!(value(&url, &left), "0|1|1");
}

#[test]
fn a_node_whose_beat_goes_up_is_not_declared_gone() {
    let Some((_, [mut one, mut two])) = nodes() else { return };
    one.commit([queue(7)]);
    let beat = two.round().nodes.iter().find(|node| node.id == one.id()).unwrap().beat;
    one.round();
    assert!(!two.fence_at(one.id(), beat));
    one.commit([store(7, 1, "it lives")]);
    assert!(!two.fence_at(i64::MAX, 0), "there is no such node");
}

#[test]
fn a_session_that_holds_the_row_of_a_dead_node_is_ended() {
    let Some((url, [mut one, mut two])) = nodes() else { return };
    one.commit([queue(7)]);
    let id = one.id();
    // In the middle of a commit.
    let held = format!("{url}?application_name=kew/{id}");
    let sleeper = std::thread::spawn(move || {
        crate::server::sql_at(&held, &format!("BEGIN; SELECT kew.hold({id}, NULL); SELECT pg_sleep(600)"))
    });
    let asleep =
        format!("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'kew/{id}' AND wait_event = 'PgSleep'");
    while value(&url, &asleep) == "0" {
        std::thread::yield_now();
    }
    two.fence(id);
    assert!(sleeper.join().unwrap().is_err());
}

#[test]
fn queues_of_nodes_that_have_gone_are_given_to_one_node_each() {
    let Some((url, [mut one, mut two, mut three])) = nodes() else { return };
    three.commit((1..=20).map(queue));
    let third = three.id();
    drop(three);
    let orphans = one.round().orphans;
    assert_eq!(orphans.len(), 20);
    assert_eq!(two.round().orphans, orphans);
    let (taken, others) = std::thread::scope(|threads| {
        let taken = threads.spawn(|| one.assign(&orphans));
        let others = two.assign(&orphans);
        (taken.join().unwrap(), others)
    });
    // A node that waits for the other's transaction finds nothing left.
    assert_eq!(taken + others, 20);
    assert_eq!(value(&url, "SELECT DISTINCT epoch FROM kew.queue"), "2");
    assert_eq!((one.round().orphans, one.assign(&orphans)), (vec![], 0));

    // Nobody is given queues who is not there, or has gone.
    sql(&url, "UPDATE kew.queue SET owner = 5");
    let orphans = one.round().orphans;
    assert_eq!(orphans.len(), 20);
    for nobody in [4, third] {
        assert_eq!(one.runtime.block_on(one.shared.assign(&orphans, &|uids| all_to(uids, nobody))), Ok(0));
    }
    assert_eq!(one.assign(&orphans), 20);
    // Who was not there then does not come to be later.
    assert_eq!(value(&url, "SELECT state FROM kew.node WHERE id = 5"), "gone");
}

#[test]
fn the_directory_tells_what_has_changed() {
    let Some((url, [mut one, mut two])) = nodes() else { return };
    one.commit([queue(7), queue(8)]);
    let whole = two.directory(None);
    assert!(whole.whole && whole.deleted.is_empty());
    assert_eq!(uids(&whole), [7, 8]);
    let seven = whole.queues.iter().find(|queue| queue.record.uid == 7).unwrap();
    assert_eq!((&seven.record, seven.owner, seven.epoch), (&record(7), one.id(), 1));
    let rev = |directory: &Directory| Some(directory.rev);

    let nothing = two.directory(rev(&whole));
    assert!(!nothing.whole && nothing.queues.is_empty() && nothing.rev == whole.rev);
    assert_eq!(two.round().rev, whole.rev);

    let mut changed = record(8);
    changed.tags.insert("team".into(), "a".into());
    one.commit([Change::Queue(Box::new(changed.clone()))]);
    two.commit([queue(9)]);
    let news = two.directory(rev(&whole));
    assert_eq!(uids(&news), [8, 9]);
    assert_eq!(news.queues.iter().find(|queue| queue.record.uid == 8).unwrap().record, changed);

    one.commit([Change::QueueDeleted { uid: 7, at: NOW }]);
    one.commit([Change::Handed { uid: 8, to: two.id() }]);
    let last = two.directory(rev(&news));
    assert_eq!((uids(&last), &last.deleted), (vec![8], &vec![7]));
    assert_eq!((last.queues[0].owner, last.queues[0].epoch), (two.id(), 2));
    assert_eq!(last.names, [("000000000000".into(), "eu-central-1".into(), "orders-7".into(), NOW)]);
    assert_eq!(two.directory(rev(&whole)).deleted, [7]);

    // Messages are no news.
    one.commit([queue(10)]);
    let rev_before = two.round().rev;
    one.commit([store(10, 1, "x"), store(10, 1 << 17, "y"), purge(10, 1 << 18)]);
    assert_eq!(two.round().rev, rev_before);

    // Once deleted queues are forgotten, who knows only what was before them reads all.
    sql(&url, "UPDATE kew.gone_queue SET gone = now() - interval '1 hour'");
    while one.store.upkeep(Time(NOW.0 + 20_000)).unwrap() {}
    assert_eq!(value(&url, "SELECT count(*) FROM kew.gone_queue"), "0");
    let late = two.directory(rev(&whole));
    assert!(late.whole);
    assert_eq!(uids(&late), [8, 9, 10]);
    assert!(!two.directory(rev(&last)).whole);
    // Nor is anybody believed who knows more than the database.
    assert!(two.directory(Some(late.rev + 1)).whole);
    // Another connection may lead to another database.
    let known = rev(&late);
    sql(
        &url,
        &format!(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE application_name = 'kew/{}/round'",
            two.id()
        ),
    );
    let again = two.runtime.block_on(two.shared.directory(known));
    assert!(again.or_else(|_| two.runtime.block_on(two.shared.directory(known))).unwrap().whole);
}

#[test]
fn whoever_reads_the_directory_by_numbers_misses_nothing() {
    const EACH: u64 = 60;
    let Some((url, [mut one, mut two, mut three])) = nodes() else { return };
    let known = std::thread::scope(|threads| {
        let first = threads.spawn(|| {
            for uid in 1..=EACH {
                one.commit([queue(uid)]);
                if uid % 3 == 0 {
                    one.commit([Change::QueueDeleted { uid: uid - 1, at: NOW }, queue(1_000 + uid)]);
                }
            }
        });
        let second = threads.spawn(|| (2_000..2_000 + EACH).for_each(|uid| two.commit([queue(uid)])));
        let mut known = std::collections::BTreeSet::new();
        let mut since = None;
        loop {
            let ends = first.is_finished() && second.is_finished();
            let news = three.directory(since);
            since = Some(news.rev);
            known.extend(uids(&news));
            known.retain(|uid| !news.deleted.contains(uid));
            if ends {
                return known;
            }
        }
    });
    let there = sql(&url, "SELECT uid FROM kew.queue ORDER BY uid");
    let known: Vec<String> = known.iter().map(u64::to_string).collect();
    assert_eq!(known, there);
    assert_eq!(there.len() as u64, EACH - EACH / 3 + EACH / 3 + EACH);
}

#[test]
fn a_name_is_claimed_by_one_node() {
    let Some((url, [mut one, mut two, mut three])) = nodes() else { return };
    for number in 0..30 {
        let name = format!("q{number}");
        let claimed = std::thread::scope(|threads| {
            let claims = [&mut one, &mut two, &mut three].map(|node| threads.spawn(|| node.claim(&name)));
            claims.map(|claim| claim.join().unwrap())
        });
        assert_eq!(claimed.iter().filter(|claimed| **claimed == Claimed::Mine).count(), 1, "{claimed:?}");
    }
    assert_eq!(one.claim("a"), Claimed::Mine);
    assert_eq!((one.claim("a"), two.claim("a")), (Claimed::Mine, Claimed::Busy));
    two.disclaim("a");
    assert_eq!(two.claim("a"), Claimed::Busy, "it is not for others to give up");
    one.disclaim("a");
    assert_eq!(two.claim("a"), Claimed::Mine);
    // That of a node that has gone holds up nobody, and goes.
    drop(two);
    assert_eq!(three.claim("a"), Claimed::Mine);
    drop(three);
    while one.store.upkeep(NOW).unwrap() {}
    assert_eq!(value(&url, "SELECT DISTINCT node FROM kew.claim"), one.id().to_string());
}
