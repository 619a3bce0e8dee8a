//! The database of the cluster: a primary, a stand-by that each of its commits waits for, and a guard in its tables.

use super::nodes::{clock_of, set_clock};
use crate::postgres::{Options, Postgres, sql_within};
use crate::proxy::Proxy;
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// After this long something has gone wrong.
const PATIENCE: Duration = Duration::from_secs(60);
/// A question to a database that may be frozen.
const QUESTION: Duration = Duration::from_secs(2);

/// Refuses a message that somebody else than the owner of its queue writes, but for who settles what a node that has gone
/// left in the journal. A sequence is what remains of a transaction that
/// is rolled back. Rows that were purged are cleared away by any node.
const GUARD: &str = "
CREATE SEQUENCE public.guarded;
CREATE FUNCTION public.guard() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  it kew.message := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
  held text := current_setting('kew.held', true);
  mine kew.queue;
BEGIN
  IF EXISTS (SELECT FROM kew.node n WHERE n.id::text = current_setting('kew.settles', true) AND n.state = 'gone' AND NOT n.settled) THEN
    RETURN it;
  END IF;
  SELECT q.* INTO mine FROM kew.queue q WHERE q.uid = it.queue;
  IF FOUND AND mine.owner::text IS DISTINCT FROM held AND (TG_OP <> 'DELETE' OR it.number >= mine.purged_below) THEN
    PERFORM nextval('public.guarded');
    RAISE EXCEPTION 'guard: % of message % of % by %, but the owner is %', TG_OP, it.number, mine.name, held, mine.owner;
  END IF;
  RETURN it;
END $$;
CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE ON kew.message FOR EACH ROW EXECUTE FUNCTION public.guard();
";

/// See the module.
pub struct Database {
    pub primary: Postgres,
    /// What becomes of the old primary, too. `None` where programs for that are missing.
    pub standby: Option<Postgres>,
    /// The way from the stand-by to the primary.
    pub replication: Proxy,
    pub name: String,
    /// The file that says by how much the clocks of both are wrong, where that can be done.
    clock: Option<PathBuf>,
}

impl Database {
    /// A new one, if there is a PostgreSQL. With a file its clock can be set.
    pub fn start(disk: Option<u32>, clock: Option<PathBuf>) -> Option<Database> {
        // A stand-by that was parted from its primary soon looks for it again.
        let settings = vec!["wal_retrieve_retry_interval=200ms".to_owned()];
        let env = clock.iter().inspect(|file| set_clock(file, 0)).flat_map(|file| clock_of(file)).collect();
        let primary = Postgres::start_with(Options { settings, disk, env, ..Options::default() })?;
        let name = primary.database();
        let replication = Proxy::to(primary.port());
        let standby = primary.has("pg_basebackup").then(|| primary.standby_through(replication.port()));
        Some(Database { primary, standby, replication, name, clock })
    }

    /// Asks the primary, which may be anything but well.
    pub fn ask(&self, sql: &str) -> Result<Vec<String>, String> {
        sql_within(&self.primary.url(&self.name), sql, QUESTION)
    }

    /// Asks what was the primary, and lives.
    pub fn ask_old_primary(&self, sql: &str) -> Result<Vec<String>, String> {
        sql_within(&self.standby.as_ref().expect("there is a stand-by").url(&self.name), sql, QUESTION)
    }

    /// Its clock is wrong by so many seconds from now on.
    pub fn set_clock(&self, seconds: i64) {
        set_clock(self.clock.as_ref().expect("its clock can be set"), seconds);
    }

    /// From now on only the owner of a queue may write its messages.
    pub fn guard(&self) {
        self.primary.sql(&self.name, GUARD);
    }

    /// Whether it has been said so.
    pub fn has_guard(&self) -> bool {
        self.ask("SELECT to_regclass('public.guarded') IS NOT NULL").is_ok_and(|rows| rows == ["t"])
    }

    /// Whether somebody else has tried to.
    pub fn has_guarded(&self) -> bool {
        self.primary.sql(&self.name, "SELECT is_called FROM public.guarded") != ["f"]
    }

    /// The ids of the nodes that live.
    pub fn nodes(&self) -> Vec<String> {
        self.ask("SELECT id FROM kew.node WHERE state <> 'gone'").unwrap_or_default()
    }

    /// Whose each queue is: the URL by name.
    pub fn owners(&self) -> HashMap<String, String> {
        let rows = self.ask("SELECT q.name, n.peer_url FROM kew.queue q JOIN kew.node n ON n.id = q.owner");
        let pair = |row: &String| row.split_once('|').map(|(name, peer)| (name.to_owned(), peer.to_owned()));
        rows.unwrap_or_default().iter().filter_map(pair).collect()
    }

    /// The stand-by becomes the primary. What was the primary is in its place, whether it runs or not.
    pub fn fail_over(&mut self) {
        let standby = self.standby.as_mut().expect("there is a stand-by");
        standby.promote();
        std::mem::swap(&mut self.primary, standby);
    }

    /// What was the primary becomes a stand-by.
    pub fn rebuild_standby(&mut self) {
        self.replication.lead_to(self.primary.port());
        self.replication.go_on();
        self.standby.as_mut().expect("there is a stand-by").follow(&self.primary, self.replication.port());
    }

    /// Both run, and commits wait for the stand-by.
    ///
    /// # Errors
    /// It does not come to that.
    pub fn wait_until_well(&self) -> Result<(), String> {
        let replicated = |rows: &Vec<String>| self.standby.is_none() || rows.iter().any(|row| row == "sync");
        let sql = "SELECT sync_state FROM pg_stat_replication";
        let until = Instant::now() + PATIENCE;
        while !self.ask(sql).is_ok_and(|rows| replicated(&rows)) {
            if Instant::now() > until {
                return Err(format!("the database does not come back: {:?}", self.ask(sql)));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}
