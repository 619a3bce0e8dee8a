//! The tables and how they come to be; and what is looked at before a database is used.

use tokio_postgres::Client;

use super::errors;
use super::promise::Promise;
use crate::store::StoreError;

/// The version this kew writes: `kew.meta.schema`.
pub(super) const VERSION: i32 = 4;

/// The oldest server: `server_version_num`.
const SERVER_MIN: i32 = 150_000;

/// Taken while the schema is made or a node joins ("kewq").
pub(super) const ADVISORY_LOCK: i64 = 0x6b65_7771;

/// Schema 1.
const SCHEMA: &str = include_str!("schema.sql");

/// What makes the next schema of each, from schema 1 on.
const NEXT: [&str; VERSION as usize - 1] =
    [include_str!("schema_2.sql"), include_str!("schema_3.sql"), include_str!("schema_4.sql")];

/// What makes the newest schema of this one.
pub(super) fn newer_than(schema: i32) -> impl Iterator<Item = &'static str> {
    NEXT.into_iter().skip(usize::try_from(schema).unwrap_or(0).saturating_sub(1))
}

/// The refusal of tables that a later kew has made.
pub(super) fn newer(place: &str, schema: i32) -> StoreError {
    StoreError::Newer { path: place.into(), found: schema.into(), known: VERSION.into() }
}

/// How a database is looked at.
pub(super) struct Looking<'a> {
    pub client: &'a Client,
    /// The database, for texts.
    pub place: &'a str,
}

impl Looking<'_> {
    fn unusable(&self, detail: String, cure: impl Into<String>) -> StoreError {
        StoreError::Unusable { place: self.place.into(), detail, cure: cure.into() }
    }

    fn error(&self) -> impl Fn(tokio_postgres::Error) -> StoreError {
        |error| errors::at_start(self.place, &error)
    }

    /// Refuses a server that is too old, and one whose texts are not UTF-8. Reads what decides about durability.
    pub(super) async fn server(&self) -> Result<Promise, StoreError> {
        let sql = "SELECT current_setting('server_version_num')::int4, current_setting('server_version'), \
            pg_encoding_to_char(encoding), current_setting('fsync')::bool, current_setting('full_page_writes')::bool, \
            (SELECT coalesce(s.reset_val, '') FROM pg_settings s WHERE s.name = 'synchronous_commit'), \
            current_setting('synchronous_standby_names'), pg_is_in_recovery(), \
            CASE WHEN pg_has_role('pg_read_all_stats', 'USAGE') THEN (SELECT count(*) FROM pg_stat_replication \
            WHERE sync_state IN ('sync', 'quorum')) END \
            FROM pg_database WHERE datname = current_database()";
        let row = self.client.query_one(sql, &[]).await.map_err(self.error())?;
        let (number, version): (i32, String) = (row.get(0), row.get(1));
        if number < SERVER_MIN {
            return Err(self.unusable(format!("its PostgreSQL is {version}"), "kew needs 15 or newer"));
        }
        let encoding: String = row.get(2);
        if encoding != "UTF8" {
            let detail = format!("its texts are in {encoding}");
            return Err(self.unusable(detail, "make a database with `createdb --encoding UTF8 --template template0`"));
        }
        Ok(Promise {
            version,
            fsync: row.get(3),
            full_page_writes: row.get(4),
            synchronous_commit: row.get(5),
            synchronous_standby_names: row.get(6),
            synchronous_standbys: row.get::<_, Option<i64>>(8).and_then(|count| u32::try_from(count).ok()),
            in_recovery: row.get(7),
            replicated_by_storage: false,
        })
    }

    /// Makes the schema where there is none, and refuses one that is newer than this version or of another kind. An older
    /// one is made newer by who joins ([`super::node`]), when nobody serves from it.
    pub(super) async fn schema(&self, namespace: &str) -> Result<(), StoreError> {
        // Held to the end of the transaction, so that two kews do not both make it.
        let begin = format!("BEGIN; SELECT pg_advisory_xact_lock({ADVISORY_LOCK})");
        self.client.batch_execute(&begin).await.map_err(self.error())?;
        let made = self.make(namespace).await;
        let end = if made.is_ok() { "COMMIT" } else { "ROLLBACK" };
        let ended = self.client.batch_execute(end).await.map_err(self.error());
        made.and(ended)
    }

    async fn make(&self, namespace: &str) -> Result<(), StoreError> {
        let sql = "SELECT to_regnamespace('kew') IS NOT NULL, to_regclass('kew.meta') IS NOT NULL, \
            EXISTS (SELECT FROM pg_class WHERE relnamespace = to_regnamespace('kew'))";
        let row = self.client.query_one(sql, &[]).await.map_err(self.error())?;
        let (has_schema, has_meta, has_any): (bool, bool, bool) = (row.get(0), row.get(1), row.get(2));
        if has_meta {
            self.rights().await?;
            return self.meta(namespace).await;
        }
        if has_any {
            let detail = "it has a schema kew with tables that are not kew's".to_owned();
            return Err(self.unusable(detail, "name another database in the URL"));
        }
        if !has_schema {
            self.client.batch_execute("CREATE SCHEMA kew").await.map_err(self.error())?;
        }
        for sql in [SCHEMA].into_iter().chain(newer_than(1)) {
            self.client.batch_execute(sql).await.map_err(self.error())?;
        }
        let sql = "INSERT INTO kew.meta (schema, namespace, made_by) VALUES ($1, $2, $3)";
        let by = concat!("kew ", env!("CARGO_PKG_VERSION"));
        self.client.execute(sql, &[&VERSION, &namespace, &by]).await.map_err(self.error())?;
        tracing::info!("the schema kew has been made in {}", self.place);
        Ok(())
    }

    /// Refuses a user who may not do all that kew does, before anything is done.
    async fn rights(&self) -> Result<(), StoreError> {
        let sql = "SELECT has_schema_privilege('kew', 'USAGE') AND coalesce((SELECT bool_and( \
            has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT') \
            AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE')) \
            FROM pg_class WHERE relnamespace = 'kew'::regnamespace AND relkind IN ('r', 'p')), false), current_user::text";
        let row = self.client.query_one(sql, &[]).await.map_err(self.error())?;
        if row.get(0) {
            return Ok(());
        }
        let user: String = row.get(1);
        let cure = format!(
            "GRANT USAGE ON SCHEMA kew TO {user}; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA kew TO \
             {user}; or use the user who made the schema"
        );
        Err(self.unusable(format!("its user {user} may not read and write all tables of the schema kew"), cure))
    }

    async fn meta(&self, namespace: &str) -> Result<(), StoreError> {
        let found = self.client.query_opt("SELECT schema, namespace FROM kew.meta", &[]).await;
        let Some(row) = found.map_err(self.error())? else {
            let detail = "the table kew.meta is empty".to_owned();
            return Err(StoreError::Damaged { place: self.place.into(), detail });
        };
        let (schema, stored): (i32, String) = (row.get(0), row.get(1));
        if schema > VERSION {
            return Err(newer(self.place, schema));
        }
        if schema < 1 {
            let detail = format!("the schema version is {schema}");
            return Err(StoreError::Damaged { place: self.place.into(), detail });
        }
        if stored != namespace {
            let cure = format!(
                "start kew with --namespace {stored}; or, when no kew uses it, UPDATE kew.meta SET namespace = \
                 '{namespace}'"
            );
            return Err(self.unusable(format!("its queues were made with --namespace {stored}"), cure));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    /// A database says by a number what is in it. What a number stands for cannot change any more once there is such a database:
    /// what has to be different goes into a further file.
    #[test]
    fn what_makes_a_schema_stays_as_it_is() {
        let digests = [SCHEMA].into_iter().chain(NEXT).map(|sql| hex::encode(&Sha256::digest(sql)[..8]));
        let known = ["298b817aac44a24c", "2bb74dbab46d86dc", "08fcf3688b44ccbd", "bf27b5a4ed1b1097"];
        assert_eq!(digests.collect::<Vec<_>>(), known);
    }
}
