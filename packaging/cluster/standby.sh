#!/bin/sh
# The stand-by: a copy of the primary's directory the first time, then whatever is there. It follows under the name `standby`.
# When the primary is lost for good, this makes it the primary, whose commits wait for nobody (kews run on; they do not start anew
# while they have KEW_REQUIRE_REPLICA):
#   docker compose exec standby psql -U kew -c "ALTER SYSTEM SET synchronous_standby_names = ''" -c "SELECT pg_reload_conf()" \
#     -c "SELECT pg_promote()"
set -e
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  until pg_basebackup -D "$PGDATA" --write-recovery-conf --checkpoint=fast \
    -d "host=primary user=$POSTGRES_USER password=$POSTGRES_PASSWORD application_name=standby"; do
    sleep 1
  done
  chmod 700 "$PGDATA"
fi
exec docker-entrypoint.sh postgres
