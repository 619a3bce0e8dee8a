-- What schema 2 adds to schema 1: several nodes at once. Also run for new databases, behind schema.sql.

ALTER TABLE kew.meta
  -- Raised by each transaction that makes, changes, deletes or gives away queues; its row is locked until that commits,
  -- so the order of these numbers is the order of the commits.
  ADD rev int8 NOT NULL DEFAULT 0,
  -- Deleted queues up to this number have been forgotten (kew.gone_queue).
  ADD forgotten int8 NOT NULL DEFAULT 0,
  -- A digest of the secret that the nodes share, if there is more than one.
  ADD secret bytea;
ALTER TABLE kew.meta SET (fillfactor = 10);

ALTER TABLE kew.node DROP CONSTRAINT node_state_check;
ALTER TABLE kew.node
  -- draining: it is about to stop and gives its queues away.
  ADD CONSTRAINT node_state_check CHECK (state IN ('serving', 'draining', 'gone')),
  -- Where the other nodes reach it; NULL: it serves alone.
  ADD peer_url text;

-- By how much its clock is ahead of the one of the database, in microseconds.
ALTER TABLE kew.beat ADD ahead_us int8 NOT NULL DEFAULT 0;

-- kew.meta.rev of the transaction that last changed what the other nodes know of it.
ALTER TABLE kew.queue ADD rev int8 NOT NULL DEFAULT 0;
CREATE INDEX ON kew.queue (rev);
CREATE INDEX ON kew.move_task (queue);

-- Queues that were deleted in the last minutes.
CREATE TABLE kew.gone_queue (
  uid int8 PRIMARY KEY,
  rev int8 NOT NULL,
  gone timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON kew.gone_queue (rev);

-- Messages between two queues: removed from the one, and not yet taken into the other, which may be another node's.
CREATE TABLE kew.transfer (
  target int8,
  -- The queue that it left, and its number there.
  source int8,
  number int8,
  source_arn text NOT NULL,
  -- d: dead letter, t: moved by a task, h: moved by hand.
  cause "char" NOT NULL,
  task text,
  -- As in kew.message.
  receive_count int4 NOT NULL,
  first_received_ms int8,
  sent_ms int8 NOT NULL,
  retained_ms int8,
  message_id uuid NOT NULL,
  body_md5 bytea NOT NULL,
  grp text,
  extra json,
  attributes bytea,
  attributes_md5 bytea,
  body text NOT NULL,
  PRIMARY KEY (target, source, number)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0,
  toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 2000);
ALTER TABLE kew.transfer ALTER COLUMN body SET STORAGE EXTERNAL;

-- Names of queues that a node is about to make.
CREATE TABLE kew.claim (
  account text,
  region text,
  name text,
  node int8 NOT NULL,
  PRIMARY KEY (account, region, name)
);

-- Takes messages that are on their way: all of them, or nothing of the transaction takes place.
CREATE FUNCTION kew.take(targets int8[], sources int8[], numbers int8[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  taken int8;
BEGIN
  DELETE FROM kew.transfer t USING unnest(targets, sources, numbers) x (target, source, number)
    WHERE t.target = x.target AND t.source = x.source AND t.number = x.number;
  GET DIAGNOSTICS taken = ROW_COUNT;
  IF taken <> cardinality(targets) THEN
    RAISE EXCEPTION USING ERRCODE = 'KW002', MESSAGE = format(
      'of %s messages that were taken into their queues only %s are on their way there', cardinality(targets), taken);
  END IF;
END $$;

-- Gives queues of a node to others: all of them, or nothing of the transaction takes place. One whose heir was never
-- there stays; one whose heir has gone is given on like all that it has left.
CREATE FUNCTION kew.hand(me int8, uids int8[], heirs int8[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN 1..cardinality(uids) LOOP
    PERFORM 1 FROM kew.node WHERE id = heirs[i] FOR KEY SHARE;
    UPDATE kew.queue SET owner = CASE WHEN FOUND THEN heirs[i] ELSE owner END, epoch = epoch + 1,
      rev = (SELECT m.rev FROM kew.meta m) WHERE uid = uids[i] AND owner = me;
    IF NOT FOUND THEN
      RAISE EXCEPTION USING ERRCODE = 'KW002',
        MESSAGE = format('the queue %s is to be given away by node %s, which does not have it', uids[i], me);
    END IF;
  END LOOP;
END $$;

-- Messages on their way to queues that are not there (any more) go back to where they came from, or, if that is not
-- there either, are gone.
CREATE FUNCTION kew.turn_back(targets int8[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  home int8;
BEGIN
  FOR home IN SELECT DISTINCT t.source FROM kew.transfer t WHERE t.target = ANY (targets) LOOP
    PERFORM 1 FROM kew.queue WHERE uid = home FOR KEY SHARE;
    IF FOUND THEN
      UPDATE kew.transfer SET target = home WHERE target = ANY (targets) AND source = home;
    END IF;
  END LOOP;
  DELETE FROM kew.transfer WHERE target = ANY (targets);
END $$;

-- As before, but what another node clears away at this moment is left to it.
CREATE OR REPLACE FUNCTION kew.clear(rows_max int4) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
  gone record;
  cleared int8;
  room int8 := rows_max;
BEGIN
  FOR gone IN SELECT queue, below FROM kew.discarded FOR UPDATE SKIP LOCKED LOOP
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

UPDATE kew.meta SET schema = 2;
