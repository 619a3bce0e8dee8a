//! The cost of an operation does not grow with the depth of the queue: steps are counted on a shallow and on a deep one.

use std::collections::BTreeMap;

use super::*;

const SHALLOW: u32 = 1000;
const DEEP: u32 = 32 * SHALLOW;

/// How often each operation is done; the costliest time counts.
const ROUNDS: u32 = 40;

/// The most steps that each operation took.
#[derive(Default)]
struct Costs(BTreeMap<&'static str, u64>);

impl Costs {
    fn of<R>(&mut self, operation: &'static str, run: impl FnOnce() -> R) -> R {
        let (steps, result) = steps::of(run);
        let most = self.0.entry(operation).or_default();
        *most = steps.max(*most);
        result
    }
}

/// Messages of `group_count` groups, one a millisecond; a tenth of them delayed (standard), and some in flight.
fn filled(mut fixture: QueueFixture, depth: u32, group_count: u32) -> QueueFixture {
    for number in 0..depth {
        let delay_seconds = if number % 10 == 0 { 200 + number % 700 } else { 0 };
        let message = NewMessage { delay_seconds, ..draft(&fixture, number, group_count) };
        fixture.queue.send(fixture.now, message, &mut ());
        fixture.now = fixture.now.plus_ms(1);
    }
    for _ in 0..ROUNDS {
        assert_eq!(fixture.receive(1, 100).len(), 1);
        fixture.now = fixture.now.plus_ms(1);
    }
    fixture.receive(depth as usize / 10, 150);
    fixture
}

fn draft(fixture: &QueueFixture, number: u32, group_count: u32) -> NewMessage {
    let fifo = fixture.queue.queue_type() == QueueType::Fifo;
    NewMessage {
        group: number.checked_rem(group_count).map(|group| format!("g{group}").into()),
        deduplication_id: fifo.then(|| number.to_string().into()),
        ..new(number)
    }
}

/// What a client may do.
fn operate(costs: &mut Costs, fixture: &mut QueueFixture, depth: u32, group_count: u32) {
    for round in 0..ROUNDS {
        fixture.now = fixture.now.plus_ms(1);
        let (now, j) = (fixture.now, &mut Vec::new());
        let message = draft(fixture, depth + round, group_count);
        let queue = &mut fixture.queue;
        costs.of("send", || queue.send(now, message.clone(), j));
        costs.of("send a duplicate", || queue.send(now, message, j));
        let attempt = attempt(&round.to_string(), 1, 120);
        costs.of("receive", || queue.receive(now, &attempt, None, j));
        costs.of("repeat a receive", || queue.receive(now, &attempt, None, j));
        let received = costs.of("receive 10", || queue.receive(now, &options(10, 120), Some(3), j)).deliveries;
        assert_eq!(received.len(), 10);
        costs.of("hide", || queue.change_visibility(now, received[0].receipt, 110, j));
        costs.of("show", || queue.change_visibility(now, received[0].receipt, 0, j));
        costs.of("give back", || queue.give_back(now, &[received[1].receipt], j));
        for delivery in &received[2..] {
            costs.of("delete", || queue.delete(now, delivery.receipt, j));
        }
        costs.of("receive with a timeout of 0", || queue.receive(now, &options(1, 0), None, j));
        let taken = costs.of("take the oldest", || queue.take_oldest_visible(now, j));
        costs.of("insert", || queue.insert(now, taken.expect("a visible message"), j));
        costs.of("look", || (queue.counts(), queue.has_ready(), queue.next_deadline(), queue.messages(0, 10)));
    }
}

/// What time alone does, one event after the other.
fn pass_time(costs: &mut Costs, fixture: &mut QueueFixture) {
    for _ in 0..ROUNDS {
        fixture.now = fixture.queue.next_deadline().expect("a visibility timeout");
        costs.of("a visibility timeout ends", || fixture.queue.tick(fixture.now, &mut ()));
    }
    // Up to the moment before the first message expires.
    let retention = u64::from(fixture.queue.settings().retention_seconds);
    fixture.now = fixture.queue.counts().oldest_sent.expect("a message").plus_seconds(retention);
    fixture.now = Time(fixture.now.as_ms() - 1);
    while fixture.queue.tick(fixture.now, &mut ()) {}
    for _ in 0..ROUNDS {
        fixture.now = fixture.queue.next_deadline().expect("a message");
        costs.of("a message expires", || fixture.queue.tick(fixture.now, &mut ()));
    }
    drop(costs.of("purge", || fixture.queue.purge(fixture.now, &mut ())));
}

fn costs(fixture: QueueFixture, depth: u32, group_count: u32) -> BTreeMap<&'static str, u64> {
    let mut fixture = filled(fixture, depth, group_count);
    let mut costs = Costs::default();
    operate(&mut costs, &mut fixture, depth, group_count);
    pass_time(&mut costs, &mut fixture);
    costs.0
}

fn assert_flat(new: fn() -> QueueFixture, group_count: impl Fn(u32) -> u32) {
    let shallow = costs(new(), SHALLOW, group_count(SHALLOW));
    let deep = costs(new(), DEEP, group_count(DEEP));
    for (operation, &steps) in &deep {
        // The timers are a heap, which is five levels higher; a walk over messages or groups would be 32 times as long.
        let most = 2 * shallow[operation] + 20;
        assert!(steps <= most, "{operation}: {steps} steps at depth {DEEP}, {} at {SHALLOW}", shallow[operation]);
    }
    assert!(shallow["receive 10"] > 10, "steps are counted");
}

#[test]
fn no_operation_costs_more_on_a_deep_standard_queue() {
    assert_flat(QueueFixture::standard, |_| 0);
}

#[test]
fn no_operation_costs_more_on_a_deep_standard_queue_with_many_message_groups() {
    assert_flat(QueueFixture::standard, |depth| depth / 4);
}

#[test]
fn no_operation_costs_more_on_a_deep_fifo_queue() {
    assert_flat(QueueFixture::fifo, |_| 200);
    assert_flat(QueueFixture::fifo, |depth| depth / 4);
}
