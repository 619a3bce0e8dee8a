-- What schema 4 adds to schema 3: what a beat says of clocks. Also run for new databases, behind schema_3.sql.

-- ahead_us: NULL if it has not set its clock yet. told: when that was said, if the clock of the database was then what
-- the node took it for; what is said with any other clock is of no use to nodes that join.
ALTER TABLE kew.beat ALTER COLUMN ahead_us DROP NOT NULL, ALTER COLUMN ahead_us DROP DEFAULT,
  ADD told timestamptz NOT NULL DEFAULT '-infinity';

UPDATE kew.meta SET schema = 4;
