//! ReceiveMessage: short and long polls, and what of each message is shown.

use super::context::Context;
use super::points::Receiving;
use super::presence::Presence;
use crate::api::attributes::MESSAGE_SYSTEM_ATTRIBUTES;
use crate::api::digest::{self, decode_attributes, hexadecimal};
use crate::api::{
    Body, Map, MessageAttributeValue, Operation, ReceiveMessageRequest, ReceiveMessageResult, ReceivedMessage,
    SystemAttributes, limits, rules,
};
use crate::broker::{Broker, By, Gone, Handoff, LongPollId, Pending, Queue};
use crate::engine::{self, Delivery, ReceiveOptions, Time, sequence_number};
use crate::error::{Error, ErrorKind};
use std::sync::Arc;
use tokio::sync::oneshot;

/// A checked ReceiveMessage.
struct Receive {
    options: ReceiveOptions,
    wait_seconds: u32,
    /// How much of that has passed already.
    waited_ms: u64,
    system_attributes: Vec<&'static str>,
    message_attributes: Vec<String>,
}

impl Receive {
    /// Whether it is to wait for messages.
    fn waits(&self) -> bool {
        u64::from(self.wait_seconds) * 1000 > self.waited_ms
    }
}

/// The outcome of a first attempt to receive.
enum FirstAttempt<'a> {
    Received(Handoff),
    /// The receive is parked.
    Parked(ParkedReceive<'a>),
    /// Many dead letters at once are taken out in portions.
    Again,
}

pub(super) async fn receive_message(
    cx: &Context<'_>,
    r: ReceiveMessageRequest,
) -> Result<Pending<ReceiveMessageResult>, Error> {
    let queue = cx.queue()?;
    let receive = check(r, queue, cx.caller.waited_ms)?;
    let points = cx.points(Operation::ReceiveMessage);
    let mut found = Receiving::AsUsual;
    if let Some((points, scene)) = &points {
        found = points.receiving(scene, receive.wait_seconds);
    }
    let mut deliveries = deliveries(cx, queue, &receive, found).await?;
    if let Some((points, scene)) = points.filter(|_| !deliveries.is_empty()) {
        points.received(&scene, &mut deliveries);
    }
    let messages = deliveries.into_iter().map(|delivery| show(cx, queue, &receive, delivery)).collect();
    Ok(Pending::nothing(ReceiveMessageResult { messages }))
}

async fn deliveries(
    cx: &Context<'_>,
    queue: &Arc<Queue>,
    receive: &Receive,
    found: Receiving<'_>,
) -> Result<Vec<Delivery>, Error> {
    let broker = cx.broker;
    let by = cx.caller.by;
    let parked = loop {
        match first_attempt(broker, queue, receive, by, &found)? {
            FirstAttempt::Received(handoff) => return deliver((broker, queue, by), handoff, None).await,
            FirstAttempt::Parked(parked) => break parked,
            FirstAttempt::Again => broker.room().await?,
        }
    };
    tokio::select! {
        biased;
        // What was handed over meanwhile goes back.
        () = Presence::gone(cx.caller.presence) => Ok(Vec::new()),
        deliveries = parked.wait(receive.wait_seconds, cx.caller.presence) => deliveries,
    }
}

fn first_attempt<'a>(
    broker: &'a Broker,
    queue: &'a Arc<Queue>,
    receive: &Receive,
    by: By,
    found: &Receiving<'_>,
) -> Result<FirstAttempt<'a>, Error> {
    let mut open = match broker.open_for(queue, by) {
        Err(_) if queue.is_taken_away() => return Ok(FirstAttempt::Received(Handoff::default())),
        opened => opened?,
    };
    match found {
        Receiving::AsUsual => {}
        Receiving::Empty => {
            open.received_nothing(receive.wait_seconds > 0);
            open.close().without_waiting();
            return Ok(FirstAttempt::Received(Handoff::default()));
        }
        Receiving::Reordered(messages, rank) => open.reorder(*messages, rank),
    }
    let received = open.receive(&receive.options);
    let outcome = if !received.deliveries.is_empty() {
        FirstAttempt::Received(open.handoff(received.deliveries))
    } else if received.more_dead {
        FirstAttempt::Again
    } else if receive.waits() && !broker.is_closing() {
        let (id, handoff) = open.park(receive.options.clone(), by);
        let since = Time(open.now().as_ms().saturating_sub(receive.waited_ms));
        FirstAttempt::Parked(ParkedReceive { broker, queue, by, id, handoff, since, ended: false })
    } else if received.over_limit {
        return Err(Error::new(ErrorKind::OverLimit, OVER_LIMIT));
    } else {
        open.received_nothing(false);
        FirstAttempt::Received(Handoff::default())
    };
    open.close().without_waiting();
    Ok(outcome)
}

/// The messages, once they may be shown. If the client goes away before, they go back as if never received.
async fn deliver(
    (broker, queue, by): (&Broker, &Arc<Queue>, By),
    handoff: Handoff,
    presence: Option<&Presence>,
) -> Result<Vec<Delivery>, Error> {
    let (deliveries, pending) = handoff.split();
    let mut undelivered = UndeliveredGuard { broker, queue, by, deliveries };
    pending.durable().await?;
    Presence::look_again(presence).await;
    Ok(std::mem::take(&mut undelivered.deliveries))
}

/// What the receiver sees of a message.
fn show(cx: &Context<'_>, queue: &Queue, receive: &Receive, delivery: Delivery) -> ReceivedMessage {
    let stored = delivery.extra.as_ref().and_then(|extra| extra.attributes.as_ref());
    let (message_attributes, md5) =
        stored.map(|stored| selected(stored, &receive.message_attributes)).unwrap_or_default();
    let value = |name: &&'static str| Some((*name, system_attribute(name, cx, queue, &delivery)?));
    let attributes = SystemAttributes(receive.system_attributes.iter().filter_map(value).collect());
    ReceivedMessage {
        attributes,
        md5_of_body: hexadecimal(&delivery.body_md5),
        md5_of_message_attributes: md5,
        message_attributes,
        message_id: delivery.id.to_string(),
        receipt_handle: delivery.receipt.encode(),
        body: match delivery.body {
            engine::Body::Owned(text) => Body::Owned(text),
            engine::Body::Shared(text) => Body::Shared(text),
        },
    }
}

fn system_attribute(name: &str, cx: &Context<'_>, queue: &Queue, delivery: &Delivery) -> Option<String> {
    let extra = delivery.extra.as_ref();
    match name {
        "SenderId" => {
            let sender = extra.and_then(|extra| extra.sender.as_deref());
            Some(sender.unwrap_or(&queue.account).to_owned())
        }
        "ApproximateFirstReceiveTimestamp" => Some(delivery.first_received.as_ms().to_string()),
        "ApproximateReceiveCount" => Some(delivery.receive_count.to_string()),
        "SentTimestamp" => Some(delivery.sent.as_ms().to_string()),
        "SequenceNumber" => queue.fifo.then(|| sequence_number(delivery.number)),
        "MessageDeduplicationId" => extra?.deduplication_id.as_deref().map(str::to_owned),
        "MessageGroupId" => delivery.group.as_deref().map(str::to_owned),
        "AWSTraceHeader" => extra?.trace_header.as_deref().map(str::to_owned),
        "DeadLetterQueueSourceArn" => Some(cx.shown_arn(extra?.dead_letter_source.as_deref()?)),
        _ => None,
    }
}

/// The text is from a real answer of 2014; uncertain whether it has changed.
const OVER_LIMIT: &str = "Too many messages have been received without being deleted.\n \
                          Please delete your received messages or let them timeout before receiving more.";

/// A parked receive. However it ends, because its time is over or because the client has gone, it does not stay parked, and
/// what was handed over at the last moment is taken along or goes back as if never received.
struct ParkedReceive<'a> {
    broker: &'a Broker,
    queue: &'a Arc<Queue>,
    by: By,
    id: LongPollId,
    handoff: oneshot::Receiver<Handoff>,
    since: Time,
    ended: bool,
}

impl ParkedReceive<'_> {
    /// What it is handed until its time is over.
    async fn wait(mut self, seconds: u32, presence: Option<&Presence>) -> Result<Vec<Delivery>, Error> {
        let (broker, queue) = (self.broker, (self.broker, self.queue, self.by));
        // The server may have begun to close since the first attempt.
        if broker.is_closing() {
            return deliver(queue, self.end(), None).await;
        }
        tokio::select! {
            handoff = &mut self.handoff => {
                self.ended = true;
                match handoff {
                    Ok(handoff) => deliver(queue, handoff, presence).await,
                    // Dismissed: the server stops, or the queue is gone or has moved (uncertain: AWS's answer to a long poll on a queue
                    // that is deleted meanwhile is not recorded).
                    Err(_) if broker.is_closing() || self.queue.is_taken_away() => Ok(Vec::new()),
                    Err(_) => Err(self.queue.gone().unwrap_or(Gone::Deleted).error()),
                }
            }
            () = broker.clock().long_poll(self.since, seconds) => deliver(queue, self.end(), presence).await,
        }
    }

    /// Ends it. If it has been handed messages meanwhile they come back.
    fn end(&mut self) -> Handoff {
        self.ended = true;
        // An error means that the queue is gone, and its messages with it.
        let Ok(mut open) = self.broker.open_for(self.queue, self.by) else { return Handoff::default() };
        let unparked = open.unpark(self.id);
        let handoff = if unparked { None } else { self.handoff.try_recv().ok() };
        if handoff.is_none() {
            open.received_nothing(true);
        }
        open.close().without_waiting();
        handoff.unwrap_or_default()
    }
}

impl Drop for ParkedReceive<'_> {
    fn drop(&mut self) {
        if !self.ended {
            let deliveries = self.end().without_waiting();
            drop(UndeliveredGuard { broker: self.broker, queue: self.queue, by: self.by, deliveries });
        }
    }
}

/// Messages that have been received and not yet shown. Dropped with messages in it, it gives them back.
struct UndeliveredGuard<'a> {
    broker: &'a Broker,
    queue: &'a Arc<Queue>,
    by: By,
    deliveries: Vec<Delivery>,
}

impl Drop for UndeliveredGuard<'_> {
    fn drop(&mut self) {
        if self.deliveries.is_empty() {
            return;
        }
        // An error means that the queue is gone, and its messages with it.
        if let Ok(mut open) = self.broker.open_for(self.queue, self.by) {
            open.give_back(&self.deliveries);
            open.close().without_waiting();
        }
    }
}

/// The user attributes that were asked for, and the digest over just those.
fn selected(stored: &engine::Attributes, wanted: &[String]) -> (Map<MessageAttributeValue>, Option<String>) {
    let mut values = Map::new();
    let mut encoded = Vec::new();
    let mut all = true;
    for attribute in decode_attributes(&stored.encoded) {
        if rules::selects(wanted, attribute.name) {
            values.insert(attribute.name.to_owned(), attribute.to_value());
            encoded.extend_from_slice(attribute.whole);
        } else {
            all = false;
        }
    }
    let md5 = match (values.is_empty(), all) {
        (true, _) => None,
        (false, true) => Some(hexadecimal(&stored.md5)),
        (false, false) => Some(hexadecimal(&digest::md5(&encoded))),
    };
    (values, md5)
}

fn check(r: ReceiveMessageRequest, queue: &Queue, waited_ms: u64) -> Result<Receive, Error> {
    let settings = queue.settings();
    if let Some(id) = &r.receive_request_attempt_id {
        if !settings.fifo {
            // Uncertain: the code is reported, the text follows that of DelaySeconds.
            return Err(Error::invalid_value(
                id,
                "ReceiveRequestAttemptId",
                "The request include parameter that is not valid for this queue type.",
            ));
        }
        rules::check_token("ReceiveRequestAttemptId", id)?;
    }
    let max = r.max_number_of_messages.unwrap_or(1);
    if !(1..=limits::RECEIVE_MESSAGES_MAX).contains(&max) {
        return Err(Error::invalid_value(max, "MaxNumberOfMessages", "Must be between 1 and 10, if provided."));
    }
    let seconds = |value: Option<i64>, name: &str, most: i64| match value {
        None => Ok(None),
        Some(value) => match u32::try_from(value) {
            Ok(seconds) if value <= most => Ok(Some(seconds)),
            _ => Err(Error::invalid_value(value, name, format_args!("Must be >= 0 and <= {most}, if provided."))),
        },
    };
    let wait = seconds(r.wait_time_seconds, "WaitTimeSeconds", limits::WAIT_TIME_SECONDS_MAX)?;
    let visibility = seconds(r.visibility_timeout, "VisibilityTimeout", limits::VISIBILITY_TIMEOUT_SECONDS_MAX)?;
    Ok(Receive {
        options: ReceiveOptions {
            max: usize::try_from(max).unwrap_or(1),
            visibility_timeout_seconds: visibility,
            attempt_id: r.receive_request_attempt_id.map(Into::into),
        },
        wait_seconds: wait.unwrap_or(settings.receive_wait_seconds),
        waited_ms,
        system_attributes: system_attributes(
            &rules::all_names(r.attribute_names, "AttributeNames")?,
            &rules::all_names(r.message_system_attribute_names, "MessageSystemAttributeNames")?,
        ),
        message_attributes: rules::selectors(rules::all_names(r.message_attribute_names, "MessageAttributeNames")?),
    })
}

/// The system attributes that either list asks for. Names that do not exist are passed over (recorded), unlike those of
/// GetQueueAttributes.
fn system_attributes(older: &[String], newer: &[String]) -> Vec<&'static str> {
    let wanted = |name: &str| older.iter().chain(newer).any(|w| w == name);
    let all = wanted("All");
    let asked = |name: &&'static str| all || wanted(name);
    MESSAGE_SYSTEM_ATTRIBUTES.iter().copied().filter(asked).collect()
}
