//! SendMessage and SendMessageBatch.

use super::batch::{self, Entry};
use super::context::Context;
use crate::api::digest::{self, Md5Digest, hexadecimal};
use crate::api::{
    BatchResult, Map, MessageAttributeValue, Operation, SendMessageBatchEntry, SendMessageBatchRequest,
    SendMessageBatchResultEntry, SendMessageRequest, SendMessageResult, limits, rules,
};
use crate::broker::{Pending, QueueSettings};
use crate::engine::{Attributes, NewMessage, Sent, sequence_number};
use crate::error::{Error, ErrorKind};
use std::sync::Arc;

impl Entry for SendMessageBatchEntry {
    const NAME: &'static str = "SendMessageBatchRequestEntry";
    fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }
}

/// A single send, or the `index`th entry of a batch (from 0). SQS words some errors differently in the two.
#[derive(Clone, Copy)]
enum Position {
    Single,
    Batch { index: usize },
}

/// A message that passed all checks, and the digests for the answer.
struct Checked {
    message: NewMessage,
    system_attributes_md5: Option<Md5Digest>,
}

const NOT_FOR_THIS_TYPE: &str = "The request include parameter that is not valid for this queue type";
const NEEDS_DEDUPLICATION: &str =
    "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly";

pub(super) fn send_message(cx: &Context<'_>, r: SendMessageRequest) -> Result<Pending<SendMessageResult>, Error> {
    let queue = cx.queue()?;
    let settings = queue.settings();
    let message = SendMessageBatchEntry {
        id: None,
        delay_seconds: r.delay_seconds,
        message_attributes: r.message_attributes,
        message_body: r.message_body,
        message_deduplication_id: r.message_deduplication_id,
        message_group_id: r.message_group_id,
        message_system_attributes: r.message_system_attributes,
    };
    required(&message, &settings, Position::Single)?;
    let (answer, message) = answer(check(message, &settings, Position::Single, cx, &queue.account)?);
    let mut open = cx.open(queue)?;
    let sent = open.send(message);
    Ok(open.close().map(|()| complete(answer, sent, settings.fifo)))
}

pub(super) fn send_message_batch(
    cx: &Context<'_>,
    r: SendMessageBatchRequest,
) -> Result<Pending<BatchResult<SendMessageBatchResultEntry>>, Error> {
    let queue = cx.queue()?;
    let settings = queue.settings();
    let entries = batch::check(r.entries)?;
    check_batch_size(&entries)?;
    if settings.fifo {
        entries.iter().try_for_each(|entry| check_fifo_ids(entry, &settings))?;
    }
    let mut ids = Vec::with_capacity(entries.len());
    let mut messages = Vec::with_capacity(entries.len());
    for (index, mut entry) in entries.into_iter().enumerate() {
        let position = Position::Batch { index };
        ids.push(entry.id.take().unwrap_or_default());
        let checked =
            required(&entry, &settings, position).and_then(|()| check(entry, &settings, position, cx, &queue.account));
        messages.push(checked.map(answer));
    }
    // Of those that a hook lets fail, by their places.
    let mut digests = Vec::new();
    if let Some((points, scene)) = cx.points(Operation::SendMessageBatch) {
        let sent: Vec<_> = messages.iter().map(|message| message.as_ref().ok().map(|(_, message)| message)).collect();
        let failing = points.sending(&scene, &sent);
        digests.extend(sent.iter().map(|message| message.map(|message| message.body_md5)));
        for (message, error) in messages.iter_mut().zip(failing).filter_map(|(m, error)| Some((m, error?))) {
            *message = Err(error);
        }
    }
    let mut open = cx.open(queue)?;
    let mut send = |(answer, message)| complete(answer, open.send(message), settings.fifo);
    let sent: Vec<_> = messages.into_iter().map(|message| message.map(&mut send)).collect();
    for (index, outcome) in sent.iter().enumerate() {
        let digest = digests.get(index).copied().flatten();
        batch::tell_failure(&mut open, Operation::SendMessageBatch, (None, digest), outcome);
    }
    let outcomes = ids.into_iter().zip(sent).map(entry);
    Ok(open.close().map(|()| batch::result(outcomes)))
}

/// The answer of a batch for one of its entries.
fn entry(
    (id, outcome): (String, Result<SendMessageResult, Error>),
) -> (String, Result<SendMessageBatchResultEntry, Error>) {
    let entry = outcome.map(|result| SendMessageBatchResultEntry {
        id: id.clone(),
        md5_of_message_attributes: result.md5_of_message_attributes,
        md5_of_message_body: result.md5_of_message_body,
        md5_of_message_system_attributes: result.md5_of_message_system_attributes,
        message_id: result.message_id,
        sequence_number: result.sequence_number,
    });
    (id, entry)
}

/// All messages of a batch together may have 1 MiB, whatever the queue's own limit is (recorded).
fn check_batch_size(entries: &[SendMessageBatchEntry]) -> Result<(), Error> {
    let size = |entry: &SendMessageBatchEntry| {
        rules::message_size(entry.message_body.as_deref().unwrap_or_default(), entry.message_attributes.as_deref())
    };
    let (sent, most) = (entries.iter().map(size).sum::<usize>(), limits::BATCH_BYTES_MAX);
    if sent <= most {
        return Ok(());
    }
    let text = format!("Batch requests cannot be longer than {most} bytes. You have sent {sent} bytes.");
    Err(Error::new(ErrorKind::BatchRequestTooLong, text))
}

/// On a FIFO queue, an entry without a usable group or deduplication id fails the whole batch, and the code is not that of
/// the single send (recorded for absent ids; uncertain for malformed ones).
fn check_fifo_ids(entry: &SendMessageBatchEntry, settings: &QueueSettings) -> Result<(), Error> {
    let group = entry.message_group_id.as_deref();
    let group = group.ok_or_else(|| Error::invalid("The request must contain the parameter MessageGroupId."))?;
    rules::check_token("MessageGroupId", group)?;
    check_deduplication_id(entry, settings)
}

fn check_deduplication_id(entry: &SendMessageBatchEntry, settings: &QueueSettings) -> Result<(), Error> {
    match entry.message_deduplication_id.as_deref() {
        Some(id) => rules::check_token("MessageDeduplicationId", id),
        None if settings.content_based_deduplication => Ok(()),
        None => Err(Error::invalid(NEEDS_DEDUPLICATION)),
    }
}

/// Checks that what must be there is there.
fn required(entry: &SendMessageBatchEntry, settings: &QueueSettings, position: Position) -> Result<(), Error> {
    if entry.message_body.as_deref().unwrap_or_default().is_empty() {
        return Err(match position {
            Position::Single => Error::missing("MessageBody"),
            Position::Batch { index } => Error::missing(batch::member::<SendMessageBatchEntry>(index, "MessageBody")),
        });
    }
    if settings.fifo && entry.message_group_id.is_none() {
        return Err(Error::missing("MessageGroupId"));
    }
    Ok(())
}

/// Checks the ids and the delay against the kind of queue. Returns the delay in seconds.
fn check_for_queue(entry: &SendMessageBatchEntry, settings: &QueueSettings, position: Position) -> Result<u32, Error> {
    if let Some(group) = &entry.message_group_id {
        rules::check_token("MessageGroupId", group).map_err(|error| match position {
            Position::Single => error,
            Position::Batch { .. } => Error::invalid(rules::token_rule("MessageGroupId")),
        })?;
    }
    if settings.fifo {
        check_deduplication_id(entry, settings)?;
    } else if let Some(id) = &entry.message_deduplication_id {
        // Uncertain: the code is recorded, the texts follow that of DelaySeconds.
        return Err(match position {
            Position::Single => {
                Error::invalid_value(id, "MessageDeduplicationId", format_args!("{NOT_FOR_THIS_TYPE}."))
            }
            Position::Batch { .. } => Error::invalid(NOT_FOR_THIS_TYPE),
        });
    }
    let Some(delay) = entry.delay_seconds else { return Ok(settings.delay_seconds) };
    if settings.fifo && delay != 0 {
        return Err(Error::invalid_value(delay, "DelaySeconds", format_args!("{NOT_FOR_THIS_TYPE}.")));
    }
    match u32::try_from(delay) {
        Ok(seconds) if delay <= limits::DELAY_SECONDS_MAX => Ok(seconds),
        _ => Err(match position {
            Position::Single => Error::invalid_value(delay, "DelaySeconds", "DelaySeconds must be >= 0 and <= 900."),
            Position::Batch { .. } => Error::invalid("Invalid value for the parameter DelaySeconds."),
        }),
    }
}

/// Checks a message and makes what the engine takes. All digests are computed here, under no lock.
fn check(
    entry: SendMessageBatchEntry,
    settings: &QueueSettings,
    position: Position,
    cx: &Context<'_>,
    owner: &str,
) -> Result<Checked, Error> {
    let delay_seconds = check_for_queue(&entry, settings, position)?;
    let body = entry.message_body.unwrap_or_default();
    let attributes = entry.message_attributes.filter(|attributes| !attributes.is_empty());
    let system = entry.message_system_attributes.filter(|attributes| !attributes.is_empty());
    rules::check_body(&body)?;
    if let Some(attributes) = &attributes {
        rules::check_message_attributes(attributes)?;
    }
    let trace = system.as_deref().map(rules::check_system_attributes).transpose()?.flatten();
    check_size(&body, attributes.as_deref(), settings.maximum_message_size, position)?;

    let header = cx.caller.trace_header.filter(|header| rules::is_trace_header(header));
    let deduplication_id: Option<Arc<str>> = settings.fifo.then(|| match &entry.message_deduplication_id {
        Some(id) => id.as_str().into(),
        None => digest::content_deduplication_id(&body).into(),
    });
    let system_attributes_md5 = system.as_ref().map(|system| digest::md5(&digest::encode_attributes(system)));
    Ok(Checked {
        message: NewMessage {
            id: cx.broker.ids().message_id(),
            body_md5: digest::md5(body.as_bytes()),
            attributes: attributes.map(|attributes| {
                let encoded = digest::encode_attributes(&attributes);
                Attributes { md5: digest::md5(&encoded), encoded: encoded.into() }
            }),
            trace_header: trace.or(header).map(Into::into),
            sender: (cx.caller.account != owner).then(|| cx.caller.account.into()),
            group: entry.message_group_id.map(Into::into),
            deduplication_id,
            delay_seconds,
            body: body.into(),
        },
        system_attributes_md5,
    })
}

fn check_size(
    body: &str,
    attributes: Option<&Map<MessageAttributeValue>>,
    most: usize,
    position: Position,
) -> Result<(), Error> {
    if rules::message_size(body, attributes) <= most {
        return Ok(());
    }
    // Two wordings, both recorded.
    let subject = match position {
        Position::Single => "One or more parameters are invalid",
        Position::Batch { .. } => "One or more parameters cannot be validated",
    };
    Err(Error::invalid(format!("{subject}. Reason: Message must be shorter than {most} bytes.")))
}

/// The answer as far as it is known before the message is stored.
fn answer(checked: Checked) -> (SendMessageResult, NewMessage) {
    let Checked { message, system_attributes_md5 } = checked;
    let result = SendMessageResult {
        md5_of_message_attributes: message.attributes.as_ref().map(|attributes| hexadecimal(&attributes.md5)),
        md5_of_message_body: hexadecimal(&message.body_md5),
        md5_of_message_system_attributes: system_attributes_md5.as_ref().map(hexadecimal),
        message_id: message.id.to_string(),
        sequence_number: None,
    };
    (result, message)
}

/// The rest of the answer. A duplicate gets the id and number of the message that it repeats.
fn complete(mut result: SendMessageResult, sent: Sent, fifo: bool) -> SendMessageResult {
    let number = match sent {
        Sent::Stored { number } => number,
        Sent::Duplicate { id, number } => {
            result.message_id = id.to_string();
            number
        }
    };
    result.sequence_number = fifo.then(|| sequence_number(number));
    result
}
