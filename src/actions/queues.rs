//! The actions on queues as a whole: find, list, purge and delete.

use super::context::Context;
use super::page::Page;
use crate::api::{
    Empty, GetQueueUrlRequest, ListDeadLetterSourceQueuesRequest, ListDeadLetterSourceQueuesResult, ListQueuesRequest,
    ListQueuesResult, QueueRequest, QueueUrlResult, limits,
};
use crate::broker::{Broker, Pending, Queue};
use crate::engine::Time;
use crate::error::{Error, ErrorKind};
use std::sync::Arc;

pub(super) fn delete_queue(cx: &Context<'_>, _: QueueRequest) -> Result<Pending<Empty>, Error> {
    let queue = cx.queue()?;
    let mut open = cx.open(queue)?;
    let contents = open.delete_queue();
    let pending = open.close();
    cx.broker.move_tasks().forget(queue);
    // The contents may be large; they are dropped here, after the queue was let go of.
    drop(contents);
    Ok(pending.map(|()| Empty {}))
}

pub(super) fn get_queue_url(cx: &Context<'_>, _: GetQueueUrlRequest) -> Result<Pending<QueueUrlResult>, Error> {
    Ok(Pending::nothing(QueueUrlResult { queue_url: cx.url(cx.queue()?) }))
}

pub(super) fn list_queues(cx: &Context<'_>, r: ListQueuesRequest) -> Result<Pending<ListQueuesResult>, Error> {
    let prefix = r.queue_name_prefix.unwrap_or_default();
    let page = Page::new(r.max_results, r.next_token.as_deref(), &prefix)?;
    let (caller, after) = (cx.caller, page.after.as_deref());
    let queues = cx.broker.namespace().list(caller.account, caller.region, &prefix, after, page.size + 1);
    let (queues, next_token) = page.cut(queues, |queue| &queue.name);
    let queue_urls = queues.iter().map(|queue| cx.url(queue)).collect();
    Ok(Pending::nothing(ListQueuesResult { next_token, queue_urls }))
}

pub(super) fn list_dead_letter_source_queues(
    cx: &Context<'_>,
    r: ListDeadLetterSourceQueuesRequest,
) -> Result<Pending<ListDeadLetterSourceQueuesResult>, Error> {
    let target = cx.queue()?;
    let page = Page::new(r.max_results, r.next_token.as_deref(), &target.name)?;
    let mut sources = dead_letter_sources(cx.broker, target);
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    let after = page.after.as_deref().unwrap_or_default();
    let rest = sources.into_iter().filter(|queue| &*queue.name > after).take(page.size + 1).collect();
    let (queues, next_token) = page.cut(rest, |queue| &queue.name);
    let queue_urls = queues.iter().map(|queue| cx.url(queue)).collect();
    Ok(Pending::nothing(ListDeadLetterSourceQueuesResult { next_token, queue_urls }))
}

/// The queues whose redrive policy points at this one.
pub(super) fn dead_letter_sources(broker: &Broker, target: &Queue) -> Vec<Arc<Queue>> {
    let points_here = |queue: &Arc<Queue>| {
        let settings = queue.settings();
        let found = settings.redrive.as_ref().and_then(|policy| broker.redrive_target(policy, queue));
        found.is_some_and(|found| found.uid == target.uid)
    };
    broker.namespace().everywhere().into_iter().filter(points_here).collect()
}

pub(super) fn purge_queue(cx: &Context<'_>, _: QueueRequest) -> Result<Pending<Empty>, Error> {
    let queue = cx.queue()?;
    let mut open = cx.open(queue)?;
    let now = open.now();
    let closed = |at: Time| now < at.plus_seconds(limits::COOLDOWN_SECONDS);
    if cx.broker.options().cooldowns && open.purged().is_some_and(closed) {
        return Err(Error::new(
            ErrorKind::PurgeQueueInProgress,
            format!("Only one PurgeQueue operation on {} is allowed every 60 seconds.", queue.name),
        ));
    }
    let contents = open.purge();
    let pending = open.close();
    // The contents may be large; they are dropped here, after the queue was let go of.
    drop(contents);
    Ok(pending.map(|()| Empty {}))
}
