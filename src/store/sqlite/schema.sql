-- Schema 2 of kew's store. For people who look inside: start with the views `message` and `queue`.
-- Times are milliseconds since 1970 (UTC) in columns ending in _ms; datetime(sent_ms / 1000, 'unixepoch') shows one.
-- Only kew may write: each row has a CRC-32 over its columns (src/store/sqlite/rows.rs), and what was changed by
-- another hand is taken for damaged.

-- What the file must hold. A part of every commit.
CREATE TABLE manifest (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  -- The number of the last commit.
  last_commit INTEGER NOT NULL,
  -- A JSON object by table: [how many rows it has, the sum of their checksums].
  totals TEXT NOT NULL,
  -- Over the texts of this schema.
  schema_checksum INTEGER NOT NULL,
  checksum INTEGER NOT NULL
);

CREATE TABLE queues (
  -- Part of every receipt handle: 64 random bits, written as a signed number.
  uid INTEGER PRIMARY KEY,
  -- The rows of this queue in the other tables have ids from shelf << 44 on, so that all messages share one tree.
  shelf INTEGER NOT NULL UNIQUE,
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('standard', 'fifo')),
  deduplication_scope TEXT NOT NULL CHECK (deduplication_scope IN ('queue', 'messageGroup')),
  created_ms INTEGER NOT NULL,
  modified_ms INTEGER NOT NULL,
  purged_ms INTEGER,
  -- JSON objects of texts.
  attributes TEXT NOT NULL,
  tags TEXT NOT NULL,
  checksum INTEGER NOT NULL
);

-- The next message number of a queue is at least this; and above every number and place in `messages`.
CREATE TABLE counters (
  shelf INTEGER PRIMARY KEY,
  next_number INTEGER NOT NULL,
  checksum INTEGER NOT NULL
);

CREATE TABLE messages (
  -- shelf << 44 | number
  id INTEGER PRIMARY KEY,
  -- Receipt handles name it.
  slot INTEGER NOT NULL,
  -- Smaller is delivered first; NULL: the number.
  place INTEGER,
  state TEXT NOT NULL,
  -- When that state ends.
  deadline_ms INTEGER,
  receive_count INTEGER NOT NULL,
  first_received_ms INTEGER,
  received_ms INTEGER,
  sent_ms INTEGER NOT NULL,
  -- Start of the retention period; NULL: sent_ms.
  retained_ms INTEGER,
  message_id TEXT NOT NULL,
  body_md5 BLOB NOT NULL,
  message_group TEXT,
  deduplication_id TEXT,
  sender TEXT,
  trace_header TEXT,
  dead_letter_source TEXT,
  received_elsewhere INTEGER,
  -- A JSON object by name: {"type": ..., "value": ...}, or "base64" in place of "value" for bytes.
  attributes TEXT,
  attributes_md5 BLOB,
  -- The sum of one CRC-32 over the columns up to received_ms, and one over id, the others and the body.
  checksum INTEGER NOT NULL,
  -- NULL: long, and in long_bodies.
  body TEXT
);

-- Long bodies stand apart, so that a receive does not have to write them again.
CREATE TABLE long_bodies (
  id INTEGER PRIMARY KEY,
  body TEXT NOT NULL
);

-- Deduplication ids of the last five minutes, by the first message that had them; that may be gone.
CREATE TABLE deduplication (
  id INTEGER PRIMARY KEY,
  message_group TEXT,
  deduplication_id TEXT NOT NULL,
  first_sent_ms INTEGER NOT NULL,
  message_id TEXT NOT NULL,
  checksum INTEGER NOT NULL
);

-- Receives of the last five minutes that can be repeated by their ReceiveRequestAttemptId.
CREATE TABLE attempts (
  queue INTEGER NOT NULL,
  attempt_id TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  -- A JSON array: [slot, number, receive, end of the visibility timeout in ms or null] for each message.
  receipts TEXT NOT NULL,
  checksum INTEGER NOT NULL,
  PRIMARY KEY (queue, attempt_id)
) WITHOUT ROWID;
CREATE INDEX attempts_by_time ON attempts (at_ms);

-- Rows of messages, long_bodies and deduplication with these ids are gone (purged, or their queue was deleted) and
-- are cleared away in small steps.
CREATE TABLE discarded (
  first_id INTEGER PRIMARY KEY,
  last_id INTEGER NOT NULL,
  checksum INTEGER NOT NULL
);

CREATE TABLE move_tasks (
  id TEXT PRIMARY KEY,
  queue INTEGER NOT NULL,
  source_arn TEXT NOT NULL,
  destination_arn TEXT,
  rate INTEGER,
  started_ms INTEGER NOT NULL,
  to_move INTEGER NOT NULL,
  moved INTEGER NOT NULL,
  status TEXT NOT NULL,
  failure TEXT,
  checksum INTEGER NOT NULL
);

-- Names that cannot be used again until 60 seconds after the deletion.
CREATE TABLE deleted_queues (
  account TEXT NOT NULL,
  region TEXT NOT NULL,
  name TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  checksum INTEGER NOT NULL,
  PRIMARY KEY (account, region, name)
) WITHOUT ROWID;

CREATE VIEW message AS
SELECT
  q.name AS queue,
  m.id & 0xFFFFFFFFFFF AS number,
  m.message_id,
  m.state,
  m.deadline_ms,
  m.receive_count,
  m.sent_ms,
  datetime(m.sent_ms / 1000, 'unixepoch') AS sent,
  m.first_received_ms,
  m.received_ms,
  coalesce(m.retained_ms, m.sent_ms) AS retained_ms,
  m.message_group,
  m.deduplication_id,
  m.attributes,
  m.trace_header,
  m.sender,
  m.dead_letter_source,
  lower(hex(m.body_md5)) AS body_md5,
  coalesce(m.body, l.body) AS body,
  q.account,
  q.region,
  m.id
FROM messages m
JOIN queues q ON q.shelf = m.id >> 44
LEFT JOIN long_bodies l ON l.id = m.id
LEFT JOIN discarded d ON d.first_id = (m.id >> 44) << 44 AND m.id <= d.last_id
WHERE d.first_id IS NULL;

CREATE VIEW queue AS
SELECT
  q.name,
  q.kind,
  count(m.id) AS messages,
  coalesce(sum(m.state = 'visible'), 0) AS visible,
  coalesce(sum(m.state = 'in flight'), 0) AS in_flight,
  coalesce(sum(m.state = 'delayed'), 0) AS delayed,
  datetime(min(m.sent_ms) / 1000, 'unixepoch') AS oldest_sent,
  q.account,
  q.region,
  q.attributes,
  q.tags
FROM queues q
LEFT JOIN messages m
  ON m.id BETWEEN q.shelf << 44 AND (q.shelf << 44) + 0xFFFFFFFFFFF
  AND NOT EXISTS (SELECT 1 FROM discarded d WHERE d.first_id = q.shelf << 44 AND m.id <= d.last_id)
GROUP BY q.uid;
