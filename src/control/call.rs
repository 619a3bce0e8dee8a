//! A call of the control API: what comes in, what is answered, and its errors, without HTTP.

pub use super::refusal::{Refusal, nearest, shortened};

use super::history::History;
use super::space::Space;
use super::spaces::Control;
use crate::actions::Presence;
use crate::auth::Credentials;
use crate::broker::By;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::mpsc;

/// The methods of the control API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant is the HTTP method of that name")]
pub enum Method {
    Get,
    Put,
    Post,
    Delete,
}

impl Method {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Put => "PUT",
            Method::Post => "POST",
            Method::Delete => "DELETE",
        }
    }
}

/// A request to the control API as it came in.
pub struct Incoming<'a> {
    /// Its method.
    pub method: Method,
    /// Its path behind `/_kew`: empty, or beginning with a slash.
    pub path: &'a str,
    /// Its query string.
    pub query: &'a str,
    /// Whether the client asked for text rather than JSON.
    pub text: bool,
    /// The `Last-Event-ID` of a client that comes back for more events.
    pub last_event_id: Option<&'a str>,
    /// The client.
    pub peer: Option<SocketAddr>,
    /// Whether the client is still there; taken for granted if absent.
    pub presence: Option<&'a Presence>,
    /// What the client calls this server: `http://` and its `Host`.
    pub base_url: &'a str,
    /// The keys that requests to SQS are signed with, where that is asked for.
    pub credentials: Option<Arc<Credentials>>,
    /// The body.
    pub body: Bytes,
}

impl Incoming<'_> {
    /// Ends when the client has gone.
    pub async fn gone(&self) {
        Presence::gone(self.presence).await;
    }
}

/// A call of one endpoint.
pub struct Call<'a> {
    /// All spaces.
    pub control: &'a Arc<Control>,
    /// The space that the call is about.
    pub space: &'a Arc<Space>,
    /// The request.
    pub incoming: &'a Incoming<'a>,
    /// The parts of the path that stand for something, in their order: decoded.
    pub path: Vec<String>,
    /// The members of the query string and of the body, as one object.
    pub input: Value,
}

impl Call<'_> {
    /// Reads the input.
    ///
    /// # Errors
    /// 400 with what is wrong, and with the nearest right name for a wrong one.
    pub fn input<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        T::deserialize(&self.input).map_err(|error| Refusal::wrong_input(&error.to_string()))
    }

    /// On whose behalf the call does something, for the history.
    pub fn by(&self) -> By {
        let client = |history: &Arc<History>| history.client(None, self.incoming.peer, &self.space.account, true);
        By { client: self.space.history().map_or(0, client), request: 0 }
    }

    /// A part of the path that stands for something.
    pub fn part(&self, index: usize) -> &str {
        self.path.get(index).map_or("", String::as_str)
    }
}

/// What is answered.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The answer as JSON; an object gets the `position` of the history.
    pub json: Value,
    /// The same for people; the JSON itself if absent.
    pub text: Option<String>,
    /// In place of both.
    pub content: Option<Content>,
}

/// An answer that is not JSON.
#[derive(Debug)]
pub enum Content {
    /// Bytes of some type.
    Bytes(&'static str, Bytes),
    /// Pieces as they come, of some type, until the sender is dropped.
    Stream(&'static str, mpsc::Receiver<Bytes>),
}

impl Reply {
    /// 200 with a JSON value.
    pub fn json(json: Value) -> Reply {
        Reply { status: 200, json, text: None, content: None }
    }

    /// 200 with something else.
    pub fn content(content: Content) -> Reply {
        Reply { content: Some(content), ..Reply::json(Value::Null) }
    }

    /// The same with a text for people.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<String>) -> Reply {
        self.text = Some(text.into());
        self
    }

    /// The same with another status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Reply {
        self.status = status;
        self
    }
}

impl Refusal {
    /// 404 for a queue.
    pub fn no_queue(name: &str, space: &Space) -> Refusal {
        let queues = space.broker().namespace().all();
        let names: Vec<&str> = queues.iter().map(|queue| &*queue.name).collect();
        let hint = match nearest(name, names.iter().copied()) {
            Some(other) => format!("did you mean `{other}`?"),
            None if names.is_empty() => "there are no queues".to_owned(),
            None => {
                let shown: Vec<_> = names.iter().take(8).copied().collect();
                format!("there are {}: {}", names.len(), shown.join(", "))
            }
        };
        Refusal::new(404, format!("there is no queue `{}`", shortened(name)), hint)
    }

    /// The answer.
    pub fn reply(&self) -> Reply {
        let Refusal { status, error, hint } = self;
        let text = if hint.is_empty() { format!("{error}\n") } else { format!("{error}\n  {hint}\n") };
        Reply::json(json!({"error": error, "hint": hint})).with_text(text).with_status(*status)
    }
}

/// The members of a query string, dots making objects: `auto.consumers.orders=1`. Each value stays a text, but `true` and
/// `false`, numbers, and nothing at all, which is `true`: `?empty`.
pub fn members_of_query(query: &str) -> Map<String, Value> {
    let mut members = Map::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let value = match &*value {
            "" | "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            text => match text.parse::<u64>() {
                // Not what would lose something: 007.
                Ok(number) if number.to_string() == text => Value::from(number),
                _ => Value::from(text),
            },
        };
        put(&mut members, &names_of(&name), value);
    }
    members
}

/// The parts of a member's name. `json.$.orderId` names one member of `json`, and `attribute.tenant.id` one of `attribute`.
fn names_of(name: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = name;
    while let Some((first, behind)) = rest.split_once('.') {
        names.push(first);
        rest = behind;
        if matches!(first, "json" | "attribute") {
            break;
        }
    }
    names.push(rest);
    names
}

fn put(members: &mut Map<String, Value>, names: &[&str], value: Value) {
    match names {
        [] => {}
        [name] => {
            members.insert((*name).to_owned(), value);
        }
        [name, rest @ ..] => {
            let inner = members.entry((*name).to_owned()).or_insert_with(|| Value::Object(Map::new()));
            if !inner.is_object() {
                *inner = Value::Object(Map::new());
            }
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_right_name_is_told() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Input {
            #[allow(dead_code, reason = "only its name counts")]
            timeout: u64,
        }
        let error = serde_json::from_value::<Input>(json!({"timout": 1})).unwrap_err();
        let refusal = Refusal::wrong_input(&error.to_string());
        assert_eq!((refusal.status, refusal.hint.as_str()), (400, "did you mean `timeout`?"));
    }

    #[test]
    fn a_query_string_says_what_a_body_says() {
        let members =
            members_of_query("queue=orders&empty&timeout=10s&visible=0&auto.consumers.orders=1&json.$.a.b=7&id=007");
        let expected = json!({"queue": "orders", "empty": true, "timeout": "10s", "visible": 0,
            "auto": {"consumers": {"orders": 1}}, "json": {"$.a.b": 7}, "id": "007"});
        assert_eq!(Value::Object(members), expected);
        let members = members_of_query("message.json.$.a.b=1&message.attribute.c.d=e");
        assert_eq!(Value::Object(members), json!({"message": {"json": {"$.a.b": 1}, "attribute": {"c.d": "e"}}}));
        assert_eq!(Value::Object(members_of_query("a=1&a.b=2&..=3")), json!({"a": {"b": 2}, "": {"": {"": 3}}}));
    }
}
