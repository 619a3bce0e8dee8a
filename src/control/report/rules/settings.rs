//! K4, K5, K9 and K10: what queues are set to, and what comes of it.

use super::{Found, count, counted, examples, shown};
use crate::control::report::observed::{Left, Observed, ObservedMessage, ObservedQueue};

/// More receives than this of a message that nobody takes out of the way are too many.
const RECEIVES_MAX: usize = 5;

/// AWS's own advice: six times the timeout of the function.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>
const LAMBDA_TIMEOUTS: u64 = 6;

/// The longest retention period there is, in milliseconds.
const RETENTION_MS_MAX: u64 = 14 * 86_400_000;

/// Of its retention period a message should have this part left.
const RETENTION_PARTS: u64 = 10;

/// K4. Messages that fail again and again stay in the way.
pub(super) fn no_dead_letter_queue(_: &Observed, queue: &ObservedQueue) -> Option<Found> {
    let settings = queue.settings.as_ref()?;
    if settings.redrive || settings.takes_dead_letters {
        return None;
    }
    let often: Vec<_> = queue.messages.iter().filter(|message| message.receives.len() > RECEIVES_MAX).collect();
    let most = often.iter().map(|message| message.receives.len()).max()?;
    let number = counted(count(often.len()), "message was", "messages were");
    Some(Found {
        summary: format!(
            "no dead-letter queue, and {number} received more than {RECEIVES_MAX} times (up to {most} times)"
        ),
        count: count(often.len()),
        examples: examples(often),
        advice: "give the queue a RedrivePolicy with a dead-letter queue and a maxReceiveCount".to_owned(),
        explained: false,
    })
}

/// K5. A dead letter of a standard queue keeps the time at which it was sent: the time in the source counts too.
pub(super) fn short_dead_letter_retention(_: &Observed, queue: &ObservedQueue) -> Option<Found> {
    let settings = queue.settings.as_ref()?;
    let (name, kept_ms) = settings.dead_letter_queue.as_ref()?;
    // What is kept as long as can be cannot be kept longer. In a FIFO queue time begins anew.
    if queue.fifo || *kept_ms > settings.retention_ms || *kept_ms >= RETENTION_MS_MAX {
        return None;
    }
    let is_dead = |message: &&ObservedMessage| matches!(message.left, Some((_, Left::ToAnotherQueue)));
    let dead: Vec<_> = queue.messages.iter().filter(is_dead).collect();
    let (kept, source) = (shown(*kept_ms), shown(settings.retention_ms));
    Some(Found {
        summary: format!(
            "dead letters are kept {kept} in {name}, messages {source} here: the time here counts, so that less than \
             {kept} is left for a dead letter"
        ),
        count: count(dead.len()),
        examples: examples(dead),
        advice: format!("set MessageRetentionPeriod of {name} to {} (14 days)", RETENTION_MS_MAX / 1_000),
        explained: false,
    })
}

/// K9. By the clock of the space: a retention period is what tests turn the clock for.
pub(super) fn close_to_expiry(observed: &Observed, queue: &ObservedQueue) -> Option<Found> {
    let retention_ms = queue.settings.as_ref()?.retention_ms;
    let is_close = |message: &&ObservedMessage| match message.left {
        Some((_, Left::Expired)) => true,
        // What was thrown away on purpose was not late.
        Some((_, Left::WithOthers | Left::ByHand)) => false,
        Some((when, _)) => is_late(message, when.at.as_ms(), retention_ms),
        None => is_late(message, observed.now.at.as_ms(), retention_ms),
    };
    let close: Vec<_> = queue.messages.iter().filter(is_close).collect();
    if close.is_empty() {
        return None;
    }
    let expired = close.iter().filter(|message| matches!(message.left, Some((_, Left::Expired)))).count();
    let consequence = match count(expired) {
        0 => String::new(),
        number => format!(", and {} lost", counted(number, "was", "were")),
    };
    Some(Found {
        summary: format!(
            "{} less than {}% of the retention period of {} left{consequence}",
            counted(count(close.len()), "message had", "messages had"),
            100 / RETENTION_PARTS,
            shown(retention_ms)
        ),
        count: count(close.len()),
        examples: examples(close),
        advice: "raise MessageRetentionPeriod, or consume faster".to_owned(),
        explained: false,
    })
}

fn is_late(message: &ObservedMessage, until_ms: u64, retention_ms: u64) -> bool {
    let end_ms = message.sent_at.plus_ms(retention_ms).as_ms();
    end_ms.saturating_sub(until_ms) < retention_ms / RETENTION_PARTS
}

/// K10. Only if the timeout was told.
pub(super) fn below_lambda_timeout(observed: &Observed, queue: &ObservedQueue) -> Option<Found> {
    let settings = queue.settings.as_ref()?;
    let lambda_ms = observed.lambda_timeout_ms?;
    let needed_ms = lambda_ms.saturating_mul(LAMBDA_TIMEOUTS);
    if settings.takes_dead_letters || settings.visibility_timeout_ms >= needed_ms {
        return None;
    }
    let (timeout, lambda) = (shown(settings.visibility_timeout_ms), shown(lambda_ms));
    let refused = match settings.visibility_timeout_ms < lambda_ms {
        true => ": AWS refuses such an event source",
        false => "",
    };
    Some(Found {
        summary: format!(
            "visibility timeout {timeout} < {LAMBDA_TIMEOUTS} x Lambda timeout {lambda} = {}{refused}",
            shown(needed_ms)
        ),
        advice: format!("set VisibilityTimeout to at least {}", needed_ms.div_ceil(1_000)),
        ..Found::default()
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::control::report::observed::ObservedSettings;

    const DAY_MS: u64 = 86_400_000;

    fn settings(queue: &mut ObservedQueue) -> &mut ObservedSettings {
        queue.settings.as_mut().unwrap()
    }

    #[test]
    fn k4_no_dead_letter_queue() {
        let mut queue = queue();
        let received = |id, times| {
            let receives = (0..times).map(|number| timed_out(number + 1, u64::from(number) * 30_000)).collect();
            ObservedMessage { receives, ..message(id, 0) }
        };
        queue.messages = vec![received(1, 6), received(2, 9), received(3, 5)];
        let found = check("K4", &queue).unwrap();
        assert_eq!(
            found.summary,
            "no dead-letter queue, and 2 messages were received more than 5 times (up to 9 times)"
        );
        assert_eq!(found.examples, ["id-1", "id-2"]);
        settings(&mut queue).redrive = true;
        assert!(check("K4", &queue).is_none(), "it has one");
        *settings(&mut queue) = ObservedSettings { takes_dead_letters: true, ..ObservedSettings::default() };
        assert!(check("K4", &queue).is_none(), "it is one");
        queue.settings = None;
        assert!(check("K4", &queue).is_none(), "it is gone");
        let mut queue = super::super::testing::queue();
        queue.messages = vec![received(1, 5)];
        assert!(check("K4", &queue).is_none(), "five times are few enough");
    }

    #[test]
    fn k5_dead_letters_kept_no_longer_than_messages() {
        let mut queue = queue();
        settings(&mut queue).dead_letter_queue = Some(("orders-dead".to_owned(), 4 * DAY_MS));
        let found = check("K5", &queue).unwrap();
        assert_eq!(
            found.summary,
            "dead letters are kept 4d in orders-dead, messages 4d here: the time here counts, so that less than 4d is \
             left for a dead letter"
        );
        assert_eq!(found.advice, "set MessageRetentionPeriod of orders-dead to 1209600 (14 days)");
        queue.fifo = true;
        assert!(check("K5", &queue).is_none(), "time begins anew");
        queue.fifo = false;
        settings(&mut queue).dead_letter_queue = Some(("orders-dead".to_owned(), 4 * DAY_MS + 1_000));
        assert!(check("K5", &queue).is_none());
        settings(&mut queue).retention_ms = 14 * DAY_MS;
        settings(&mut queue).dead_letter_queue = Some(("orders-dead".to_owned(), 14 * DAY_MS));
        assert!(check("K5", &queue).is_none(), "longer is not to be had");
        settings(&mut queue).dead_letter_queue = None;
        assert!(check("K5", &queue).is_none(), "it is not there");
    }

    #[test]
    fn k9_close_to_the_end_of_the_retention_period() {
        let mut queue = queue();
        settings(&mut queue).retention_ms = 600_000;
        let observed = |ms| Observed { now: when(ms), ..Observed::default() };
        let left = |how, ms| Some((when(ms), how));
        queue.messages = vec![
            message(1, 0),
            ObservedMessage { left: left(Left::Expired, 600_000), ..message(2, 0) },
            ObservedMessage { left: left(Left::Deleted, 540_001), ..message(3, 0) },
            ObservedMessage { left: left(Left::Deleted, 540_000), ..message(4, 0) },
            ObservedMessage { left: left(Left::WithOthers, 599_000), ..message(5, 0) },
        ];
        let found = check_with("K9", &queue, &observed(540_001)).unwrap();
        assert_eq!(found.summary, "3 messages had less than 10% of the retention period of 10m left, and 1 was lost");
        assert_eq!(found.examples, ["id-1", "id-2", "id-3"]);
        queue.messages.truncate(1);
        let found = check_with("K9", &queue, &observed(540_001)).unwrap();
        assert_eq!(found.summary, "1 message had less than 10% of the retention period of 10m left");
        assert!(check_with("K9", &queue, &observed(540_000)).is_none());
    }

    #[test]
    fn k10_visibility_timeout_below_six_times_the_lambda_timeout() {
        let mut queue = queue();
        let told = |ms| Observed { lambda_timeout_ms: Some(ms), ..Observed::default() };
        let found = check_with("K10", &queue, &told(10_000)).unwrap();
        assert_eq!(found.summary, "visibility timeout 30s < 6 x Lambda timeout 10s = 1m");
        assert_eq!(found.advice, "set VisibilityTimeout to at least 60");
        let found = check_with("K10", &queue, &told(31_000)).unwrap();
        assert_eq!(
            found.summary,
            "visibility timeout 30s < 6 x Lambda timeout 31s = 3m 6s: AWS refuses such an event source"
        );
        assert!(check_with("K10", &queue, &told(5_000)).is_none());
        assert!(check("K10", &queue).is_none(), "not told");
        settings(&mut queue).takes_dead_letters = true;
        assert!(check_with("K10", &queue, &told(10_000)).is_none());
    }
}
