//! Tests of the history by itself: it is told of messages, and asked for them.

use super::*;
use crate::engine::{Body, MessageFacts, MessageState, Receipt};
use std::time::Duration;

const QUEUE: u64 = 77;
const OTHER: u64 = 88;

/// A history, and what tells it of things that never happened.
struct Told {
    history: History,
    clock: Clock,
    body: Body,
}

fn id(number: u64) -> MessageId {
    MessageId(fastrand::Rng::with_seed(number).u128(..).to_be_bytes())
}

impl Told {
    fn new(events_max: usize) -> Told {
        let clock = Clock::manual();
        let told = Told { history: History::new(events_max, clock.clone()), clock, body: "hello".into() };
        for (uid, name) in [(QUEUE, "orders"), (OTHER, "orders-dead")] {
            let names = ["000000000000", "us-east-1", name].map(Arc::from);
            let [account, region, name] = names;
            told.history.know_queue(&QueueNames { uid, account, region, name, fifo: false });
        }
        told
    }

    fn tell_of(&self, queue: u64, cause: Cause, number: u64, state: Option<MessageState>, renewed: Option<u64>) {
        let at = self.clock.now();
        let facts = MessageFacts {
            id: id(number),
            renewed_from: renewed.map(id),
            slot: 0,
            number,
            state,
            deadline: state.filter(|state| *state != MessageState::Visible).map(|_| at.plus_seconds(30)),
            receive_count: u32::from(cause == Cause::Received),
            receive: 1,
            sent: at,
            body: &self.body,
            body_md5: [0; 16],
            extra: None,
            group: None,
        };
        self.history.happened(queue, at, cause, &Fact::Message(facts), By::default());
    }

    fn sent(&self, number: u64) {
        self.tell_of(QUEUE, Cause::Sent, number, Some(MessageState::Visible), None);
    }

    fn received(&self, number: u64) {
        self.tell_of(QUEUE, Cause::Received, number, Some(MessageState::InFlight), None);
    }

    fn deleted(&self, number: u64) {
        self.tell_of(QUEUE, Cause::Deleted, number, None, None);
    }

    fn purged(&self) {
        self.history.happened(QUEUE, self.clock.now(), Cause::Purged, &Fact::Queue, By::default());
    }

    fn kinds(&self, number: u64) -> Vec<&'static str> {
        let timeline = self.history.timeline(id(number));
        timeline.map(|timeline| timeline.events.iter().map(|event| event.kind.name()).collect()).unwrap_or_default()
    }

    fn all(&self) -> Vec<Event> {
        self.history.events(0, &EventFilter::default(), usize::MAX).events
    }
}

#[test]
fn a_life_goes_on_through_dead_letters_and_moves() {
    let told = Told::new(1000);
    told.sent(1);
    told.received(1);
    told.tell_of(QUEUE, Cause::DeadLettered, 1, None, None);
    told.tell_of(OTHER, Cause::Arrived, 1, Some(MessageState::Visible), None);
    assert_eq!(told.history.whereabouts(id(1)).and_then(|found| found.queue), Some(OTHER));
    told.tell_of(OTHER, Cause::Moved, 1, None, None);
    told.tell_of(QUEUE, Cause::Arrived, 2, Some(MessageState::Visible), Some(1));
    told.deleted(2);
    let kinds = ["sent", "received", "deadLettered", "arrived", "moved", "arrived", "deleted"];
    for number in [1, 2] {
        let timeline = told.history.timeline(id(number)).unwrap();
        assert_eq!(timeline.ids, [id(1), id(2)]);
        assert_eq!(timeline.events.iter().map(|event| event.kind.name()).collect::<Vec<_>>(), kinds);
        assert_eq!(
            timeline.events.iter().map(|event| event.message).collect::<Vec<_>>()[4..],
            [Some(id(1)), Some(id(2)), Some(id(2))]
        );
        assert!(timeline.complete);
        assert_eq!((timeline.ended, timeline.gone.unwrap().body.as_str()), (Some(Kind::Deleted), "hello"));
    }
    assert_eq!(told.history.timeline(id(3)).map(|timeline| timeline.events), None);
    let gone: Vec<_> = told.history.gone_messages(QUEUE, 0).map(|gone| (gone.id, gone.how)).collect();
    assert_eq!(gone, [(id(1), Kind::DeadLettered), (id(2), Kind::Deleted)]);
    assert_eq!(told.history.gone_messages(OTHER, 0).count(), 1);
}

#[test]
fn whole_messages_are_dropped_and_those_that_ended_first_go_first() {
    let told = Told::new(10);
    told.sent(1);
    (2..=4).for_each(|number| told.sent(number));
    [3, 2].into_iter().for_each(|number| told.deleted(number));
    (5..=8).for_each(|number| told.sent(number));
    assert_eq!(told.all().len(), 10);
    assert_eq!(told.history.events(0, &EventFilter::default(), 100).dropped_before, None);
    told.sent(9);
    assert_eq!(told.kinds(3), [""; 0], "it ended first");
    assert_eq!(told.kinds(2), ["sent", "deleted"]);
    told.sent(10);
    told.sent(11);
    assert_eq!(told.kinds(2), [""; 0]);
    assert_eq!(told.kinds(1), ["sent"], "it goes on");
    told.sent(12);
    told.sent(13);
    assert_eq!(told.kinds(1), [""; 0], "none had ended");
    told.received(1);
    assert_eq!(told.kinds(1), ["received"]);
    assert!(!told.history.timeline(id(1)).unwrap().complete);
    let page = told.history.events(0, &EventFilter::default(), 100);
    assert!(
        page.dropped_before.is_some_and(|before| told
            .history
            .events(before - 1, &EventFilter::default(), 9)
            .dropped_before
            .is_none())
    );
    let totals = told.history.totals(QUEUE);
    assert_eq!((totals.of(Kind::Sent), totals.of(Kind::Deleted), totals.received()), (13, 2, 1), "exact all the same");
}

#[test]
fn what_a_purge_took_out_has_ended() {
    let told = Told::new(10);
    told.tell_of(OTHER, Cause::Sent, 100, Some(MessageState::Visible), None);
    (1..=4).for_each(|number| told.sent(number));
    told.purged();
    assert_eq!(told.kinds(1), ["sent", "purged"]);
    assert_eq!(told.history.timeline(id(1)).unwrap().ended, Some(Kind::Purged));
    told.sent(5);
    assert_eq!(told.kinds(5), ["sent"]);
    told.deleted(5);
    (6..=12).for_each(|number| told.sent(number));
    assert_eq!(told.kinds(100), ["sent"], "it goes on, so it stays");
    assert_eq!((told.kinds(1), told.kinds(4)), (Vec::new(), Vec::new()));
    assert_eq!(told.kinds(5), ["sent", "deleted"], "it ended after them");
    told.sent(13);
    assert_eq!(told.kinds(5), [""; 0]);
    assert_eq!(told.history.whereabouts(id(12)).unwrap().left, None);
}

#[test]
fn memory_is_bounded_whatever_is_told_of() {
    const EVENTS_MAX: usize = 20_000;
    let told = Told::new(EVENTS_MAX);
    // One message in a hundred stays, so that every chunk has some that are kept.
    for number in 0..200_000 {
        told.sent(number);
        told.received(number);
        if number % 100 != 0 {
            told.deleted(number);
        }
    }
    let (bytes, live) = told.history.lock().size();
    assert!(live <= EVENTS_MAX);
    assert!(bytes <= EVENTS_MAX * 64 * 3 / 2, "{bytes} bytes of records");
    let all = told.all();
    assert_eq!(all.len(), live);
    assert!(all.is_sorted_by_key(|event| event.position));
    assert_eq!(told.kinds(199_999), ["sent", "received", "deleted"]);
    assert_eq!(told.kinds(196_000), ["sent", "received"]);
    // One message whose events alone are too many.
    (0..100_000).for_each(|_| told.received(5_000_000));
    assert!(told.history.lock().size().0 <= EVENTS_MAX * 64 * 3 / 2);
    assert_eq!(told.history.totals(QUEUE).of(Kind::Received), 300_000);
}

#[test]
fn totals_since_a_position_are_exact_or_refused() {
    let told = Told::new(100);
    (1..=10).for_each(|number| told.sent(number));
    let position = told.history.position();
    assert_eq!(told.history.count_since(QUEUE, Kind::Sent, position), Ok(0));
    told.sent(11);
    told.history.happened(
        QUEUE,
        told.clock.now(),
        Cause::ReceivedNothing,
        &Fact::NoMessage { waited: false },
        By::default(),
    );
    told.deleted(1);
    assert_eq!(told.history.position(), position + 3, "an empty receive counts");
    let since = |kind| told.history.count_since(QUEUE, kind, position);
    assert_eq!([since(Kind::Sent), since(Kind::EmptyReceive), since(Kind::Deleted)], [Ok(1); 3]);
    assert_eq!(told.history.count_since(QUEUE, Kind::EmptyReceive, position + 2), Ok(0));
    assert_eq!(told.history.totals_at(QUEUE, position).map(|totals| totals.of(Kind::Sent)), Ok(10));
    assert_eq!(told.history.count_since(OTHER, Kind::Sent, 0), Ok(0));
    (12..=200).for_each(|number| told.sent(number));
    let refused = told.history.count_since(QUEUE, Kind::Sent, position).unwrap_err();
    assert!(refused.before > position);
    assert!(told.history.count_since(QUEUE, Kind::Sent, refused.before - 1).is_ok());
}

#[test]
fn missed_deletions_are_of_the_message_they_missed() {
    let told = Told::new(100);
    (1..=3).for_each(|number| told.sent(number));
    told.received(2);
    told.deleted(2);
    let receipt = Receipt { queue: QUEUE, slot: 0, number: 2, receive: 1 };
    told.history.happened(QUEUE, told.clock.now(), Cause::DeleteMissed, &Fact::Receipt(receipt), By::default());
    assert_eq!(told.kinds(2), ["sent", "received", "deleted", "deleteMissed"]);
    let strange = Receipt { number: 99, ..receipt };
    told.history.happened(QUEUE, told.clock.now(), Cause::DeleteMissed, &Fact::Receipt(strange), By::default());
    assert_eq!(told.all().last().unwrap().message, None);
    assert_eq!(told.history.totals(QUEUE).of(Kind::DeleteMissed), 2);
}

#[test]
fn what_is_forgotten_is_gone_and_positions_go_on() {
    let told = Told::new(100);
    told.sent(1);
    told.deleted(1);
    let position = told.history.position();
    told.history.forget();
    assert_eq!(told.history.position(), position);
    assert!(told.all().is_empty() && told.history.timeline(id(1)).is_none());
    assert_eq!(told.history.gone_messages(QUEUE, 0).count(), 0);
    assert_eq!(told.history.totals(QUEUE), Totals::default());
    assert!(told.history.count_since(QUEUE, Kind::Sent, 0).is_err());
    assert_eq!(told.history.count_since(QUEUE, Kind::Sent, position), Ok(0));
    told.sent(2);
    assert_eq!(told.all()[0].position, position + 1);
}

#[test]
fn what_is_no_doing_of_the_queues_stands_among_their_events() {
    let told = Told::new(100);
    told.sent(1);
    let client = told.history.client(Some("curl/8.1 x"), None, "000000000000", true);
    let by = By { client, request: 7 };
    told.history.record_fault("f1", "lostAnswer", Some(QUEUE), Some(id(1)), by);
    let from = told.clock.now();
    told.clock.advance(Duration::from_secs(900));
    told.history.record_clock(from, told.clock.now(), "advance", by);
    told.history.record_control("queue deleted", Some(OTHER), None, By::default());
    assert_eq!(told.kinds(1), ["sent", "faultFired"]);
    let text = listing(&told.all(), false);
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[0], ["times", "from", "2026-01-01T00:00:00.000Z"]);
    assert_eq!(lines[1], ["1", "+0ms", "orders", "sent"]);
    assert_eq!(lines[2].join(" "), "2 +0ms orders faultFired lostAnswer (f1) by control curl/8.1");
    assert_eq!(lines[3].join(" "), "3 +15m clockAdvanced by 15m: advance by control curl/8.1");
    assert_eq!(lines[4].join(" "), "4 +15m orders-dead control queue deleted");
    let json = told.all()[1].json();
    assert_eq!(json["by"]["requestId"], "00000000-0000-0000-0000-000000000007");
    assert_eq!((json["rule"].as_str(), json["by"]["control"].as_bool()), (Some("f1"), Some(true)));
}

#[test]
fn a_reader_is_woken_by_the_next_event() {
    let told = Told::new(100);
    told.sent(1);
    let mut newest = told.history.subscribe();
    assert_eq!(*newest.borrow_and_update(), 1);
    assert!(!newest.has_changed().unwrap());
    told.sent(2);
    assert!(newest.has_changed().unwrap());
    assert_eq!(*newest.borrow_and_update(), 2);
}

#[test]
fn filters_choose_by_queue_and_type_from_either_end() {
    let told = Told::new(1000);
    for number in 1..=50 {
        told.sent(number);
        told.tell_of(OTHER, Cause::Arrived, number + 100, Some(MessageState::Visible), None);
    }
    let queues = told.history.queues_named(|names| &*names.name == "orders");
    let filter = EventFilter { queues: Some(queues), kinds: Kinds::of([Kind::Sent, Kind::Deleted]) };
    let page = told.history.events(10, &filter, 3);
    assert_eq!(page.events.iter().map(|event| event.position).collect::<Vec<_>>(), [11, 13, 15]);
    let next = told.history.events(page.until, &filter, 1000);
    assert_eq!((next.events[0].position, next.events.len(), next.until), (17, 42, 100));
    let last = told.history.last_events(&filter, 2);
    assert_eq!(last.iter().map(|event| event.position).collect::<Vec<_>>(), [97, 99]);
    assert!(told.history.events(0, &EventFilter { queues: Some(Vec::new()), ..filter }, 9).events.is_empty());
}
