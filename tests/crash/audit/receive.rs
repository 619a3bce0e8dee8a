//! What the auditor makes of messages that were handed out.

use super::{Audit, Book, Delivery, Hold, Receive, Removal};
use crate::client::Span;
use crate::content::{SOURCE, family, is_fifo};

/// Receives that are remembered of a message; counts only grow, so the last ones say it all.
const RECEIVES_KEPT: usize = 4;

impl Receive {
    /// Whether it came behind one that is told of only now.
    fn is_later_than(&self, span: Span, delivery: &Delivery) -> bool {
        self.answered_ms >= span.began_ms && self.count > delivery.count
    }
}

impl Audit {
    /// A receive begins.
    pub fn receiving(&mut self, queue: &'static str) {
        self.books.entry(family(queue)).or_default().receives_open += 1;
    }

    /// A receive got no answer.
    pub fn receive_in_doubt(&mut self, queue: &'static str) {
        self.receive_ends(queue).receives_in_doubt += 1;
    }

    fn receive_ends(&mut self, queue: &'static str) -> &mut Book {
        let book = self.books.entry(family(queue)).or_default();
        book.receives_open = book.receives_open.saturating_sub(1);
        book
    }

    /// A receive was answered.
    pub fn received(&mut self, queue: &'static str, span: Span, visibility_seconds: u64, deliveries: &[Delivery]) {
        *self.acknowledged.entry("ReceiveMessage").or_default() += 1;
        let repeated = self.lives[self.life_at(span.began_ms)].troubled;
        // In troubled times the node that is asked may ask another one twice.
        self.receive_ends(queue).receives_in_doubt += u32::from(repeated);
        let mut together = Vec::new();
        for delivery in deliveries {
            self.check_delivery(queue, span, visibility_seconds, delivery);
            self.check_order(queue, delivery, &together);
            together.push(delivery.key.as_str());
            self.take_down(queue, span, visibility_seconds, delivery);
        }
    }

    /// A receive with the attempt id of an earlier one begins. Whoever carries it out begins the visibility timeout anew, with
    /// or without an answer, and the new one may be shorter.
    pub fn repeating(&mut self, visibility_seconds: u64, before: &[Delivery], now_ms: u64) {
        let shortest_ms = (now_ms + visibility_seconds * 1000).saturating_sub(self.margin_ms);
        for one in before {
            let hold = self.messages.get_mut(&one.key).and_then(|message| message.hold.as_mut());
            if let Some(hold) = hold.filter(|hold| hold.handle == one.handle) {
                hold.hidden_until_ms = hold.hidden_until_ms.min(shortest_ms);
            }
        }
    }

    /// A receive with the attempt id of an earlier one was answered.
    pub fn repeated(
        &mut self,
        queue: &'static str,
        span: Span,
        visibility_seconds: u64,
        before: &[Delivery],
        deliveries: &[Delivery],
    ) {
        let handles = |list: &[Delivery]| list.iter().map(|one| one.handle.clone()).collect::<Vec<_>>();
        let sure = before.iter().all(|one| {
            self.holds(&one.key, &one.handle)
                && self.surely_hidden(&one.key, queue, span.ended_ms)
                && self.messages.get(&one.key).is_some_and(|message| message.surely_there())
        });
        if handles(before) != handles(deliveries) {
            if sure {
                let keys = |list: &[Delivery]| list.iter().map(|one| one.key.clone()).collect::<Vec<_>>().join(", ");
                let (before, after) = (keys(before), keys(deliveries));
                self.complain(format!("{queue}: a repeated receive gave other receipts: {after}, not {before}"));
            }
            return self.received(queue, span, visibility_seconds, deliveries);
        }
        self.receive_ends(queue);
        let (life, margin_ms) = (self.life(), self.margin_ms);
        for delivery in deliveries {
            let Some(message) = self.messages.get_mut(&delivery.key) else { continue };
            message.note(format!("{} life {life} receive repeated", span.ended_ms));
            if let Some(hold) = &mut message.hold {
                hold.hidden_until_ms = (span.began_ms + visibility_seconds * 1000).saturating_sub(margin_ms);
            }
        }
    }

    fn check_delivery(&mut self, queue: &'static str, span: Span, visibility_seconds: u64, delivery: &Delivery) {
        let key = delivery.key.as_str();
        for flaw in delivery.flaws(queue) {
            self.complain_of(key, &format!("from {queue}: {flaw}"));
        }
        let mut flaws = Vec::new();
        let Some(message) = self.messages.get(key) else {
            return self.complain(format!("{queue} gave {key}, which was never sent or is long gone"));
        };
        if message.queue != family(queue) {
            flaws.push(format!("sent to {}, received from {queue}", message.queue));
        }
        match message.removal {
            Removal::Done { acknowledged_ms } if span.began_ms > acknowledged_ms => {
                flaws.push(format!("came back from {queue} after an acknowledged delete"));
            }
            _ => {}
        }
        let deleted_here =
            |(place, id, at): &(&str, String, u64)| *place == queue && *id == delivery.id && span.began_ms > *at;
        if message.left.iter().any(deleted_here) {
            flaws.push(format!("came back from {queue} under an id that was deleted there"));
        }
        if message.group.as_ref().map(|(group, _)| group) != delivery.group.as_ref() {
            flaws.push(format!("message group {:?}, not {:?}", delivery.group, message.group));
        }
        if message.sequence.is_some_and(|sequence| Some(sequence) != delivery.sequence) {
            flaws.push(format!("number {:?}, not {:?}", delivery.sequence, message.sequence));
        }
        let (sending, delay_ms) = (message.sending, message.delay_ms);
        if span.ended_ms + self.margin_ms < delivery.sent_ms + delay_ms {
            flaws.push(format!("received before its delay of {delay_ms} ms was over"));
        }
        flaws.extend(self.identity_flaw(key, queue, span, delivery));
        if message.ids.len() < 2 && message.ids.first().is_none_or(|id| *id == delivery.id) {
            let too_early = delivery.sent_ms + self.margin_ms < sending.began_ms;
            let too_late = delivery.sent_ms > sending.ended_ms.saturating_add(self.margin_ms);
            if (too_early || too_late) && !self.moves {
                flaws.push(format!("SentTimestamp {}, but sent {sending:?}", delivery.sent_ms));
            }
        }
        let holder = message.hold.as_ref().map_or(queue, |hold| hold.queue);
        // One that hid nothing, or came before a change of visibility, may be told of late.
        let before = message.hold.as_ref().is_some_and(|hold| hold.answered_ms < span.began_ms);
        let clear = message.changed_ms < span.began_ms && (before || visibility_seconds > 0);
        // Told of after a later one, it may have been over by then.
        let later = message.receives.iter().find(|receive| receive.is_later_than(span, delivery));
        let twice = match later {
            Some(later) => later.answered_ms + self.margin_ms < span.began_ms + visibility_seconds * 1000,
            None => self.surely_hidden(key, holder, span.ended_ms),
        };
        if clear && twice {
            flaws.push(format!("from {queue} at {}: handed out twice, was in flight in {holder}", span.ended_ms));
        }
        flaws.extend(self.count_flaw(key, queue, span, delivery));
        for flaw in flaws {
            self.complain_of(key, &flaw);
        }
    }

    /// MessageId and SentTimestamp stay the same, but for what a move task moved back to the source queue.
    fn identity_flaw(&self, key: &str, queue: &'static str, span: Span, delivery: &Delivery) -> Option<String> {
        let message = self.messages.get(key)?;
        let newest = message.ids.last()?;
        if *newest == delivery.id {
            let sent_ms = message.sent_ms?;
            return (sent_ms != delivery.sent_ms)
                .then(|| format!("SentTimestamp {} in {queue}, before it was {sent_ms}", delivery.sent_ms));
        }
        if message.ids.contains(&delivery.id) {
            return (span.began_ms > message.renewed_ms)
                .then(|| format!("from {queue} under its old id {}: it is there twice", delivery.id));
        }
        let renewed = family(queue) == SOURCE && self.moves;
        (!renewed).then(|| format!("MessageId {} in {queue}, before it was {newest}", delivery.id))
    }

    /// The receive count grows with each receive and is never below one that cannot be forgotten.
    fn count_flaw(&self, key: &str, queue: &'static str, span: Span, delivery: &Delivery) -> Option<String> {
        let message = self.messages.get(key)?;
        // Others on their way may have come first.
        let in_doubt = self.books.get(family(queue)).map_or(0, |book| book.receives_in_doubt + book.receives_open);
        let most = message.receives_answered + 1 + in_doubt;
        if delivery.count > most {
            return Some(format!("receive count {}, but it was received {most} times at most", delivery.count));
        }
        if message.ids.last().is_some_and(|id| *id != delivery.id) {
            return None;
        }
        let earlier = message.receives.iter().filter(|receive| receive.answered_ms < span.began_ms);
        let kept = earlier.filter(|receive| self.stays(receive.queue, receive.life, receive.answered_ms));
        let last = kept.max_by_key(|receive| receive.count)?;
        if delivery.count <= last.count {
            return Some(format!("receive count {} in {queue}, it was {} before", delivery.count, last.count));
        }
        (delivery.first_received_ms != last.first_ms)
            .then(|| format!("first received {}, it was {} before", delivery.first_received_ms, last.first_ms))
    }

    /// In its group nothing may be left waiting before it.
    fn check_order(&mut self, queue: &'static str, delivery: &Delivery, together: &[&str]) {
        let (Some(group), Some(sequence)) = (&delivery.group, delivery.sequence) else { return };
        let group = self.groups.get(&(queue, group.clone()));
        if let Some(earlier) = group.and_then(|group| group.overtaken(sequence, together)) {
            let earlier = earlier.to_owned();
            let history = self.messages.get(&earlier).map(|message| message.history.join("; ")).unwrap_or_default();
            self.complain_of(&delivery.key, &format!("overtook {earlier} [{history}] in its group"));
        }
    }

    fn take_down(&mut self, queue: &'static str, span: Span, visibility_seconds: u64, delivery: &Delivery) {
        let (life, margin_ms) = (self.life_at(span.began_ms), self.margin_ms);
        let Some(message) = self.messages.get_mut(&delivery.key) else { return };
        message.note(format!(
            "{} life {life} received from {queue} as {} ({})",
            span.ended_ms, delivery.id, delivery.count
        ));
        if !message.ids.contains(&delivery.id) {
            message.ids.push(delivery.id.clone());
            message.renewed_ms = span.ended_ms;
            message.receives.clear();
        }
        if message.ids.last() == Some(&delivery.id) {
            message.sent_ms = Some(delivery.sent_ms);
        }
        // A delete that was in doubt did not take place.
        let lives = matches!(message.removal, Removal::Doubt { until_ms } if span.began_ms > until_ms);
        if lives {
            message.removal = Removal::No;
        }
        if message.receives.len() == RECEIVES_KEPT {
            message.receives.remove(0);
        }
        let answered_ms = span.ended_ms;
        let first_ms = delivery.first_received_ms;
        if message.ids.last() == Some(&delivery.id) {
            message.receives.push(Receive { queue, count: delivery.count, first_ms, life, answered_ms });
        }
        message.receives_answered += 1;
        // A change of visibility that was on its way meanwhile may count for this receive.
        let unclear = message.changes_open > 0 || message.changed_ms >= span.began_ms;
        let hidden_until_ms = (span.began_ms + visibility_seconds * 1000).saturating_sub(margin_ms);
        // Of two that were under way together the one that is answered later may have come first; then the other one holds.
        if !message.receives.iter().any(|receive| receive.is_later_than(span, delivery)) {
            message.hold = Some(Hold {
                queue,
                handle: delivery.handle.clone(),
                hidden_until_ms: if unclear { 0 } else { hidden_until_ms },
                solid: is_fifo(queue),
                life,
                answered_ms,
            });
        }
        if !message.known {
            message.known = true;
            self.learn(&delivery.key, delivery.sequence);
        } else if lives {
            self.group_alive(&delivery.key, true);
        }
    }
}
