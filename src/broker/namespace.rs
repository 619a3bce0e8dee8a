//! Which queues there are: by account, region and name, with names closed for a minute after a deletion.

use super::queue::Queue;
use crate::api::limits::COOLDOWN_SECONDS;
use crate::api::{Arn, QueueAddress};
use crate::config::NamespaceMode;
use crate::engine::Time;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// With each deleted queue at most so many older names are forgotten.
const NAMES_OPENED_MAX: usize = 4;

type Names = BTreeMap<Box<str>, Arc<Queue>>;

/// What stands for the region when regions are merged.
///
/// Not the empty text: C libraries compare nothing by looking at nothing, at an address that is none, and processors that have
/// to suppress the fault take 150 ns for it, once or more a request.
const ANY_REGION: &str = "*";

/// Account, region (or [`ANY_REGION`]) and name.
type FullName = (Box<str>, Box<str>, Box<str>);

#[derive(Default)]
struct Spaces {
    /// account, then region (or [`ANY_REGION`]), then name.
    ///
    /// Sorted maps throughout: with the few accounts and regions there are, a comparison or two beat a hash.
    accounts: BTreeMap<Box<str>, BTreeMap<Box<str>, Names>>,
    /// How many queues there are.
    queues: usize,
    /// When queues were deleted, to keep their names closed for a minute.
    deleted: HashMap<Arc<FullName>, Time>,
    /// The same, the oldest first.
    deletions: VecDeque<(Time, Arc<FullName>)>,
}

impl Spaces {
    fn find(&self, (account, region, name): &FullName) -> Option<&Arc<Queue>> {
        self.accounts.get(account)?.get(region)?.get(name)
    }

    fn insert(&mut self, (account, region, name): FullName, queue: &Arc<Queue>) {
        self.accounts.entry(account).or_default().entry(region).or_default().insert(name, queue.clone());
        self.queues += 1;
    }

    /// Takes a queue out, and the maps that are empty without it.
    fn remove(&mut self, (account, region, name): &FullName) {
        let Some(regions) = self.accounts.get_mut(account) else { return };
        let Some(names) = regions.get_mut(region) else { return };
        self.queues -= usize::from(names.remove(name).is_some());
        if names.is_empty() {
            regions.remove(region);
        }
        if regions.is_empty() {
            self.accounts.remove(account);
        }
    }

    fn close_name(&mut self, place: FullName, at: Time) {
        let place = Arc::new(place);
        self.deleted.insert(place.clone(), at);
        self.deletions.push_back((at, place));
    }

    /// Forgets some names whose minute is over: more than come in, and few enough for a request to do.
    fn open_names(&mut self, now: Time) {
        for _ in 0..NAMES_OPENED_MAX {
            let is_over = |(at, _): &mut (Time, _)| now >= at.plus_seconds(COOLDOWN_SECONDS);
            let Some((at, place)) = self.deletions.pop_front_if(is_over) else { return };
            // Unless a queue of that name was deleted again.
            if self.deleted.get(&place) == Some(&at) {
                self.deleted.remove(&place);
            }
        }
    }
}

/// All queues by name.
///
/// Invariant: no queue is locked while the lock in here is held, so a thread that holds a queue may look up another.
pub struct Namespace {
    mode: NamespaceMode,
    /// Whether the name of a deleted queue stays closed for a minute.
    cooldowns: bool,
    queues_max: usize,
    spaces: RwLock<Spaces>,
    generation: AtomicU64,
}

/// What became of an attempt to add a queue.
pub enum Added {
    /// It is there now.
    New,
    /// There was one of that name.
    Existing(Arc<Queue>),
    /// One of that name was deleted less than a minute ago.
    TooSoon,
    /// There are as many queues as there may be.
    TooMany,
}

impl Namespace {
    /// An empty one, for at most so many queues.
    pub fn new(mode: NamespaceMode, cooldowns: bool, queues_max: usize) -> Namespace {
        Namespace { mode, cooldowns, queues_max, spaces: RwLock::default(), generation: AtomicU64::new(1) }
    }

    /// How many queues there may be.
    pub fn queues_max(&self) -> usize {
        self.queues_max
    }

    /// Whether accounts and regions separate queues.
    pub fn mode(&self) -> NamespaceMode {
        self.mode
    }

    /// Rises when a queue is added or taken out: while it stands, a name means the same queue. Never 0.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Spaces> {
        self.spaces.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Spaces> {
        self.spaces.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// What stands for a region in names: itself, or one for all when regions are merged.
    pub fn region_key<'a>(&self, region: &'a str) -> &'a str {
        match self.mode {
            NamespaceMode::Merged => ANY_REGION,
            NamespaceMode::Aws => region,
        }
    }

    /// Finds a queue by its exact account and name.
    pub fn get(&self, account: &str, region: &str, name: &str) -> Option<Arc<Queue>> {
        self.read().accounts.get(account)?.get(self.region_key(region))?.get(name).cloned()
    }

    /// Finds the queue that a URL means for a caller.
    pub fn resolve(&self, address: QueueAddress<'_>, account: &str, region: &str) -> Option<Arc<Queue>> {
        let owner = address.account.unwrap_or(account);
        match self.mode {
            NamespaceMode::Merged => {
                self.get(owner, region, address.name).or_else(|| self.get(account, region, address.name))
            }
            NamespaceMode::Aws => self.get(owner, address.region_or(region), address.name),
        }
    }

    /// The account that an ARN means for the owner of another queue, whether the queue is there or not.
    pub fn meant_account<'a>(&self, arn: &Arn<'a>, account: &'a str) -> &'a str {
        let strange = || self.get(arn.account, arn.region, arn.name).is_none();
        if self.mode == NamespaceMode::Merged && strange() { account } else { arn.account }
    }

    /// Finds the queue that an ARN means for the owner of another queue.
    pub fn resolve_arn(&self, arn: &Arn<'_>, account: &str) -> Option<Arc<Queue>> {
        let address = QueueAddress { host: None, account: Some(arn.account), region: None, name: arn.name };
        self.resolve(address, account, arn.region)
    }

    fn place(&self, queue: &Queue) -> FullName {
        (queue.account.as_ref().into(), self.region_key(&queue.region).into(), queue.name.as_ref().into())
    }

    /// Adds a queue unless one of its name is there, was until less than a minute ago, or there are too many.
    pub fn add(&self, queue: &Arc<Queue>, now: Time) -> Added {
        let place = self.place(queue);
        let mut spaces = self.write();
        if let Some(existing) = spaces.find(&place) {
            return Added::Existing(existing.clone());
        }
        if spaces.deleted.get(&place).is_some_and(|at| now < at.plus_seconds(COOLDOWN_SECONDS)) {
            return Added::TooSoon;
        }
        if spaces.queues >= self.queues_max {
            return Added::TooMany;
        }
        spaces.deleted.remove(&place);
        spaces.insert(place, queue);
        self.generation.fetch_add(1, Ordering::AcqRel);
        Added::New
    }

    /// Adds a queue that was there before, however many there are. What was known of it as another node's goes.
    ///
    /// # Errors
    /// The queue that has its name.
    pub fn put_back(&self, queue: &Arc<Queue>) -> Result<(), Arc<Queue>> {
        let place = self.place(queue);
        let mut spaces = self.write();
        match spaces.find(&place) {
            Some(other) if other.elsewhere().is_none() => return Err(other.clone()),
            Some(_) => spaces.remove(&place),
            None => {}
        }
        spaces.insert(place, queue);
        self.generation.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    /// Remembers that a queue of this name was deleted then.
    pub fn close_name(&self, account: &str, region: &str, name: &str, at: Time) {
        if self.cooldowns {
            let place = (account.into(), self.region_key(region).into(), name.into());
            let mut spaces = self.write();
            // It may be told more than once.
            if spaces.deleted.get(&place).is_none_or(|known| *known < at) {
                spaces.close_name(place, at);
            }
        }
    }

    /// Forgets which names were closed.
    pub fn open_all_names(&self) {
        let mut spaces = self.write();
        spaces.deleted.clear();
        spaces.deletions.clear();
    }

    /// Takes a queue out that is deleted.
    pub fn remove(&self, queue: &Queue, now: Time) {
        let mut spaces = self.write();
        let place = self.take_out_of(&mut spaces, queue);
        if self.cooldowns {
            spaces.open_names(now);
            spaces.close_name(place, now);
        }
    }

    /// Takes a queue out that is another node's, and gone.
    pub fn forget(&self, queue: &Queue) {
        self.take_out_of(&mut self.write(), queue);
    }

    /// Puts what is known of a queue of another node in the place of the queue, which was this node's.
    pub fn replace(&self, queue: &Queue, with: &Arc<Queue>) {
        let mut spaces = self.write();
        let place = self.take_out_of(&mut spaces, queue);
        if spaces.find(&place).is_none() {
            spaces.insert(place, with);
        }
    }

    fn take_out_of(&self, spaces: &mut Spaces, queue: &Queue) -> FullName {
        let place = self.place(queue);
        // Another queue may have taken the name already.
        if spaces.find(&place).is_some_and(|found| found.uid == queue.uid) {
            spaces.remove(&place);
            self.generation.fetch_add(1, Ordering::AcqRel);
        }
        place
    }

    /// Up to `limit` queues of an account and region in the order of their names, those that begin with `prefix` and come
    /// after `after`.
    pub fn list(
        &self,
        account: &str,
        region: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Vec<Arc<Queue>> {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        let spaces = self.read();
        let Some(names) = spaces.accounts.get(account).and_then(|regions| regions.get(self.region_key(region))) else {
            return Vec::new();
        };
        let from = match after {
            Some(after) if after >= prefix => Excluded(after),
            _ => Included(prefix),
        };
        let page = names.range::<str, _>((from, Unbounded)).take_while(|(name, _)| name.starts_with(prefix));
        page.take(limit).map(|(_, queue)| queue.clone()).collect()
    }

    /// Every queue of this node.
    pub fn all(&self) -> Vec<Arc<Queue>> {
        let mut queues = self.everywhere();
        queues.retain(|queue| queue.elsewhere().is_none());
        queues
    }

    /// Every queue there is, also those of other nodes.
    pub fn everywhere(&self) -> Vec<Arc<Queue>> {
        let spaces = self.read();
        spaces.accounts.values().flat_map(BTreeMap::values).flat_map(BTreeMap::values).cloned().collect()
    }

    /// Where else a queue of this name is: for the log line beside "does not exist".
    pub fn hint(&self, name: &str) -> Option<String> {
        let spaces = self.read();
        let queues = spaces.accounts.values().flat_map(BTreeMap::values).filter_map(|names| names.get(name));
        let places: Vec<String> =
            queues.take(3).map(|q| format!("account {} region {}", q.account, q.region)).collect();
        (!places.is_empty()).then(|| format!("a queue named {name} exists in {}", places.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(number: u64) -> Arc<Queue> {
        let settings = crate::broker::settings::QueueSettings::new(false, &BTreeMap::new(), Time(0));
        let name = format!("q{number}");
        Arc::new(Queue::new(number, ("000000000000", "us-east-1", &name), settings, BTreeMap::new()))
    }

    /// Creates and deletes that many queues.
    fn come_and_go(namespace: &Namespace, numbers: std::ops::Range<u64>, now: Time) {
        for queue in numbers.map(queue) {
            assert!(matches!(namespace.add(&queue, now), Added::New));
            namespace.remove(&queue, now);
        }
    }

    #[test]
    fn names_are_closed_for_a_minute_and_a_deletion_opens_only_a_few() {
        let namespace = Namespace::new(NamespaceMode::Aws, true, 10);
        come_and_go(&namespace, 0..1000, Time(0));
        assert!(matches!(namespace.add(&queue(7), Time(59_999)), Added::TooSoon));
        assert!(matches!(namespace.add(&queue(7), Time(60_000)), Added::New));
        assert_eq!(namespace.read().deleted.len(), 999);
        namespace.remove(&queue(7), Time(60_000));
        let left = namespace.read().deleted.len();
        assert!((990..1000).contains(&left), "{left}: the work of one deletion does not grow with those before it");
        assert!(matches!(namespace.add(&queue(7), Time(119_999)), Added::TooSoon), "deleted again");
        come_and_go(&namespace, 1000..1500, Time(60_000));
        assert_eq!(namespace.read().deleted.len(), 501, "what is over is forgotten faster than more comes in");
        assert_eq!(namespace.read().deletions.len(), 501);
    }

    #[test]
    fn nothing_is_kept_of_deleted_queues_where_nobody_asks_for_it() {
        let namespace = Namespace::new(NamespaceMode::Aws, false, 10);
        come_and_go(&namespace, 0..1000, Time(0));
        namespace.close_name("000000000000", "us-east-1", "q", Time(0));
        let spaces = namespace.read();
        assert_eq!((spaces.deleted.len(), spaces.deletions.len(), spaces.queues), (0, 0, 0));
        assert!(spaces.accounts.is_empty());
    }
}
