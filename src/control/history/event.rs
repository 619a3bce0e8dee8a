//! One event as readers see it: as JSON, and as a line for people.

use super::kind::Kind;
use super::names::Client;
use crate::broker::QueueNames;
use crate::control::duration::{Span, shown};
use crate::engine::{MessageId, MessageState, Time};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its number: 1 for the first event of a space. They rise, and some are left out.
    pub position: u64,
    /// When it took place by the clock of the space. What time brought about took place when it was due.
    pub at: Time,
    /// What the machine's clock showed when it was noticed.
    pub real: Time,
    /// Its type.
    pub kind: Kind,
    /// The queue.
    pub queue: Option<Arc<QueueNames>>,
    /// The message, under the id that it had then.
    pub message: Option<MessageId>,
    /// How often the message had been received.
    pub receive_count: u32,
    /// The receive that it is about: for `deleted` and `visibilityChanged` that of the receipt handle.
    pub receive: u16,
    /// When the state of the message ends.
    pub deadline: Option<Time>,
    /// The state of the message then; none if it left the queue.
    pub state: Option<MessageState>,
    /// The request that brought it about; 0 for time, and for nobody.
    pub request: u128,
    /// Who sent that request.
    pub client: Option<Arc<Client>>,
    /// What only some types have.
    pub detail: Option<Arc<Detail>>,
}

/// What only some types of events have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detail {
    /// `clockAdvanced`.
    Clock {
        /// What the clock showed before.
        from: Time,
        /// What it shows now.
        to: Time,
        /// Why it was turned.
        why: String,
    },
    /// `faultFired`.
    Fault {
        /// The id of the rule.
        rule: String,
        /// The fault.
        fault: String,
    },
    /// `control`.
    Control {
        /// What was done.
        what: String,
    },
    /// `entryFailed`.
    Entry {
        /// The batch action.
        action: &'static str,
        /// The code that was answered for the entry.
        code: String,
        /// MD5 of its body, if it was a good message.
        body_md5: Option<[u8; 16]>,
    },
    /// `requestFailed`.
    Request {
        /// The action.
        action: &'static str,
        /// The code that was answered.
        code: &'static str,
        /// The beginning of its text.
        text: String,
        /// What the client was not told, like the name of a queue that there is not; at most the beginning.
        detail: Option<String>,
    },
    /// `arrived` under a new id.
    Renewed {
        /// The id it had before.
        from: MessageId,
    },
}

impl Event {
    /// As JSON: what does not apply is left out.
    pub fn json(&self) -> Value {
        let mut members = Map::new();
        let mut put = |name: &str, value: Value| {
            members.insert(name.to_owned(), value);
        };
        put("position", self.position.into());
        put("type", self.kind.name().into());
        put("at", shown(self.at).into());
        put("real", shown(self.real).into());
        if let Some(queue) = &self.queue {
            put("queue", (*queue.name).into());
        }
        if let Some(id) = self.message {
            put("messageId", id.to_string().into());
        }
        if self.receive_count > 0 {
            put("receiveCount", self.receive_count.into());
        }
        if self.names_a_receive() {
            put("receive", self.receive.into());
        }
        if let Some(state) = self.state {
            put("state", state_name(state).into());
        }
        if let Some(deadline) = self.deadline {
            put("deadline", shown(deadline).into());
        }
        if let Some(by) = self.by() {
            put("by", by);
        }
        match self.detail.as_deref() {
            None => {}
            Some(Detail::Clock { from, to, why }) => {
                put("from", shown(*from).into());
                put("to", shown(*to).into());
                put("why", why.as_str().into());
            }
            Some(Detail::Fault { rule, fault }) => {
                put("rule", rule.as_str().into());
                put("fault", fault.as_str().into());
            }
            Some(Detail::Control { what }) => put("what", what.as_str().into()),
            Some(Detail::Entry { action, code, .. }) => {
                put("action", (*action).into());
                put("code", code.as_str().into());
            }
            Some(Detail::Request { action, code, text, detail }) => {
                put("action", (*action).into());
                put("code", (*code).into());
                put("text", text.as_str().into());
                if let Some(detail) = detail {
                    put("detail", detail.as_str().into());
                }
            }
            Some(Detail::Renewed { from }) => put("renewedFrom", from.to_string().into()),
        }
        Value::Object(members)
    }

    /// Whether it is about one receive rather than the last one.
    fn names_a_receive(&self) -> bool {
        matches!(self.kind, Kind::Deleted | Kind::DeleteMissed | Kind::VisibilityChanged) && self.receive > 0
    }

    /// Who brought it about, as JSON.
    fn by(&self) -> Option<Value> {
        if self.request == 0 && self.client.is_none() {
            return None;
        }
        let mut by = json!({});
        if let Some(client) = &self.client {
            let user_agent = client.user_agent.as_deref();
            by = json!({"userAgent": user_agent, "peer": client.peer.map(|peer| peer.to_string()), "account": &*client.account});
            if client.control {
                by["control"] = true.into();
            }
        }
        if self.request != 0 {
            by["requestId"] = Uuid::from_u128(self.request).to_string().into();
        }
        if let Value::Object(members) = &mut by {
            members.retain(|_, value| !value.is_null());
        }
        Some(by)
    }

    /// What happened, for people: without the time, the queue and the message.
    pub fn text(&self) -> String {
        let lasting = |what: &str| match self.deadline {
            Some(deadline) => format!("{what} for {}", span(deadline.ms_since(self.at))),
            None => what.to_owned(),
        };
        let receive = format!("by the handle of receive {}", self.receive);
        match (self.kind, self.detail.as_deref()) {
            (Kind::Received, _) => {
                format!("#{}{}", self.receive_count, self.deadline.map_or(String::new(), |_| lasting(", hidden")))
            }
            (Kind::Delayed, _) => lasting("hidden"),
            (Kind::VisibilityChanged, _) if self.state == Some(MessageState::Visible) => {
                format!("to 0: visible, {receive}")
            }
            (Kind::VisibilityChanged, _) => format!("{}, {receive}", lasting("hidden")),
            (Kind::VisibilityEnded | Kind::Available | Kind::Released | Kind::GivenBack, _) => "visible".to_owned(),
            (Kind::Deleted, _) if u32::from(self.receive) < self.receive_count => {
                format!("{receive}, received {} times", self.receive_count)
            }
            (Kind::Deleted | Kind::DeleteMissed, _) => receive,
            (Kind::DeadLettered | Kind::Expired, _) => format!("after {} receives", self.receive_count),
            (_, Some(Detail::Clock { from, to, why })) => format!("by {}: {why}", span(to.ms_since(*from))),
            (_, Some(Detail::Fault { rule, fault })) => format!("{fault} ({rule})"),
            (_, Some(Detail::Control { what })) => what.clone(),
            (_, Some(Detail::Entry { action, code, .. })) => format!("{action} with {code}"),
            (_, Some(Detail::Request { action, code, text, .. })) => format!("{action} with {code}: {text}"),
            (_, Some(Detail::Renewed { from })) => format!("under a new id; was {from}"),
            _ => String::new(),
        }
    }

    /// When it took place, before or after a moment.
    pub fn time_from(&self, moment: Time) -> String {
        let time = match self.at < moment {
            true => format!("-{}", span(moment.ms_since(self.at))),
            false => format!("+{}", span(self.at.ms_since(moment))),
        };
        format!("{time:>9}")
    }

    /// A line for people, with the time as it is told to them.
    pub fn line(&self, time: &str, queue_width: usize, with_message: bool) -> String {
        let queue = self.queue.as_ref().map_or("", |queue| &*queue.name);
        let message = self.message.filter(|_| with_message).map(|id| id.to_string()).unwrap_or_default();
        let message = if with_message { format!("{message:<36}  ") } else { message };
        let by = self.client.as_ref().map(|client| format!("by {}", client.shown())).unwrap_or_default();
        let rest = [self.text(), by].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ");
        let (position, kind) = (self.position, self.kind.name());
        format!("{position:>6}  {time}  {queue:<queue_width$}  {message}{kind:<17}  {rest}").trim_end().to_owned()
    }
}

/// Events as lines for people. The first line tells the moment from which the times of the others are counted.
pub fn listing(events: &[Event], with_messages: bool) -> String {
    let Some(first) = events.first() else { return "no events\n".to_owned() };
    let names = events.iter().filter_map(|event| event.queue.as_ref());
    let width = names.map(|queue| queue.name.chars().count()).max().unwrap_or(0);
    let lines = events.iter().map(|event| event.line(&event.time_from(first.at), width, with_messages));
    let head = format!("times from {}", shown(first.at));
    std::iter::once(head).chain(lines).map(|line| line + "\n").collect()
}

/// SQS's name of a state.
pub fn state_name(state: MessageState) -> &'static str {
    match state {
        MessageState::Visible => "visible",
        MessageState::InFlight => "inFlight",
        MessageState::Delayed => "delayed",
    }
}

fn span(ms: u64) -> Span {
    Span(Duration::from_millis(ms))
}
