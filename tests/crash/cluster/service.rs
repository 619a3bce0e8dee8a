//! How long nobody was served: probes of each queue all the time, and the table of what was measured by kind of fault.

use crate::client::{Span, now_ms};
use crate::content::{CONTENT, DELAYED, ORDERED, PLAIN, SOURCE, is_fifo};
use crate::line::Line;
use crate::ops::OutgoingMessage;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The queues that are probed: those that anybody may send to.
pub const PROBED: [&str; 5] = [PLAIN, SOURCE, ORDERED, CONTENT, DELAYED];
/// Between two probes of a queue.
const PAUSE: Duration = Duration::from_millis(50);
/// A queue that is not served for so long although all is well has a fault.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends to one queue, one message after the other.
pub struct Prober {
    pub queue: &'static str,
    next: u64,
    /// A message without an answer.
    pending: Option<OutgoingMessage>,
    /// The probes of this round that were acknowledged.
    served: Vec<Span>,
    /// When the newest of them began, for others to see.
    pub newest_ms: Arc<AtomicU64>,
}

impl Prober {
    pub fn new(queue: &'static str) -> Prober {
        Prober { queue, next: 0, pending: None, served: Vec::new(), newest_ms: Arc::default() }
    }

    /// Probes until the end.
    pub fn run(&mut self, line: &mut Line<'_>) {
        self.served.clear();
        while !line.is_over() {
            self.probe(line);
            std::thread::sleep(PAUSE);
        }
    }

    pub fn probe(&mut self, line: &mut Line<'_>) {
        let message = self.pending.take().unwrap_or_else(|| self.message());
        let began_ms = now_ms();
        if line.send(std::slice::from_ref(&message)) {
            self.served.push(Span { began_ms, ended_ms: now_ms() });
            self.newest_ms.store(began_ms, Ordering::SeqCst);
        } else if is_fifo(self.queue) {
            // Known to the queue if it is there; to a standard one it would be a second message.
            self.pending = Some(message);
        }
    }

    fn message(&mut self) -> OutgoingMessage {
        let place = self.next;
        self.next += 1;
        OutgoingMessage {
            queue: self.queue,
            key: format!("{}/probe/{place}", self.queue),
            group: is_fifo(self.queue).then(|| ("probe".to_owned(), place)),
            delay_seconds: 0,
        }
    }

    /// The longest time, from a moment on, in which no request was served; none if none was.
    pub fn unserved_ms(&self, from_ms: u64) -> Option<u64> {
        let later = self.served.iter().map(|span| span.ended_ms).filter(|ended_ms| *ended_ms >= from_ms);
        let times = std::iter::once(from_ms).chain(later.clone());
        times.zip(later).map(|(before_ms, ended_ms)| ended_ms - before_ms).max()
    }
}

/// Waits until each queue has served a request that began from now on.
///
/// # Errors
/// One has not.
pub fn wait_until_served(newest_ms: &[Arc<AtomicU64>]) -> Result<(), String> {
    let (from_ms, until) = (now_ms(), Instant::now() + PATIENCE);
    while newest_ms.iter().any(|newest_ms| newest_ms.load(Ordering::SeqCst) < from_ms) {
        if Instant::now() > until {
            return Err("all is well, and a queue is not served".to_owned());
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// Milliseconds without service, by class of fault.
#[derive(Default)]
pub struct Table {
    by_class: BTreeMap<String, Vec<u64>>,
}

impl Table {
    pub fn add(&mut self, class: &str, unserved_ms: u64) {
        self.by_class.entry(class.to_owned()).or_default().push(unserved_ms);
    }

    /// The table as text.
    pub fn show(&mut self) -> String {
        let mut text = format!("{:24} {:>6} {:>8} {:>8}\n", "without service, ms", "queues", "median", "worst");
        for (class, times) in &mut self.by_class {
            times.sort_unstable();
            let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
            text += &format!("{class:24} {:>6} {median:>8} {worst:>8}\n", times.len());
        }
        text
    }
}
