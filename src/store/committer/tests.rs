//! Group commit and poisoning, against a store that does what the test tells it to.

use std::sync::mpsc::{self, Receiver, Sender};

use super::*;
use crate::engine::Effect;
use crate::store::Loaded;

/// What a commit is told to do.
enum Answer {
    Succeed,
    Fail,
    Panic,
}

/// Tells which batches arrive, and answers each as it is told.
struct Double {
    batches: Sender<Vec<u64>>,
    answers: Receiver<Answer>,
    upkeep_fails: bool,
    /// Whether another program holds the write lock; each attempt to begin asks.
    busy: Option<Receiver<bool>>,
}

impl Store for Double {
    fn load(&mut self, _: Time, _: &mut dyn FnMut(Loaded)) -> Result<(), StoreError> {
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

struct Desk {
    committer: Committer,
    batches: Receiver<Vec<u64>>,
    answers: Sender<Answer>,
    runtime: tokio::runtime::Runtime,
}

impl Desk {
    fn new() -> Desk {
        let (to_batches, batches) = mpsc::channel();
        let (answers, from_answers) = mpsc::channel();
        let store = Double { batches: to_batches, answers: from_answers, upkeep_fails: false, busy: None };
        let committer = Committer::start(Box::new(store), Box::new(|| Time(77))).unwrap();
        Desk { committer, batches, answers, runtime: tokio::runtime::Builder::new_current_thread().build().unwrap() }
    }

    fn submit(&self, number: u64) -> Ticket {
        self.committer.submit(vec![change(number)])
    }

    fn settled(&self, ticket: &Ticket) -> Result<(), Poisoned> {
        self.runtime.block_on(ticket.settled())
    }
}

fn change(number: u64) -> Change {
    Change::Effect { queue: 1, effect: Effect::Removed { slot: 0, number } }
}

#[test]
fn what_arrives_during_a_commit_is_the_next_batch() {
    let desk = Desk::new();
    let first = desk.submit(1);
    assert_eq!(desk.batches.recv(), Ok(vec![1]));
    let later: Vec<Ticket> = (2..5).map(|number| desk.submit(number)).collect();
    let all = desk.committer.submit(Vec::new());
    assert!(!first.is_settled());
    desk.answers.send(Answer::Succeed).unwrap();
    assert_eq!(desk.settled(&first), Ok(()));
    assert_eq!(desk.batches.recv(), Ok(vec![2, 3, 4]));
    assert!(!later[0].is_settled() && !all.is_settled());
    desk.answers.send(Answer::Succeed).unwrap();
    for ticket in later.iter().chain([&all]) {
        assert_eq!(desk.settled(ticket), Ok(()));
    }
    assert!(desk.committer.submit(Vec::new()).is_settled(), "nothing is under way");
    assert_eq!(desk.committer.pending_bytes(), 0);
}

#[test]
fn nothing_is_acknowledged_after_a_failed_commit() {
    for (answer, is_full) in [(Answer::Fail, true), (Answer::Panic, false)] {
        let desk = Desk::new();
        let good = desk.submit(1);
        desk.answers.send(Answer::Succeed).unwrap();
        assert_eq!(desk.settled(&good), Ok(()));
        desk.batches.recv().unwrap();

        let failing = desk.submit(2);
        desk.batches.recv().unwrap();
        let behind = desk.submit(3);
        assert_eq!(desk.committer.failure(), None);
        let told = desk.committer.poisoned();
        desk.answers.send(answer).unwrap();
        let poisoned = desk.settled(&failing).unwrap_err();
        assert_eq!(matches!(*poisoned.reason, StoreError::DiskFull { .. }), is_full);
        assert_eq!(desk.settled(&behind), Err(poisoned.clone()));
        assert_eq!(desk.settled(&desk.submit(4)), Err(poisoned.clone()));
        assert_eq!(desk.settled(&desk.committer.submit(Vec::new())), Err(poisoned.clone()));
        assert_eq!(desk.runtime.block_on(told), poisoned);
        assert_eq!(desk.settled(&good), Ok(()), "what was acknowledged stays so");
        desk.runtime.block_on(desk.committer.ready());
        assert_eq!(desk.committer.close(), Err(poisoned));
        assert!(desk.batches.recv().is_err(), "the store was not touched again");
    }
}

#[test]
fn failed_upkeep_poisons_too() {
    let (batches, _batches) = mpsc::channel();
    let (_, answers) = mpsc::channel();
    let store = Double { batches, answers, upkeep_fails: true, busy: None };
    let committer = Committer::start(Box::new(store), Box::new(|| Time(77))).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let poisoned = runtime.block_on(committer.poisoned());
    assert_eq!(poisoned.reason, Arc::new(StoreError::DiskFull { path: "upkeep".into() }));
    assert_eq!(runtime.block_on(committer.submit(vec![change(1)]).settled()), Err(poisoned));
}

#[test]
fn closing_commits_what_is_there() {
    let desk = Desk::new();
    let tickets: Vec<Ticket> = (1..4).map(|number| desk.submit(number)).collect();
    // Without answers every commit succeeds.
    drop(desk.answers);
    assert_eq!(desk.committer.close(), Ok(()));
    assert!(tickets.iter().all(Ticket::is_settled));
    assert_eq!(desk.batches.iter().flatten().collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn too_much_that_waits_holds_new_requests_back() {
    let desk = Desk::new();
    desk.submit(0);
    desk.batches.recv().unwrap();
    let one = change(1).weight();
    let mut submitted = one;
    while submitted < PENDING_BYTES_MAX {
        let changes: Vec<Change> = (0..10_000).map(change).collect();
        submitted += one * changes.len();
        desk.committer.submit(changes);
    }
    let shared = Arc::clone(&desk.committer.shared);
    let batches = shared.lock().batches.iter().map(|batch| batch.bytes).collect::<Vec<_>>();
    assert!(batches.iter().all(|&bytes| bytes < BATCH_BYTES_MAX + one * 10_000), "transactions stay bounded");
    let ready = desk.committer.ready();
    let mut ready = std::pin::pin!(ready);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(ready.as_mut().poll(&mut context).is_pending());
    drop(desk.answers);
    desk.runtime.block_on(ready);
    assert!(desk.committer.pending_bytes() < PENDING_BYTES_MAX);
}

#[test]
fn many_wait_for_one_batch() {
    let desk = Desk::new();
    let ticket = desk.submit(1);
    let waiters = (0..100).map(|_| {
        let ticket = ticket.clone();
        desk.runtime.spawn(async move { ticket.settled().await })
    });
    let waiters: Vec<_> = waiters.collect();
    desk.answers.send(Answer::Succeed).unwrap();
    for waiter in waiters {
        assert_eq!(desk.runtime.block_on(waiter).unwrap(), Ok(()));
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
    // For all tests of the process, as the thread that commits is not this one; others log no errors, or bear it as well.
    let _ = tracing::subscriber::set_global_default(BrittleLog);
    let desk = Desk::new();
    let failing = desk.submit(1);
    desk.batches.recv().unwrap();
    let behind = desk.submit(2);
    let told = desk.committer.poisoned();
    desk.answers.send(Answer::Fail).unwrap();
    let poisoned = desk.runtime.block_on(told);
    assert_eq!(desk.settled(&failing), Err(poisoned.clone()));
    assert_eq!(desk.settled(&behind), Err(poisoned.clone()));
    assert_eq!(desk.committer.close(), Err(poisoned));
}

#[test]
fn another_programs_write_lock_is_waited_for() {
    let (to_batches, batches) = mpsc::channel();
    let (busy, is_busy) = mpsc::channel();
    let store = Double { batches: to_batches, answers: mpsc::channel().1, upkeep_fails: false, busy: Some(is_busy) };
    let committer = Committer::start(Box::new(store), Box::new(|| Time(77))).unwrap();
    let ticket = committer.submit(vec![change(1)]);
    for _ in 0..100 {
        busy.send(true).unwrap();
    }
    assert!(!ticket.is_settled() && batches.try_recv().is_err());
    busy.send(false).unwrap();
    assert_eq!(batches.recv(), Ok(vec![1]));
    // A server that stops does not wait: what is not committed was acknowledged to nobody.
    let late = committer.submit(vec![change(2)]);
    committer.hurry();
    busy.send(true).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let poisoned = runtime.block_on(late.settled()).unwrap_err();
    assert!(matches!(*poisoned.reason, StoreError::Busy { .. }), "{poisoned}");
    assert_eq!(runtime.block_on(ticket.settled()), Ok(()));
}
