-- Schema 1 of kew's store in PostgreSQL; schema_2.sql says what came later. For people who look inside: start with the view kew.messages.
-- Times are milliseconds since 1970 (UTC) in columns ending in _ms. Only kew may write.

CREATE TABLE kew.meta (
  one bool PRIMARY KEY DEFAULT true CHECK (one),
  -- The version of these tables.
  schema int4 NOT NULL,
  -- How accounts and regions separate queues; the same for all kews of this database.
  namespace text NOT NULL,
  made_by text NOT NULL,
  made timestamptz NOT NULL DEFAULT now()
);

-- The lives of kew processes. One whose state is 'gone' never writes again: each commit takes a share lock on its row.
CREATE TABLE kew.node (
  id int8 PRIMARY KEY,
  state text NOT NULL CHECK (state IN ('serving', 'gone')),
  name text NOT NULL,
  version text NOT NULL,
  joined timestamptz NOT NULL DEFAULT now(),
  -- Who set it to 'gone', and when.
  gone_by text,
  gone timestamptz
);

-- Goes up once a second for as long as a node lives.
CREATE TABLE kew.beat (
  node int8 PRIMARY KEY,
  beat int8 NOT NULL
) WITH (fillfactor = 10);

-- One row for each commit of a node, so that it can find out what became of one whose answer it did not hear. Never
-- updated in place: a row that each commit changed would become slower for as long as anybody keeps a snapshot open.
CREATE TABLE kew.mark (
  node int8,
  seq int8,
  PRIMARY KEY (node, seq)
);

CREATE TABLE kew.queue (
  -- Part of every receipt handle: 64 random bits, written as a signed number.
  uid int8 PRIMARY KEY,
  account text NOT NULL,
  region text NOT NULL,
  name text NOT NULL,
  -- Times, kind, attributes and tags. Not jsonb, which cannot hold every text.
  record json NOT NULL,
  -- The node in whose memory it is, and how often that changed.
  owner int8 NOT NULL,
  epoch int8 NOT NULL DEFAULT 1,
  -- Message numbers below this one may have been given out. Raised in large steps, so that it is seldom written.
  reserved int8 NOT NULL DEFAULT 0,
  -- Messages with numbers below this one are gone.
  purged_below int8 NOT NULL DEFAULT 0,
  UNIQUE (account, region, name)
);
CREATE INDEX ON kew.queue (owner);

CREATE TABLE kew.message (
  queue int8,
  number int8,
  -- Receipt handles name it.
  slot int4 NOT NULL,
  -- Smaller is delivered first; NULL: the number.
  place int8,
  -- v: visible, f: in flight, d: delayed.
  state "char" NOT NULL,
  -- When that state ends.
  deadline_ms int8,
  receive_count int4 NOT NULL,
  first_received_ms int8,
  received_ms int8,
  sent_ms int8 NOT NULL,
  -- Start of the retention period; NULL: sent_ms.
  retained_ms int8,
  message_id uuid NOT NULL,
  body_md5 bytea NOT NULL,
  grp text,
  -- What few messages have: deduplication_id, sender, trace_header, dead_letter_source, received_elsewhere.
  extra json,
  -- In the form over which SQS computes its digest.
  attributes bytea,
  attributes_md5 bytea,
  body text NOT NULL,
  PRIMARY KEY (queue, number)
) PARTITION BY HASH (queue);
-- A long body stands apart and is not written again by a receive; nor is time spent on making it smaller.
ALTER TABLE kew.message ALTER COLUMN body SET STORAGE EXTERNAL;

-- Room in each page for the new version of a row that is received; and vacuum by what was deleted, however large the
-- table is, and at full speed. In parts, so that a queue that flows does not have the index of one with millions of
-- messages vacuumed all the time; few, as each costs every commit some microseconds.
DO $$
BEGIN
  FOR part IN 0..3 LOOP
    EXECUTE format(
      'CREATE TABLE kew.message_%s PARTITION OF kew.message FOR VALUES WITH (MODULUS 4, REMAINDER %s)
       WITH (fillfactor = 70, vacuum_truncate = off,
         autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 0,
         toast.vacuum_truncate = off, toast.autovacuum_vacuum_scale_factor = 0,
         toast.autovacuum_vacuum_threshold = 20000, toast.autovacuum_vacuum_cost_delay = 0)', part, part);
  END LOOP;
END $$;

-- Deduplication ids of the last five minutes, by the first message that had them; that may be gone.
CREATE TABLE kew.dedup (
  queue int8,
  number int8,
  grp text,
  dedup_id text NOT NULL,
  first_sent_ms int8 NOT NULL,
  message_id uuid NOT NULL,
  PRIMARY KEY (queue, number)
);

-- Receives of the last five minutes that can be repeated by their ReceiveRequestAttemptId. The arrays are of one
-- length: an element of each for each message.
CREATE TABLE kew.attempt (
  queue int8,
  attempt_id text,
  at_ms int8 NOT NULL,
  slots int4[] NOT NULL,
  numbers int8[] NOT NULL,
  receives int4[] NOT NULL,
  -- The ends of the visibility timeouts.
  deadlines int8[] NOT NULL,
  PRIMARY KEY (queue, attempt_id)
);
CREATE INDEX ON kew.attempt (at_ms);

-- Rows of message and dedup with numbers below this one are gone (purged, or their queue was deleted) and are cleared
-- away in small steps.
CREATE TABLE kew.discarded (
  queue int8 PRIMARY KEY,
  below int8 NOT NULL
);

CREATE TABLE kew.move_task (
  id text PRIMARY KEY,
  -- Tasks that started in the same millisecond keep their order.
  serial int8 GENERATED ALWAYS AS IDENTITY,
  queue int8 NOT NULL,
  source_arn text NOT NULL,
  destination_arn text,
  rate int8,
  started_ms int8 NOT NULL,
  to_move int8 NOT NULL,
  moved int8 NOT NULL,
  status text NOT NULL,
  failure text
);

-- Names that cannot be used again until 60 seconds after the deletion.
CREATE TABLE kew.deleted_queue (
  account text,
  region text,
  name text,
  at_ms int8 NOT NULL,
  PRIMARY KEY (account, region, name)
);

-- Begins every transaction that writes: holds the row of the node, so that nobody can set it to 'gone' before the
-- commit; and leaves a mark. That it was called is noted for this transaction, and statements that write ask for it:
-- where a BEGIN was lost they do nothing.
CREATE FUNCTION kew.hold(me int8, number int8) RETURNS timestamptz LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM kew.node WHERE id = me AND state <> 'gone' FOR SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION USING ERRCODE = 'KW001', MESSAGE = 'this node is not to write any more',
      DETAIL = coalesce((SELECT gone_by FROM kew.node WHERE id = me), 'the table of nodes does not have it');
  END IF;
  IF number IS NOT NULL THEN
    INSERT INTO kew.mark (node, seq) VALUES (me, number);
  END IF;
  PERFORM set_config('kew.held', me::text, true);
  RETURN clock_timestamp();
END $$;

-- Clears away about so many discarded rows. Returns whether there may be more. A queue without rows counts as some.
CREATE FUNCTION kew.clear(rows_max int4) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
  gone record;
  cleared int8;
  room int8 := rows_max;
BEGIN
  FOR gone IN SELECT queue, below FROM kew.discarded LOOP
    DELETE FROM kew.message WHERE queue = gone.queue AND number = ANY (ARRAY(
      SELECT number FROM kew.message WHERE queue = gone.queue AND number < gone.below ORDER BY number LIMIT room));
    GET DIAGNOSTICS cleared = ROW_COUNT;
    room := room - cleared;
    IF room <= 0 THEN
      RETURN true;
    END IF;
    DELETE FROM kew.dedup WHERE queue = gone.queue AND number = ANY (ARRAY(
      SELECT number FROM kew.dedup WHERE queue = gone.queue AND number < gone.below ORDER BY number LIMIT room));
    GET DIAGNOSTICS cleared = ROW_COUNT;
    room := room - cleared;
    IF room <= 0 THEN
      RETURN true;
    END IF;
    DELETE FROM kew.discarded WHERE queue = gone.queue;
    room := room - 20;
    IF room <= 0 THEN
      RETURN true;
    END IF;
  END LOOP;
  RETURN false;
END $$;

-- For people.
CREATE VIEW kew.messages AS
SELECT
  q.name AS queue,
  m.number,
  m.message_id,
  CASE m.state WHEN 'v' THEN 'visible' WHEN 'f' THEN 'in flight' ELSE 'delayed' END AS state,
  to_timestamp(m.deadline_ms / 1000.0) AS until,
  m.receive_count,
  to_timestamp(m.sent_ms / 1000.0) AS sent,
  to_timestamp(m.first_received_ms / 1000.0) AS first_received,
  to_timestamp(m.received_ms / 1000.0) AS received,
  m.grp AS message_group,
  m.extra ->> 'deduplication_id' AS deduplication_id,
  m.body,
  q.account,
  q.region,
  q.uid
FROM kew.message m
JOIN kew.queue q ON q.uid = m.queue
WHERE m.number >= q.purged_below;
