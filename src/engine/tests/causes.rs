//! When and why: what a journal is told beside each effect.

use super::*;
use crate::engine::{Cause, Journal};

/// A reader that only counts: moments in milliseconds after the start, and causes. It never builds an effect.
#[derive(Default)]
struct Causes(Vec<(u64, Cause)>);

impl Journal for Causes {
    fn record(&mut self, at: Time, cause: Cause, _: impl FnOnce() -> Effect) {
        self.0.push((at.ms_since(START), cause));
    }
}

impl Causes {
    fn take(&mut self) -> Vec<(u64, Cause)> {
        std::mem::take(&mut self.0)
    }
}

const START: Time = Time(1_000_000);

fn at(seconds: u64) -> Time {
    START.plus_seconds(seconds)
}

/// A message of a group and with a deduplication id of its own, which a standard queue does without.
fn draft(fixture: &QueueFixture, number: u32) -> NewMessage {
    let fifo = fixture.queue.queue_type() == QueueType::Fifo;
    NewMessage {
        group: fifo.then(|| format!("g{number}").into()),
        deduplication_id: fifo.then(|| format!("d{number}").into()),
        ..new(number)
    }
}

/// A FIFO queue also says what it remembers of a send or of an attempt.
fn with_memory(fixture: &QueueFixture, ms: u64, cause: Cause) -> Vec<(u64, Cause)> {
    let fifo = fixture.queue.queue_type() == QueueType::Fifo;
    [(ms, cause)].into_iter().chain(fifo.then_some((ms, Cause::Remembered))).collect()
}

#[test]
fn each_event_of_a_message_is_recorded_once_with_its_moment_and_its_cause() {
    for fixture in [QueueFixture::standard(), QueueFixture::fifo()] {
        let fixture = fixture.with(|settings| settings.retention_seconds = 60);
        let (sent, received) = (with_memory(&fixture, 0, Cause::Sent), with_memory(&fixture, 0, Cause::Received));
        let message = draft(&fixture, 1);
        let QueueFixture { mut queue, .. } = fixture;
        let j = &mut Causes::default();
        queue.send(at(0), message.clone(), j);
        assert_eq!(j.take(), sent);
        let attempt = attempt("a", 1, 30);
        let delivery = queue.receive(at(0), &attempt, None, j).deliveries.remove(0);
        assert_eq!(j.take(), received);
        queue.give_back(at(1), &[delivery.receipt], j);
        assert_eq!(j.take(), [(1_000, Cause::GivenBack)]);
        let delivery = queue.receive(at(2), &options(1, 30), None, j).deliveries.remove(0);
        queue.change_visibility(at(3), delivery.receipt, 20, j);
        queue.tick(at(50), j);
        let ended = (23_000, Cause::VisibilityTimeoutEnded);
        assert_eq!(j.take(), [(2_000, Cause::Received), (3_000, Cause::VisibilityChanged), ended]);
        let delivery = queue.receive(at(51), &options(1, 30), None, j).deliveries.remove(0);
        queue.change_visibility(at(52), delivery.receipt, 0, j);
        let delivery = queue.receive(at(53), &options(1, 30), None, j).deliveries.remove(0);
        queue.delete(at(54), delivery.receipt, j);
        queue.delete(at(55), delivery.receipt, j);
        let causes = [Cause::Received, Cause::VisibilityChanged, Cause::Received, Cause::Deleted];
        assert_eq!(j.take(), [51_000, 52_000, 53_000, 54_000].into_iter().zip(causes).collect::<Vec<_>>());
        queue.insert(at(60), Message::new(message.clone(), at(60)), j);
        queue.tick(at(500), j);
        assert_eq!(j.take(), [(60_000, Cause::Arrived), (120_000, Cause::Expired)]);
        queue.insert(at(500), Message::new(message.clone(), at(500)), j);
        queue.receive(at(500), &options(1, 1), None, j);
        let dead = queue.receive(at(502), &options(1, 1), Some(1), j).dead;
        assert_eq!(dead.len(), 1);
        queue.insert(at(503), dead[0].clone(), j);
        assert!(queue.take_oldest_visible(at(504), j).is_some());
        drop(queue.purge(at(505), j));
        let causes = [
            (500_000, Cause::Arrived),
            (500_000, Cause::Received),
            (501_000, Cause::VisibilityTimeoutEnded),
            (502_000, Cause::DeadLettered),
            (503_000, Cause::Arrived),
            (504_000, Cause::Moved),
            (505_000, Cause::Purged),
        ];
        assert_eq!(j.take(), causes);
    }
}

#[test]
fn a_delay_ends_when_it_was_due_however_late_the_queue_is_brought_up_to_date() {
    for fixture in [QueueFixture::standard(), QueueFixture::fifo()] {
        let fixture = fixture.with(|settings| settings.fifo_delay_seconds = 5);
        let sent = with_memory(&fixture, 0, Cause::Sent);
        let message = NewMessage { delay_seconds: 5, ..draft(&fixture, 1) };
        let QueueFixture { mut queue, .. } = fixture;
        let j = &mut Causes::default();
        queue.send(at(0), message, j);
        assert_eq!(j.take(), sent);
        queue.receive(at(100), &options(1, 30), None, j);
        assert_eq!(j.take(), [(5_000, Cause::DelayEnded), (100_000, Cause::Received)]);
    }
}

#[test]
fn a_receive_with_a_visibility_timeout_of_0_and_a_repeated_attempt_are_receives() {
    for fixture in [QueueFixture::standard(), QueueFixture::fifo()] {
        let message = draft(&fixture, 1);
        let (first, again) =
            (with_memory(&fixture, 1_000, Cause::Received), with_memory(&fixture, 2_000, Cause::Received));
        let QueueFixture { mut queue, .. } = fixture;
        let j = &mut Causes::default();
        queue.send(at(0), message, j);
        j.take();
        queue.receive(at(0), &options(1, 0), None, j);
        assert_eq!(j.take(), [(0, Cause::Received)]);
        let attempt = attempt("a", 1, 30);
        queue.receive(at(1), &attempt, None, j);
        assert_eq!(j.take(), first);
        let repeated = queue.receive(at(2), &attempt, None, j).deliveries.len();
        assert_eq!(j.take(), if repeated == 1 { again } else { Vec::new() });
        assert_eq!(repeated, usize::from(queue.queue_type() == QueueType::Fifo), "only a FIFO queue repeats attempts");
    }
}
