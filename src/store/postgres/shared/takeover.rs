//! Queues of nodes that have gone are given to others.

use std::collections::HashMap;

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::super::connect::Session;
use super::super::node::terminate;
use super::control::Shared;
use super::round::Orphan;
use crate::store::StoreError;

/// So many queues of a node that has gone are given away together with that; the others follow as orphans.
const GIVEN_AT_ONCE: i64 = 10_000;

/// As often a node is declared gone while one of its sessions holds its row.
const ATTEMPTS: u32 = 3;

/// What is not had in this time is held by a session that stands still in the middle of a commit.
const BEGIN: &str = "BEGIN; SET LOCAL lock_timeout = '500ms'";

/// Which of these queues is to go to which node.
pub type Give<'a> = dyn Fn(Vec<u64>) -> Vec<(u64, i64)> + Sync + 'a;

/// What became of an attempt.
enum Attempt {
    Gone,
    Lives,
    Held,
}

impl Shared {
    /// Declares a node gone that stood still at this beat, and gives its queues to others. `false`, and nothing is
    /// done, if it lives, or another was first.
    ///
    /// # Errors
    /// When the database does not answer. It may have taken place then; the next round tells.
    pub async fn fence(&mut self, dead: i64, beat: i64, give: &Give<'_>) -> Result<bool, StoreError> {
        let session = self.take().await?;
        for _ in 0..ATTEMPTS {
            match self.in_time(self.try_fence(&session, (dead, beat), give)).await? {
                Attempt::Held => self.in_time(terminate(&session.client, [dead])).await?,
                done => {
                    self.give_back(session);
                    return Ok(matches!(done, Attempt::Gone));
                }
            }
        }
        let detail = format!("{}: a session of node {dead} holds its row", self.connector.place());
        Err(StoreError::Unreachable { detail })
    }

    async fn try_fence(
        &self,
        session: &Session,
        dead: (i64, i64),
        give: &Give<'_>,
    ) -> Result<Attempt, tokio_postgres::Error> {
        let client = &session.client;
        let done = self.declare_gone(client, dead, give).await;
        if let Ok(Attempt::Gone) = done {
            client.batch_execute("COMMIT").await?;
            return done;
        }
        client.batch_execute("ROLLBACK").await?;
        match done {
            Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => Ok(Attempt::Held),
            done => done,
        }
    }

    async fn declare_gone(
        &self,
        client: &Client,
        (dead, beat): (i64, i64),
        give: &Give<'_>,
    ) -> Result<Attempt, tokio_postgres::Error> {
        client.batch_execute(BEGIN).await?;
        let sql = "UPDATE kew.node SET state = 'gone', gone_by = $2, gone = now() WHERE id = $1 AND state <> 'gone'";
        if client.execute(sql, &[&dead, &self.name]).await? == 0 {
            return Ok(Attempt::Lives);
        }
        // Its beat is held as well: one that goes on waits until it is told that it has gone. One without a beat has
        // none to go on with.
        let sql = if beat < 0 {
            "INSERT INTO kew.beat (node, beat) VALUES ($1, $2) ON CONFLICT DO NOTHING"
        } else {
            "UPDATE kew.beat SET beat = beat WHERE node = $1 AND beat = $2"
        };
        if client.execute(sql, &[&dead, &beat]).await? == 0 {
            return Ok(Attempt::Lives);
        }
        raise(client).await?;
        let sql = "SELECT uid FROM kew.queue WHERE owner = $1 LIMIT $2";
        let rows = client.query(sql, &[&dead, &GIVEN_AT_ONCE]).await?;
        let uids: Vec<u64> = rows.iter().map(|row| row.get::<_, i64>(0).cast_unsigned()).collect();
        let left: Vec<Orphan> = uids.into_iter().map(|uid| Orphan { uid, owner: dead }).collect();
        give_away(client, &left, give).await?;
        Ok(Attempt::Gone)
    }

    /// Gives queues of nodes that have gone to others. How many it were: each of them may have been given to somebody
    /// before.
    ///
    /// # Errors
    /// When the database does not answer. It may have taken place then; the next round tells.
    pub async fn assign(&mut self, orphans: &[Orphan], give: &Give<'_>) -> Result<usize, StoreError> {
        let orphans = &orphans[..orphans.len().min(GIVEN_AT_ONCE as usize)];
        if orphans.is_empty() {
            return Ok(0);
        }
        let session = self.take().await?;
        let given = self.in_time(assign(&session.client, orphans, give)).await?;
        self.give_back(session);
        Ok(given)
    }
}

async fn assign(client: &Client, orphans: &[Orphan], give: &Give<'_>) -> Result<usize, tokio_postgres::Error> {
    client.batch_execute(BEGIN).await?;
    // A node that is not there is from now on one that has gone: it could come to be at this moment.
    let owners: Vec<i64> = orphans.iter().map(|orphan| orphan.owner).collect();
    let sql = "INSERT INTO kew.node (id, state, name, version, gone_by, gone) \
        SELECT DISTINCT o, 'gone', 'a node that is not there', '', 'its absence', now() FROM unnest($1::int8[]) o \
        WHERE NOT EXISTS (SELECT FROM kew.node n WHERE n.id = o) ON CONFLICT DO NOTHING";
    client.execute(sql, &[&owners]).await?;
    raise(client).await?;
    let uids: Vec<i64> = orphans.iter().map(|orphan| orphan.uid.cast_signed()).collect();
    let sql = "SELECT q.uid, q.owner FROM unnest($1::int8[], $2::int8[]) o (uid, owner) \
        JOIN kew.queue q ON q.uid = o.uid AND q.owner = o.owner \
        JOIN kew.node n ON n.id = q.owner AND n.state = 'gone'";
    let rows = client.query(sql, &[&uids, &owners]).await?;
    let orphan = |row: &tokio_postgres::Row| Orphan { uid: row.get::<_, i64>(0).cast_unsigned(), owner: row.get(1) };
    let left: Vec<Orphan> = rows.iter().map(orphan).collect();
    let given = if left.is_empty() { 0 } else { give_away(client, &left, give).await? };
    client.batch_execute(if given > 0 { "COMMIT" } else { "ROLLBACK" }).await?;
    Ok(given)
}

/// The number of this change to the directory. Held to the end: the order of these numbers is that of the commits.
async fn raise(client: &Client) -> Result<(), tokio_postgres::Error> {
    client.batch_execute("UPDATE kew.meta SET rev = rev + 1").await
}

/// Gives queues whose owner has gone to nodes that are there and have not.
async fn give_away(client: &Client, left: &[Orphan], give: &Give<'_>) -> Result<usize, tokio_postgres::Error> {
    let given = give(left.iter().map(|orphan| orphan.uid).collect());
    let mut heirs: Vec<i64> = given.iter().map(|(_, heir)| *heir).collect();
    heirs.sort_unstable();
    heirs.dedup();
    let sql = "SELECT id FROM kew.node WHERE id = ANY ($1) AND state <> 'gone' FOR KEY SHARE";
    let there: Vec<i64> = client.query(sql, &[&heirs]).await?.iter().map(|row| row.get(0)).collect();
    let was: HashMap<u64, i64> = left.iter().map(|orphan| (orphan.uid, orphan.owner)).collect();
    let (mut uids, mut from, mut to) = (Vec::new(), Vec::new(), Vec::new());
    for (uid, heir) in given.into_iter().filter(|(_, heir)| there.contains(heir)) {
        let Some(&owner) = was.get(&uid) else { continue };
        uids.push(uid.cast_signed());
        from.push(owner);
        to.push(heir);
    }
    let sql = "UPDATE kew.queue q SET owner = a.heir, epoch = q.epoch + 1, rev = (SELECT m.rev FROM kew.meta m) \
        FROM unnest($1::int8[], $2::int8[], $3::int8[]) a (uid, owner, heir) \
        WHERE q.uid = a.uid AND q.owner = a.owner";
    let touched = client.execute(sql, &[&uids, &from, &to]).await?;
    Ok(usize::try_from(touched).unwrap_or(usize::MAX))
}
