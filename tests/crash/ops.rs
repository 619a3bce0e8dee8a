//! The actions on messages, each together with what the auditor is told of it.

use crate::audit::Delivery;
use crate::client::{Answer, Span, now_ms};
use crate::content::{self, ORDERED};
use crate::line::Line;
use serde_json::{Map, Value, json};

/// A message to be sent.
#[derive(Clone, Debug)]
pub struct OutgoingMessage {
    pub queue: &'static str,
    pub key: String,
    /// Its message group and its place in it.
    pub group: Option<(String, u64)>,
    pub delay_seconds: u64,
}

/// A receipt, and what it is for.
#[derive(Clone, Debug)]
pub struct Hand {
    pub queue: &'static str,
    pub key: String,
    pub id: String,
    pub handle: String,
}

impl Hand {
    pub fn of(queue: &'static str, delivery: &Delivery) -> Hand {
        let Delivery { key, id, handle, .. } = delivery.clone();
        Hand { queue, key, id, handle }
    }
}

/// How to receive.
#[derive(Clone, Debug)]
pub struct Want<'a> {
    pub queue: &'static str,
    pub max: usize,
    pub visibility_seconds: u64,
    pub wait_seconds: u64,
    pub attempt: Option<&'a str>,
}

impl OutgoingMessage {
    fn members(&self) -> Map<String, Value> {
        let mut members = content::message(&self.key);
        if let Some((group, _)) = &self.group {
            members.insert("MessageGroupId".into(), group.as_str().into());
        }
        if self.queue == ORDERED {
            members.insert("MessageDeduplicationId".into(), content::deduplication_id(&self.key).into());
        }
        if self.delay_seconds > 0 {
            members.insert("DelaySeconds".into(), self.delay_seconds.into());
        }
        members
    }
}

/// Entries of a batch with their ids, which are their places.
fn entries(list: impl Iterator<Item = Map<String, Value>>) -> Vec<Value> {
    let with_id = |(place, mut entry): (usize, Map<String, Value>)| {
        entry.insert("Id".into(), place.to_string().into());
        Value::Object(entry)
    };
    list.enumerate().map(with_id).collect()
}

/// What became of the entries of a batch: the place and what was answered for it, or the error.
fn outcomes(answer: &Value) -> impl Iterator<Item = (usize, Result<&Value, String>)> {
    let list = |name: &str| answer[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let place = |entry: &Value| entry["Id"].as_str().and_then(|id| id.parse().ok()).unwrap_or(usize::MAX);
    let done = list("Successful").iter().map(move |entry| (place(entry), Ok(entry)));
    done.chain(list("Failed").iter().map(move |entry| (place(entry), Err(entry.to_string()))))
}

fn sequence(value: &Value) -> Option<u128> {
    value["SequenceNumber"].as_str()?.parse().ok()
}

impl Line<'_> {
    /// Sends messages of one queue, a single one or up to ten. Whether they were acknowledged.
    pub fn send(&mut self, messages: &[OutgoingMessage]) -> bool {
        let Some(first) = messages.first() else { return true };
        let queue = first.queue;
        let began_ms = now_ms();
        {
            let mut audit = self.audit();
            for message in messages {
                audit.sending(queue, &message.key, message.group.clone(), message.delay_seconds * 1000, began_ms);
            }
        }
        if messages.len() == 1 {
            let mut request = first.members();
            request.insert("QueueUrl".into(), queue.into());
            let Some((answer, span)) = self.must("SendMessage", queue, &Value::Object(request)) else { return false };
            self.audit().sent(&first.key, answer["MessageId"].as_str().unwrap_or_default(), sequence(&answer), span);
            return true;
        }
        let request = json!({"QueueUrl": queue, "Entries": entries(messages.iter().map(OutgoingMessage::members))});
        let Some((answer, span)) = self.must("SendMessageBatch", queue, &request) else { return false };
        let mut audit = self.audit();
        for (place, outcome) in outcomes(&answer) {
            match (messages.get(place), outcome) {
                (Some(message), Ok(entry)) => {
                    audit.sent(&message.key, entry["MessageId"].as_str().unwrap_or_default(), sequence(entry), span);
                }
                (_, outcome) => audit.complain(format!("a batch to {queue}: {outcome:?}")),
            }
        }
        true
    }

    fn receive_request(&mut self, want: &Want<'_>) -> Option<(Vec<Delivery>, Span)> {
        let mut request = json!({
            "QueueUrl": want.queue, "MaxNumberOfMessages": want.max, "VisibilityTimeout": want.visibility_seconds,
            "WaitTimeSeconds": want.wait_seconds, "MessageSystemAttributeNames": ["All"], "MessageAttributeNames": ["All"],
        });
        if let Some(attempt) = want.attempt {
            request["ReceiveRequestAttemptId"] = attempt.into();
        }
        let (answer, span) = loop {
            self.audit().receiving(want.queue);
            match self.ask_once("ReceiveMessage", &request) {
                Some(done) => break done,
                None => self.audit().receive_in_doubt(want.queue),
            }
            if !self.tries_again() {
                return None;
            }
        };
        let messages = answer["Messages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let deliveries: Vec<Delivery> = messages.iter().filter_map(Delivery::read).collect();
        if deliveries.len() < messages.len() {
            self.audit().complain(format!("{} gave messages that cannot be read: {answer}", want.queue));
        }
        Some((deliveries, span))
    }

    /// Receives. `None` if there was no answer.
    pub fn receive(&mut self, want: &Want<'_>) -> Option<Vec<Delivery>> {
        let (deliveries, span) = self.receive_request(want)?;
        self.audit().received(want.queue, span, want.visibility_seconds, &deliveries);
        Some(deliveries)
    }

    /// Receives again with the attempt id of an earlier receive.
    pub fn receive_again(&mut self, want: &Want<'_>, before: &[Delivery]) -> Option<Vec<Delivery>> {
        self.audit().repeating(want.visibility_seconds, before, now_ms());
        let (deliveries, span) = self.receive_request(want)?;
        self.audit().repeated(want.queue, span, want.visibility_seconds, before, &deliveries);
        Some(deliveries)
    }

    /// Deletes with up to ten receipts of one queue.
    pub fn delete(&mut self, hands: &[Hand]) {
        let Some(first) = hands.first() else { return };
        let queue = first.queue;
        {
            let mut audit = self.audit();
            hands.iter().for_each(|hand| audit.deleting(&hand.key, now_ms()));
        }
        if hands.len() == 1 {
            let request = json!({"QueueUrl": queue, "ReceiptHandle": first.handle});
            match self.call("DeleteMessage", queue, &request) {
                (Answer::Done(_), span) => {
                    let mut audit = self.audit();
                    audit.acknowledge("DeleteMessage", queue, span);
                    audit.deleted(queue, &first.key, &first.id, span);
                }
                (Answer::Refused(error), span) => {
                    self.audit().delete_refused(queue, &first.key, &first.handle, span, &error);
                }
                (Answer::Lost, _) => {}
            }
            return;
        }
        let entry = |hand: &Hand| Map::from_iter([("ReceiptHandle".to_owned(), hand.handle.as_str().into())]);
        let request = json!({"QueueUrl": queue, "Entries": entries(hands.iter().map(entry))});
        let Some((answer, span)) = self.must("DeleteMessageBatch", queue, &request) else { return };
        let mut audit = self.audit();
        for (place, outcome) in outcomes(&answer) {
            let Some(hand) = hands.get(place) else { continue };
            match outcome {
                Ok(_) => audit.deleted(queue, &hand.key, &hand.id, span),
                Err(error) => audit.delete_refused(queue, &hand.key, &hand.handle, span, &error),
            }
        }
    }

    /// Changes the visibility timeout of up to ten messages of one queue. Returns the receipts that still stand.
    pub fn change(&mut self, hands: Vec<Hand>, seconds: u64) -> Vec<Hand> {
        let Some(queue) = hands.first().map(|hand| hand.queue) else { return hands };
        let mut open: Vec<(Hand, u64)> = Vec::new();
        {
            let mut audit = self.audit();
            for hand in hands {
                let hidden = audit.changing(queue, &hand.key, &hand.handle, now_ms());
                open.extend(hidden.map(|until_ms| (hand, until_ms)));
            }
        }
        let Some((first, _)) = open.first() else { return Vec::new() };
        let (answer, span) = if open.len() == 1 {
            let request = json!({"QueueUrl": queue, "ReceiptHandle": first.handle, "VisibilityTimeout": seconds});
            match self.call("ChangeMessageVisibility", queue, &request) {
                (Answer::Done(_), span) => (json!({"Successful": [{"Id": "0"}]}), span),
                (Answer::Refused(error), span) => (json!({"Failed": [{"Id": "0", "Message": error}]}), span),
                (Answer::Lost, _) => return open.into_iter().map(|(hand, _)| hand).collect(),
            }
        } else {
            let entry = |hand: &Hand| {
                let handle = ("ReceiptHandle".to_owned(), hand.handle.as_str().into());
                Map::from_iter([handle, ("VisibilityTimeout".to_owned(), seconds.into())])
            };
            let request = json!({"QueueUrl": queue, "Entries": entries(open.iter().map(|(hand, _)| entry(hand)))});
            match self.must("ChangeMessageVisibilityBatch", queue, &request) {
                Some(done) => done,
                None => return open.into_iter().map(|(hand, _)| hand).collect(),
            }
        };
        let mut audit = self.audit();
        let mut standing = Vec::new();
        for (place, outcome) in outcomes(&answer) {
            let Some((hand, until_ms)) = open.get(place) else { continue };
            match outcome {
                Ok(_) => {
                    audit.acknowledge("ChangeMessageVisibility", queue, span);
                    audit.changed(&hand.key, &hand.handle, seconds, span);
                    standing.push(hand.clone());
                }
                Err(error) => audit.change_refused(queue, &hand.key, *until_ms, span, &error),
            }
        }
        standing
    }
}
