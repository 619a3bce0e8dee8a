//! One round: messages are sent, die, are moved back or away, perhaps die again, and are drained. Each phase ends when all are
//! where they should be; the server is killed at random moments in it, and goes on with the phase when it is back.

use crate::audit::{Audit, Key, Queues, is_fifo};
use crate::client::Client;
use crate::host::Host;
use crate::workers::{Consumer, Habit, Line, Mover, Producer, Worker, arn, move_tasks, moved};
use fastrand::Rng;
use serde_json::json;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A phase that lasts longer has gone wrong: something is stuck or lost. A sync of a busy disk may take ten seconds and more.
const PHASE_TIME_LIMIT: Duration = Duration::from_secs(180);
/// Kills in a phase at most, and when.
const KILLS_MAX: u32 = 2;
const KILL_AFTER_MS_MAX: u64 = 60;

pub struct Round {
    queues: &'static Queues,
    host: Host,
    rng: Rng,
    audit: Mutex<Audit>,
    sent: Vec<Key>,
    /// How many messages have left each dead-letter queue by move tasks.
    moved: [u64; 2],
    kills: u32,
}

/// How a life of the server in a phase ended.
enum End {
    Killed,
    Reached,
    TimeIsUp,
}

impl Round {
    pub fn new(queues: &'static Queues, host: Host, rng: Rng) -> Round {
        Round { queues, host, rng, audit: Mutex::default(), sent: Vec::new(), moved: [0; 2], kills: 0 }
    }

    /// All of it. Gives back what the auditor has to say.
    pub fn run(mut self) -> (Audit, u32) {
        let on_time = self.set_up() && self.send_and_die() && self.move_on() && self.drain();
        if on_time {
            let sent = std::mem::take(&mut self.sent);
            self.audit().finish(sent.into_iter());
        }
        let log = self.host.log_tail();
        let Round { audit, kills, .. } = self;
        let mut audit = audit.into_inner().unwrap_or_else(PoisonError::into_inner);
        if !audit.violations.is_empty() && !log.is_empty() {
            audit.complain(format!("what kew said last:\n{log}"));
        }
        (audit, kills)
    }

    fn audit(&self) -> MutexGuard<'_, Audit> {
        self.audit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self) -> Line<'_> {
        Line::new(Client::new(self.host.address()), &self.audit)
    }

    fn fork(&mut self) -> Rng {
        Rng::with_seed(self.rng.u64(..))
    }

    fn consumer(&mut self, queue: &'static str, habit: Habit) -> Worker {
        Worker::Consumer(Consumer::new(self.fork(), queue, habit))
    }

    fn set_up(&mut self) -> bool {
        let mut rng = self.fork();
        let mut line = self.line();
        let kind = |queue: &str| if is_fifo(queue) { json!({"FifoQueue": "true"}) } else { json!({}) };
        for queue in self.queues.dead.into_iter().chain([self.queues.other]) {
            line.must("CreateQueue", &json!({"QueueName": queue, "Attributes": kind(queue)}));
        }
        for (source, dead) in self.queues.sources {
            let policy = json!({"deadLetterTargetArn": arn(dead), "maxReceiveCount": rng.u32(1..=2)});
            let mut attributes = kind(source);
            attributes["RedrivePolicy"] = policy.to_string().into();
            line.must("CreateQueue", &json!({"QueueName": source, "Attributes": attributes}));
        }
        !line.client.is_lost()
    }

    /// Requests that only come in between.
    fn others(&self) -> Vec<Worker> {
        let attributes = json!({"QueueUrl": self.queues.other, "AttributeNames": ["All"]});
        vec![Worker::Other("ListQueues", json!({})), Worker::Other("GetQueueAttributes", attributes)]
    }

    /// The messages in random order, those of a group in theirs.
    fn producers(&mut self) -> Vec<Worker> {
        let mut producers = Vec::new();
        for source in self.queues.sources() {
            let mut groups: Vec<VecDeque<Key>> = (0..self.rng.usize(2..=5))
                .map(|group| (0..self.rng.usize(10..=40)).map(|place| Key { source, group, place }).collect())
                .collect();
            let mut unsent = VecDeque::new();
            while !groups.is_empty() {
                let chosen = self.rng.usize(..groups.len());
                match groups[chosen].pop_front() {
                    Some(key) => unsent.push_back(key),
                    None => drop(groups.swap_remove(chosen)),
                }
            }
            self.sent.extend(unsent.iter().cloned());
            producers.push(Worker::Producer(Producer { rng: self.fork(), unsent, pending: 0 }));
        }
        producers
    }

    /// Those of whom messages die, and those who look at the dead ones.
    fn failing(&mut self) -> Vec<Worker> {
        let mut workers = self.others();
        for source in self.queues.sources() {
            workers.extend([Habit::Fail, Habit::Look].map(|habit| self.consumer(source, habit)));
        }
        let dead = self.queues.dead;
        workers.extend(dead.map(|dead| self.consumer(dead, Habit::Look)));
        workers.push(self.consumer(dead[0], Habit::GiveBack));
        workers
    }

    fn send_and_die(&mut self) -> bool {
        let mut workers = self.producers();
        if self.rng.bool() {
            workers.extend(self.others());
            if !self.phase("send", workers, &[]) {
                return false;
            }
            workers = Vec::new();
        }
        self.die("die", workers)
    }

    fn die(&mut self, name: &str, mut workers: Vec<Worker>) -> bool {
        workers.extend(self.failing());
        self.phase(name, workers, &self.queues.sources())
    }

    fn move_on(&mut self) -> bool {
        let other = self.queues.other;
        match self.rng.u32(0..4) {
            0 => true,
            1 => self.move_to(Some(other)),
            2 => self.move_to(None),
            _ => self.move_to(None) && self.die("die again", Vec::new()) && self.move_to(Some(other)),
        }
    }

    fn move_to(&mut self, destination: Option<&'static str>) -> bool {
        let mut workers = self.others();
        workers.extend(self.others());
        // They are taken while they arrive, or not before the drain.
        if let Some(queue) = destination.filter(|_| self.rng.bool()) {
            workers.extend([Habit::Take, Habit::Take].map(|habit| self.consumer(queue, habit)));
        }
        for dead in self.queues.dead {
            workers.push(Worker::Mover(Mover::new(self.fork(), dead, destination)));
            workers.push(self.consumer(dead, Habit::Look));
        }
        workers.push(self.consumer(self.queues.dead[0], Habit::GiveBack));
        let before = self.dead_letters();
        let on_time = self.phase("move", workers, &self.queues.dead);
        let after = self.dead_letters();
        for (n, dead) in self.queues.dead.into_iter().enumerate() {
            self.moved[n] += before[n].saturating_sub(after[n]);
            let tasks = move_tasks(&mut self.line(), dead).unwrap_or_default();
            let counted: u64 = tasks.iter().map(moved).sum();
            // More than that are not listed.
            if tasks.len() < 10 && counted != self.moved[n] {
                self.audit().complain(format!("{} were moved out of {dead} by {tasks:?}", self.moved[n]));
            }
        }
        on_time
    }

    fn dead_letters(&self) -> [u64; 2] {
        let mut line = self.line();
        self.queues.dead.map(|dead| line.count(dead).unwrap_or_default())
    }

    fn drain(&mut self) -> bool {
        let queues = self.queues.all();
        let workers = queues.iter().chain(&queues).map(|queue| self.consumer(queue, Habit::Take)).collect();
        self.phase("drain", workers, &queues)
    }

    /// Lets workers work, over as many lives of the server as it takes, until the producers have sent all and these queues are
    /// empty. `false` if that does not come to pass.
    fn phase(&mut self, name: &str, mut workers: Vec<Worker>, empty: &[&'static str]) -> bool {
        let give_up = Instant::now() + PHASE_TIME_LIMIT;
        let mut kills = if self.host.can_be_killed() { self.rng.u32(0..=KILLS_MAX) } else { 0 };
        loop {
            let kill_after_ms = (kills > 0).then(|| self.rng.u64(0..KILL_AFTER_MS_MAX));
            let end = self.live(&mut workers, empty, kill_after_ms, give_up);
            if self.host.can_be_killed() {
                self.kills += 1;
                self.host.start_again(&mut self.rng);
                for worker in &mut workers {
                    if let Worker::Mover(mover) = worker {
                        mover.start_afresh();
                    }
                }
            }
            match end {
                End::Killed => kills -= 1,
                End::TimeIsUp => {
                    let states: Vec<_> = empty.iter().map(|queue| (queue, self.line().counts(queue))).collect();
                    self.audit().complain(format!("phase `{name}` does not end: {states:?}"));
                    return false;
                }
                End::Reached => {
                    self.finish(&mut workers);
                    // What was seen when the server was killed need not have been durable.
                    if is_reached(&mut self.line(), empty) == Some(true) {
                        return true;
                    }
                }
            }
        }
    }

    /// Has consumers let go of what they hold, and waits for the last move tasks.
    fn finish(&self, workers: &mut [Worker]) {
        let mut line = self.line();
        for worker in workers {
            match worker {
                Worker::Consumer(consumer) => consumer.finish(&mut line),
                Worker::Mover(mover) => mover.finish(&mut line),
                Worker::Producer(_) | Worker::Other(..) => {}
            }
        }
    }

    /// One life of the server, or a part of one.
    fn live(&mut self, workers: &mut [Worker], empty: &[&str], kill_after_ms: Option<u64>, give_up: Instant) -> End {
        let (stop, killed) = (AtomicBool::new(false), AtomicBool::new(false));
        let Round { queues, host, audit, .. } = self;
        let (address, audit) = (host.address(), &*audit);
        let work = |worker: &mut Worker| {
            let mut line = Line::new(Client::new(address), audit);
            while !stop.load(Ordering::SeqCst) && !line.client.is_lost() && !worker.is_done() {
                worker.step(&mut line);
            }
            if line.client.is_lost() && !killed.load(Ordering::SeqCst) {
                line.audit().complain("a connection was lost while the server was to run".to_owned());
            }
        };
        let work = &work;
        let kill_at = kill_after_ms.map(|ms| Instant::now() + Duration::from_millis(ms));
        std::thread::scope(|scope| {
            let spawn = |worker| {
                let sends = matches!(worker, &mut Worker::Producer(_));
                (sends, scope.spawn(move || work(worker)))
            };
            let threads: Vec<_> = workers.iter_mut().map(spawn).collect();
            let mut line = Line::new(Client::new(address), audit);
            let end = loop {
                if kill_at.is_some_and(|at| Instant::now() >= at) {
                    break End::Killed;
                }
                if Instant::now() >= give_up {
                    break End::TimeIsUp;
                }
                let all_sent = threads.iter().all(|(sends, thread)| !sends || thread.is_finished());
                if all_sent && is_reached(&mut line, empty) == Some(true) {
                    break End::Reached;
                }
                std::thread::sleep(Duration::from_millis(1));
            };
            stop.store(true, Ordering::SeqCst);
            killed.store(host.can_be_killed(), Ordering::SeqCst);
            host.kill();
            while !threads.iter().all(|(_, thread)| thread.is_finished()) {
                host.end_polls(&queues.all());
                std::thread::yield_now();
            }
            end
        })
    }
}

/// Whether these queues are empty. `None` if there was no answer.
fn is_reached(line: &mut Line<'_>, empty: &[&str]) -> Option<bool> {
    for queue in empty {
        if line.count(queue)? > 0 {
            return Some(false);
        }
    }
    Some(true)
}
