//! The message groups of a queue that have messages in it: a name, an index, and what the queue keeps for each.

use std::ops::{Index, IndexMut};
use std::sync::Arc;

use super::arena::Arena;
use super::sharded::ShardedMap;

/// Message groups by index and by name.
pub(super) struct Groups<T> {
    groups: Arena<(Arc<str>, T)>,
    by_name: ShardedMap<Arc<str>, u32>,
}

impl<T> Groups<T> {
    pub(super) fn new() -> Groups<T> {
        Groups { groups: Arena::new(), by_name: ShardedMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.groups.len()
    }

    /// The group's index; the group is added if it is new.
    pub(super) fn find_or_add(&mut self, name: &Arc<str>, new: impl FnOnce() -> T) -> u32 {
        let hash = self.by_name.hash_of(&**name);
        if let Some(&group) = self.by_name.get(hash, &**name) {
            return group;
        }
        let group = self.groups.insert((name.clone(), new()));
        self.by_name.insert(hash, name.clone(), group);
        group
    }

    /// Removes a group.
    pub(super) fn remove(&mut self, group: u32) {
        if let Some((name, _)) = self.groups.remove(group) {
            self.by_name.remove(self.by_name.hash_of(&*name), |_, known| *known == group);
        }
    }

    /// The name of a group, shared by all its messages.
    pub(super) fn name(&self, group: u32) -> Option<Arc<str>> {
        self.groups.get(group).map(|(name, _)| name.clone())
    }

    /// This name as the queue already holds it, or a new copy.
    pub(super) fn shared(&self, name: Box<str>) -> Arc<str> {
        let known = self.by_name.get(self.by_name.hash_of(&*name), &*name);
        known.and_then(|&group| self.name(group)).unwrap_or_else(|| name.into())
    }
}

impl<T> Index<u32> for Groups<T> {
    type Output = T;

    fn index(&self, group: u32) -> &T {
        &self.groups[group].1
    }
}

impl<T> IndexMut<u32> for Groups<T> {
    fn index_mut(&mut self, group: u32) -> &mut T {
        &mut self.groups[group].1
    }
}
