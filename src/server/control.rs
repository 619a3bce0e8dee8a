//! Test control from Rust: what `/_kew` does over HTTP, on the same code and without a socket.

use super::Server;
use super::auto::{Auto, blocking};
use super::expect::Expect;
use crate::broker::By;
use crate::clock::{Clock, ClockMode};
use crate::config::QueueConfig;
use crate::control::{
    self, Control, Fault, Incoming, Method, NamespaceOptions, Refusal, Report, ReportOptions, Setting, Space, What,
};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

/// The clock of a server or a namespace. It is a [`Clock`], and can be frozen and set going again.
pub struct ClockControl<'a>(&'a Arc<Space>);

impl Deref for ClockControl<'_> {
    type Target = Clock;

    fn deref(&self) -> &Clock {
        self.0.broker().clock()
    }
}

impl ClockControl<'_> {
    /// Lets it stand where it is; it moves when it is advanced.
    ///
    /// # Panics
    /// If it is not a controlled clock, or there is a data directory: the text says why.
    #[track_caller]
    pub fn freeze(&self) {
        self.set(Setting { mode: Some(ClockMode::Frozen), ..Setting::default() });
    }

    /// Lets it go at the pace of real time, from where it is.
    ///
    /// # Panics
    /// As [`ClockControl::freeze`].
    #[track_caller]
    pub fn run(&self) {
        self.set(Setting { mode: Some(ClockMode::Running), ..Setting::default() });
    }

    /// Lets it jump by itself whenever all is quiet, until [`ClockControl::run`] or [`ClockControl::freeze`]. For one condition
    /// [`Expect::auto`] does the same and ends by itself.
    ///
    /// # Panics
    /// As [`ClockControl::freeze`].
    #[track_caller]
    pub fn auto(&self, auto: Auto) {
        self.set(Setting { mode: Some(ClockMode::Auto), auto: Some(auto.0), ..Setting::default() });
    }

    #[track_caller]
    fn set(&self, setting: Setting) {
        let space = self.0.clone();
        or_panic(blocking(self.0, async move { space.set_clock(setting).await }));
    }
}

#[track_caller]
fn or_panic<T>(answer: Result<T, Refusal>) -> T {
    answer.unwrap_or_else(|Refusal { error, hint, .. }| panic!("{error}\n  {hint}"))
}

/// A fault that ends when this is dropped.
#[derive(Debug)]
#[must_use = "a fault ends when its guard is dropped"]
pub struct FaultGuard {
    faults: Arc<control::Faults>,
    id: String,
}

impl fmt::Debug for control::Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults").field("seed", &self.seed()).finish_non_exhaustive()
    }
}

impl FaultGuard {
    /// How often it fired.
    pub fn fired(&self) -> u64 {
        let rules = self.faults.list();
        let rule = rules.iter().find(|rule| rule["id"] == *self.id || rule["profile"] == *self.id);
        rule.and_then(|rule| rule["fired"].as_u64()).unwrap_or(0)
    }
}

impl Drop for FaultGuard {
    fn drop(&mut self) {
        // It is gone already after a reset.
        let _ = self.faults.remove(&self.id);
    }
}

/// A message that was looked at without being received.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PeekedMessage {
    /// Its id.
    pub id: String,
    /// Its body, up to 64 KiB of it.
    pub body: String,
    /// `visible`, `inFlight` or `delayed`.
    pub state: String,
    /// How often it was received.
    pub receive_count: u64,
    /// Its message group, if it has one.
    pub group: Option<String>,
}

/// Which messages of a queue are looked at.
#[must_use = "nothing is looked at before `all` or `first`"]
pub struct Peek<'a> {
    control: &'a Arc<Control>,
    space: &'a Space,
    queue: String,
    members: Vec<(&'static str, String)>,
}

impl Peek<'_> {
    /// Those in this state: `visible`, `inFlight` or `delayed`.
    pub fn state(self, state: &str) -> Self {
        self.with("state", state)
    }

    /// Those whose body contains a text.
    pub fn contains(self, text: &str) -> Self {
        self.with("contains", text)
    }

    /// Those of a message group.
    pub fn group(self, group: &str) -> Self {
        self.with("group", group)
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.members.push((name, value.to_owned()));
        self
    }

    /// The messages, up to 1,000 of them.
    ///
    /// # Panics
    /// If there is no such queue or no such state.
    #[track_caller]
    pub fn all(mut self) -> Vec<PeekedMessage> {
        self.members.push(("limit", "1000".to_owned()));
        let name = percent_encoding::utf8_percent_encode(&self.queue, percent_encoding::NON_ALPHANUMERIC);
        let answer = call(self.control, self.space, &format!("/queues/{name}/messages"), &self.members);
        serde_json::from_value(or_panic(answer)["messages"].take()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The first of them.
    ///
    /// # Panics
    /// As [`Peek::all`].
    #[track_caller]
    pub fn first(self) -> Option<PeekedMessage> {
        self.all().into_iter().next()
    }
}

/// Asks an endpoint, as a GET over HTTP would.
#[track_caller]
fn call(control: &Arc<Control>, space: &Space, path: &str, members: &[(&str, String)]) -> Result<Value, Refusal> {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(members).finish();
    let path = match space.name.as_str() {
        "" => path.to_owned(),
        name => format!("/ns/{name}{path}"),
    };
    let control = control.clone();
    let reply = blocking(space, async move {
        let incoming = Incoming {
            method: Method::Get,
            path: &path,
            query: &query,
            text: false,
            last_event_id: None,
            peer: None,
            base_url: "",
            presence: None,
            credentials: None,
            body: Bytes::new(),
        };
        control::answer(&control, &incoming).await
    });
    let told = |name: &str| reply.json[name].as_str().unwrap_or_default().to_owned();
    if reply.status < 400 { Ok(reply.json) } else { Err(Refusal::new(reply.status, told("error"), told("hint"))) }
}

/// The life of a message, across dead letters and moves. Its text, by [`Display`](fmt::Display), is a line for each event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageHistory {
    types: Vec<String>,
    text: String,
}

impl MessageHistory {
    /// What happened to it, in order: `sent`, `received`, `visibilityEnded`, `deleted` and so on.
    pub fn events(&self) -> &[String] {
        &self.types
    }
}

impl fmt::Display for MessageHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What tests do with a server and with a namespace alike.
macro_rules! test_control {
    ($type:ty) => {
        /// Test control: what `/_kew` does over HTTP.
        impl $type {
            /// The clock it goes by.
            pub fn clock(&self) -> ClockControl<'_> {
                ClockControl(self.space())
            }

            /// Says what is to become of a queue: at once, or in time.
            ///
            /// ```
            /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
            /// let server = kew::Server::builder().queue("orders").start()?;
            /// server.expect("orders").empty().within(std::time::Duration::from_secs(5)).await?;
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// # }).unwrap();
            /// ```
            pub fn expect(&self, queue: impl Into<String>) -> Expect<'_> {
                Expect::new(self.space(), queue.into())
            }

            /// Looks at the messages of a queue without receiving them.
            pub fn peek(&self, queue: impl Into<String>) -> Peek<'_> {
                Peek { control: self.control(), space: self.space(), queue: queue.into(), members: Vec::new() }
            }

            /// The life of the message with this id. None if there never was one, or the history has dropped it.
            pub fn history(&self, id: &str) -> Option<MessageHistory> {
                let timeline = self.space().history()?.timeline(id.parse().ok()?)?;
                let types = timeline.events.iter().map(|event| event.kind.name().to_owned()).collect();
                Some(MessageHistory { types, text: control::listing(&timeline.events, false) })
            }

            /// Lets requests fail until the guard is dropped.
            ///
            /// # Panics
            /// If the fault cannot be: the text says why.
            #[track_caller]
            pub fn fault(&self, fault: Fault) -> FaultGuard {
                let faults = self.space().faults().clone();
                FaultGuard { id: or_panic(faults.add(fault)), faults }
            }

            /// What kew noticed about the consumers.
            ///
            /// # Panics
            /// If there is no history, as with a data directory.
            #[track_caller]
            pub fn report(&self) -> Report {
                Report::of(self.space(), &ReportOptions::default()).expect("a server without a history has no report")
            }

            /// Empties everything: configured queues come back with new identities, parked receives end with nothing, receipt
            /// handles of before are dead, and the clock shows real time again.
            ///
            /// # Panics
            /// If a configured queue cannot be created again.
            #[track_caller]
            pub fn reset(&self) {
                let space = self.space().clone();
                or_panic(blocking(self.space(), async move { space.reset(What::ALL, By::default()).await }));
            }
        }
    };
}

test_control!(Server);
test_control!(Namespace);

impl Server {
    fn control(&self) -> &Arc<Control> {
        self.running.service().control()
    }

    fn space(&self) -> &Arc<Space> {
        self.control().home()
    }

    /// Makes a namespace: queues, clock, faults and history of its own inside this server, for one of several tests that run at the
    /// same time. Its clients use its access key.
    ///
    /// # Errors
    /// When the name cannot be one or is taken, a queue is not one that SQS would create, or there are 1,000 already.
    pub fn namespace<Q: Into<QueueConfig>>(
        &self,
        name: &str,
        queues: impl IntoIterator<Item = Q>,
    ) -> Result<Namespace, NamespaceError> {
        let options = NamespaceOptions {
            name: Some(name.to_owned()),
            queues: queues.into_iter().map(Into::into).collect(),
            ..NamespaceOptions::default()
        };
        let created = self.control().namespaces().create(options, By::default()).map_err(NamespaceError)?;
        Ok(Namespace {
            control: self.control().clone(),
            space: created.space.clone(),
            url: self.url.clone(),
            region: self.region.clone(),
            #[cfg(feature = "aws-sdk")]
            in_process: super::in_process::Connector::new(self.running.in_process()),
        })
    }
}

/// Why a namespace could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceError(Refusal);

impl fmt::Display for NamespaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.error)?;
        if self.0.hint.is_empty() { Ok(()) } else { write!(f, ": {}", self.0.hint) }
    }
}

impl std::error::Error for NamespaceError {}

/// A namespace of a [`Server`]. It ends when this is dropped.
pub struct Namespace {
    control: Arc<Control>,
    space: Arc<Space>,
    url: String,
    region: String,
    #[cfg(feature = "aws-sdk")]
    pub(super) in_process: super::in_process::Connector,
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Namespace").field("name", &self.space.name).field("access_key", &self.space.account).finish()
    }
}

impl Namespace {
    fn control(&self) -> &Arc<Control> {
        &self.control
    }

    fn space(&self) -> &Arc<Space> {
        &self.space
    }

    /// What SDKs take as the endpoint; it is that of the server.
    pub fn endpoint_url(&self) -> &str {
        &self.url
    }

    /// The access key by which kew knows its clients: 12 digits, which are its account too.
    pub fn access_key(&self) -> &str {
        &self.space.account
    }

    /// The region of its queues.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The URL of a queue, whether it is there or not.
    pub fn queue_url(&self, name: &str) -> String {
        format!("{}/{}/{name}", self.url, self.space.account)
    }

    /// Turns its clock; as [`Server::advance`].
    ///
    /// # Panics
    /// If it goes by the system clock.
    #[track_caller]
    pub fn advance(&self, by: Duration) {
        assert!(self.space.broker().advance(by), "only a clock that is not the system's can be turned");
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // It is gone already if somebody ended it over HTTP.
        let _ = self.control.namespaces().end(&self.space.name, "it was dropped");
    }
}
