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
    DeleteQueues "DELETE FROM kew.queue WHERE uid = ANY ($1::int8[]) AND current_setting('kew.held', true) = $2";
    /// Rows of these queues below these numbers are to be cleared away.
    Discard "INSERT INTO kew.discarded (queue, below) SELECT * FROM unnest($1::int8[], $2::int8[]) \
        WHERE current_setting('kew.held', true) = $3 \
        ON CONFLICT (queue) DO UPDATE SET below = greatest(discarded.below, excluded.below)";
    PutQueues "INSERT INTO kew.queue (uid, account, region, name, record, owner) \
        SELECT *, $6::text::int8 FROM unnest($1::int8[], $2::text[], $3::text[], $4::text[], $5::text[]::json[]) \
        WHERE current_setting('kew.held', true) = $6 \
        ON CONFLICT (uid) DO UPDATE SET record = excluded.record";
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
    /// Upkeep: marks of commits that nobody will ask for any more.
    ForgetMarks "DELETE FROM kew.mark WHERE node = $1::int8 AND seq >= $2::int8 AND seq < $3::int8 \
        AND current_setting('kew.held', true) = $4";
}

/// The statements of one connection.
pub(super) struct Statements(Vec<Statement>);

impl Statements {
    /// Prepares all, in one round trip.
    pub(super) async fn prepare(client: &Client) -> Result<Statements, tokio_postgres::Error> {
        let all = TEXTS.iter().map(|text| {
            let prepared: std::pin::Pin<Box<dyn Future<Output = _>>> = Box::pin(client.prepare(text));
            prepared
        });
        together(all.collect()).await.into_iter().collect::<Result<_, _>>().map(Statements)
    }

    pub(super) fn get(&self, which: Which) -> &Statement {
        &self.0[which as usize]
    }
}
