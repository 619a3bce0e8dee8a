//! What survives what: the settings of a database that decide it, read at the start.

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
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.fsync || !self.full_page_writes {
            return f.write_str(
                "a loss of power of the database's machine may lose everything: fsync or full_page_writes is off",
            );
        }
        f.write_str(match (self.is_replicated(), self.replicated_by_storage) {
            (true, true) => {
                "what is acknowledged survives the loss of the database's machine, as its storage is replicated"
            }
            (true, false) => "what is acknowledged survives the loss of the database's machine: a stand-by has it",
            (false, _) => {
                "what is acknowledged survives a crash of the database, but not the loss of its machine: there is no \
                 synchronous stand-by"
            }
        })
    }
}
