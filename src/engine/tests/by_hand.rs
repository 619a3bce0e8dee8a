//! What faults do to a queue: messages that are put in once more, and another order.

use super::*;
use crate::engine::{Cause, Fact, Journal, MessageFacts};

/// The queue built again from its effects.
fn rebuilt(fixture: &QueueFixture) -> Queue {
    let mut queue = Queue::new(fixture.queue.uid(), fixture.queue.queue_type(), fixture.queue.settings().clone());
    fixture.effects.iter().cloned().for_each(|effect| queue.replay(effect));
    assert_eq!((queue.counts(), queue.next_number()), (fixture.queue.counts(), fixture.queue.next_number()));
    queue
}

#[test]
fn a_message_that_is_put_in_once_more_has_its_id_and_counts_and_a_handle_of_its_own() {
    let mut fixture = QueueFixture::standard();
    fixture.send("a");
    let first = fixture.receive(1, 30).remove(0);
    let message = fixture.queue.message_of(first.receipt).expect("it is in flight");
    let number = fixture.queue.repeat(fixture.now, message.clone(), None, &mut fixture.effects);
    assert_eq!(fixture.counts(), (1, 1, 0));
    assert_eq!(fixture.delete(&first), Deleted::Done);
    assert_eq!(fixture.queue.message_of(first.receipt), None);
    fixture.queue = rebuilt(&fixture);
    let again = fixture.receive(1, 30).remove(0);
    assert_eq!((again.id, again.sent, again.number), (first.id, first.sent, number));
    assert_eq!((again.receive_count, again.first_received), (2, first.first_received));
    assert_eq!(fixture.delete(&first), Deleted::AlreadyGone, "the first handle is that of the first");
    assert_eq!(fixture.delete(&again), Deleted::Done);
    // Hidden until a moment; a moment that has passed hides nothing.
    let until = fixture.now.plus_seconds(10);
    fixture.queue.repeat(fixture.now, message.clone(), Some(until), &mut fixture.effects);
    fixture.queue.repeat(fixture.now, message, Some(fixture.now), &mut fixture.effects);
    assert_eq!(fixture.counts(), (1, 0, 1));
    fixture.wait(10);
    assert_eq!(fixture.counts(), (2, 0, 0));
    rebuilt(&fixture);
}

/// An observer that takes down causes and states.
#[derive(Default)]
struct Observed(Vec<(Cause, Option<crate::engine::MessageState>)>);

impl Journal for Observed {
    fn record(&mut self, _: Time, _: Cause, _: impl FnOnce() -> Effect) {}

    fn observe<'a>(&mut self, _: Time, cause: Cause, fact: impl FnOnce() -> Fact<'a>) {
        if let Fact::Message(MessageFacts { state, .. }) = fact() {
            self.0.push((cause, state));
        }
    }
}

#[test]
fn an_observer_is_told_of_what_is_put_in_and_not_of_another_order() {
    let mut fixture = QueueFixture::standard();
    fixture.send_all(&["a", "b"]);
    let first = fixture.receive(1, 30).remove(0);
    let message = fixture.queue.message_of(first.receipt).expect("it is in flight");
    let mut observed = Observed::default();
    fixture.queue.repeat(fixture.now, message, None, &mut observed);
    fixture.queue.reorder(fixture.now, 2, &|facts| (0, u64::MAX - facts.number), &mut observed);
    assert_eq!(observed.0, [(Cause::Released, Some(crate::engine::MessageState::Visible))]);
    assert_eq!(fixture.names(10, 30), ["a", "b"], "the copy of a came last, and is first now");
}

#[test]
fn the_first_messages_are_put_into_the_order_of_their_ranks_and_no_others() {
    for groups in [false, true] {
        let mut fixture = QueueFixture::standard();
        for name in ["a", "b", "c", "d", "e", "f"] {
            let mut draft = fixture.draft(name);
            draft.group = groups.then(|| name.into());
            fixture.send_as(draft);
        }
        let backwards = |facts: &MessageFacts<'_>| (0, u64::MAX - facts.number);
        fixture.queue.reorder(fixture.now, 4, &backwards, &mut fixture.effects);
        fixture.queue = rebuilt(&fixture);
        assert_eq!(fixture.names(2, 30), ["d", "c"]);
        fixture.queue.reorder(fixture.now, 100, &backwards, &mut fixture.effects);
        assert_eq!(fixture.names(10, 30), ["f", "e", "b", "a"]);
        fixture.wait(30);
        assert_eq!(fixture.names(10, 30).len(), 6);
    }
}

#[test]
fn a_fifo_queue_keeps_its_order() {
    let mut fixture = QueueFixture::fifo();
    fixture.send_all(&["g-1", "g-2", "h-1"]);
    let effects = fixture.effects.len();
    fixture.queue.reorder(fixture.now, 3, &|facts| (0, u64::MAX - facts.number), &mut fixture.effects);
    assert_eq!(fixture.effects.len(), effects);
    assert_eq!(fixture.names(10, 30), ["g-1", "g-2", "h-1"]);
}
