//! Where the tests of any store keep theirs: here a directory with a file of SQLite.

use kew::internals::store::{Durability, SqliteStore, Store};

use crate::support::*;

/// Where a store can be opened again and again.
pub struct Place(tempfile::TempDir);

impl Place {
    /// An empty one, if there can be one.
    pub fn new() -> Option<Place> {
        Some(Place(tempfile::tempdir().unwrap()))
    }

    pub fn open(&self) -> Box<dyn Store> {
        Box::new(SqliteStore::open(self.0.path(), Durability::Process).unwrap())
    }

    /// Ends the use of a store.
    pub fn end(&self, store: Box<dyn Store>) {
        drop(store);
    }

    /// Opens and loads.
    pub fn reopen(&self) -> (Box<dyn Store>, World) {
        let mut store = self.open();
        let world = load(&mut *store, NOW).unwrap();
        (store, world)
    }

    /// Whether a queue whose next number was one may go on with the other after a restart.
    pub fn may_be_next(&self, was: u64, is: u64) -> bool {
        was == is
    }
}
