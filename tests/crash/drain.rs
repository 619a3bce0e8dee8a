//! Emptying all queues: what was acknowledged and not deleted is there, once, and as many as the counters say.

use crate::admin_client::AdminClient;
use crate::client::now_ms;
use crate::content::DELAYED;
use crate::line::Line;
use crate::ops::{Hand, Want};
use crate::verify_after_restart::{FAMILIES, family_counts, moving};
use std::collections::HashMap;

/// After that long nothing is delayed any more but what is delayed for minutes.
const SHORT_DELAYS_MS: u64 = 2_500;
/// By then every timeout that nobody can end has ended: those of receives and delays are three seconds at most.
pub const TIME_LIMIT_MS: u64 = 20_000;

/// Whoever empties a queue hides what it receives for so long, until it has deleted it.
const HIDDEN_SECONDS: u64 = 60;

/// Empties all queues while nobody else is at work. One from which nothing comes for so many milliseconds counts as empty.
pub fn drain(line: &mut Line<'_>, admin: &mut AdminClient, limit_ms: u64) {
    let began_ms = now_ms();
    admin.cancel_task(line);
    if moving(line) {
        line.audit().complain("a move task cannot be cancelled".to_owned());
    }
    let mut before = HashMap::new();
    for (family, queues) in FAMILIES {
        before.extend(family_counts(line, queues).map(|(counts, _)| (family, counts)));
    }
    release(line);
    for (family, queues) in FAMILIES {
        let mut found = 0;
        for queue in queues.iter().copied() {
            found += empty(line, queue, began_ms, limit_ms);
        }
        let (sure, possible) = line.audit().long_delayed(family, began_ms + TIME_LIMIT_MS);
        let Some((left, _)) = family_counts(line, queues) else { return };
        let counted = before.get(family).copied().unwrap_or_default();
        let mut audit = line.audit();
        if counted.total() != found + left.total() {
            audit.complain(format!("{family} counted {counted:?}, and {found} were found, {left:?} are left"));
        }
        if left.visible + left.in_flight > 0 || !(sure..=possible).contains(&left.delayed) {
            audit.complain(format!("{family} was drained and counts {left:?}, with {sure} to {possible} delayed"));
        }
        audit.drained(family, began_ms);
    }
}

/// Makes everything visible that is hidden by a receive somebody knows of.
fn release(line: &mut Line<'_>) {
    let mut by_queue: HashMap<&'static str, Vec<Hand>> = HashMap::new();
    for (queue, key, handle) in line.audit().receipts() {
        by_queue.entry(queue).or_default().push(Hand { queue, key, id: String::new(), handle });
    }
    for hands in by_queue.values() {
        for ten in hands.chunks(10) {
            line.change(ten.to_vec(), 0);
        }
    }
}

/// Receives and deletes until nothing is left but what is delayed for long. Returns how many there were.
fn empty(line: &mut Line<'_>, queue: &'static str, began_ms: u64, limit_ms: u64) -> usize {
    let mut found = 0;
    let mut wait_seconds = 0;
    let mut give_up_ms = now_ms() + limit_ms;
    while now_ms() < give_up_ms {
        let want = Want { queue, max: 10, visibility_seconds: HIDDEN_SECONDS, wait_seconds, attempt: None };
        let unanswered = line.audit().unanswered;
        let Some(deliveries) = line.receive(&want) else { return found };
        if line.audit().unanswered > unanswered {
            // What it has hidden in vain comes back.
            give_up_ms = give_up_ms.max(now_ms() + HIDDEN_SECONDS * 1000 + limit_ms);
        }
        if deliveries.is_empty() {
            let Some((left, _)) = family_counts(line, &[queue]) else { return found };
            let delays_over = queue != DELAYED || now_ms() > began_ms + SHORT_DELAYS_MS;
            if left.visible + left.in_flight == 0 && delays_over {
                return found;
            }
            wait_seconds = 1;
            continue;
        }
        found += deliveries.len();
        give_up_ms = give_up_ms.max(now_ms() + limit_ms);
        let hands: Vec<Hand> = deliveries.iter().map(|delivery| Hand::of(queue, delivery)).collect();
        line.delete(&hands);
    }
    found
}
