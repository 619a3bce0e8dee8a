//! `GET /_kew/events`: the history as it grows, as server-sent events.

use super::history::{filter, of};
use super::{Answering, Endpoint};
use crate::control::call::{Call, Content, Method, Refusal, Reply};
use crate::control::duration::shown;
use crate::control::history::{Event, EventFilter, FOLLOWERS_MAX, History};
use crate::control::space::Space;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::mpsc;

pub(super) const ENDPOINTS: &[Endpoint] = &[Endpoint {
    method: Method::Get,
    path: "/events",
    summary: "Events as they happen, as server-sent events: ?queue=orders&type=sent&since=812, or Last-Event-ID",
    handler: events,
}];

/// Pieces that wait for a client to read them. Events wait in the history.
const PIECES_MAX: usize = 16;
/// Events in a piece.
const EVENTS_PER_PIECE: usize = 64;
/// The most events in a second that can be asked for.
const EVENTS_PER_SECOND_MAX: usize = 10_000;
/// A second, for those who want so many events in one.
const BETWEEN_PORTIONS: Duration = Duration::from_secs(1);
/// The least time between two `counts` of a queue.
const BETWEEN_COUNTS: Duration = Duration::from_millis(250);
/// When nothing happens, so often a sign of life is sent, for which the client need not do anything.
const BETWEEN_SIGNS_OF_LIFE: Duration = Duration::from_secs(15);
/// After so long a client that reads nothing is given up.
const SLOW_READER_TIME_LIMIT: Duration = Duration::from_secs(60);

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct Wanted {
    queue: Option<Value>,
    #[serde(rename = "type")]
    types: Option<Value>,
    since: Option<u64>,
    /// The most events in a second; others are skipped, and that is told.
    limit: Option<usize>,
}

/// What follows the events for one client. It does not keep the space: when that is gone the stream is over.
struct Follower {
    space: Weak<Space>,
    history: Arc<History>,
    filter: EventFilter,
    pieces: mpsc::Sender<Bytes>,
    /// Everything up to this position has been sent.
    position: u64,
    /// Queues whose counts are to be told.
    changed: BTreeSet<u64>,
    /// When they may be told.
    counts_from_ms: u64,
    text: bool,
    /// The most events in a second, if that is bounded.
    limit: Option<usize>,
}

fn events(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let wanted: Wanted = call.input()?;
        let history = of(call.space)?.clone();
        let filter = filter(call.space, wanted.queue.as_ref(), wanted.types.as_ref())?;
        let last = match call.incoming.last_event_id.map(str::trim).filter(|id| !id.is_empty()) {
            Some(id) => Some(id.parse().map_err(|_| Refusal::new(400, "Last-Event-ID is no position", ""))?),
            None => None,
        };
        // A client that comes back knows better than the URL with which it began.
        let position = last.or(wanted.since).unwrap_or_else(|| history.position());
        let room = history.follow().ok_or_else(|| {
            Refusal::new(409, format!("{FOLLOWERS_MAX} clients follow the events already"), "end one of them")
        })?;
        let (pieces, stream) = mpsc::channel(PIECES_MAX);
        let follower = Follower {
            space: Arc::downgrade(call.space),
            history,
            filter,
            pieces,
            position,
            changed: BTreeSet::new(),
            counts_from_ms: 0,
            text: call.incoming.text,
            limit: wanted.limit.map(|limit| limit.clamp(1, EVENTS_PER_SECOND_MAX)),
        };
        let spawned = call.space.shared().background.spawn(async move {
            // An error means that the client has gone, or does not read.
            let _ = follower.run().await;
            drop(room);
        });
        spawned.map_err(|error| Refusal::new(409, format!("there is no thread for it: {error}"), ""))?;
        let content_type = if call.incoming.text { "text/plain; charset=utf-8" } else { "text/event-stream" };
        Ok(Reply::content(Content::Stream(content_type, stream)))
    })
}

/// The client has gone, or does not read.
struct Gone;

impl Follower {
    async fn run(mut self) -> Result<(), Gone> {
        let Some(space) = self.space.upgrade() else { return Ok(()) };
        let (time, broker) = (space.time().clone(), space.broker().clone());
        drop(space);
        let mut newest = self.history.subscribe();
        // So that a client knows that it is connected before anything happens.
        self.send(&time, if self.text { String::new() } else { ": kew\n\n".to_owned() }).await?;
        loop {
            newest.mark_unchanged();
            if let Some(limit) = self.limit {
                if let Some(piece) = self.newest_piece(limit) {
                    self.send(&time, piece).await?;
                    time.pause(BETWEEN_PORTIONS).await;
                }
            } else {
                while let Some(piece) = self.next_piece() {
                    self.send(&time, piece).await?;
                }
            }
            let now_ms = time.now_ms();
            if !self.changed.is_empty() && now_ms >= self.counts_from_ms {
                let Some(counts) = self.counts() else { return Ok(()) };
                self.send(&time, counts).await?;
                self.counts_from_ms = now_ms + BETWEEN_COUNTS.as_millis() as u64;
            }
            let until_counts = Duration::from_millis(self.counts_from_ms.saturating_sub(time.now_ms()));
            tokio::select! {
                changed = newest.changed() => if changed.is_err() { return Ok(()) },
                () = time.pause(until_counts), if !self.changed.is_empty() => {}
                () = time.pause(BETWEEN_SIGNS_OF_LIFE) => {
                    if !self.text {
                        self.send(&time, ": still here\n\n".to_owned()).await?;
                    }
                }
                () = broker.closed() => return self.send(&time, self.named("end", json!({"why": "the server stops"}))).await,
                () = self.pieces.closed() => return Err(Gone),
            }
        }
    }

    async fn send(&self, time: &crate::clock::NetworkTime, piece: String) -> Result<(), Gone> {
        if piece.is_empty() {
            return Ok(());
        }
        tokio::select! {
            sent = self.pieces.send(piece.into()) => sent.map_err(|_| Gone),
            () = time.pause(SLOW_READER_TIME_LIMIT) => Err(Gone),
        }
    }

    /// An event that is not of the history.
    fn named(&self, name: &str, data: Value) -> String {
        if self.text { format!("{name}  {data}\n") } else { format!("event: {name}\ndata: {data}\n\n") }
    }

    /// The next events; none if there are no more now.
    fn next_piece(&mut self) -> Option<String> {
        if self.position >= self.history.position() {
            return None;
        }
        let page = self.history.events(self.position, &self.filter, EVENTS_PER_PIECE);
        let mut piece = String::new();
        if let Some(before) = page.dropped_before {
            piece += &self.named("dropped", json!({"complete": false, "droppedBefore": before}));
        }
        for event in &page.events {
            piece += &self.one(event);
            self.changed.extend(event.queue.as_ref().map(|queue| queue.uid));
        }
        self.position = page.until;
        Some(piece)
    }

    /// The newest events, and whether others before them were skipped; none if there are no more now. What is skipped costs next
    /// to nothing.
    fn newest_piece(&mut self, limit: usize) -> Option<String> {
        if self.position >= self.history.position() {
            return None;
        }
        let (events, until) = self.history.newest_events(self.position, &self.filter, limit);
        let mut piece = String::new();
        if events.len() == limit && events.first().is_some_and(|first| first.position > self.position + 1) {
            piece += &self.named("skipped", json!({"after": self.position}));
        }
        events.iter().for_each(|event| piece += &self.one(event));
        self.position = until;
        Some(piece)
    }

    fn one(&self, event: &Event) -> String {
        match self.text {
            true => event.line(&shown(event.at), 0, true) + "\n",
            false => format!("id: {}\ndata: {}\n\n", event.position, event.json()),
        }
    }

    /// The counts of the queues that have changed; none if the space is gone.
    fn counts(&mut self) -> Option<String> {
        let space = self.space.upgrade()?;
        let changed = std::mem::take(&mut self.changed);
        if self.text {
            return Some(String::new());
        }
        let mut piece = String::new();
        for queue in space.broker().namespace().all().iter().filter(|queue| changed.contains(&queue.uid)) {
            // A queue that was deleted just now has no counts.
            let Ok(look) = space.broker().look(queue) else { continue };
            let counts = look.counts();
            let data = json!({
                "queue": &*queue.name,
                "visible": counts.visible,
                "inFlight": counts.in_flight,
                "delayed": counts.delayed,
                "parked": look.parked_receives(),
            });
            piece += &self.named("counts", data);
        }
        Some(piece)
    }
}
