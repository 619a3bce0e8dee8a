//! What survives what: the settings of a database that decide it, read at the start.

use crate::store::StoreError;
use std::fmt;

/// The settings of a database that decide what it may lose, as its sessions of kew have them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Promise {
    /// `server_version`, as in `15.8`.
    pub version: String,
    /// `fsync`.
    pub fsync: bool,
    /// `full_page_writes`.
    pub full_page_writes: bool,
    /// `synchronous_commit` as the operator set it. kew's sessions have `on` at least.
    pub synchronous_commit: String,
    /// `synchronous_standby_names`; empty if there is no synchronous stand-by.
    pub synchronous_standby_names: String,
    /// How many stand-bys follow synchronously at this moment; `None` if kew's user may not know.
    pub synchronous_standbys: Option<u32>,
    /// `pg_is_in_recovery()`: the server is a stand-by itself.
    pub in_recovery: bool,
    /// The operator says that the storage below the database is replicated.
    pub replicated_by_storage: bool,
}

impl Promise {
    /// Whether each commit waits for a stand-by, or is on replicated storage.
    #[must_use]
    pub fn is_replicated(&self) -> bool {
        self.replicated_by_storage || !self.synchronous_standby_names.trim().is_empty()
    }

    /// Refuses a database without a synchronous stand-by if one is asked for.
    ///
    /// # Errors
    ///
    /// If its commits wait for none.
    pub fn refuse(&self, place: &str, require_replica: bool) -> Result<(), StoreError> {
        if !require_replica || self.is_replicated() {
            return Ok(());
        }
        Err(StoreError::Unusable {
            place: place.into(),
            detail: "its commits wait for no stand-by (synchronous_standby_names is empty), and --require-replica \
                     asks for one"
                .into(),
            cure: "set synchronous_standby_names, or say --database-is-replicated if its storage is".into(),
        })
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgreSQL {}: ", self.version)?;
        if !self.fsync || !self.full_page_writes {
            let off = if self.fsync { "full_page_writes" } else { "fsync" };
            return write!(
                f,
                "{off} is off, so a crash of the database's machine or a loss of its power may lose everything; what \
                 is acknowledged survives a crash of kew"
            );
        }
        if self.replicated_by_storage {
            f.write_str(
                "what is acknowledged survives the loss of the database's machine, as its storage is replicated \
                 (--database-is-replicated says so)",
            )?;
        } else if self.is_replicated() {
            f.write_str("what is acknowledged survives the loss of the database's machine: a stand-by has it")?;
            if self.synchronous_standbys == Some(0) {
                f.write_str("; but none follows at this moment, and nothing is acknowledged until one does")?;
            }
        } else {
            f.write_str(
                "what is acknowledged survives a crash of kew and of the database, but NOT the loss of its machine: \
                 no stand-by is synchronous (synchronous_standby_names is empty)",
            )?;
        }
        if !matches!(&*self.synchronous_commit, "on" | "remote_apply") {
            let default = &self.synchronous_commit;
            write!(f, "; kew's sessions have synchronous_commit = on, where others have {default}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_says_what_survives_what() {
        let alone = Promise {
            version: "15.8".into(),
            fsync: true,
            full_page_writes: true,
            synchronous_commit: "on".into(),
            ..Promise::default()
        };
        let standby = Promise { synchronous_standby_names: "FIRST 1 (a, b)".into(), ..alone.clone() };
        let storage = Promise { replicated_by_storage: true, ..alone.clone() };
        let with = |commit: &str, promise: &Promise| Promise { synchronous_commit: commit.into(), ..promise.clone() };
        let not = "but NOT the loss of its machine: no stand-by is synchronous (synchronous_standby_names is empty)";
        let has = "survives the loss of the database's machine: a stand-by has it";
        for (promise, ends, is_replicated) in [
            (alone.clone(), not, false),
            (with("remote_apply", &alone), not, false),
            (with("off", &alone), "kew's sessions have synchronous_commit = on, where others have off", false),
            (with("local", &alone), "kew's sessions have synchronous_commit = on, where others have local", false),
            (standby.clone(), has, true),
            (with("remote_apply", &standby), has, true),
            (with("local", &standby), "synchronous_commit = on, where others have local", true),
            (Promise { synchronous_standbys: Some(2), ..standby.clone() }, has, true),
            (Promise { synchronous_standbys: Some(0), ..standby.clone() }, "until one does", true),
            (storage.clone(), "its storage is replicated (--database-is-replicated says so)", true),
            (Promise { fsync: false, ..standby.clone() }, "survives a crash of kew", true),
            (Promise { full_page_writes: false, ..storage }, "survives a crash of kew", true),
        ] {
            let text = promise.to_string();
            assert!(text.starts_with("PostgreSQL 15.8: ") && text.ends_with(ends), "{text}");
            assert_eq!(promise.refuse("postgres://db/kew", true).is_ok(), is_replicated, "{text}");
            assert_eq!(promise.refuse("postgres://db/kew", false), Ok(()));
        }
        let without = Promise { fsync: false, ..alone.clone() }.to_string();
        assert!(without.contains("fsync is off") && !without.contains("full_page_writes"), "{without}");
        let refused = alone.refuse("postgres://db/kew", true).unwrap_err().to_string();
        assert!(refused.starts_with("postgres://db/kew cannot be used") && refused.contains("--require-replica"));
    }
}
