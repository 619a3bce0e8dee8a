//! A look at everything right after a restart, before the load goes on: queues, attributes, tags, move tasks, counters.

use crate::admin_client::{AdminClient, PASSING, SETTINGS, Texts};
use crate::audit::Counts;
use crate::client::Span;
use crate::content::{CONTENT, DEAD, DELAYED, ORDERED, PLAIN, PURGED, QUEUES, SOURCE};
use crate::line::Line;
use serde_json::{Value, json};

/// Families of queues by the queue that messages are sent to, each with all that messages may be in.
pub const FAMILIES: [(&str, &[&str]); 6] = [
    (PLAIN, &[PLAIN]),
    (SOURCE, &[SOURCE, DEAD]),
    (ORDERED, &[ORDERED]),
    (CONTENT, &[CONTENT]),
    (DELAYED, &[DELAYED]),
    (PURGED, &[PURGED]),
];

fn texts(value: &Value) -> Texts {
    let pairs = value.as_object().into_iter().flatten();
    pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

fn attributes(line: &mut Line<'_>, queue: &str) -> Option<(Texts, Span)> {
    let request = json!({"QueueUrl": queue, "AttributeNames": ["All"]});
    let (answer, span) = line.ask("GetQueueAttributes", &request)?;
    Some((texts(&answer["Attributes"]), span))
}

fn tags(line: &mut Line<'_>, queue: &str) -> Option<Texts> {
    line.ask("ListQueueTags", &json!({"QueueUrl": queue})).map(|(answer, _)| texts(&answer["Tags"]))
}

fn counts_of(attributes: &Texts) -> Counts {
    let count = |name: &str| attributes.get(name).and_then(|text| text.parse().ok()).unwrap_or(usize::MAX / 4);
    Counts {
        visible: count("ApproximateNumberOfMessages"),
        in_flight: count("ApproximateNumberOfMessagesNotVisible"),
        delayed: count("ApproximateNumberOfMessagesDelayed"),
    }
}

/// The counters of a queue.
pub fn counts(line: &mut Line<'_>, queue: &str) -> Option<(Counts, Span)> {
    attributes(line, queue).map(|(attributes, span)| (counts_of(&attributes), span))
}

/// The counters of all queues of a family together, and of its first one alone.
pub fn family_counts(line: &mut Line<'_>, queues: &[&str]) -> Option<(Counts, Span)> {
    let mut sum = Counts::default();
    let mut whole: Option<Span> = None;
    for queue in queues {
        let (counts, span) = counts(line, queue)?;
        sum.visible += counts.visible;
        sum.in_flight += counts.in_flight;
        sum.delayed += counts.delayed;
        let began_ms = whole.map_or(span.began_ms, |whole| whole.began_ms);
        whole = Some(Span { began_ms, ..span });
    }
    Some((sum, whole?))
}

/// Whether a move task is at work.
pub fn moving(line: &mut Line<'_>) -> bool {
    AdminClient::list_tasks(line).is_some_and(|tasks| tasks.iter().any(|task| task["Status"] == "RUNNING"))
}

/// Checks everything that can be seen without receiving.
pub fn verify_after_restart(line: &mut Line<'_>, admin: &mut AdminClient) {
    standing_queues(line, admin);
    settings(line, admin);
    passing_queues(line, admin);
    tasks(line, admin);
    for (family, queues) in FAMILIES {
        // A move task goes on by itself.
        if family == SOURCE && moving(line) {
            continue;
        }
        if let Some((counts, span)) = family_counts(line, queues) {
            line.audit().counted(family, counts, span);
        }
    }
}

/// Queues that nobody changes are as they were when they were first seen, with policies, tags and timestamps.
fn standing_queues(line: &mut Line<'_>, admin: &mut AdminClient) {
    for queue in QUEUES {
        let (Some((mut facts, _)), Some(tags)) = (attributes(line, queue), tags(line, queue)) else { return };
        facts.retain(|name, _| !name.starts_with("ApproximateNumber"));
        facts.extend(tags.into_iter().map(|(name, value)| (format!("tag {name}"), value)));
        let first = admin.standing.entry(queue).or_insert_with(|| facts.clone());
        if *first != facts {
            line.audit().complain(format!("{queue} is {facts:?}, it was {first:?}"));
        }
    }
}

fn settings(line: &mut Line<'_>, admin: &mut AdminClient) {
    let (Some((seen, _)), Some(seen_tags)) = (attributes(line, SETTINGS), tags(line, SETTINGS)) else { return };
    let holds = |texts: &Texts| texts.iter().all(|(name, value)| seen.get(name) == Some(value));
    if !admin.attributes.agrees(holds) {
        line.audit().complain(format!("{SETTINGS} has {seen:?}, not {:?}", admin.attributes));
    }
    if !admin.tags.agrees(|tags| *tags == seen_tags) {
        line.audit().complain(format!("{SETTINGS} has tags {seen_tags:?}, not {:?}", admin.tags));
    }
    let created = seen.get("CreatedTimestamp").cloned().unwrap_or_default();
    let standing = admin.standing.entry(SETTINGS).or_default();
    let first = standing.entry("CreatedTimestamp".to_owned()).or_insert_with(|| created.clone());
    if *first != created {
        line.audit().complain(format!("{SETTINGS} was created at {created}, before that at {first}"));
    }
}

/// Queues that come and go are there, with what was sent to them, or gone.
fn passing_queues(line: &mut Line<'_>, admin: &mut AdminClient) {
    let Some((answer, _)) = line.ask("ListQueues", &json!({"QueueNamePrefix": "passing-"})) else { return };
    let urls = answer["QueueUrls"].as_array().cloned().unwrap_or_default();
    let listed = |name: &str| urls.iter().any(|url| url.as_str().is_some_and(|url| url.ends_with(name)));
    for (name, fact) in PASSING.into_iter().zip(&mut admin.passing) {
        let seen = if listed(name) {
            let (Some((attributes, _)), Some(tags)) = (attributes(line, name), tags(line, name)) else { return };
            let visibility = attributes.get("VisibilityTimeout").cloned().unwrap_or_default();
            Some((visibility, tags, counts_of(&attributes).total()))
        } else {
            None
        };
        let fits = |fact: &Option<crate::admin_client::Passing>| match (fact, &seen) {
            (None, None) => true,
            (Some(fact), Some((visibility, tags, messages))) => {
                let (least, most) = fact.messages;
                fact.visibility == *visibility && fact.tags == *tags && (least..=most).contains(messages)
            }
            _ => false,
        };
        let before = fact.clone();
        if !fact.agrees(fits) {
            line.audit().complain(format!("{name} is {seen:?}, not {before:?}"));
        }
        if let (Some(fact), Some((_, _, messages))) = (&mut fact.value, &seen) {
            fact.messages = (*messages, *messages);
        }
    }
}

/// Move tasks that were acknowledged are listed, and those that were cancelled stay so.
fn tasks(line: &mut Line<'_>, admin: &mut AdminClient) {
    let Some(listed) = AdminClient::list_tasks(line) else { return };
    let rate = |task: &Value| task["MaxNumberOfMessagesPerSecond"].as_u64().unwrap_or_default();
    if let Some(mut task) = admin.task_in_doubt.take()
        && listed.first().is_some_and(|first| rate(first) == task.rate)
    {
        task.handle = listed[0]["TaskHandle"].as_str().map(str::to_owned);
        admin.tasks.push(task);
    }
    let seen: Vec<u64> = listed.iter().map(rate).collect();
    let expected: Vec<u64> = admin.tasks.iter().rev().take(10).map(|task| task.rate).collect();
    if seen != expected {
        line.audit().complain(format!("the move tasks are those of rates {seen:?}, not {expected:?}"));
    }
    for (task, listed) in admin.tasks.iter().rev().zip(&listed) {
        if task.cancelled && listed["Status"] != "CANCELLED" {
            line.audit().complain(format!("a move task was cancelled and is {}", listed["Status"]));
        }
    }
}
