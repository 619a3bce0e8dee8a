//! ReceiveMessage: short and long polls, and what of each message is shown.

use super::durability::settle;
use super::queue::{Handed, Queue, State};
use super::waiters::{Order, Presence, Ticket};
use super::{Broker, Caller};
use crate::api::attributes::MESSAGE_SYSTEM_ATTRIBUTES;
use crate::api::digest::{self, decode_attributes, hexadecimal};
use crate::api::{
    Body, Map, MessageAttributeValue, ReceiveMessageRequest, ReceiveMessageResult, ReceivedMessage, SystemAttributes,
    limits, rules,
};
use crate::engine::{self, Delivery, Time, sequence_number};
use crate::error::{Error, ErrorKind};
use std::sync::Arc;
use tokio::sync::oneshot;

/// A checked receive.
struct Receive {
    order: Order,
    wait_seconds: u32,
    system_attributes: Vec<&'static str>,
    message_attributes: Vec<String>,
}

/// What a first look at the queue gave.
enum Look {
    Found(Handed),
    /// In line, until then.
    Wait(Ticket, oneshot::Receiver<Handed>, Time),
    Again,
}

impl Broker {
    pub(super) async fn receive_message(
        &self,
        caller: &Caller<'_>,
        r: ReceiveMessageRequest,
    ) -> Result<ReceiveMessageResult, Error> {
        let queue = self.find(caller, r.queue_url.as_deref())?;
        let receive = check(r, &queue)?;
        let deliveries = self.deliveries(caller, &queue, &receive).await?;
        let show = |delivery| self.show(caller, &queue, &receive, delivery);
        Ok(ReceiveMessageResult { messages: deliveries.into_iter().map(show).collect() })
    }

    async fn deliveries(
        &self,
        caller: &Caller<'_>,
        queue: &Arc<Queue>,
        receive: &Receive,
    ) -> Result<Vec<Delivery>, Error> {
        let wait = receive.wait_seconds > 0 && !self.is_closing();
        let (ticket, handed, until) = loop {
            let look = self.with(queue, |state, now| self.look(queue, state, now, receive, wait))?;
            match look.unwaited()? {
                Look::Found(handed) => return self.settled(queue, handed).await,
                Look::Wait(ticket, handed, until) => break (ticket, handed, until),
                Look::Again => self.ready().await,
            }
        };
        let place = InLine { broker: self, queue, ticket, handed, done: false };
        tokio::select! {
            biased;
            // What was handed over meanwhile goes back.
            () = Presence::gone(caller.presence) => Ok(Vec::new()),
            deliveries = self.parked(place, until) => deliveries,
        }
    }

    /// What a parked receive is handed, until its time is over.
    async fn parked(&self, mut place: InLine<'_>, until: Time) -> Result<Vec<Delivery>, Error> {
        let queue = place.queue;
        // The server may have begun to close between the look at the queue and here.
        if self.is_closing() {
            return self.settled(queue, place.leave()).await;
        }
        tokio::select! {
            handed = &mut place.handed => {
                place.done = true;
                match handed {
                    Ok(handed) => self.settled(queue, handed).await,
                    // Sent away: the server stops, or the queue is gone (uncertain: AWS's answer to a long poll on a queue
                    // that is deleted meanwhile is not recorded).
                    Err(_) if self.is_closing() => Ok(Vec::new()),
                    Err(_) => Err(Error::no_queue()),
                }
            }
            () = self.clock.sleep_until(until) => self.settled(queue, place.leave()).await,
        }
    }

    fn look(
        &self,
        queue: &Arc<Queue>,
        state: &mut State,
        now: Time,
        receive: &Receive,
        wait: bool,
    ) -> Result<Look, Error> {
        let received = self.receive_from(queue, state, now, &receive.order);
        if !received.deliveries.is_empty() {
            return Ok(Look::Found(self.ready_to_show(queue, state, received.deliveries)));
        }
        // Many dead letters at once are moved in portions.
        if received.more_dead {
            return Ok(Look::Again);
        }
        if wait {
            let (ticket, handed) = state.line.join(receive.order.clone());
            return Ok(Look::Wait(ticket, handed, now.plus_seconds(receive.wait_seconds.into())));
        }
        if received.over_limit {
            return Err(Error::new(ErrorKind::OverLimit, OVER_LIMIT));
        }
        Ok(Look::Found(Handed::default()))
    }

    /// The messages, once they may be shown. If the client goes away before, they go back as if never received.
    async fn settled(&self, queue: &Arc<Queue>, handed: Handed) -> Result<Vec<Delivery>, Error> {
        let Handed { deliveries, ticket } = handed;
        let mut held = Held { broker: self, queue, deliveries };
        settle(ticket).await?;
        Ok(std::mem::take(&mut held.deliveries))
    }

    /// What the receiver sees of a message.
    fn show(&self, caller: &Caller<'_>, queue: &Queue, receive: &Receive, delivery: Delivery) -> ReceivedMessage {
        let stored = delivery.extra.as_ref().and_then(|extra| extra.attributes.as_ref());
        let (message_attributes, md5) =
            stored.map(|stored| selected(stored, &receive.message_attributes)).unwrap_or_default();
        let value = |name: &&'static str| Some((*name, self.system_attribute(name, caller, queue, &delivery)?));
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

    fn system_attribute(&self, name: &str, caller: &Caller<'_>, queue: &Queue, delivery: &Delivery) -> Option<String> {
        let extra = delivery.extra.as_ref();
        match name {
            "SenderId" => {
                let sender = extra.and_then(|extra| extra.sender.as_deref());
                Some(sender.unwrap_or(&queue.account).to_owned())
            }
            "ApproximateFirstReceiveTimestamp" => Some(delivery.first_received.as_ms().to_string()),
            "ApproximateReceiveCount" => Some(delivery.receive_count.to_string()),
            "SentTimestamp" => Some(delivery.sent.as_ms().to_string()),
            "SequenceNumber" => queue.settings().fifo.then(|| sequence_number(delivery.number)),
            "MessageDeduplicationId" => extra?.deduplication_id.as_deref().map(str::to_owned),
            "MessageGroupId" => delivery.group.as_deref().map(str::to_owned),
            "AWSTraceHeader" => extra?.trace_header.as_deref().map(str::to_owned),
            "DeadLetterQueueSourceArn" => Some(self.shown_arn(caller, extra?.dead_letter_source.as_deref()?)),
            _ => None,
        }
    }
}

/// The text is from a real answer of 2014; uncertain whether it has changed.
const OVER_LIMIT: &str = "Too many messages have been received without being deleted.\n \
                          Please delete your received messages or let them timeout before receiving more.";

/// A place in the line of a queue. Whoever goes away, because the time is up or because the client has gone, leaves the line,
/// and what was handed over at the last moment is taken along or goes back as if never received.
struct InLine<'a> {
    broker: &'a Broker,
    queue: &'a Arc<Queue>,
    ticket: Ticket,
    handed: oneshot::Receiver<Handed>,
    done: bool,
}

impl InLine<'_> {
    fn leave(&mut self) -> Handed {
        self.done = true;
        self.broker.leave_line(self.queue, self.ticket, &mut self.handed).unwrap_or_default()
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        if !self.done {
            let Handed { deliveries, .. } = self.leave();
            drop(Held { broker: self.broker, queue: self.queue, deliveries });
        }
    }
}

/// Messages that have been received and not yet shown. Dropped with messages in it, it gives them back.
struct Held<'a> {
    broker: &'a Broker,
    queue: &'a Arc<Queue>,
    deliveries: Vec<Delivery>,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if !self.deliveries.is_empty() {
            self.broker.give_back(self.queue, &self.deliveries);
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

fn check(r: ReceiveMessageRequest, queue: &Queue) -> Result<Receive, Error> {
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
        order: Order {
            max: usize::try_from(max).unwrap_or(1),
            visibility_timeout_seconds: visibility,
            attempt_id: r.receive_request_attempt_id,
        },
        wait_seconds: wait.unwrap_or(settings.receive_wait_seconds),
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
