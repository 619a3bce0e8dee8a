//! The statements of commits, prepared once for each connection.
//!
//! Each takes arrays, an element for each row, and as the last parameter the node that must hold this transaction
//! (`kew.hold`): where the transaction was not begun as it should be, the statement does nothing.
//!
//! Rows of `kew.message` that are changed or deleted are found one by one, by a sub-select with their key, and then
//! taken by their place in the table. A join would leave it to the planner to read the whole table once for each
//! batch, which it likes as long as the table has never been analyzed.

use tokio_postgres::{Client, Statement};

use super::connect::together;

macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident $sql:expr;)*) => {
        /// A statement of a commit.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Which { $($(#[$doc])* $name,)* }

        /// Their texts, by [`Which`].
        const TEXTS: &[&str] = &[$($sql),*];
    };
}

statements! {
    /// A batch for the journal, with the row of the node held: a transaction by itself.
    Append "SELECT kew.append($3::text::int8, $1::int8, $2::bytea[])";
    /// Queues whose names are kept for a while.
    KeepNames "INSERT INTO kew.deleted_queue (account, region, name, at_ms) \
        SELECT q.account, q.region, q.name, x.at_ms FROM unnest($1::int8[], $2::int8[]) x (uid, at_ms) \
        JOIN kew.queue q ON q.uid = x.uid WHERE current_setting('kew.held', true) = $3 \
        ON CONFLICT (account, region, name) DO UPDATE SET at_ms = excluded.at_ms";
    /// The same for queues that were made and deleted in one batch.
    KeepNewNames "INSERT INTO kew.deleted_queue (account, region, name, at_ms) \
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::int8[]) \
        WHERE current_setting('kew.held', true) = $5 \
        ON CONFLICT (account, region, name) DO UPDATE SET at_ms = excluded.at_ms";
    /// Begins a batch that makes, changes, deletes or gives away queues: nothing but the row of the node is held before
    /// this one.
    RaiseRev "UPDATE kew.meta SET rev = rev + 1 WHERE current_setting('kew.held', true) = $1";
    /// Refuses the whole batch where a message is not on its way (any more).
    Take "SELECT kew.take($1::int8[], $2::int8[], $3::int8[]) WHERE current_setting('kew.held', true) = $4";
    DeleteQueues "WITH d AS (DELETE FROM kew.queue WHERE uid = ANY ($1::int8[]) \
        AND current_setting('kew.held', true) = $2 RETURNING uid) \
        INSERT INTO kew.gone_queue (uid, rev) SELECT d.uid, m.rev FROM d, kew.meta m ON CONFLICT DO NOTHING";
    /// A statement of its own behind [`Which::DeleteQueues`], which waits for those who send something to the queues:
    /// only one that begins later sees what they sent.
    TurnBack "SELECT kew.turn_back($1::int8[]) WHERE current_setting('kew.held', true) = $2";
    /// Rows of these queues below these numbers are to be cleared away.
    Discard "INSERT INTO kew.discarded (queue, below) SELECT * FROM unnest($1::int8[], $2::int8[]) \
        WHERE current_setting('kew.held', true) = $3 \
        ON CONFLICT (queue) DO UPDATE SET below = greatest(discarded.below, excluded.below)";
    PutQueues "INSERT INTO kew.queue (uid, account, region, name, record, owner, rev) \
        SELECT *, $6::text::int8, (SELECT m.rev FROM kew.meta m) \
        FROM unnest($1::int8[], $2::text[], $3::text[], $4::text[], $5::text[]::json[]) \
        WHERE current_setting('kew.held', true) = $6 \
        ON CONFLICT (uid) DO UPDATE SET record = excluded.record, rev = excluded.rev";
    Purge "UPDATE kew.queue q SET purged_below = greatest(q.purged_below, x.below) \
        FROM unnest($1::int8[], $2::int8[]) x (uid, below) \
        WHERE q.uid = x.uid AND current_setting('kew.held', true) = $3";
    Reserve "UPDATE kew.queue q SET reserved = greatest(q.reserved, x.reserved) \
        FROM unnest($1::int8[], $2::int8[]) x (uid, reserved) \
        WHERE q.uid = x.uid AND current_setting('kew.held', true) = $3";
    Insert "INSERT INTO kew.message (queue, number, slot, place, state, deadline_ms, receive_count, \
        first_received_ms, received_ms, sent_ms, retained_ms, message_id, body_md5, grp, extra, attributes, \
        attributes_md5, body) \
        SELECT * FROM unnest($1::int8[], $2::int8[], $3::int4[], $4::int8[], $5::\"char\"[], $6::int8[], $7::int4[], \
        $8::int8[], $9::int8[], $10::int8[], $11::int8[], $12::uuid[], $13::bytea[], $14::text[], $15::text[]::json[], \
        $16::bytea[], $17::bytea[], $18::text[]) \
        WHERE current_setting('kew.held', true) = $19 \
        ON CONFLICT (queue, number) DO UPDATE SET slot = excluded.slot, place = excluded.place, \
        state = excluded.state, deadline_ms = excluded.deadline_ms, receive_count = excluded.receive_count, \
        first_received_ms = excluded.first_received_ms, received_ms = excluded.received_ms, \
        sent_ms = excluded.sent_ms, retained_ms = excluded.retained_ms, message_id = excluded.message_id, \
        body_md5 = excluded.body_md5, grp = excluded.grp, extra = excluded.extra, attributes = excluded.attributes, \
        attributes_md5 = excluded.attributes_md5, body = excluded.body";
    Change "UPDATE kew.message m SET slot = y.slot, place = y.place, state = y.state, deadline_ms = y.deadline_ms, \
        receive_count = y.receive_count, first_received_ms = y.first_received_ms, received_ms = y.received_ms \
        FROM (SELECT x.*, (SELECT o.ctid FROM kew.message o WHERE o.queue = x.queue AND o.number = x.number) AS at \
        FROM unnest($1::int8[], $2::int8[], $3::int4[], $4::int8[], $5::\"char\"[], $6::int8[], $7::int4[], \
        $8::int8[], $9::int8[]) x (queue, number, slot, place, state, deadline_ms, receive_count, first_received_ms, \
        received_ms) WHERE current_setting('kew.held', true) = $10 OFFSET 0) y \
        WHERE m.ctid = y.at AND m.queue = y.queue AND m.number = y.number";
    Delete "DELETE FROM kew.message m \
        USING (SELECT x.*, (SELECT o.ctid FROM kew.message o WHERE o.queue = x.queue AND o.number = x.number) AS at \
        FROM unnest($1::int8[], $2::int8[]) x (queue, number) WHERE current_setting('kew.held', true) = $3 OFFSET 0) y \
        WHERE m.ctid = y.at AND m.queue = y.queue AND m.number = y.number";
    Remember "INSERT INTO kew.dedup (queue, number, grp, dedup_id, first_sent_ms, message_id) \
        SELECT * FROM unnest($1::int8[], $2::int8[], $3::text[], $4::text[], $5::int8[], $6::uuid[]) \
        WHERE current_setting('kew.held', true) = $7 \
        ON CONFLICT DO NOTHING";
    /// One attempt: the end of a visibility timeout that the batch does not tell is that of the message.
    Attempt "INSERT INTO kew.attempt (queue, attempt_id, at_ms, slots, numbers, receives, deadlines) \
        SELECT $1::int8, $2::text, $3::int8, coalesce(array_agg(r.slot ORDER BY r.i), '{}'), \
        coalesce(array_agg(r.number ORDER BY r.i), '{}'), coalesce(array_agg(r.receive ORDER BY r.i), '{}'), \
        coalesce(array_agg(coalesce(r.deadline, \
        (SELECT m.deadline_ms FROM kew.message m WHERE m.queue = $1 AND m.number = r.number)) ORDER BY r.i), '{}') \
        FROM unnest($4::int4[], $5::int8[], $6::int4[], $7::int8[]) WITH ORDINALITY \
        r (slot, number, receive, deadline, i) \
        HAVING current_setting('kew.held', true) = $8 \
        ON CONFLICT (queue, attempt_id) DO UPDATE SET at_ms = excluded.at_ms, slots = excluded.slots, \
        numbers = excluded.numbers, receives = excluded.receives, deadlines = excluded.deadlines";
    /// Messages that leave for other queues. Whoever deletes such a queue waits until this is committed and turns them
    /// back; where it is not there any more they stay with their own.
    Send "INSERT INTO kew.transfer (target, source, number, source_arn, cause, task, receive_count, \
        first_received_ms, sent_ms, retained_ms, message_id, body_md5, grp, extra, attributes, attributes_md5, body) \
        SELECT y.there, y.source, y.number, y.source_arn, y.cause, y.task, y.receive_count, y.first_received_ms, \
        y.sent_ms, y.retained_ms, y.message_id, y.body_md5, y.grp, y.extra, y.attributes, y.attributes_md5, y.body \
        FROM (SELECT x.*, coalesce((SELECT q.uid FROM kew.queue q WHERE q.uid = x.target FOR KEY SHARE), \
        (SELECT q.uid FROM kew.queue q WHERE q.uid = x.source FOR KEY SHARE)) AS there \
        FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::text[], $5::\"char\"[], $6::text[], $7::int4[], $8::int8[], \
        $9::int8[], $10::int8[], $11::uuid[], $12::bytea[], $13::text[], $14::text[]::json[], $15::bytea[], \
        $16::bytea[], $17::text[]) x (target, source, number, source_arn, cause, task, receive_count, \
        first_received_ms, sent_ms, retained_ms, message_id, body_md5, grp, extra, attributes, attributes_md5, body) \
        WHERE current_setting('kew.held', true) = $18 OFFSET 0) y WHERE y.there IS NOT NULL";
    /// Refuses the whole batch where a queue is not this node's.
    Hand "SELECT kew.hand($3::text::int8, $1::int8[], $2::int8[]) WHERE current_setting('kew.held', true) = $3";
    PutTask "INSERT INTO kew.move_task (id, queue, source_arn, destination_arn, rate, started_ms, to_move, moved, \
        status, failure) SELECT $1::text, $2::int8, $3::text, $4::text, $5::int8, $6::int8, $7::int8, $8::int8, \
        $9::text, $10::text WHERE current_setting('kew.held', true) = $11 \
        ON CONFLICT (id) DO UPDATE SET queue = excluded.queue, source_arn = excluded.source_arn, \
        destination_arn = excluded.destination_arn, rate = excluded.rate, started_ms = excluded.started_ms, \
        to_move = excluded.to_move, moved = excluded.moved, status = excluded.status, failure = excluded.failure";
    ForgetTasks "DELETE FROM kew.move_task WHERE id = ANY ($1::text[]) AND current_setting('kew.held', true) = $2";
    /// Upkeep: rows of purged and deleted queues.
    Clear "SELECT 1 WHERE CASE WHEN current_setting('kew.held', true) = $2 THEN kew.clear($1::int4) ELSE false END";
    /// Upkeep: deduplication ids of a queue up to a number.
    ForgetIds "DELETE FROM kew.dedup WHERE queue = $1::int8 AND number <= $2::int8 \
        AND current_setting('kew.held', true) = $3";
    /// Upkeep: what is later than now was written under a clock that was ahead, and would stay for as long.
    ForgetAttempts "DELETE FROM kew.attempt WHERE (at_ms <= $1::int8 OR at_ms > $2::int8) \
        AND current_setting('kew.held', true) = $3";
    ForgetNames "DELETE FROM kew.deleted_queue WHERE (at_ms <= $1::int8 OR at_ms > $2::int8) \
        AND current_setting('kew.held', true) = $3";
    /// Batches that are in rows now.
    ForgetJournal "DELETE FROM kew.journal WHERE node = $3::text::int8 AND seq >= $1::int8 AND seq <= $2::int8 \
        AND current_setting('kew.held', true) = $3";
    /// Upkeep: marks of commits that nobody will ask for any more.
    ForgetMarks "DELETE FROM kew.mark WHERE node = $1::int8 AND seq >= $2::int8 AND seq < $3::int8 \
        AND current_setting('kew.held', true) = $4";
    /// Upkeep: nodes that have gone are not asked about any commit, once all that they committed is in rows.
    ForgetMarksOfGone "DELETE FROM kew.mark WHERE node IN \
        (SELECT n.id FROM kew.node n WHERE n.state = 'gone' AND n.settled) AND current_setting('kew.held', true) = $1";
    ForgetBeatsOfGone "DELETE FROM kew.beat WHERE node IN (SELECT n.id FROM kew.node n WHERE n.state = 'gone') \
        AND current_setting('kew.held', true) = $1";
    /// Upkeep: nor do they make queues.
    ForgetClaims "DELETE FROM kew.claim c WHERE NOT EXISTS \
        (SELECT FROM kew.node n WHERE n.id = c.node AND n.state <> 'gone') AND current_setting('kew.held', true) = $1";
    /// Upkeep: after a week nobody wants to know of them either.
    ForgetNodes "DELETE FROM kew.node n WHERE n.state = 'gone' AND n.settled AND n.gone < now() - interval '7 days' \
        AND NOT EXISTS (SELECT FROM kew.queue q WHERE q.owner = n.id) AND current_setting('kew.held', true) = $1";
    /// Upkeep: queues that were deleted some minutes ago. Who has read the directory before that reads all of it again.
    NoteForgotten "UPDATE kew.meta SET forgotten = greatest(forgotten, x.rev) FROM (SELECT max(o.rev) AS rev \
        FROM (SELECT g.rev, g.gone FROM kew.gone_queue g ORDER BY g.rev LIMIT 5000) o \
        WHERE o.gone < now() - interval '10 minutes') x \
        WHERE x.rev IS NOT NULL AND current_setting('kew.held', true) = $1";
    ForgetGoneQueues "DELETE FROM kew.gone_queue WHERE rev <= (SELECT m.forgotten FROM kew.meta m) \
        AND current_setting('kew.held', true) = $1";
    /// Upkeep: what is on its way to queues that are not there, which is never left by commits.
    TurnBackLost "SELECT kew.turn_back(ARRAY(WITH RECURSIVE t (target) AS ( \
        (SELECT x.target FROM kew.transfer x ORDER BY x.target LIMIT 1) UNION ALL \
        SELECT (SELECT x.target FROM kew.transfer x WHERE x.target > t.target ORDER BY x.target LIMIT 1) FROM t \
        WHERE t.target IS NOT NULL) SELECT t.target FROM t WHERE t.target IS NOT NULL \
        AND NOT EXISTS (SELECT FROM kew.queue q WHERE q.uid = t.target))) \
        WHERE current_setting('kew.held', true) = $1";
}

/// The statements of one connection.
pub(super) struct Statements(Vec<Statement>);

impl Statements {
    /// Prepares all, in one round trip.
    pub(super) async fn prepare(client: &Client) -> Result<Statements, tokio_postgres::Error> {
        let all = TEXTS.iter().map(|text| {
            let prepared: std::pin::Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(client.prepare(text));
            prepared
        });
        together(all.collect()).await.into_iter().collect::<Result<_, _>>().map(Statements)
    }

    pub(super) fn get(&self, which: Which) -> &Statement {
        &self.0[which as usize]
    }
}
