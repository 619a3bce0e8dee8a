//! Where the tests of any store keep theirs: here a database of a PostgreSQL.

use kew::internals::store::postgres::Options;
use kew::internals::store::{PostgresStore, Store};

use crate::support::*;

/// Where a store can be opened again and again.
pub struct Place {
    pub url: String,
}

impl Place {
    /// An empty one, if there can be one.
    pub fn new() -> Option<Place> {
        Some(Place { url: crate::server::new_url()? })
    }

    pub fn open(&self) -> Box<dyn Store> {
        Box::new(self.postgres())
    }

    pub fn postgres(&self) -> PostgresStore {
        PostgresStore::open(&self.url, &Options::default()).unwrap()
    }

    /// Ends the use of a store as a crash of its process does: what is in the journal alone is for the next one.
    pub fn end(&self, store: Box<dyn Store>) {
        std::mem::forget(store);
        crate::server::sql(
            &self.url,
            "UPDATE kew.node SET state = 'gone', gone_by = 'the test' WHERE state <> 'gone'; \
             SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE application_name LIKE 'kew/%' AND datname = current_database()",
        );
    }

    /// Opens and loads.
    pub fn reopen(&self) -> (Box<dyn Store>, World) {
        let mut store = self.open();
        let world = load(&mut *store, NOW).unwrap();
        (store, world)
    }

    /// Whether a queue whose next number was one may go on with the other after a restart: numbers are reserved in
    /// blocks.
    pub fn may_be_next(&self, was: u64, is: u64) -> bool {
        (was..=was + (1 << 16)).contains(&is)
    }
}
