-- What schema 3 adds to schema 2: a journal in front of the rows. Also run for new databases, behind schema_2.sql.

-- What happened in queues, one batch after the other, before it is folded into rows: most messages have come and gone
-- by then and never become any. A mark (kew.mark) stands for all batches of its node with smaller numbers: they are
-- in rows. Read by key and from the last mark on, and by nobody but who takes over from a node that has gone.
CREATE TABLE kew.journal (
  node int8,
  -- The number of the batch; one counter with kew.mark.seq.
  seq int8,
  -- A long batch is in more than one row, none longer than a page.
  part int4,
  payload bytea NOT NULL,
  PRIMARY KEY (node, seq, part)
) WITH (vacuum_truncate = off,
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE kew.journal ALTER COLUMN payload SET STORAGE PLAIN;

-- Whether what a node that has gone left in the journal is in rows.
ALTER TABLE kew.node ADD settled bool NOT NULL DEFAULT false;
UPDATE kew.node SET settled = true WHERE state = 'gone';

-- Commits a batch by a statement of its own: holds the row of the node as kew.hold does.
CREATE FUNCTION kew.append(me int8, number int8, parts bytea[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM kew.node WHERE id = me AND state <> 'gone' FOR SHARE;
  IF NOT FOUND THEN
    PERFORM kew.hold(me, NULL);
  END IF;
  IF cardinality(parts) = 1 THEN
    INSERT INTO kew.journal VALUES (me, number, 1, parts[1]);
  ELSE
    INSERT INTO kew.journal SELECT me, number, p.part, p.payload FROM unnest(parts) WITH ORDINALITY p (payload, part);
  END IF;
END $$;

-- Begins the transaction in which this node folds into rows what a node that has gone left in the journal: what comes
-- behind this batch. NULL: that has been done.
CREATE FUNCTION kew.settle(me int8, dead int8) RETURNS int8 LANGUAGE plpgsql AS $$
BEGIN
  PERFORM kew.hold(me, NULL);
  PERFORM 1 FROM kew.node WHERE id = dead AND state = 'gone' AND NOT settled FOR UPDATE;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  PERFORM set_config('kew.settles', dead::text, true);
  RETURN coalesce((SELECT max(seq) FROM kew.mark WHERE node = dead), 0);
END $$;

UPDATE kew.meta SET schema = 3;
