//! The actions on receipt handles: delete a message, change its visibility.

use super::batch::{self, Entry};
use super::context::Context;
use super::points::HandleUse;
use crate::api::{
    BatchResult, BatchResultEntry, ChangeMessageVisibilityBatchEntry, ChangeMessageVisibilityBatchRequest,
    ChangeMessageVisibilityRequest, DeleteMessageBatchEntry, DeleteMessageBatchRequest, DeleteMessageRequest, Empty,
    Operation, limits,
};
use crate::broker::{OpenQueue, Pending, Queue};
use crate::engine::{Deleted, Receipt, VisibilityChange};
use crate::error::{Error, ErrorKind};

impl Entry for DeleteMessageBatchEntry {
    const NAME: &'static str = "DeleteMessageBatchRequestEntry";
    fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }
}

impl Entry for ChangeMessageVisibilityBatchEntry {
    const NAME: &'static str = "ChangeMessageVisibilityBatchRequestEntry";
    fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }
}

/// Reads a receipt handle of this queue.
///
/// # Errors
/// `MissingParameter`, or `ReceiptHandleIsInvalid` for garbage and for handles of other queues (uncertain: the latter is not
/// recorded).
fn receipt(queue: &Queue, handle: Option<&str>, name: &str) -> Result<Receipt, Error> {
    let handle = handle.filter(|handle| !handle.is_empty()).ok_or_else(|| Error::missing(name))?;
    let receipt = Receipt::decode(handle).filter(|receipt| receipt.queue == queue.uid);
    receipt.ok_or_else(|| Error::receipt_handle(handle))
}

/// What becomes of each use of a receipt handle; nothing at all if all do what they are used for.
fn uses(
    cx: &Context<'_>,
    operation: Operation,
    receipts: impl IntoIterator<Item = Option<Receipt>>,
) -> std::vec::IntoIter<HandleUse> {
    let uses = cx.points(operation).map(|(points, scene)| {
        let receipts: Vec<_> = receipts.into_iter().collect();
        points.using(&scene, &receipts)
    });
    uses.unwrap_or_default().into_iter()
}

/// Deletes a message, unless something else becomes of the handle.
fn delete(open: &mut OpenQueue<'_>, receipt: Receipt, handle: &str, used: Option<HandleUse>) -> Result<(), Error> {
    if let Some(HandleUse::Fails(error)) = used {
        return Err(error);
    }
    let outcome = open.delete(receipt);
    if let (Deleted::Done, Some(HandleUse::ComesBack(message, ms))) = (outcome, used) {
        open.repeat(*message, Some(open.now().plus_ms(ms)));
    }
    deleted(outcome, handle)
}

const NOT_AVAILABLE: &str = "Message does not exist or is not available for visibility timeout change";

/// A checked ChangeMessageVisibility.
struct Change {
    receipt: Receipt,
    seconds: u32,
}

pub(super) fn delete_message(cx: &Context<'_>, r: DeleteMessageRequest) -> Result<Pending<Empty>, Error> {
    let queue = cx.queue()?;
    let receipt = receipt(queue, r.receipt_handle.as_deref(), "ReceiptHandle")?;
    let mut uses = uses(cx, Operation::DeleteMessage, [Some(receipt)]);
    let mut open = cx.open(queue)?;
    let outcome = delete(&mut open, receipt, r.receipt_handle.as_deref().unwrap_or_default(), uses.next());
    let pending = open.close();
    outcome?;
    Ok(pending.map(|()| Empty {}))
}

pub(super) fn delete_message_batch(
    cx: &Context<'_>,
    r: DeleteMessageBatchRequest,
) -> Result<Pending<BatchResult<BatchResultEntry>>, Error> {
    let queue = cx.queue()?;
    let entries = batch::check(r.entries)?;
    let receipts = entries.iter().enumerate().map(|(index, entry)| {
        let missing = batch::member::<DeleteMessageBatchEntry>(index, "ReceiptHandle");
        receipt(queue, entry.receipt_handle.as_deref(), &missing)
    });
    let receipts: Vec<_> = receipts.collect();
    let mut uses =
        uses(cx, Operation::DeleteMessageBatch, receipts.iter().map(|receipt| receipt.as_ref().ok().copied()));
    let mut open = cx.open(queue)?;
    let delete = |(entry, receipt): (DeleteMessageBatchEntry, Result<Receipt, Error>)| {
        let id = entry.id.unwrap_or_default();
        let handle = entry.receipt_handle.as_deref().unwrap_or_default();
        let used = uses.next();
        let known = receipt.as_ref().ok().copied();
        let outcome = receipt.and_then(|receipt| delete(&mut open, receipt, handle, used));
        batch::tell_failure(&mut open, Operation::DeleteMessageBatch, (known, None), &outcome);
        (id.clone(), outcome.map(|()| BatchResultEntry { id }))
    };
    let outcomes: Vec<_> = entries.into_iter().zip(receipts).map(delete).collect();
    Ok(open.close().map(|()| batch::result(outcomes)))
}

pub(super) fn change_message_visibility(
    cx: &Context<'_>,
    r: ChangeMessageVisibilityRequest,
) -> Result<Pending<Empty>, Error> {
    let queue = cx.queue()?;
    let handle = r.receipt_handle.as_deref().unwrap_or_default();
    if handle.is_empty() {
        return Err(Error::missing("ReceiptHandle"));
    }
    let seconds = r.visibility_timeout.ok_or_else(|| Error::missing("VisibilityTimeout"))?;
    let seconds = visibility_timeout(seconds, "Must be between 0 and 43200.")?;
    let change = Change { receipt: receipt(queue, Some(handle), "ReceiptHandle")?, seconds };
    if let Some(HandleUse::Fails(error)) = uses(cx, Operation::ChangeMessageVisibility, [Some(change.receipt)]).next() {
        return Err(error);
    }
    let mut open = cx.open(queue)?;
    let outcome = open.change_visibility(change.receipt, change.seconds);
    let pending = open.close();
    match outcome {
        VisibilityChange::NotAvailable => {
            return Err(Error::invalid_value(handle, "ReceiptHandle", format_args!("{NOT_AVAILABLE}.")));
        }
        other => changed(other, &change)?,
    }
    Ok(pending.map(|()| Empty {}))
}

pub(super) fn change_message_visibility_batch(
    cx: &Context<'_>,
    r: ChangeMessageVisibilityBatchRequest,
) -> Result<Pending<BatchResult<BatchResultEntry>>, Error> {
    let queue = cx.queue()?;
    let entries = batch::check(r.entries)?;
    let changes = entries.iter().enumerate().map(|(index, entry)| batch_change(queue, index, entry));
    let changes: Vec<_> = changes.collect();
    let receipts = changes.iter().map(|change| change.as_ref().ok().map(|change| change.receipt));
    let mut uses = uses(cx, Operation::ChangeMessageVisibilityBatch, receipts);
    let mut open = cx.open(queue)?;
    let change = |(entry, change): (ChangeMessageVisibilityBatchEntry, Result<Change, Error>)| {
        let known = change.as_ref().ok().map(|change| change.receipt);
        let change = match uses.next() {
            Some(HandleUse::Fails(error)) => Err(error),
            _ => change,
        };
        let outcome =
            change.and_then(|change| changed(open.change_visibility(change.receipt, change.seconds), &change));
        batch::tell_failure(&mut open, Operation::ChangeMessageVisibilityBatch, (known, None), &outcome);
        let id = entry.id.unwrap_or_default();
        (id.clone(), outcome.map(|()| BatchResultEntry { id }))
    };
    let outcomes: Vec<_> = entries.into_iter().zip(changes).map(change).collect();
    Ok(open.close().map(|()| batch::result(outcomes)))
}

fn batch_change(queue: &Queue, index: usize, entry: &ChangeMessageVisibilityBatchEntry) -> Result<Change, Error> {
    let member = |name| batch::member::<ChangeMessageVisibilityBatchEntry>(index, name);
    let handle = entry.receipt_handle.as_deref().unwrap_or_default();
    if handle.is_empty() {
        return Err(Error::missing(member("ReceiptHandle")));
    }
    let seconds = entry.visibility_timeout.ok_or_else(|| Error::missing(member("VisibilityTimeout")))?;
    let seconds = visibility_timeout(seconds, "VisibilityTimeout must be an integer between 0 and 43200.")?;
    Ok(Change { receipt: receipt(queue, Some(handle), "ReceiptHandle")?, seconds })
}

fn visibility_timeout(seconds: i64, reason: &str) -> Result<u32, Error> {
    let fits = (0..=limits::VISIBILITY_TIMEOUT_SECONDS_MAX).contains(&seconds);
    let seconds_in_range = u32::try_from(seconds).ok().filter(|_| fits);
    seconds_in_range.ok_or_else(|| Error::invalid_value(seconds, "VisibilityTimeout", reason))
}

fn deleted(outcome: Deleted, handle: &str) -> Result<(), Error> {
    match outcome {
        Deleted::Done | Deleted::AlreadyGone => Ok(()),
        Deleted::ReceiptExpired => {
            Err(Error::invalid_value(handle, "ReceiptHandle", "The receipt handle has expired."))
        }
    }
}

/// The outcome of a change in a batch; the single action words one of them differently.
fn changed(outcome: VisibilityChange, change: &Change) -> Result<(), Error> {
    match outcome {
        VisibilityChange::Changed => Ok(()),
        // Recorded: in a batch it has another code than in the single action, and no value in its text.
        VisibilityChange::NotAvailable => Err(Error::new(ErrorKind::ReceiptHandleIsInvalid, NOT_AVAILABLE)),
        VisibilityChange::BeyondLimit => {
            let most = limits::VISIBILITY_TIMEOUT_SECONDS_MAX;
            let reason = format!("Total VisibilityTimeout for the message is beyond the limit [{most} seconds]");
            Err(Error::invalid_value(change.seconds, "VisibilityTimeout", reason))
        }
    }
}
