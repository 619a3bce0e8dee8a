//! The store of `--data postgres://...`, on a PostgreSQL.
