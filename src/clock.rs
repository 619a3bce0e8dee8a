//! The one file that reads or waits for time.
//!
//! The system clock follows the machine's wall clock but never goes back: where the wall clock is set back, it goes on at the
//! pace of the monotonic clock. A jump of the wall clock of more than minutes, either way, is told in the log. The manual clock
//! stands still until it is turned, and turning it wakes the tasks that sleep by it. The controlled clock is the system's until a test
//! freezes it or turns it forward. The cluster's clock follows that of a database ([`Follower`]), so that all nodes agree on
//! deadlines.

mod follower;

pub use follower::{DatabaseJump, Follower, SLEW_PPM, STEP_US_MAX, Sample};

use crate::engine::Time;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// Where a server takes the time from. Clones share one clock.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Source>);

#[derive(Debug)]
enum Source {
    System(SystemClock),
    Manual(watch::Sender<Time>),
    Controlled(Controlled),
    Cluster(ClusterClock),
}

/// The machine's time.
#[derive(Debug)]
struct SystemClock {
    started: Instant,
    steady: Steady,
}

/// A database's time; the machine's as long as nothing is known of that.
#[derive(Debug)]
struct ClusterClock {
    system: SystemClock,
    follower: Mutex<Option<Follower>>,
}

/// What a controlled clock takes for the machine's time.
#[derive(Debug)]
enum Machine {
    System(SystemClock),
    /// That of a test.
    Test(Clock),
}

/// The machine's time, unless a test has frozen it or turned it forward.
#[derive(Debug)]
struct Controlled {
    system: Machine,
    /// Whether it shows another time than the machine's, or might: all that an untouched clock has to look at.
    touched: AtomicBool,
    state: Mutex<ControlledState>,
    /// Counts the changes of the state.
    changed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct ControlledState {
    mode: ClockMode,
    /// By how much it is ahead of the machine's time; one that stood for a while is behind it.
    offset_ms: i64,
    /// The time at which it stands.
    stands_at: Option<Time>,
    /// Whether long polls go by it, and not by real time.
    virtual_long_polls: bool,
}

/// How a controlled clock goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClockMode {
    /// It shows the machine's time.
    #[default]
    Real,
    /// It goes at the pace of the machine's time, ahead of it by what it was turned.
    Running,
    /// It stands, and moves only when it is turned.
    Frozen,
    /// It goes like a running one, and jumps to the next end of a delay or a visibility timeout when all is quiet.
    Auto,
}

/// Where a manual clock starts when nothing else is said: 2026-01-01T00:00:00Z.
const MANUAL_START: Time = Time(1_767_225_600_000);

/// Wall time and monotonic time apart by this much more or less than before is told in the log.
const JUMP_MS: i64 = 5 * 60_000;

/// The wall clock is corrected all the time; how far it is from the monotonic one is noted anew when it has changed by this much.
const DRIFT_MS: i64 = 1_000;

/// Wall time that never goes back.
#[derive(Debug)]
struct Steady {
    /// Wall time minus monotonic time, in milliseconds; only ever grows.
    offset_ms: AtomicI64,
    /// The same as it was seen of late; it may shrink.
    seen_ms: AtomicI64,
}

/// The wall clock went from one time to another while no time passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Jump {
    from: Time,
    to: Time,
}

impl Steady {
    fn new(offset_ms: i64) -> Steady {
        Steady { offset_ms: AtomicI64::new(offset_ms), seen_ms: AtomicI64::new(offset_ms) }
    }

    /// The time, and whether the wall clock has jumped since the last reading.
    fn read(&self, wall_ms: i64, monotonic_ms: i64) -> (Time, Option<Jump>) {
        let offset = self.offset_ms.load(Ordering::Relaxed);
        // After a suspend, or when the wall clock is set forward, the offset grows; it never shrinks.
        let newest = wall_ms.saturating_sub(monotonic_ms);
        if newest > offset {
            self.offset_ms.fetch_max(newest, Ordering::Relaxed);
        }
        let seen = self.seen_ms.load(Ordering::Relaxed);
        let drift = newest.saturating_sub(seen).saturating_abs();
        // Of several threads one notes it.
        let noted = drift >= DRIFT_MS
            && self.seen_ms.compare_exchange(seen, newest, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        let jump = (noted && drift >= JUMP_MS)
            .then(|| Jump { from: time(monotonic_ms.saturating_add(seen)), to: time(wall_ms) });
        (time(monotonic_ms.saturating_add(offset.max(newest))), jump)
    }
}

impl Jump {
    #[cold]
    fn tell(self) {
        let Jump { from, to } = self;
        if to > from {
            tracing::warn!(
                "the wall clock went forward from {from} to {to}: it was set, or the machine slept; timeouts, delays and \
                 retention periods count that as time that passed"
            );
        } else {
            tracing::warn!(
                "the wall clock went back from {from} to {to}: kew goes on from the later time until it is started again"
            );
        }
    }
}

fn time(ms: i64) -> Time {
    Time(u64::try_from(ms).unwrap_or_default())
}

fn wall_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

impl SystemClock {
    fn new() -> SystemClock {
        SystemClock { started: Instant::now(), steady: Steady::new(wall_ms()) }
    }

    fn monotonic_us(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX)
    }

    fn now(&self) -> Time {
        let monotonic_ms = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        let (now, jump) = self.steady.read(wall_ms(), monotonic_ms);
        if let Some(jump) = jump {
            jump.tell();
        }
        now
    }
}

impl ClusterClock {
    fn lock(&self) -> MutexGuard<'_, Option<Follower>> {
        self.follower.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Time {
        match &*self.lock() {
            // Read while it is held: what was shown before it was corrected stays before.
            Some(follower) => time(follower.now_us(self.system.monotonic_us()) / 1_000),
            None => self.system.now(),
        }
    }

    fn follow(&self, sample: Sample, ahead_us: i64) {
        let mut follower = self.lock();
        let jump = match &mut *follower {
            Some(follower) => follower.observe(sample),
            None => {
                *follower = Some(Follower::new(sample, ahead_us));
                None
            }
        };
        drop(follower);
        if let Some(DatabaseJump { by_us }) = jump {
            tracing::warn!(
                "the database's clock jumped by {} ms: kew goes on from the time it shows, and follows by half a millisecond a second",
                by_us / 1_000
            );
        }
    }
}

impl Machine {
    fn now(&self) -> Time {
        match self {
            Machine::System(system) => system.now(),
            Machine::Test(clock) => clock.now(),
        }
    }
}

impl Controlled {
    fn lock(&self) -> MutexGuard<'_, ControlledState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Time {
        if !self.touched.load(Ordering::Acquire) {
            return self.system.now();
        }
        self.time_of(&self.lock())
    }

    fn time_of(&self, state: &ControlledState) -> Time {
        let running = || Time(self.system.now().0.saturating_add_signed(state.offset_ms));
        state.stands_at.unwrap_or_else(running)
    }

    /// Changes the state, and wakes those who sleep by it. The time goes on from where it was, or later.
    fn change(&self, change: impl FnOnce(&mut ControlledState, Time)) {
        let mut state = self.lock();
        self.touched.store(true, Ordering::Release);
        let now = self.time_of(&state);
        change(&mut state, now);
        drop(state);
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Lets it stand at a time, or go on from it.
    fn show(&self, state: &mut ControlledState, time: Time) {
        match state.stands_at {
            Some(_) => state.stands_at = Some(time),
            None => state.offset_ms = self.ahead_ms(time),
        }
    }

    /// By how much a time is ahead of the machine's.
    fn ahead_ms(&self, time: Time) -> i64 {
        i128::from(time.0).saturating_sub(self.system.now().0.into()).try_into().unwrap_or(i64::MAX)
    }

    /// Turns it forward to a time; one that showed the machine's time goes on ahead of it.
    fn turn(&self, state: &mut ControlledState, to: Time) {
        if state.mode == ClockMode::Real {
            state.mode = ClockMode::Running;
        }
        self.show(state, to);
    }

    async fn sleep_until(&self, until: Time) {
        loop {
            let mut changed = self.changed.subscribe();
            let (now, stands) = {
                let state = self.lock();
                (self.time_of(&state), state.stands_at.is_some())
            };
            let left_ms = until.ms_since(now);
            if left_ms == 0 {
                return;
            }
            let change = async {
                // An error would mean that the sender is gone, and it lives in `self`.
                let _ = changed.changed().await;
            };
            if stands {
                change.await;
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(left_ms)) => {}
                () = change => {}
            }
        }
    }
}

impl Clock {
    /// The machine's time.
    pub fn system() -> Clock {
        Clock(Arc::new(Source::System(SystemClock::new())))
    }

    /// The machine's time until a test freezes it or turns it forward. Long polls last as long as they do in real time.
    pub fn controlled() -> Clock {
        Clock::controlled_over(Machine::System(SystemClock::new()))
    }

    /// The same with another clock in place of the machine's: a test turns that to let real time pass.
    #[doc(hidden)]
    pub fn controlled_by(machine: Clock) -> Clock {
        Clock::controlled_over(Machine::Test(machine))
    }

    fn controlled_over(system: Machine) -> Clock {
        Clock(Arc::new(Source::Controlled(Controlled {
            system,
            touched: AtomicBool::new(false),
            state: Mutex::default(),
            changed: watch::Sender::new(0),
        })))
    }

    /// A clock that follows that of a database, once it is told of it by [`Clock::follow`]; the machine's time until then.
    #[doc(hidden)]
    pub fn cluster() -> Clock {
        let (system, follower) = (SystemClock::new(), Mutex::default());
        Clock(Arc::new(Source::Cluster(ClusterClock { system, follower })))
    }

    /// Microseconds by which the round trips of [`Clock::follow`] are timed; 0 on a clock that follows none.
    #[doc(hidden)]
    pub fn monotonic_us(&self) -> i64 {
        match &*self.0 {
            Source::Cluster(cluster) => cluster.system.monotonic_us(),
            _ => 0,
        }
    }

    /// Follows a database's clock by what a round trip told of it. With the first one, which should be the quickest of a few, the
    /// clock begins to show the database's time, or as much ahead of it as the nodes that are there already.
    #[doc(hidden)]
    pub fn follow(&self, sample: Sample, ahead_us: i64) {
        if let Source::Cluster(cluster) = &*self.0 {
            cluster.follow(sample, ahead_us);
        }
    }

    /// By how much it is ahead of the database's clock that it follows, in microseconds: for the nodes that join.
    #[doc(hidden)]
    pub fn ahead_us(&self) -> i64 {
        self.follows().map_or(0, |(ahead_us, _)| ahead_us)
    }

    /// The same, and what the database's clock that it follows shows as far as is known, in microseconds since the Unix epoch. `None`
    /// if it follows none.
    #[doc(hidden)]
    pub fn follows(&self) -> Option<(i64, i64)> {
        let Source::Cluster(cluster) = &*self.0 else { return None };
        let now_us = cluster.system.monotonic_us();
        cluster.lock().as_ref().map(|follower| (follower.ahead_us(now_us), follower.database_us(now_us)))
    }

    /// A clock that stands at 2026-01-01T00:00:00Z until [`Clock::advance`] turns it.
    ///
    /// For a server that goes by it an empty long poll lasts until somebody turns the clock. A server that is started again on the
    /// same data needs a clone of the same clock, for a new one begins again at that moment.
    pub fn manual() -> Clock {
        Clock(Arc::new(Source::Manual(watch::Sender::new(MANUAL_START))))
    }

    /// The time now, in milliseconds since the Unix epoch.
    #[doc(hidden)]
    pub fn now(&self) -> Time {
        match &*self.0 {
            Source::System(system) => system.now(),
            Source::Manual(time) => *time.borrow(),
            Source::Controlled(controlled) => controlled.now(),
            Source::Cluster(cluster) => cluster.now(),
        }
    }

    /// The machine's time, whatever the clock shows.
    #[doc(hidden)]
    pub fn real_now(&self) -> Time {
        match &*self.0 {
            Source::System(system) => system.now(),
            Source::Controlled(Controlled { system, .. }) => system.now(),
            Source::Cluster(cluster) => cluster.now(),
            Source::Manual(_) => time(wall_ms()),
        }
    }

    /// Turns a manual or a controlled clock forward. Returns `false`, and does nothing, on the system clock.
    ///
    /// A controlled clock that showed the machine's time goes on ahead of it; one that stands still stands.
    pub fn advance(&self, by: Duration) -> bool {
        let by_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        match &*self.0 {
            Source::System(_) | Source::Cluster(_) => return false,
            Source::Manual(time) => time.send_modify(|now| now.0 = now.0.saturating_add(by_ms)),
            Source::Controlled(controlled) => {
                controlled.change(|state, now| controlled.turn(state, now.plus_ms(by_ms)));
            }
        }
        true
    }

    /// Turns a manual or a controlled clock forward to a time, unless it shows a later one. Returns `false`, and does nothing, on the
    /// system clock.
    #[doc(hidden)]
    pub fn advance_to(&self, to: Time) -> bool {
        match &*self.0 {
            Source::System(_) | Source::Cluster(_) => return false,
            Source::Manual(time) => time.send_modify(|now| *now = (*now).max(to)),
            Source::Controlled(controlled) => controlled.change(|state, now| {
                if to > now {
                    controlled.turn(state, to);
                }
            }),
        }
        true
    }

    /// Whether it may show another time than the machine's.
    #[doc(hidden)]
    #[inline]
    pub fn is_turned(&self) -> bool {
        match &*self.0 {
            Source::System(_) | Source::Cluster(_) => false,
            Source::Manual(_) => true,
            Source::Controlled(controlled) => controlled.touched.load(Ordering::Acquire),
        }
    }

    /// Turns a controlled clock forward to the time that `decide` gives, and answers from when to when. Nobody reads the clock
    /// meanwhile: what was decided from holds until it is turned. It must not be read by `decide` either.
    #[doc(hidden)]
    pub fn advance_if(&self, decide: impl FnOnce(Time) -> Option<Time>) -> Option<(Time, Time)> {
        let Source::Controlled(controlled) = &*self.0 else { return None };
        let mut turned = None;
        controlled.change(|state, now| {
            turned = decide(now).filter(|to| *to > now).map(|to| (now, to));
            if let Some((_, to)) = turned {
                controlled.turn(state, to);
            }
        });
        turned
    }

    /// By how many milliseconds it is ahead of the machine's time, or behind it.
    #[doc(hidden)]
    pub fn offset_ms(&self) -> i64 {
        match &*self.0 {
            Source::Controlled(controlled) => {
                let state = controlled.lock();
                state.stands_at.map_or(state.offset_ms, |at| controlled.ahead_ms(at))
            }
            Source::System(_) | Source::Manual(_) | Source::Cluster(_) => 0,
        }
    }

    /// Whether it is a controlled clock: the only one that has modes.
    #[doc(hidden)]
    pub fn is_controlled(&self) -> bool {
        matches!(&*self.0, Source::Controlled(_))
    }

    /// How a controlled clock goes; none of another clock.
    #[doc(hidden)]
    pub fn mode(&self) -> Option<ClockMode> {
        match &*self.0 {
            Source::Controlled(controlled) => Some(controlled.lock().mode),
            _ => None,
        }
    }

    /// Changes how a controlled clock goes. It goes on from the time that it shows, so `Real` is not to be had back by this once
    /// it is ahead: it is then as `Running`. One that is behind goes forward to the machine's time. Returns `false`, and does
    /// nothing, on another clock.
    #[doc(hidden)]
    pub fn set_mode(&self, mode: ClockMode) -> bool {
        let Source::Controlled(controlled) = &*self.0 else { return false };
        controlled.change(|state, now| {
            let stood = state.stands_at.take();
            match (mode, stood) {
                (ClockMode::Frozen, _) => state.stands_at = Some(now),
                (_, Some(_)) => controlled.show(state, now),
                // It goes on as it went.
                (_, None) => {}
            }
            state.mode = mode;
            if mode == ClockMode::Real {
                state.offset_ms = state.offset_ms.max(0);
                if state.offset_ms > 0 {
                    state.mode = ClockMode::Running;
                }
            }
        });
        true
    }

    /// Lets a controlled clock show the machine's time again. Whatever went by it must have been thrown away: its time goes back.
    #[doc(hidden)]
    pub fn reset(&self) {
        if let Source::Controlled(controlled) = &*self.0 {
            controlled.change(|state, _| *state = ControlledState::default());
            controlled.touched.store(false, Ordering::Release);
        }
    }

    /// Whether long polls go by a controlled clock, and not by real time.
    #[doc(hidden)]
    pub fn has_virtual_long_polls(&self) -> bool {
        match &*self.0 {
            Source::System(_) | Source::Cluster(_) => false,
            Source::Manual(_) => true,
            Source::Controlled(controlled) => controlled.lock().virtual_long_polls,
        }
    }

    /// Has long polls go by a controlled clock, or by real time.
    #[doc(hidden)]
    pub fn set_virtual_long_polls(&self, on: bool) {
        if let Source::Controlled(controlled) = &*self.0 {
            controlled.change(|state, _| state.virtual_long_polls = on);
        }
    }

    /// Waits for the end of a long poll that began at a time and lasts so many seconds. On a controlled clock they are real ones: a
    /// frozen clock must not hang a client, and a jump delivers to a long poll rather than ending it.
    #[doc(hidden)]
    pub async fn long_poll(&self, since: Time, seconds: u32) {
        if let Source::Controlled(controlled) = &*self.0 {
            let goes_by_it = controlled.touched.load(Ordering::Acquire) && controlled.lock().virtual_long_polls;
            if !goes_by_it {
                return tokio::time::sleep(Duration::from_secs(seconds.into())).await;
            }
        }
        self.sleep_until(since.plus_seconds(seconds.into())).await;
    }

    /// Waits until the clock shows `until`.
    #[doc(hidden)]
    pub async fn sleep_until(&self, until: Time) {
        match &*self.0 {
            // The clock may have been set in the meantime, hence the loop.
            Source::System(_) | Source::Cluster(_) => loop {
                let left_ms = until.0.saturating_sub(self.now().0);
                if left_ms == 0 {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(left_ms)).await;
            },
            Source::Manual(time) => {
                // An error would mean that the sender is gone, and it lives in `self`.
                let _ = time.subscribe().wait_for(|now| *now >= until).await;
            }
            Source::Controlled(controlled) => controlled.sleep_until(until).await,
        }
    }
}

/// The time by which clients on the network are granted time. Real time passes for them however a manual [`Clock`] stands, which is
/// that of the queues. Clones share one time.
#[derive(Clone, Debug)]
pub struct NetworkTime(Option<Clock>);

/// Real time on the network is told since then.
static BEGAN: OnceLock<Instant> = OnceLock::new();

impl NetworkTime {
    /// Real time.
    pub fn real() -> NetworkTime {
        NetworkTime(None)
    }

    /// A time that stands until [`NetworkTime::advance`] turns it: for tests of time limits.
    pub fn manual() -> NetworkTime {
        NetworkTime(Some(Clock::manual()))
    }

    /// Waits.
    pub async fn pause(&self, time: Duration) {
        match &self.0 {
            None => tokio::time::sleep(time).await,
            Some(clock) => {
                let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
                clock.sleep_until(clock.now().plus_ms(ms)).await;
            }
        }
    }

    /// Milliseconds since some moment in the past; never goes back.
    pub fn now_ms(&self) -> u64 {
        match &self.0 {
            None => u64::try_from(BEGAN.get_or_init(Instant::now).elapsed().as_millis()).unwrap_or(u64::MAX),
            Some(clock) => clock.now().as_ms(),
        }
    }

    /// Microseconds since some moment in the past.
    pub fn now_us(&self) -> u64 {
        match &self.0 {
            None => u64::try_from(BEGAN.get_or_init(Instant::now).elapsed().as_micros()).unwrap_or(u64::MAX),
            Some(clock) => clock.now().as_ms().saturating_mul(1000),
        }
    }

    /// Turns a manual time forward. Returns `false`, and does nothing, on real time.
    pub fn advance(&self, by: Duration) -> bool {
        self.0.as_ref().is_some_and(|clock| clock.advance(by))
    }
}

#[cfg(test)]
mod tests;
