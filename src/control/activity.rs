//! What the clients of a server are doing, as far as it tells whether a space is quiet.
//!
//! A connection says nothing by itself: it keeps a few plain numbers, and who wants to know reads those of all connections. So a
//! request costs nothing for it.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Whom the last request of a connection was for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Serves {
    /// Not known yet: it may be for any space.
    #[default]
    Unknown,
    /// What no space has to do with: the control API, health checks.
    NoSpace,
    /// The space with this number.
    Space(u32),
}

impl Serves {
    /// As a number, for an atomic one.
    pub fn to_number(self) -> u32 {
        match self {
            Serves::Unknown => 0,
            Serves::NoSpace => 1,
            Serves::Space(space) => space.saturating_add(2),
        }
    }

    /// What a number stands for.
    pub fn of_number(number: u32) -> Serves {
        match number {
            0 => Serves::Unknown,
            1 => Serves::NoSpace,
            space => Serves::Space(space - 2),
        }
    }
}

/// Whom the last request of a connection was for, kept by the connection. All that write it are on one thread; it has atomics only
/// because others read it.
#[derive(Debug, Default)]
pub struct Served {
    serves: AtomicU32,
    changes: AtomicU32,
}

impl Served {
    fn has_changed(&self) {
        self.changes.store(self.changes.load(Relaxed).wrapping_add(1), Relaxed);
    }

    /// A request has begun, and it is not known yet whom it is for.
    pub fn begin(&self) {
        self.serves.store(Serves::Unknown.to_number(), Relaxed);
    }

    /// It is known whom the request is for.
    pub fn is_for(&self, serves: Serves) {
        self.serves.store(serves.to_number(), Relaxed);
        if let Serves::Space(_) = serves {
            self.has_changed();
        }
    }

    /// The request has been answered.
    pub fn end(&self) {
        if let (Serves::Space(_), _) = self.read() {
            self.has_changed();
        }
    }

    /// Whom the last request was for, and how often one for a space began or ended.
    pub fn read(&self) -> (Serves, u32) {
        (Serves::of_number(self.serves.load(Relaxed)), self.changes.load(Relaxed))
    }
}

/// Where a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// Between two requests.
    Rest,
    /// Some bytes of a request have come, and not yet all of its head.
    HalfRequest,
    /// A request has been read and not been answered to its end.
    Serving,
    /// It is a parked ReceiveMessage.
    Parked,
}

/// What a connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doing {
    /// Whom its last request was for.
    pub serves: Serves,
    /// Where it is.
    pub at: At,
    /// Counts how often a request for a space began or ended.
    pub changes: u32,
}

/// A connection that says what it does when it is asked.
pub trait Connection: Send + Sync {
    /// What it does now.
    fn doing(&self) -> Doing;
}

/// The connections of a server.
#[derive(Default)]
pub struct Activity(Mutex<State>);

#[derive(Default)]
struct State {
    next: u64,
    connections: BTreeMap<u64, Arc<dyn Connection>>,
    /// How many connections that served a space have ended.
    ended: HashMap<u32, u64>,
}

/// A connection among the others until this is dropped.
pub struct Joined {
    activity: Arc<Activity>,
    id: u64,
}

/// Requests to a space that come by no connection.
#[derive(Debug, Default)]
pub struct Unconnected {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// A request that came by no connection, until this is dropped.
pub struct Serving<'a>(&'a Unconnected);

/// What all connections do that may matter to a space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Requests that have been read and not been answered, parked receives excepted.
    pub served: usize,
    /// Connections with a part of a request.
    pub half_requests: usize,
    /// Differs from that of an earlier sample if a request of the space has begun or ended in between.
    pub fingerprint: u64,
}

impl Activity {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a connection in.
    pub fn join(self: &Arc<Self>, connection: Arc<dyn Connection>) -> Joined {
        let mut state = self.lock();
        let id = state.next;
        state.next += 1;
        state.connections.insert(id, connection);
        Joined { activity: self.clone(), id }
    }

    /// What matters to a space.
    pub fn sample(&self, space: u32, unconnected: &Unconnected) -> Sample {
        let state = self.lock();
        let ended = unconnected.ended.load(Relaxed);
        let begun = unconnected.begun.load(Relaxed);
        let mut sample = Sample { served: usize::try_from(begun - ended.min(begun)).unwrap_or(0), ..Sample::default() };
        let mut seen = DefaultHasher::new();
        (begun, ended, state.ended.get(&space)).hash(&mut seen);
        for (id, connection) in &state.connections {
            let Doing { serves, at, changes } = connection.doing();
            sample.half_requests += usize::from(at == At::HalfRequest);
            let own = serves == Serves::Space(space);
            if own {
                (id, changes).hash(&mut seen);
            }
            sample.served += usize::from(at == At::Serving && (own || serves == Serves::Unknown));
        }
        sample.fingerprint = seen.finish();
        sample
    }

    /// Forgets what it counted for a space that is gone.
    pub fn forget(&self, space: u32) {
        self.lock().ended.remove(&space);
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        let mut state = self.activity.lock();
        if let Some(connection) = state.connections.remove(&self.id)
            && let Serves::Space(space) = connection.doing().serves
        {
            *state.ended.entry(space).or_default() += 1;
        }
    }
}

impl Unconnected {
    /// A request begins.
    pub fn serve(&self) -> Serving<'_> {
        self.begun.fetch_add(1, Relaxed);
        Serving(self)
    }
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(Mutex<Doing>);

    impl Fixed {
        fn new(serves: Serves, at: At) -> Arc<Fixed> {
            Arc::new(Fixed(Mutex::new(Doing { serves, at, changes: 0 })))
        }

        fn set(&self, at: At, changes: u32) {
            let mut doing = self.0.lock().unwrap();
            (doing.at, doing.changes) = (at, changes);
        }
    }

    impl Connection for Fixed {
        fn doing(&self) -> Doing {
            *self.0.lock().unwrap()
        }
    }

    #[test]
    fn only_what_may_be_for_a_space_counts() {
        let (activity, none) = (Arc::new(Activity::default()), Unconnected::default());
        let joined: Vec<_> = [
            (Serves::Unknown, At::Serving),
            (Serves::NoSpace, At::Serving),
            (Serves::Space(7), At::Serving),
            (Serves::Space(8), At::Serving),
            (Serves::Space(7), At::Parked),
            (Serves::Space(8), At::HalfRequest),
            (Serves::Space(7), At::Rest),
        ]
        .map(|(serves, at)| activity.join(Fixed::new(serves, at)))
        .into();
        let sample = activity.sample(7, &none);
        assert_eq!((sample.served, sample.half_requests), (2, 1));
        drop(joined);
        let sample = activity.sample(7, &none);
        assert_eq!((sample.served, sample.half_requests), (0, 0));
    }

    #[test]
    fn a_beginning_an_end_and_the_end_of_a_connection_are_seen() {
        let (activity, none) = (Arc::new(Activity::default()), Unconnected::default());
        let (own, other) = (Fixed::new(Serves::Space(1), At::Rest), Fixed::new(Serves::Space(2), At::Rest));
        let (own_joined, _other) = (activity.join(own.clone()), activity.join(other.clone()));
        let mut last = activity.sample(1, &none);
        let mut differs = |what: &str, expected: bool| {
            let sample = activity.sample(1, &none);
            assert_eq!(sample.fingerprint != last.fingerprint, expected, "{what}");
            last = sample;
        };
        differs("nothing happened", false);
        other.set(At::Serving, 1);
        differs("a request for another space began", false);
        own.set(At::Serving, 1);
        differs("a request began", true);
        own.set(At::Rest, 2);
        differs("a request ended", true);
        let serving = none.serve();
        differs("one without a connection began", true);
        drop(serving);
        differs("one without a connection ended", true);
        drop(own_joined);
        differs("a connection ended", true);
    }

    #[test]
    fn whom_a_request_serves_fits_into_a_number() {
        for serves in [Serves::Unknown, Serves::NoSpace, Serves::Space(0), Serves::Space(41)] {
            assert_eq!(Serves::of_number(serves.to_number()), serves);
        }
    }
}
