//! How a space and its history become what a report is made from: each event is put to its message and receive.

use super::contents::{Contents, add_gone, add_present};
use super::evaluation::Report;
use super::observed::*;
use crate::api::Operation;
use crate::broker::{Queue, QueueNames};
use crate::control::history::{Detail, Event, EventFilter, History, Kind};
use crate::control::space::Space;
use crate::engine::{MessageId, MessageState, Time};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Events that are read in one go.
const EVENTS_PER_TURN: usize = 4_096;

/// What a report is asked for.
#[derive(Clone, Debug, Default)]
pub struct ReportOptions {
    /// The one queue that it is about.
    pub queue: Option<String>,
    /// How long a Lambda function that reads the queues may take, in milliseconds.
    pub lambda_timeout_ms: Option<u64>,
    /// Codes that are left out.
    pub ignore: Vec<&'static str>,
}

impl Report {
    /// The report on a space; none if it keeps no history.
    pub fn of(space: &Space, options: &ReportOptions) -> Option<Report> {
        let observed = observe(space, space.history()?, options);
        Some(Report::new(&observed, &options.ignore))
    }
}

/// Everything that is known of a space.
fn observe(space: &Space, history: &History, options: &ReportOptions) -> Observed {
    let mut reader = Reader::default();
    add_gone(&mut reader.contents, history);
    let queues = space.broker().namespace().all();
    for queue in &queues {
        add_present(&mut reader.contents, space.broker(), queue);
        reader.queue(space, history, &queue.names());
    }
    let until = history.position();
    let mut since = 0;
    while since < until {
        let page = history.events(since, &EventFilter::default(), EVENTS_PER_TURN);
        for event in &page.events {
            let index = event.queue.as_ref().map(|names| reader.queue(space, history, names));
            if let Some(index) = index {
                reader.event(index, event);
            }
        }
        since = page.until.max(since + 1);
    }
    let takers = queues.iter().filter_map(|queue| dead_letter_queue(space, queue)).map(|target| target.uid);
    let takers: HashSet<u64> = takers.collect();
    for queue in &queues {
        reader.present(space, queue, takers.contains(&queue.uid));
    }
    let clock = space.broker().clock();
    let at = clock.now();
    let mut queues = reader.queues;
    queues.retain(|queue| options.queue.as_ref().is_none_or(|name| *name == queue.name));
    queues.sort_by(|a, b| a.name.cmp(&b.name));
    Observed {
        now: When { at, real: if clock.is_turned() { clock.real_now() } else { at } },
        dropped_before: history.cut_before(),
        seed: space.seed,
        lambda_timeout_ms: options.lambda_timeout_ms,
        queues,
    }
}

fn dead_letter_queue(space: &Space, queue: &Queue) -> Option<Arc<Queue>> {
    space.broker().redrive_target(queue.settings().redrive.as_ref()?, queue)
}

/// Puts events to their messages.
#[derive(Default)]
struct Reader {
    queues: Vec<ObservedQueue>,
    /// Of each queue the index of its first message that may still be in it.
    first_there: Vec<usize>,
    /// The index of the queue with a uid. Queues of one name that came one after the other are one.
    by_uid: HashMap<u64, usize>,
    by_name: HashMap<String, usize>,
    /// The index of the message that is, or was last, in the queue with that index.
    messages: HashMap<(usize, MessageId), usize>,
    /// When each message was first sent.
    sent: HashMap<MessageId, Time>,
    contents: Contents,
    /// The failed entries of batches that may be made up for: by their message, or by their body.
    failed: HashMap<(usize, Retried), Vec<usize>>,
}

/// What is retried after an entry of a batch has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Retried {
    Deletion(MessageId),
    Change(MessageId),
    Sending([u8; 16]),
}

impl Reader {
    /// The index of a queue.
    fn queue(&mut self, space: &Space, history: &History, names: &QueueNames) -> usize {
        if let Some(index) = self.by_uid.get(&names.uid) {
            return *index;
        }
        let name = match *names.account == *space.account {
            true => names.name.to_string(),
            false => format!("{}/{}", names.account, names.name),
        };
        let index = *self.by_name.entry(name.clone()).or_insert(self.queues.len());
        if index == self.queues.len() {
            self.queues.push(ObservedQueue { name, fifo: names.fifo, ..ObservedQueue::default() });
            self.first_there.push(0);
        }
        self.by_uid.insert(names.uid, index);
        let (totals, polls) = (history.totals(names.uid), history.short_polls(names.uid));
        let known = &mut self.queues[index].totals;
        known.sent += totals.of(Kind::Sent);
        known.deleted += totals.of(Kind::Deleted);
        known.expired += totals.of(Kind::Expired);
        known.empty_short_polls += polls.count;
        known.empty_short_polls_ms += polls.last.ms_since(polls.first);
        index
    }

    /// Takes down what a queue is set to, and how many messages are in it.
    fn present(&mut self, space: &Space, queue: &Arc<Queue>, takes_dead_letters: bool) {
        let Some(observed) = self.by_uid.get(&queue.uid).and_then(|index| self.queues.get_mut(*index)) else { return };
        // It may have been deleted just now.
        let Ok(look) = space.broker().look(queue) else { return };
        let counts = look.counts();
        drop(look);
        let settings = queue.settings();
        observed.totals.left += (counts.visible + counts.in_flight + counts.delayed) as u64;
        let in_ms = |seconds: u32| u64::from(seconds) * 1_000;
        let target = dead_letter_queue(space, queue);
        let target = target.map(|target| (target.name.to_string(), in_ms(target.settings().message_retention_seconds)));
        observed.settings = Some(ObservedSettings {
            visibility_timeout_ms: in_ms(settings.visibility_timeout_seconds),
            retention_ms: in_ms(settings.message_retention_seconds),
            redrive: settings.redrive.is_some(),
            dead_letter_queue: target,
            takes_dead_letters,
        });
    }

    /// Takes down an entry of a batch that failed.
    fn failed(&mut self, queue: usize, event: &Event) {
        let Some(Detail::Entry { action, code, body_md5 }) = event.detail.as_deref() else { return };
        let retried = match (event.message, body_md5) {
            (Some(id), _) if *action == Operation::DeleteMessageBatch.name() => Some(Retried::Deletion(id)),
            (Some(id), _) => Some(Retried::Change(id)),
            (None, body_md5) => body_md5.map(Retried::Sending),
        };
        let entries = &mut self.queues[queue].failed_entries;
        if let Some(retried) = retried {
            self.failed.entry((queue, retried)).or_default().push(entries.len());
        }
        entries.push(FailedEntry { action, code: code.clone(), id: event.message, made_up_for: false });
    }

    /// What failed before may have been done by this.
    fn make_up(&mut self, queue: usize, event: &Event) {
        let Some(id) = event.message.filter(|_| !self.failed.is_empty()) else { return };
        let done = match event.kind {
            // A message that is gone needs no other visibility timeout.
            Kind::Deleted => [Some(Retried::Deletion(id)), Some(Retried::Change(id))],
            Kind::VisibilityChanged => [Some(Retried::Change(id)), None],
            Kind::Sent | Kind::Deduplicated => {
                [self.contents.get(&id).map(|content| Retried::Sending(content.body_md5)), None]
            }
            _ => return,
        };
        for retried in done.into_iter().flatten() {
            for entry in self.failed.remove(&(queue, retried)).into_iter().flatten() {
                self.queues[queue].failed_entries[entry].made_up_for = true;
            }
        }
    }

    fn event(&mut self, queue: usize, event: &Event) {
        self.make_up(queue, event);
        let when = When { at: event.at, real: event.real };
        match (event.kind, event.message) {
            (Kind::Purged | Kind::QueueDeleted, _) => self.emptied(queue, when),
            (Kind::EntryFailed, _) => self.failed(queue, event),
            (Kind::Sent, Some(id)) => {
                self.sent.insert(id, event.at);
                self.came(queue, id, when, event);
            }
            (Kind::Arrived, Some(id)) => {
                let before = match event.detail.as_deref() {
                    Some(Detail::Renewed { from }) => *from,
                    _ => id,
                };
                if let Some(sent) = self.sent.get(&before).copied() {
                    self.sent.insert(id, sent);
                }
                self.came(queue, id, when, event);
            }
            (_, Some(id)) => {
                let index = match self.messages.get(&(queue, id)) {
                    Some(index) => *index,
                    // It was there before the history.
                    None => self.came(queue, id, when, event),
                };
                happened(&mut self.queues[queue].messages[index], when, event);
            }
            (_, None) => {}
        }
    }

    /// A message came into a queue.
    fn came(&mut self, queue: usize, id: MessageId, when: When, event: &Event) -> usize {
        let observed = &mut self.queues[queue];
        let first_sent = self.sent.get(&id).copied().unwrap_or(when.at);
        let content = self.contents.get(&id);
        observed.messages.push(ObservedMessage {
            id: id.to_string(),
            came: when,
            sent: event.kind == Kind::Sent,
            // In a FIFO queue the retention period of a dead letter begins anew.
            sent_at: if observed.fifo { when.at } else { first_sent },
            request: event.request,
            content: content.map(|content| content.digest),
            has_deduplication_id: content.is_some_and(|content| content.has_deduplication_id),
            group: content.and_then(|content| content.group.clone()),
            ..ObservedMessage::default()
        });
        let index = observed.messages.len() - 1;
        self.messages.insert((queue, id), index);
        index
    }

    /// All messages of a queue are gone.
    fn emptied(&mut self, queue: usize, when: When) {
        let messages = &mut self.queues[queue].messages;
        for message in &mut messages[self.first_there[queue]..] {
            message.left.get_or_insert((when, Left::WithOthers));
        }
        self.first_there[queue] = messages.len();
    }
}

/// What happened to a message that is, or was, in its queue.
fn happened(message: &mut ObservedMessage, when: When, event: &Event) {
    let number = u32::from(event.receive);
    match event.kind {
        Kind::Received => message.receives.push(received(when, event)),
        Kind::GivenBack => drop(message.receives.pop()),
        Kind::VisibilityChanged => {
            if let Some(receive) = receive(message, number) {
                receive.changed = true;
                receive.visible_at = event.deadline.unwrap_or(when.at);
                if event.state == Some(MessageState::Visible) {
                    receive.ended = Some((when, Ended::MadeVisible));
                }
            }
        }
        Kind::VisibilityEnded => end(message, number, when, Ended::TimedOut),
        Kind::Released => end(message, number, when, Ended::ByControl),
        Kind::Deleted | Kind::DeleteMissed => {
            if let Some(receive) = receive(message, number) {
                receive.settled.get_or_insert(when);
            }
        }
        _ => {}
    }
    let left = match event.kind {
        Kind::Deleted => Some(Left::Deleted),
        Kind::Expired => Some(Left::Expired),
        Kind::DeadLettered | Kind::Moved => Some(Left::ToAnotherQueue),
        Kind::Removed => Some(Left::ByHand),
        // A fault has brought it back.
        Kind::Released | Kind::Received => None,
        _ => return,
    };
    message.left = left.map(|left| (when, left));
}

fn received(when: When, event: &Event) -> ObservedReceive {
    // With a visibility timeout of 0 it is visible again at once.
    let visible_at = event.deadline.unwrap_or(when.at);
    ObservedReceive {
        number: event.receive_count,
        when,
        timeout_ms: visible_at.ms_since(when.at),
        visible_at,
        ended: (event.state == Some(MessageState::Visible)).then_some((when, Ended::MadeVisible)),
        ..ObservedReceive::default()
    }
}

/// The last receive with this number.
fn receive(message: &mut ObservedMessage, number: u32) -> Option<&mut ObservedReceive> {
    message.receives.iter_mut().rev().find(|receive| receive.number == number)
}

/// Ends the receive with this number, if it goes on.
fn end(message: &mut ObservedMessage, number: u32, when: When, how: Ended) {
    if let Some(receive) = receive(message, number) {
        receive.ended.get_or_insert((when, how));
    }
}
