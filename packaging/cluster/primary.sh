#!/bin/sh
# Run once, when the primary's directory has just been made: who may replicate, and that each commit waits for the stand-by.
set -e
echo "host replication $POSTGRES_USER samenet scram-sha-256" >> "$PGDATA/pg_hba.conf"
# These two are in force from the next start on. Said earlier, the making of the database would wait for a stand-by.
psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" \
  -c "ALTER SYSTEM SET synchronous_standby_names = 'standby'" \
  -c "ALTER SYSTEM SET wal_keep_size = '1GB'"
