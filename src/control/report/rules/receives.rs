//! K1, K2, K3 and K12: what became of receives.

use super::{Found, count, counted, examples, shown};
use crate::control::report::observed::{Observed, ObservedMessage, ObservedQueue, ObservedReceive};

/// K1. Processing lasts from the receive to the deletion by its handle, in real time. Receives whose timeout was extended are not
/// looked at.
pub(super) fn visibility_below_processing(_: &Observed, queue: &ObservedQueue) -> Option<Found> {
    let receives = queue.messages.iter().flat_map(|message| &message.receives);
    let mut settled: Vec<(i128, u64, &ObservedReceive)> = receives
        .filter(|receive| !receive.changed)
        .filter_map(|receive| {
            let ms = receive.processing_ms()?;
            Some((i128::from(ms) - i128::from(receive.timeout_ms), ms, receive))
        })
        .collect();
    // By how much they are over: the timeout may have been another each time.
    settled.sort_by_key(|(over, ..)| *over);
    let (over, processing, receive) = settled.get((settled.len() * 99).div_ceil(100).checked_sub(1)?)?;
    if *over <= 0 {
        return None;
    }
    let was_overrun = |message: &&ObservedMessage| message.receives.iter().any(ObservedReceive::overran);
    let is_twice = |message: &ObservedMessage| {
        let mut receives = message.receives.iter().enumerate();
        receives.any(|(index, receive)| receive.overran() && message.received_meanwhile(index))
    };
    let overrun: Vec<_> = queue.messages.iter().filter(was_overrun).collect();
    let twice: Vec<_> = overrun.iter().copied().filter(|message| is_twice(message)).collect();
    let consequence = match count(twice.len()) {
        0 => "no message was processed twice so far".to_owned(),
        number => counted(number, "message was processed twice", "messages were processed twice"),
    };
    let (timeout, processing) = (shown(receive.timeout_ms), shown(*processing));
    Some(Found {
        summary: format!("visibility timeout {timeout} < p99 processing {processing}: {consequence}"),
        count: count(overrun.len()),
        examples: examples(if twice.is_empty() { overrun } else { twice }),
        advice: format!(
            "set VisibilityTimeout well above {processing}, or extend it by ChangeMessageVisibility while the work goes on"
        ),
        explained: false,
    })
}

/// K2. Deleted after its visibility timeout, and not received again before that: it went well by luck.
pub(super) fn deleted_late(_: &Observed, queue: &ObservedQueue) -> Option<Found> {
    let late = late(queue, false);
    let latest = late.iter().filter_map(|(_, receive)| Some(receive.settled?.at.ms_since(receive.visible_at))).max()?;
    let all = queue.messages.iter().flat_map(|message| &message.receives);
    let deletes = count(all.filter(|receive| receive.settled.is_some()).count());
    let number = count(late.len());
    Some(Found {
        summary: format!(
            "{number} of {} came after the visibility timeout had ended, up to {} late{}",
            counted(deletes, "deletion", "deletions"),
            shown(latest),
            turned(&late)
        ),
        advice:
            "delete before the visibility timeout ends: raise it, or extend it by ChangeMessageVisibility while the \
                 work goes on"
                .to_owned(),
        ..found(&late)
    })
}

/// K3. Received again while the work on it went on, as its later deletion shows: it was done twice.
pub(super) fn received_again(_: &Observed, queue: &ObservedQueue) -> Option<Found> {
    let again = late(queue, true);
    if again.is_empty() {
        return None;
    }
    let number = counted(count(again.len()), "message was", "messages were");
    Some(Found {
        summary: format!(
            "{number} received again while the receive before was still at work and deleted later{}",
            turned(&again)
        ),
        advice:
            "raise VisibilityTimeout, or extend it by ChangeMessageVisibility while the work goes on; and make the \
                 work idempotent"
                .to_owned(),
        ..found(&again)
    })
}

/// K12. Received, and neither deleted, nor made visible, nor timed out.
pub(super) fn leaked(observed: &Observed, queue: &ObservedQueue) -> Option<Found> {
    let leaked: Vec<_> = queue.messages.iter().filter(|message| message.is_leaked()).collect();
    let until = |message: &ObservedMessage| message.left.map_or(observed.now, |(when, _)| when);
    let held = leaked.iter().filter_map(|m| Some(until(m).real_ms_since(m.receives.last()?.when))).max()?;
    let number = counted(count(leaked.len()), "message was", "messages were");
    Some(Found {
        summary: format!("{number} received and neither deleted nor failed, in flight for up to {}", shown(held)),
        count: count(leaked.len()),
        examples: examples(leaked),
        advice: "delete each message when its work is done; when the work fails, set its visibility timeout to 0 by \
                 ChangeMessageVisibility"
            .to_owned(),
        explained: false,
    })
}

type Late<'a> = Vec<(&'a ObservedMessage, &'a ObservedReceive)>;

/// The first receive of each message that was settled after its timeout, and had or had not been received again by then.
fn late(queue: &ObservedQueue, received_meanwhile: bool) -> Late<'_> {
    let first = |message: &'_ ObservedMessage| {
        let mut receives = message.receives.iter().enumerate();
        let is = |(index, receive): &(usize, &ObservedReceive)| {
            receive.settled_late() && message.received_meanwhile(*index) == received_meanwhile
        };
        receives.find(is).map(|(index, _)| index)
    };
    let messages = queue.messages.iter();
    messages.filter_map(|message| first(message).map(|index| (message, &message.receives[index]))).collect()
}

/// What all findings on late deletions have.
fn found(late: &Late<'_>) -> Found {
    Found {
        count: count(late.len()),
        examples: examples(late.iter().map(|(message, _)| *message)),
        explained: late.iter().all(|(_, receive)| receive.overran()),
        ..Found::default()
    }
}

/// Of what a jump of the clock made late, it is said.
fn turned(late: &Late<'_>) -> String {
    let turned = |receive: &ObservedReceive| {
        let ms = receive.processing_ms().unwrap_or(0);
        receive.settled.is_some_and(|settled| settled.at.ms_since(receive.when.at) > ms.saturating_add(TURNED_MS))
    };
    let number = late.iter().filter(|(_, receive)| turned(receive)).count();
    match number {
        0 => String::new(),
        all if all == late.len() => " (the clock was turned meanwhile)".to_owned(),
        some => format!(" (for {some} of them the clock was turned meanwhile)"),
    }
}

/// The clocks may be read a little apart.
const TURNED_MS: u64 = 100;

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::control::report::observed::{Ended, Left};

    /// A message that was received, and deleted by the handle of that receive so much later.
    fn worked(id: u64, processing_ms: u64) -> ObservedMessage {
        let receive = if processing_ms < 30_000 { receive(1, 0) } else { timed_out(1, 0) };
        let receives = vec![ObservedReceive { settled: Some(when(processing_ms)), ..receive }];
        let left = Some((when(processing_ms), Left::Deleted));
        ObservedMessage { receives, left, ..message(id, 0) }
    }

    /// The same, received again by another consumer meanwhile.
    fn worked_twice(id: u64, processing_ms: u64) -> ObservedMessage {
        let mut message = worked(id, processing_ms);
        message.receives.push(ObservedReceive { settled: Some(when(processing_ms + 1)), ..receive(2, 31_000) });
        message
    }

    #[test]
    fn k1_the_visibility_timeout_is_below_the_processing_time() {
        let mut queue = queue();
        queue.messages = (1..=7).map(|id| worked_twice(id, 41_000)).chain((8..=9).map(|id| worked(id, 500))).collect();
        let found = check("K1", &queue).unwrap();
        assert_eq!(found.summary, "visibility timeout 30s < p99 processing 41s: 7 messages were processed twice");
        assert_eq!((found.count, found.examples), (7, ["id-1", "id-2", "id-3"].map(str::to_owned).to_vec()));
        assert_eq!(
            found.advice,
            "set VisibilityTimeout well above 41s, or extend it by ChangeMessageVisibility while the work goes on"
        );
        // The others are the same cases.
        assert!(check("K3", &queue).unwrap().explained);
        queue.messages = vec![worked(1, 31_000)];
        let found = check("K1", &queue).unwrap();
        assert_eq!(found.summary, "visibility timeout 30s < p99 processing 31s: no message was processed twice so far");
        assert!(check("K2", &queue).unwrap().explained);
    }

    #[test]
    fn k1_passes_over_outliers_extended_timeouts_and_jumps_of_the_clock() {
        let mut queue = queue();
        queue.messages = vec![worked(1, 30_000)];
        assert!(check("K1", &queue).is_none(), "as long as it may take");
        queue.messages = (1..=99).map(|id| worked(id, 500)).chain([worked(100, 41_000)]).collect();
        assert!(check("K1", &queue).is_none(), "one of a hundred");
        assert_eq!(check("K2", &queue).unwrap().examples, ["id-100"]);
        queue.messages = vec![worked(1, 41_000)];
        queue.messages[0].receives[0].changed = true;
        assert!(check("K1", &queue).is_none(), "extended");
        queue.messages = vec![worked(1, 41_000)];
        queue.messages[0].receives[0].settled.as_mut().unwrap().real = when(200).real;
        assert!(check("K1", &queue).is_none(), "the clock was turned");
    }

    #[test]
    fn k2_deleted_after_the_visibility_timeout() {
        let mut queue = queue();
        queue.messages = vec![worked(1, 41_000), worked(2, 500)];
        // A jump of the clock from half a second on.
        queue.messages[0].receives[0].settled.as_mut().unwrap().real = when(1_000).real;
        let found = check("K2", &queue).unwrap();
        assert_eq!(
            found.summary,
            "1 of 2 deletions came after the visibility timeout had ended, up to 11s late (the clock was turned meanwhile)"
        );
        assert_eq!((found.count, found.examples, found.explained), (1, vec!["id-1".to_owned()], false));
        queue.messages = vec![worked(1, 29_999)];
        assert!(check("K2", &queue).is_none());
    }

    #[test]
    fn k3_received_again_although_it_had_not_failed() {
        let mut queue = queue();
        queue.messages = (1..=99).map(|id| worked(id, 500)).chain([worked_twice(100, 41_000)]).collect();
        let found = check("K3", &queue).unwrap();
        assert_eq!(
            found.summary,
            "1 message was received again while the receive before was still at work and deleted later"
        );
        assert!(check("K1", &queue).is_none(), "one of a hundred");
        assert!(check("K2", &queue).is_none(), "each case is told once");
        // One that failed, and was received again.
        let failed = ObservedMessage { receives: vec![timed_out(1, 0), receive(2, 31_000)], ..message(1, 0) };
        // One that a fault handed out twice at a time.
        let mut twice = worked(2, 500);
        twice.receives.push(ObservedReceive { settled: Some(when(600)), ..receive(2, 100) });
        queue.messages = vec![failed, twice];
        assert!(check("K3", &queue).is_none());
    }

    #[test]
    fn k12_received_and_neither_deleted_nor_failed() {
        let mut queue = queue();
        let held = |id| ObservedMessage { receives: vec![receive(1, 50_200)], ..message(id, 0) };
        queue.messages = vec![held(1), held(2), worked(3, 500)];
        let found = check("K12", &queue).unwrap();
        assert_eq!(found.summary, "2 messages were received and neither deleted nor failed, in flight for up to 9.8s");
        assert_eq!(found.examples, ["id-1", "id-2"]);
        let made_visible = ObservedReceive { ended: Some((when(10), Ended::MadeVisible)), ..receive(1, 0) };
        let failed = ObservedMessage { receives: vec![made_visible], ..message(1, 0) };
        let timed_out = ObservedMessage { receives: vec![timed_out(1, 0)], ..message(2, 0) };
        let moved = ObservedMessage { left: Some((when(9), Left::ToAnotherQueue)), ..held(3) };
        queue.messages = vec![failed, timed_out, moved, message(4, 0)];
        assert!(check("K12", &queue).is_none());
        // A test that deletes its queue at the end hides nothing.
        queue.messages = vec![ObservedMessage { left: Some((when(50_300), Left::WithOthers)), ..held(1) }];
        assert_eq!(
            check("K12", &queue).unwrap().summary,
            "1 message was received and neither deleted nor failed, in flight for up to 100ms"
        );
    }
}
