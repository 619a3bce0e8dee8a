//! The namespaces of tests: a space of its own for each, chosen by the account of an access key, or by a port of its own.

use super::refusal::{Refusal, nearest, shortened};
use super::space::{Space, SpaceOptions};
use crate::broker::By;
use crate::clock::Clock;
use crate::config::{QueueConfig, with_dead_letter_queues};
use crate::error::Error;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, Weak};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

/// Namespaces at one time.
pub const NAMESPACES_MAX: usize = 1_000;
/// Ended namespaces whose clients are still told so.
const ENDED_MAX: usize = 10_000;
/// Characters of a name.
pub const NAME_LENGTH_MAX: usize = 80;
/// How long a namespace is kept without a request when nothing else is said.
pub const TTL_DEFAULT: Duration = Duration::from_secs(60 * 60);
/// Events that the history of a namespace keeps at least, however many there are.
const HISTORY_EVENTS_MIN: usize = 1_000;
/// Accounts of namespaces are above this, and have 12 digits.
const ACCOUNTS_ABOVE: u64 = 900_000_000_000;
/// How many accounts there are for namespaces.
const ACCOUNTS: u64 = 100_000_000_000;

/// What a namespace is to be.
#[derive(Clone, Debug, Default)]
pub struct NamespaceOptions {
    /// Its name; one is made up if absent.
    pub name: Option<String>,
    /// The queues that are there from the start.
    pub queues: Vec<QueueConfig>,
    /// What its ids, its faults and its account are drawn from. If absent that of the server and the name, if it was given one.
    pub seed: Option<u64>,
    /// How long it is kept without a request.
    pub ttl: Option<Duration>,
    /// Whether it gets a port of its own.
    pub port: bool,
}

/// A namespace that is there.
pub struct Namespace {
    /// Its queues, and what a test controls of them.
    pub space: Arc<Space>,
    /// Its own port.
    pub port: Option<u16>,
    /// How long it is kept without a request.
    pub ttl: Duration,
    /// Requests under way.
    requests: AtomicUsize,
    /// When the last request began or ended, in milliseconds of real time.
    last_ms: AtomicU64,
    tasks: Mutex<Vec<AbortHandle>>,
    /// Dropped, it closes the port.
    _listening: Option<oneshot::Sender<()>>,
}

impl Namespace {
    /// How long ago its last request was; nothing while one is under way.
    pub fn idle(&self) -> Duration {
        let now = self.space.time().now_ms();
        match self.requests.load(Ordering::Acquire) {
            0 => Duration::from_millis(now.saturating_sub(self.last_ms.load(Ordering::Acquire))),
            _ => Duration::ZERO,
        }
    }

    fn touch(&self) {
        self.last_ms.store(self.space.time().now_ms(), Ordering::Release);
    }

    /// Counts in a request, until what is answered is dropped.
    pub fn serve(self: &Arc<Self>) -> InUse {
        self.requests.fetch_add(1, Ordering::AcqRel);
        InUse(self.clone())
    }
}

/// A request to a namespace that is under way.
pub struct InUse(Arc<Namespace>);

impl Drop for InUse {
    fn drop(&mut self) {
        self.0.touch();
        self.0.requests.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The space of a request to SQS.
pub struct Chosen {
    /// It.
    pub space: Arc<Space>,
    /// Whether its own port chose it: the account is then the space's, whatever the access key says.
    pub by_port: bool,
    _in_use: Option<InUse>,
}

/// A port of a namespace, for the server that is to serve it.
pub struct OwnPort {
    /// Listens, and does not block.
    pub listener: TcpListener,
    /// Ends with the namespace.
    pub ended: oneshot::Receiver<()>,
}

/// What an account or a port stands for.
#[derive(Clone)]
enum Place {
    There(Arc<Namespace>),
    Ended(Arc<Ended>),
}

/// A namespace that is gone.
struct Ended {
    account: u64,
    port: Option<u16>,
    /// For the log.
    why: String,
    told: AtomicBool,
}

#[derive(Default)]
struct State {
    by_name: BTreeMap<String, Arc<Namespace>>,
    by_account: HashMap<u64, Place>,
    by_port: HashMap<u16, Place>,
    /// The oldest first.
    ended: VecDeque<Arc<Ended>>,
    /// How many there have been.
    created: u64,
}

/// All namespaces.
pub struct Namespaces {
    home: Arc<Space>,
    /// Why requests have to be told apart: there is or was a namespace, or a reset goes on.
    reasons: AtomicUsize,
    state: RwLock<State>,
    /// Held while a namespace is made.
    creating: Mutex<()>,
    ports: OnceLock<mpsc::UnboundedSender<OwnPort>>,
}

/// Has requests told apart until it is dropped.
pub struct Apart<'a>(&'a Namespaces);

impl Drop for Apart<'_> {
    fn drop(&mut self) {
        self.0.reasons.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Namespaces {
    /// None so far, beside the default space.
    pub(super) fn beside(home: &Arc<Space>) -> Arc<Namespaces> {
        Arc::new(Namespaces {
            home: home.clone(),
            reasons: AtomicUsize::new(0),
            state: RwLock::default(),
            creating: Mutex::default(),
            ports: OnceLock::new(),
        })
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether every request is for the default space, and may go there at once.
    pub fn are_unused(&self) -> bool {
        self.reasons.load(Ordering::Relaxed) == 0
    }

    /// Has requests wait for resets until what is answered is dropped.
    pub fn tell_apart(&self) -> Apart<'_> {
        self.reasons.fetch_add(1, Ordering::AcqRel);
        Apart(self)
    }

    /// The space of a client, by the port that it came in at and by the account that its access key names.
    ///
    /// # Errors
    /// `QueueDoesNotExist` if that was the one of a namespace that is gone.
    pub async fn choose(&self, account: Option<&str>, port: u16) -> Result<Chosen, Error> {
        let (place, by_port) = self.place(account, port);
        let chosen = match place {
            None => Chosen { space: self.home.clone(), by_port, _in_use: None },
            Some(Place::There(namespace)) => {
                let in_use = namespace.serve();
                Chosen { space: namespace.space.clone(), by_port, _in_use: Some(in_use) }
            }
            Some(Place::Ended(ended)) => {
                if !ended.told.swap(true, Ordering::Relaxed) {
                    tracing::info!("a client still uses a namespace that is gone: {}", ended.why);
                }
                return Err(Error::no_queue().with_detail(ended.why.clone()));
            }
        };
        drop(chosen.space.resetting().read().await);
        Ok(chosen)
    }

    /// The space of an account or a port for who only looks; the default one if no namespace has them.
    pub fn find(&self, account: Option<&str>, port: u16) -> Arc<Space> {
        match self.place(account, port).0 {
            Some(Place::There(namespace)) => namespace.space.clone(),
            Some(Place::Ended(_)) | None => self.home.clone(),
        }
    }

    /// What stands for a client, and whether its port told it.
    fn place(&self, account: Option<&str>, port: u16) -> (Option<Place>, bool) {
        let state = self.read();
        if let Some(place) = state.by_port.get(&port) {
            return (Some(place.clone()), true);
        }
        let account = account.and_then(|account| account.parse().ok());
        (account.and_then(|account: u64| state.by_account.get(&account).cloned()), false)
    }

    /// The namespace of this name.
    ///
    /// # Errors
    /// 404 with the nearest name.
    pub fn get(&self, name: &str) -> Result<Arc<Namespace>, Refusal> {
        let state = self.read();
        state.by_name.get(name).cloned().ok_or_else(|| {
            let hint = match nearest(name, state.by_name.keys().map(String::as_str)) {
                Some(other) => format!("did you mean `{other}`?"),
                None if state.by_name.is_empty() => "there are none; POST /_kew/ns makes one".to_owned(),
                None => "GET /_kew/ns lists them".to_owned(),
            };
            Refusal::new(404, format!("there is no namespace `{}`", shortened(name)), hint)
        })
    }

    /// All, by name.
    pub fn all(&self) -> Vec<Arc<Namespace>> {
        self.read().by_name.values().cloned().collect()
    }

    /// The ports of namespaces that come from now on, for the server that is to serve them. None if another serves them.
    pub fn ports(&self) -> Option<mpsc::UnboundedReceiver<OwnPort>> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.ports.set(sender).ok().map(|()| receiver)
    }

    /// Makes a namespace, all of it or nothing.
    ///
    /// # Errors
    /// 400 for what cannot be so, 409 if the name is taken or there are too many.
    pub fn create(self: &Arc<Self>, options: NamespaceOptions, by: By) -> Result<Arc<Namespace>, Refusal> {
        let _alone: MutexGuard<'_, ()> = self.creating.lock().unwrap_or_else(PoisonError::into_inner);
        let (name, account, count) = self.identity(&options)?;
        let space = Arc::new(self.space(&options, &name, account, count));
        space.declare(by).map_err(|wrong| {
            Refusal::new(
                400,
                format!("the queue `{}` cannot be created: {}", shortened(&wrong.queue), wrong.reason),
                "",
            )
        })?;
        let (port, listening) =
            if options.port { self.listen().map(|(port, end)| (Some(port), Some(end)))? } else { (None, None) };
        let namespace = Arc::new(Namespace {
            last_ms: AtomicU64::new(space.time().now_ms()),
            space,
            port,
            ttl: options.ttl.unwrap_or(TTL_DEFAULT),
            requests: AtomicUsize::new(0),
            tasks: Mutex::default(),
            _listening: listening,
        });
        self.start_tasks(&namespace)?;
        let mut state = self.write();
        // Once there was one, clients of those that ended are still to be told.
        if state.created == 0 {
            self.reasons.fetch_add(1, Ordering::AcqRel);
        }
        state.created += 1;
        state.by_account.insert(account, Place::There(namespace.clone()));
        if let Some(port) = port {
            state.by_port.insert(port, Place::There(namespace.clone()));
        }
        state.by_name.insert(name, namespace.clone());
        Ok(namespace)
    }

    /// The name and the account of a new namespace, and how many there are.
    fn identity(&self, options: &NamespaceOptions) -> Result<(String, u64, usize), Refusal> {
        let state = self.read();
        let count = state.by_name.len();
        if count >= NAMESPACES_MAX {
            let hint = "delete those that are done with, or give them a shorter ttl";
            return Err(Refusal::new(409, format!("there are {NAMESPACES_MAX} namespaces already"), hint));
        }
        let number = state.created + 1;
        let name = match &options.name {
            Some(name) => name.clone(),
            None => (number..)
                .map(|number| format!("ns-{number}"))
                .find(|name| !state.by_name.contains_key(name))
                .unwrap_or_default(),
        };
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if !(1..=NAME_LENGTH_MAX).contains(&name.len()) || !name.chars().all(fits) {
            let hint = format!("a name is 1 to {NAME_LENGTH_MAX} letters, digits, hyphens, underscores and dots");
            return Err(Refusal::new(400, format!("`{}` is no name of a namespace", shortened(&name)), hint));
        }
        if state.by_name.contains_key(&name) {
            let hint = format!("DELETE /_kew/ns/{name} ends it; POST /_kew/ns/{name}/reset empties it");
            return Err(Refusal::new(409, format!("there is a namespace `{name}` already"), hint));
        }
        let seed = self.seed_of(options, &name);
        let first = seed.map_or(number, |seed| draw(seed, &name) % ACCOUNTS);
        let home = self.home.account.parse().ok();
        let is_free = |account: &u64| match state.by_account.get(account) {
            _ if Some(*account) == home => false,
            None => true,
            Some(Place::There(_)) => false,
            // One that comes from a seed is the same each time.
            Some(Place::Ended(_)) => seed.is_some(),
        };
        let account = (0..ACCOUNTS).map(|step| ACCOUNTS_ABOVE + (first + step) % ACCOUNTS).find(is_free);
        Ok((name, account.unwrap_or(ACCOUNTS_ABOVE), count))
    }

    /// What a namespace draws from: its own seed, or one that comes from the server's.
    fn seed_of(&self, options: &NamespaceOptions, name: &str) -> Option<u64> {
        options.seed.or_else(|| self.home.options().seed.map(|seed| draw(seed, name)))
    }

    fn space(&self, options: &NamespaceOptions, name: &str, account: u64, count: usize) -> Space {
        let home = self.home.options();
        // The first gets as much of a history as the server has, the second half of it, and so on.
        let history_events = match home.history_events {
            0 => 0,
            events => (events / (count + 1)).max(HISTORY_EVENTS_MIN.min(events)),
        };
        let options = SpaceOptions {
            name: name.to_owned(),
            account: account.to_string(),
            seed: self.seed_of(options, name),
            broker: home.broker.clone(),
            history_events,
            region: home.region.clone(),
            metrics_period: home.metrics_period,
            queues: with_dead_letter_queues(&options.queues),
        };
        let (broker, history) = Space::broker_of(&options, Clock::controlled());
        Space::new(&options, broker, history, self.home.shared())
    }

    /// Opens a port on this machine, and hands it to the server.
    fn listen(&self) -> Result<(u16, oneshot::Sender<()>), Refusal> {
        let failed = |what: &dyn std::fmt::Display| Refusal::new(409, format!("no port could be had: {what}"), "");
        let ports = self.ports.get().ok_or_else(|| failed(&"this server listens nowhere"))?;
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).map_err(|error| failed(&error))?;
        listener.set_nonblocking(true).map_err(|error| failed(&error))?;
        let port = listener.local_addr().map_err(|error| failed(&error))?.port();
        let (end, ended) = oneshot::channel();
        ports.send(OwnPort { listener, ended }).map_err(|_| failed(&"the server stops"))?;
        Ok((port, end))
    }

    /// What goes on beside requests: its timers, and its end after too long a silence.
    fn start_tasks(self: &Arc<Self>, namespace: &Arc<Namespace>) -> Result<(), Refusal> {
        let space = &namespace.space;
        let background = &space.shared().background;
        let broker = space.broker().clone();
        let timers = background.spawn(async move { broker.run_timers().await });
        let silence = background.spawn(end_after_silence(Arc::downgrade(self), Arc::downgrade(namespace)));
        let no_thread = |error| Refusal::new(409, format!("no thread could be had: {error}"), "");
        let tasks = vec![timers.map_err(no_thread)?, silence.map_err(no_thread)?];
        *namespace.tasks.lock().unwrap_or_else(PoisonError::into_inner) = tasks;
        Ok(())
    }

    /// Ends a namespace: parked receives and awaits end, and its clients are told from then on that their queues are gone.
    ///
    /// # Errors
    /// 404.
    pub fn end(&self, name: &str, how: &str) -> Result<Arc<Namespace>, Refusal> {
        let namespace = self.get(name)?;
        self.end_this(&namespace, how);
        Ok(namespace)
    }

    fn end_this(&self, namespace: &Arc<Namespace>, how: &str) {
        let space = &namespace.space;
        let mut state = self.write();
        // Another may have taken the name meanwhile.
        let is_there = state.by_name.get(&space.name).is_some_and(|there| Arc::ptr_eq(there, namespace));
        if !is_there {
            return;
        }
        state.by_name.remove(&space.name);
        let account = space.account.parse().unwrap_or_default();
        let why = format!("the namespace `{}` with the account {} {how}", space.name, space.account);
        let ended = Arc::new(Ended { account, port: namespace.port, why, told: AtomicBool::new(false) });
        state.by_account.insert(account, Place::Ended(ended.clone()));
        if let Some(port) = namespace.port {
            state.by_port.insert(port, Place::Ended(ended.clone()));
        }
        state.ended.push_back(ended);
        if state.ended.len() > ENDED_MAX
            && let Some(oldest) = state.ended.pop_front()
        {
            state.forget(&oldest);
        }
        drop(state);
        space.broker().close();
        // Last, for this may be one of them.
        for task in namespace.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
    }
}

impl State {
    /// Forgets a namespace that ended, unless another has its account or port by now.
    fn forget(&mut self, ended: &Arc<Ended>) {
        let is_it = |place: &Place| matches!(place, Place::Ended(other) if Arc::ptr_eq(other, ended));
        if self.by_account.get(&ended.account).is_some_and(is_it) {
            self.by_account.remove(&ended.account);
        }
        if let Some(port) = ended.port.filter(|port| self.by_port.get(port).is_some_and(is_it)) {
            self.by_port.remove(&port);
        }
    }
}

/// A number that a seed gives for a name, the same on every machine.
fn draw(seed: u64, name: &str) -> u64 {
    let digest = Sha256::new().chain_update(seed.to_be_bytes()).chain_update(name).finalize();
    digest.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

/// Ends a namespace once it has had no request for as long as it is kept.
async fn end_after_silence(namespaces: Weak<Namespaces>, namespace: Weak<Namespace>) {
    loop {
        let Some(here) = namespace.upgrade() else { return };
        let (left, time) = (here.ttl.saturating_sub(here.idle()), here.space.time().clone());
        if left.is_zero() {
            let Some(namespaces) = namespaces.upgrade() else { return };
            let ttl = super::duration::Span(here.ttl);
            return namespaces.end_this(&here, &format!("ended after {ttl} without a request"));
        }
        drop(here);
        time.pause(left).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_each_name_a_number_of_its_own_on_every_machine() {
        assert_eq!(draw(42, "a"), draw(42, "a"));
        assert!(draw(42, "a") != draw(42, "b") && draw(42, "a") != draw(43, "a"));
    }
}
