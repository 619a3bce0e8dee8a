//! A connection that ends, or stands still, in the middle of a commit: the batch is there exactly once, and the store goes on.
//!
//! By default at every boundary of a message and at some bytes in between; with `ALL_BYTES` at every byte, both ways.

use crate::proxy::{Fate, Proxy, WAYS, Way, boundaries};
use crate::server::{Postgres, sql_at};
use crate::support::{NOW, Random, queue, remove, store};
use kew::internals::clock::NetworkTime;
use kew::internals::engine::{Effect, MessageId, MessageState, MessageStatus, Time};
use kew::internals::store::postgres::Options;
use kew::internals::store::{Change, Durability, PostgresStore, SqliteStore, Store, StoredItem};
use std::collections::BTreeSet;
use std::time::Duration;

/// Bytes in between, each way.
const SAMPLES: u64 = 24;

/// Connections that commit: `kew/<node>`; those that load or beat have a word behind that.
fn commits(name: &str) -> bool {
    name.strip_prefix("kew/").is_some_and(|node| node.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What was written to each message, by whoever did it, noted by the database in the same transactions.
const NOTES: &str = "CREATE TABLE note (number int8, what text);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO note VALUES (coalesce(NEW.number, OLD.number), TG_OP); RETURN NULL; END $$;
    CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON kew.message FOR EACH ROW EXECUTE FUNCTION note();";

/// A batch of always the same length: a message comes, the one before is received, the one before that is deleted.
fn batch(number: u64) -> Vec<Change> {
    let mut changes = vec![store(1, number, &format!("body {number:08}"))];
    let deduplication_id = format!("dedup-{number:08}").into();
    let remembered =
        Effect::Remembered { group: None, deduplication_id, first_sent: NOW, id: MessageId([3; 16]), number };
    changes.push(Change::Effect { queue: 1, effect: remembered });
    if number > 1 {
        let status = MessageStatus {
            order: number - 1,
            state: MessageState::InFlight,
            deadline: Some(Time(NOW.0 + 30_000)),
            receive_count: 1,
            first_received: Some(NOW),
            received_at: Some(NOW),
        };
        let slot = u32::try_from(number - 1).unwrap();
        changes.push(Change::Effect { queue: 1, effect: Effect::Changed { slot, number: number - 1, status } });
    }
    if number > 2 {
        changes.push(remove(1, number - 2));
    }
    changes
}

/// What is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A batch on its way into the journal.
    Append,
    /// The commit that makes rows of it.
    Settle,
}

/// A store of PostgreSQL behind a proxy, and beside it one of SQLite that is told the same.
struct Pair {
    proxy: Proxy,
    direct: String,
    through: String,
    store: PostgresStore,
    beside: SqliteStore,
    _dir: tempfile::TempDir,
    form: Form,
    number: u64,
}

impl Pair {
    fn new(postgres: &Postgres, options: &Options, form: Form) -> Pair {
        let proxy = Proxy::to(postgres.port());
        let database = postgres.database();
        let direct = postgres.url(&database);
        let through = direct.replace(&format!(":{}/", postgres.port()), &format!(":{}/", proxy.port()));
        let through = format!("{through}?sslmode=disable");
        let mut store = PostgresStore::open(&through, options).unwrap();
        store.load(NOW, &mut |item| panic!("{item:?} is there")).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let mut beside = SqliteStore::open(dir.path(), Durability::Process).unwrap();
        beside.load(NOW, &mut |_| ()).unwrap();
        sql_at(&direct, NOTES).unwrap();
        proxy.record(commits);
        let mut pair = Pair { proxy, direct, through, store, beside, _dir: dir, form, number: 0 };
        pair.store.commit(NOW, vec![queue(1)]).unwrap();
        pair.beside.commit(NOW, vec![queue(1)]).unwrap();
        // The queue's block of numbers is reserved, and all statements have been used.
        for _ in 0..3 {
            let last = pair.prepare();
            pair.store.commit(NOW, last).unwrap();
        }
        pair
    }

    /// The next batch: what is to be committed next, when something happens to it.
    fn prepare(&mut self) -> Vec<Change> {
        self.number += 1;
        let batch = batch(self.number);
        self.beside.commit(NOW, batch.clone()).unwrap();
        match self.form {
            Form::Append => batch,
            Form::Settle => {
                self.store.commit(NOW, batch).unwrap();
                vec![queue(1)]
            }
        }
    }

    /// That the newest batch was written once, and is there.
    fn check(&self, what: &str) {
        let number = self.number;
        if self.form == Form::Append {
            // No mark but that of the queue, so the journal has all of them.
            let sql = "SELECT count(*), count(DISTINCT payload) FROM kew.journal WHERE payload <> ''";
            assert_eq!(sql_at(&self.direct, sql).unwrap(), [format!("{number}|{number}")], "{what}");
            return;
        }
        let left = "SELECT count(*) FROM kew.journal WHERE payload <> ''";
        assert_eq!(sql_at(&self.direct, left).unwrap(), ["0"], "{what}");
        let sql = format!(
            "SELECT n.number, string_agg(n.what, ',' ORDER BY n.what), count(DISTINCT m.number), min(m.state::text) FROM note n
             LEFT JOIN kew.message m ON m.number = n.number WHERE n.number > {} GROUP BY n.number ORDER BY n.number",
            number - 3
        );
        let expected = [
            format!("{}|DELETE,INSERT,UPDATE|0|", number - 2),
            format!("{}|INSERT,UPDATE|1|f", number - 1),
            format!("{number}|INSERT|1|v"),
        ];
        assert_eq!(sql_at(&self.direct, &sql).unwrap(), expected, "{what}");
    }

    /// That after a restart both stores tell the same.
    fn finish(self) {
        let Pair { proxy, direct, through, store, mut beside, _dir: dir, .. } = self;
        // As after a crash: what was appended is settled by the next one.
        let dead = store.node();
        std::mem::forget(store);
        let left = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'kew/{dead}%'; \
             UPDATE kew.node SET state = 'gone', gone_by = 'the test' WHERE id = {dead}"
        );
        sql_at(&direct, &left).unwrap();
        let loaded = |store: &mut dyn Store| {
            let mut items = Vec::new();
            store.load(NOW, &mut |item| items.push(item)).unwrap();
            // A new life may leave a gap in the numbers.
            items.retain(|item| !matches!(item, StoredItem::Effect { effect: Effect::Counter { .. }, .. }));
            items
        };
        let mut again = PostgresStore::open(&through, &Options::default()).unwrap();
        beside.upkeep(NOW).unwrap();
        drop(beside);
        let mut beside = SqliteStore::open(dir.path(), Durability::Process).unwrap();
        assert_eq!(loaded(&mut again), loaded(&mut beside));
        let lost = "SELECT count(*) FROM kew.node WHERE state = 'serving'";
        assert_eq!(sql_at(&direct, lost).unwrap(), ["1"]);
        drop(again);
        drop(proxy);
    }
}

/// How often a commit was cut.
fn cut(pair: &mut Pair, way: Way, points: impl IntoIterator<Item = usize>) -> usize {
    let mut cuts = 0;
    for point in points {
        let last = pair.prepare();
        pair.proxy.arm(way, point, Fate::Cut);
        pair.store.commit(NOW, last).unwrap();
        cuts += usize::from(pair.proxy.disarm());
        pair.check(&format!("{way:?} after {point} bytes"));
    }
    cuts
}

#[test]
fn a_batch_is_in_the_journal_exactly_once_wherever_its_connection_is_cut() {
    cut_everywhere(Form::Append, 2);
}

#[test]
fn rows_are_written_exactly_once_wherever_the_connection_is_cut() {
    cut_everywhere(Form::Settle, 6);
}

fn cut_everywhere(form: Form, messages: usize) {
    let Some(postgres) = Postgres::start() else { return };
    let mut pair = Pair::new(&postgres, &Options::default(), form);
    let last = pair.prepare();
    pair.proxy.record(commits);
    pair.store.commit(NOW, last).unwrap();
    pair.check("without a cut");
    let whole = WAYS.map(|way| pair.proxy.recorded(way));
    let seed = crate::number("SEED").unwrap_or_else(|| fastrand::u64(..));
    let mut random = Random(seed);
    for (way, bytes) in WAYS.into_iter().zip(whole) {
        let ends = boundaries(&bytes);
        assert!(ends.len() >= messages, "{} messages {way:?}", ends.len());
        let points: BTreeSet<usize> = match std::env::var_os("ALL_BYTES") {
            Some(_) => (0..=bytes.len()).collect(),
            None => {
                let between = (0..SAMPLES).map(|_| random.below(bytes.len() as u64) as usize).collect::<Vec<_>>();
                ends.iter().copied().chain([0]).chain(between).collect()
            }
        };
        let count = points.len();
        let cuts = cut(&mut pair, way, points);
        println!("{way:?}: {cuts} cuts of {count} in {} bytes, {} messages; SEED={seed}", bytes.len(), ends.len());
        // The last byte may have passed before the next is waited for.
        assert!(cuts + 2 >= count, "{cuts} of {count}");
    }
    pair.finish();
}

#[test]
fn a_batch_that_was_given_up_and_arrives_after_all_is_in_the_journal_once() {
    stall_everywhere(Form::Append);
}

#[test]
fn rows_that_were_given_up_and_arrive_after_all_are_there_once() {
    stall_everywhere(Form::Settle);
}

fn stall_everywhere(form: Form) {
    let Some(postgres) = Postgres::start() else { return };
    let time = NetworkTime::manual();
    let options = Options { time: time.clone(), ..Options::default() };
    let mut pair = Pair::new(&postgres, &options, form);
    let last = pair.prepare();
    pair.proxy.record(commits);
    pair.store.commit(NOW, last).unwrap();
    let whole = WAYS.map(|way| pair.proxy.recorded(way));
    for (way, bytes) in WAYS.into_iter().zip(whole) {
        for end in boundaries(&bytes) {
            let last = pair.prepare();
            pair.proxy.arm(way, end, Fate::Stall);
            std::thread::scope(|threads| {
                let Pair { proxy, store, .. } = &mut pair;
                let committing = threads.spawn(move || store.commit(NOW, last).unwrap());
                // As long as nothing passes nothing is given up but by the time.
                while !proxy.has_stalled() && !committing.is_finished() {
                    std::thread::yield_now();
                }
                let attempts = proxy.connections();
                while proxy.connections() == attempts && !committing.is_finished() {
                    time.advance(Duration::from_millis(250));
                    std::thread::yield_now();
                }
                // The old connection and the new one go on at the same time.
                proxy.go_on();
                while !committing.is_finished() {
                    time.advance(Duration::from_millis(1));
                    std::thread::yield_now();
                }
            });
            pair.proxy.disarm();
            pair.check(&format!("{way:?} stalled after {end} bytes"));
        }
    }
    pair.finish();
}
