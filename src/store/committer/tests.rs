//! Group commit and poisoning, against a store that does what the test tells it to.

use std::sync::mpsc::{self, Receiver, Sender};

use super::*;
use crate::engine::Effect;
use crate::store::StoredItem;

/// What a commit is told to do.
enum Answer {
    Succeed,
    Fail,
    Panic,
}

/// Tells which batches arrive, and answers each as it is told.
struct ScriptedStore {
    batches: Sender<Vec<u64>>,
    answers: Receiver<Answer>,
    upkeep_fails: bool,
    /// Whether another program holds the write lock; each attempt to begin asks.
    busy: Option<Receiver<bool>>,
}

impl Store for ScriptedStore {
    fn load(&mut self, _: Time, _: &mut dyn FnMut(StoredItem)) -> Result<(), StoreError> {
        Ok(())
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        let busy = self.busy.as_ref().is_some_and(|busy| busy.recv().unwrap_or(true));
        if busy { Err(StoreError::Busy { path: "here".into() }) } else { Ok(()) }
    }

    fn commit(&mut self, now: Time, batch: Vec<Change>) -> Result<(), StoreError> {
        assert_eq!(now, Time(77));
        let numbers = batch.iter().map(|change| match change {
            Change::Effect { effect: Effect::Removed { number, .. }, .. } => *number,
            _ => 0,
        });
        self.batches.send(numbers.collect()).unwrap();
        match self.answers.recv() {
            Ok(Answer::Succeed) | Err(_) => Ok(()),
            Ok(Answer::Fail) => Err(StoreError::DiskFull { path: "here".into() }),
            Ok(Answer::Panic) => panic!("on purpose"),
        }
    }

    fn upkeep(&mut self, _: Time) -> Result<bool, StoreError> {
        if self.upkeep_fails { Err(StoreError::DiskFull { path: "upkeep".into() }) } else { Ok(false) }
    }
}

struct CommitterFixture {
    committer: Committer,
    batches: Receiver<Vec<u64>>,
    answers: Sender<Answer>,
    runtime: tokio::runtime::Runtime,
}

impl CommitterFixture {
    fn new() -> CommitterFixture {
        let (to_batches, batches) = mpsc::channel();
        let (answers, from_answers) = mpsc::channel();
        let store = ScriptedStore { batches: to_batches, answers: from_answers, upkeep_fails: false, busy: None };
        let committer = Committer::start(Box::new(store), Box::new(|| Time(77))).unwrap();
        CommitterFixture {
            committer,
            batches,
            answers,
            runtime: tokio::runtime::Builder::new_current_thread().build().unwrap(),
        }
    }

    fn submit(&self, number: u64) -> CommitTicket {
        self.committer.submit(vec![change(number)])
    }

    fn durable(&self, ticket: &CommitTicket) -> Result<(), Poisoned> {
        self.runtime.block_on(ticket.durable()).map_err(|error| match error {
            NotDurable::Failed(poisoned) => poisoned,
            NotDurable::Stalled => panic!("the store is not stalled"),
        })
    }
}

fn change(number: u64) -> Change {
    Change::Effect { queue: 1, effect: Effect::Removed { slot: 0, number } }
}

#[test]
fn what_arrives_during_a_commit_is_the_next_batch() {
    let fixture = CommitterFixture::new();
    let first = fixture.submit(1);
    assert_eq!(fixture.batches.recv(), Ok(vec![1]));
    let later: Vec<CommitTicket> = (2..5).map(|number| fixture.submit(number)).collect();
    let all = fixture.committer.submit(Vec::new());
    assert!(!first.is_finished());
    fixture.answers.send(Answer::Succeed).unwrap();
    assert_eq!(fixture.durable(&first), Ok(()));
    assert_eq!(fixture.batches.recv(), Ok(vec![2, 3, 4]));
    assert!(!later[0].is_finished() && !all.is_finished());
    fixture.answers.send(Answer::Succeed).unwrap();
    for ticket in later.iter().chain([&all]) {
        assert_eq!(fixture.durable(ticket), Ok(()));
    }
    assert!(fixture.committer.submit(Vec::new()).is_finished(), "nothing is under way");
    assert_eq!(fixture.committer.pending_bytes(), 0);
}

#[test]
fn nothing_is_acknowledged_after_a_failed_commit() {
    for (answer, is_full) in [(Answer::Fail, true), (Answer::Panic, false)] {
        let fixture = CommitterFixture::new();
        let good = fixture.submit(1);
        fixture.answers.send(Answer::Succeed).unwrap();
        assert_eq!(fixture.durable(&good), Ok(()));
        fixture.batches.recv().unwrap();

        let failing = fixture.submit(2);
        fixture.batches.recv().unwrap();
        let behind = fixture.submit(3);
        assert_eq!(fixture.committer.failure(), None);
        let told = fixture.committer.poisoned();
        fixture.answers.send(answer).unwrap();
        let poisoned = fixture.durable(&failing).unwrap_err();
        assert_eq!(matches!(*poisoned.reason, StoreError::DiskFull { .. }), is_full);
        assert_eq!(fixture.durable(&behind), Err(poisoned.clone()));
        assert_eq!(fixture.durable(&fixture.submit(4)), Err(poisoned.clone()));
        assert_eq!(fixture.durable(&fixture.committer.submit(Vec::new())), Err(poisoned.clone()));
        assert_eq!(fixture.runtime.block_on(told), poisoned);
        assert_eq!(fixture.durable(&good), Ok(()), "what was acknowledged stays so");
        assert_eq!(fixture.runtime.block_on(fixture.committer.room(0)), Ok(()), "and nobody waits for it");
        assert_eq!(fixture.committer.close(), Err(poisoned));
        assert!(fixture.batches.recv().is_err(), "the store was not touched again");
    }
}

/// A store that notices by itself that it has failed.
struct Failing {
    has_failed: Arc<std::sync::atomic::AtomicBool>,
    wake: Sender<crate::store::Wake>,
}

impl Store for Failing {
    fn load(&mut self, _: Time, _: &mut dyn FnMut(StoredItem)) -> Result<(), StoreError> {
        Ok(())
    }

    fn commit(&mut self, _: Time, _: Vec<Change>) -> Result<(), StoreError> {
        Ok(())
    }

    fn upkeep(&mut self, _: Time) -> Result<bool, StoreError> {
        match self.has_failed.load(Ordering::Acquire) {
            true => Err(StoreError::Fenced { by: "another".into() }),
            false => Ok(false),
        }
    }

    fn wakes(&mut self, wake: crate::store::Wake) {
        self.wake.send(wake).unwrap();
    }
}

#[test]
fn a_store_that_notices_by_itself_that_it_has_failed_is_heard_while_nothing_is_committed() {
    let (to, wakes) = mpsc::channel();
    let has_failed = Arc::<std::sync::atomic::AtomicBool>::default();
    let store = Failing { has_failed: Arc::clone(&has_failed), wake: to };
    let committer = Committer::start(Box::new(store), Box::new(|| Time(77))).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let wake = wakes.recv().unwrap();
    // For no reason: nothing happens, and what is submitted afterwards is committed.
    wake();
    let ticket = committer.submit(vec![Change::QueueDeleted { uid: 7, at: Time(77) }]);
    assert_eq!(runtime.block_on(ticket.durable()), Ok(()));
    has_failed.store(true, Ordering::Release);
    wake();
    let poisoned = runtime.block_on(committer.poisoned());
    assert_eq!(*poisoned.reason, StoreError::Fenced { by: "another".into() });
    drop(committer);
    // Nobody is there any more.
    wake();
}

#[test]
fn failed_upkeep_poisons_too() {
    let (batches, _batches) = mpsc::channel();
    let (_, answers) = mpsc::channel();
    let store = ScriptedStore { batches, answers, upkeep_fails: true, busy: None };
    let committer = Committer::start(Box::new(store), Box::new(|| Time(77))).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let poisoned = runtime.block_on(committer.poisoned());
    assert_eq!(poisoned.reason, Arc::new(StoreError::DiskFull { path: "upkeep".into() }));
    assert_eq!(runtime.block_on(committer.submit(vec![change(1)]).durable()), Err(NotDurable::Failed(poisoned)));
}

#[test]
fn closing_commits_what_is_there() {
    let fixture = CommitterFixture::new();
    let tickets: Vec<CommitTicket> = (1..4).map(|number| fixture.submit(number)).collect();
    // Without answers every commit succeeds.
    drop(fixture.answers);
    assert_eq!(fixture.committer.close(), Ok(()));
    assert!(tickets.iter().all(CommitTicket::is_finished));
    assert_eq!(fixture.batches.iter().flatten().collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn too_much_that_waits_holds_new_requests_back() {
    let fixture = CommitterFixture::new();
    fixture.submit(0);
    fixture.batches.recv().unwrap();
    let one = change(1).weight();
    let mut submitted = one;
    while submitted < PENDING_BYTES_MAX {
        let changes: Vec<Change> = (0..10_000).map(change).collect();
        submitted += one * changes.len();
        fixture.committer.submit(changes);
    }
    let shared = Arc::clone(&fixture.committer.shared);
    let batches = shared.lock().waiting.iter().map(|batch| batch.bytes).collect::<Vec<_>>();
    assert!(batches.iter().all(|&bytes| bytes < BATCH_BYTES_MAX + one * 10_000), "transactions stay bounded");
    assert!(!fixture.committer.has_room());
    let ready = fixture.committer.room(PENDING_BYTES_MAX);
    let mut ready = std::pin::pin!(ready);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(ready.as_mut().poll(&mut context).is_pending());
    drop(fixture.answers);
    assert_eq!(fixture.runtime.block_on(ready), Ok(()));
    assert!(fixture.committer.pending_bytes() < PENDING_BYTES_MAX && fixture.committer.has_room());
}

#[test]
fn many_wait_for_one_batch() {
    let fixture = CommitterFixture::new();
    let ticket = fixture.submit(1);
    let waiters = (0..100).map(|_| {
        let ticket = ticket.clone();
        fixture.runtime.spawn(async move { ticket.durable().await })
    });
    let waiters: Vec<_> = waiters.collect();
    fixture.answers.send(Answer::Succeed).unwrap();
    for waiter in waiters {
        assert_eq!(fixture.runtime.block_on(waiter).unwrap(), Ok(()));
    }
}

/// A log that panics at errors of this file, as one whose output has gone may.
struct BrittleLog;

impl tracing::Subscriber for BrittleLog {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::ERROR
    }
    fn event(&self, _: &tracing::Event<'_>) {
        panic!("nobody reads this log");
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn a_log_that_panics_leaves_nobody_waiting() {
    // For all tests of the process, as the thread that commits is not this one; others log no errors, or bear it as
    // well.
    let _ = tracing::subscriber::set_global_default(BrittleLog);
    let fixture = CommitterFixture::new();
    let failing = fixture.submit(1);
    fixture.batches.recv().unwrap();
    let behind = fixture.submit(2);
    let told = fixture.committer.poisoned();
    fixture.answers.send(Answer::Fail).unwrap();
    let poisoned = fixture.runtime.block_on(told);
    assert_eq!(fixture.durable(&failing), Err(poisoned.clone()));
    assert_eq!(fixture.durable(&behind), Err(poisoned.clone()));
    assert_eq!(fixture.committer.close(), Err(poisoned));
}

#[test]
fn another_programs_write_lock_is_waited_for() {
    let (to_batches, batches) = mpsc::channel();
    let (busy, is_busy) = mpsc::channel();
    let store =
        ScriptedStore { batches: to_batches, answers: mpsc::channel().1, upkeep_fails: false, busy: Some(is_busy) };
    let committer = Committer::start(Box::new(store), Box::new(|| Time(77))).unwrap();
    let ticket = committer.submit(vec![change(1)]);
    for _ in 0..100 {
        busy.send(true).unwrap();
    }
    assert!(!ticket.is_finished() && batches.try_recv().is_err());
    busy.send(false).unwrap();
    assert_eq!(batches.recv(), Ok(vec![1]));
    // A server that stops does not wait: what is not committed was acknowledged to nobody.
    let late = committer.submit(vec![change(2)]);
    committer.hurry();
    busy.send(true).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let poisoned = runtime.block_on(late.durable()).unwrap_err();
    let NotDurable::Failed(poisoned) = poisoned else { panic!("the store is not stalled") };
    assert!(matches!(*poisoned.reason, StoreError::Busy { .. }), "{poisoned}");
    assert_eq!(runtime.block_on(ticket.durable()), Ok(()));
}

/// Polls once: what has an outcome, and what waits.
fn poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Option<T> {
    match future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(outcome) => Some(outcome),
        std::task::Poll::Pending => None,
    }
}

#[test]
fn a_stalled_store_is_waited_for_no_longer_than_was_said() {
    let mut fixture = CommitterFixture::new();
    fixture.committer = fixture.committer.with_patience(3_000);
    let committer = &fixture.committer;
    let first = fixture.submit(1);
    fixture.batches.recv().unwrap();
    let behind = fixture.submit(2);
    assert!(committer.look(10_000) && committer.look(12_999));
    let mut waiting = [&first, &behind].map(|ticket| Box::pin(ticket.durable()));
    let mut patient = Box::pin(first.finished());
    assert!(waiting.iter_mut().all(|waiting| poll(waiting.as_mut()).is_none()));
    assert!(poll(patient.as_mut()).is_none() && committer.has_room() && committer.is_well());

    // Three seconds: all that wait are told, what comes is refused, and what nobody waits for goes on waiting.
    assert!(committer.look(13_000));
    for waiting in &mut waiting {
        assert_eq!(poll(waiting.as_mut()), Some(Err(NotDurable::Stalled)));
    }
    assert!(poll(patient.as_mut()).is_none() && !first.is_finished());
    assert!(!committer.has_room());
    assert_eq!(fixture.runtime.block_on(committer.room(PENDING_BYTES_MAX)), Err(NotDurable::Stalled));
    let late = fixture.submit(3);
    assert_eq!(fixture.runtime.block_on(late.durable()), Err(NotDurable::Stalled));
    assert_eq!(committer.pending_bytes(), 3 * change(1).weight(), "what was submitted stays in line");
    assert!(committer.look(13_999) && committer.is_well());
    assert!(committer.look(14_000) && !committer.is_well(), "four seconds");

    // It answers again: everything is committed, once and in order, and everything is as before.
    fixture.answers.send(Answer::Succeed).unwrap();
    fixture.runtime.block_on(patient);
    assert_eq!(fixture.durable(&first), Ok(()));
    assert_eq!(fixture.batches.recv(), Ok(vec![2, 3]));
    assert!(committer.has_room() && committer.is_well());
    assert!(committer.look(14_250) && committer.look(17_249));
    let mut waiting = Box::pin(late.durable());
    assert!(poll(waiting.as_mut()).is_none(), "the silence is counted anew");
    fixture.answers.send(Answer::Succeed).unwrap();
    assert_eq!(fixture.runtime.block_on(waiting), Ok(()));
    assert_eq!(fixture.durable(&behind), Ok(()));
    // Those who wait are told first, and then it is taken off; for ever if it were not.
    fixture.runtime.block_on(committer.pending_below(1));
}

#[test]
fn nobody_looks_at_a_committer_that_has_nothing_to_do() {
    let fixture = CommitterFixture::new();
    let begins = || poll(Box::pin(fixture.committer.begins()).as_mut()).is_some();
    // The thread may not have come to rest yet.
    let rests = || while fixture.committer.look(0) {};
    rests();
    assert!(!begins());
    for number in 0..2 {
        let ticket = fixture.submit(number);
        fixture.batches.recv().unwrap();
        assert!(begins(), "it was woken, and says so once");
        assert!(!begins() && fixture.committer.look(0));
        fixture.answers.send(Answer::Succeed).unwrap();
        assert_eq!(fixture.durable(&ticket), Ok(()));
        rests();
    }
    let ticket = fixture.submit(3);
    fixture.batches.recv().unwrap();
    fixture.answers.send(Answer::Fail).unwrap();
    fixture.durable(&ticket).unwrap_err();
    assert!(!fixture.committer.look(0) && !fixture.committer.is_well(), "nothing is expected of a store that failed");
}

#[test]
fn the_end_does_not_wait_for_good_for_a_store_that_hangs() {
    let mut fixture = CommitterFixture::new();
    fixture.committer = fixture.committer.with_patience(1);
    let ticket = fixture.submit(1);
    fixture.batches.recv().unwrap();
    assert_eq!(fixture.committer.close(), Ok(()));
    assert!(!ticket.is_finished(), "nothing is said of what is not known");
    // What hangs may go on, and what was in line is committed all the same.
    fixture.answers.send(Answer::Succeed).unwrap();
    assert_eq!(fixture.runtime.block_on(ticket.durable()), Ok(()));
}
