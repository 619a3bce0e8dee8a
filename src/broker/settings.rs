//! The attributes of one queue: checked against the table of the API, kept as text, and read as numbers where they count.

use crate::api::attributes::{self, QueueAttribute, Settable, name};
use crate::api::fields::CoercedString;
use crate::api::{Map, RedriveAllowPolicy, RedrivePolicy, limits};
use crate::auth::policy::{Kind, Policy, PolicyError, QueuePolicy};
use crate::engine::{DeduplicationScope, Settings, Time};
use crate::error::{Error, ErrorKind};
use crate::store::QueueRecord;
use std::collections::BTreeMap;
use std::slice;
use std::sync::Arc;

/// What a queue is set to. Immutable: a change makes a new one.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueSettings {
    /// Whether it is a FIFO queue.
    pub fifo: bool,
    /// Every attribute that was set and holds, as it goes on the wire. Defaults are not in here.
    values: BTreeMap<&'static str, String>,
    /// `RedrivePolicy`, parsed.
    pub redrive: Option<RedrivePolicy>,
    /// `RedriveAllowPolicy`, parsed.
    pub redrive_allow: Option<RedriveAllowPolicy>,
    /// `Policy`, parsed; an error only for one that an earlier version of kew let in.
    policy: Option<Arc<Result<Policy, PolicyError>>>,
    /// The scope of deduplication that holds: the one of creation.
    ///
    /// Uncertain: on AWS a later change showed no effect within seconds; frozen, it reproduces every recording.
    pub deduplication_scope: DeduplicationScope,
    /// When the queue was created.
    pub created: Time,
    /// When an attribute was last set.
    pub modified: Time,
    /// The numbers below are the attributes of the same names, parsed once.
    pub delay_seconds: u32,
    /// Bytes.
    pub maximum_message_size: usize,
    /// Seconds.
    pub message_retention_seconds: u32,
    /// Seconds.
    pub receive_wait_seconds: u32,
    /// Seconds.
    pub visibility_timeout_seconds: u32,
    /// Whether a message without a deduplication id gets the digest of its body.
    pub content_based_deduplication: bool,
}

/// What is being checked: the attributes of a new queue or a change to one that is there.
#[derive(Clone, Copy, Debug)]
pub enum Purpose<'a> {
    /// CreateQueue.
    Create {
        /// Whether `FifoQueue` is `true`.
        fifo: bool,
    },
    /// SetQueueAttributes.
    Set(&'a QueueSettings),
}

/// Checked attributes: the normalised value, or `None` where the attribute is to be removed.
pub type Changes = BTreeMap<&'static str, Option<String>>;

/// Attributes that an empty text removes.
const REMOVABLE: &[&str] = &[name::POLICY, name::REDRIVE_POLICY, name::REDRIVE_ALLOW_POLICY, name::KMS_MASTER_KEY_ID];

/// Whether the attributes of a CreateQueue ask for a FIFO queue.
pub fn asks_for_fifo(attributes: &Map<CoercedString>) -> bool {
    attributes.get(name::FIFO_QUEUE).and_then(|v| v.0.as_deref()).is_some_and(|v| v.eq_ignore_ascii_case("true"))
}

/// Checks names, then values, then what depends on more than one of them. What depends on other queues is not checked here.
///
/// # Errors
/// `InvalidAttributeName`, `InvalidAttributeValue`, `InvalidParameterValue`, `MissingParameter` or `OverLimit`.
pub fn check_attributes(attributes: &Map<CoercedString>, purpose: Purpose<'_>) -> Result<Changes, Error> {
    let fifo = match purpose {
        Purpose::Create { fifo } => fifo,
        Purpose::Set(current) => current.fifo,
    };
    let mut known = Vec::with_capacity(attributes.len());
    for (given, value) in attributes {
        let line = check_name(given, fifo)?;
        known.push((line, value.0.as_deref()));
    }
    let mut changes = Changes::new();
    for (line, value) in known {
        let value = value.ok_or_else(|| Error::missing("Attribute.Value"))?;
        changes.insert(line.name, check_value(line, value, purpose)?);
    }
    check_together(&changes, purpose)?;
    Ok(changes)
}

fn check_name(given: &str, fifo: bool) -> Result<&'static QueueAttribute, Error> {
    let unknown = || Error::unknown_attribute(given);
    let line = attributes::find(given).ok_or_else(unknown)?;
    match line.settable {
        Settable::Always => Ok(line),
        Settable::FifoOnly if fifo => Ok(line),
        Settable::FifoOnly if matches!(line.name, name::DEDUPLICATION_SCOPE | name::FIFO_THROUGHPUT_LIMIT) => {
            Err(Error::new(
                ErrorKind::InvalidAttributeName,
                format!("You can specify the {given} only when FifoQueue is set to true."),
            ))
        }
        Settable::FifoOnly | Settable::Never => Err(unknown()),
    }
}

fn check_value(line: &QueueAttribute, value: &str, purpose: Purpose<'_>) -> Result<Option<String>, Error> {
    if value.is_empty() && REMOVABLE.contains(&line.name) {
        return Ok(None);
    }
    let normal = line.normalise(value).ok_or_else(|| Error::attribute_value(line.name))?;
    match line.name {
        name::FIFO_QUEUE if normal == "false" => Err(Error::new(
            ErrorKind::InvalidAttributeValue,
            "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.",
        )),
        // Uncertain: the answer to a key id that is too long.
        name::KMS_MASTER_KEY_ID if normal.len() > limits::KMS_KEY_ID_BYTES_MAX => {
            Err(Error::attribute_value(line.name))
        }
        name::POLICY => check_policy(&normal, purpose).map(|()| Some(normal)),
        name::REDRIVE_POLICY => RedrivePolicy::parse(&normal).map(|policy| Some(policy.to_string())),
        name::REDRIVE_ALLOW_POLICY => RedriveAllowPolicy::parse(&normal).map(|policy| Some(policy.to_string())),
        _ => Ok(Some(normal)),
    }
}

fn check_policy(policy: &str, purpose: Purpose<'_>) -> Result<(), Error> {
    // Recorded for SetQueueAttributes: the three texts.
    let over = |text: String| match purpose {
        Purpose::Create { .. } => Err(Error::new(ErrorKind::InvalidParameterValue, text)),
        Purpose::Set(_) => Err(Error::new(ErrorKind::OverLimit, text)),
    };
    if policy.len() > limits::POLICY_BYTES_MAX {
        return over("Submitted policy is over max allowed size.".to_owned());
    }
    let parsed: serde_json::Value = serde_json::from_str(policy).map_err(|_| Error::attribute_value(name::POLICY))?;
    let object = parsed.as_object().ok_or_else(|| Error::attribute_value(name::POLICY))?;
    let statements = object.get("Statement").map(|one| one.as_array().map_or(slice::from_ref(one), Vec::as_slice));
    let statements = statements.unwrap_or_default();
    let (found, most) = (statements.len(), limits::POLICY_STATEMENTS_MAX);
    if found > most {
        return over(format!("{found} statements were found in the submitted policy, max allowed is {most}"));
    }
    let actions = |statement: &serde_json::Value| statement.get("Action").and_then(|list| Some(list.as_array()?.len()));
    let (found, most) = (statements.iter().filter_map(actions).max().unwrap_or(0), limits::POLICY_ACTIONS_MAX);
    if found > most {
        return over(format!(
            "{found} actions were found in a statement from the submitted policy, max allowed is {most}"
        ));
    }
    let refused = |error: PolicyError| Error::attribute_value(name::POLICY).with_detail(error.to_string());
    Policy::parse(policy, Kind::Resource).map(drop).map_err(refused)
}

fn check_together(changes: &Changes, purpose: Purpose<'_>) -> Result<(), Error> {
    let given = |name: &str| changes.get(name).and_then(Option::as_deref);
    if given(name::KMS_MASTER_KEY_ID).is_some() && given(name::SQS_MANAGED_SSE_ENABLED) == Some("true") {
        return Err(Error::new(
            ErrorKind::InvalidAttributeName,
            "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.",
        ));
    }
    let held = |name: &str| match purpose {
        Purpose::Create { .. } => None,
        Purpose::Set(current) => current.values.get(name).map(String::as_str),
    };
    let limit = given(name::FIFO_THROUGHPUT_LIMIT).or_else(|| held(name::FIFO_THROUGHPUT_LIMIT));
    let scope = given(name::DEDUPLICATION_SCOPE).or_else(|| held(name::DEDUPLICATION_SCOPE));
    if limit == Some("perMessageGroupId") && scope != Some("messageGroup") {
        // Uncertain: the code; as for other attribute values.
        return Err(Error::new(
            ErrorKind::InvalidAttributeValue,
            "The perMessageGroupId value is allowed only when the value for DeduplicationScope is messageGroup",
        ));
    }
    Ok(())
}

impl QueueSettings {
    /// The settings of a new queue.
    pub fn new(fifo: bool, changes: &Changes, now: Time) -> QueueSettings {
        let mut settings = QueueSettings {
            fifo,
            values: BTreeMap::new(),
            redrive: None,
            redrive_allow: None,
            policy: None,
            deduplication_scope: DeduplicationScope::Queue,
            created: now,
            modified: now,
            delay_seconds: 0,
            maximum_message_size: 0,
            message_retention_seconds: 0,
            receive_wait_seconds: 0,
            visibility_timeout_seconds: 0,
            content_based_deduplication: false,
        };
        settings.apply(changes);
        if settings.value(name::DEDUPLICATION_SCOPE).as_deref() == Some("messageGroup") {
            settings.deduplication_scope = DeduplicationScope::MessageGroup;
        }
        settings
    }

    /// The settings of a queue that comes back from the store. Attributes that are not known any more are left out.
    pub fn restored(record: &QueueRecord) -> QueueSettings {
        let known = |(name, value): (&String, &String)| Some((attributes::find(name)?.name, value.clone()));
        let values: BTreeMap<_, _> = record.attributes.iter().filter_map(known).collect();
        let mut settings = QueueSettings::new(record.fifo, &Changes::new(), record.created);
        settings.values = values;
        settings.apply(&Changes::new());
        settings.deduplication_scope = record.deduplication_scope;
        settings.modified = record.modified;
        settings
    }

    /// These settings with some of them changed.
    pub fn changed(&self, changes: &Changes, now: Time) -> QueueSettings {
        let mut settings = self.clone();
        settings.apply(changes);
        settings.modified = now;
        settings
    }

    fn apply(&mut self, changes: &Changes) {
        for (name, value) in changes {
            match value {
                Some(value) => self.values.insert(name, value.clone()),
                None => self.values.remove(name),
            };
        }
        // SQS knows one kind of encryption at a time (recorded): a KMS key turns the other off, and taking the key away does
        // not turn it on again. Turning it on drops the key (uncertain, but only one can hold).
        let set = |name: &str| changes.get(name).is_some_and(Option::is_some);
        if set(name::KMS_MASTER_KEY_ID) {
            self.values.insert(name::SQS_MANAGED_SSE_ENABLED, "false".to_owned());
        } else if changes.get(name::SQS_MANAGED_SSE_ENABLED).and_then(Option::as_deref) == Some("true") {
            self.values.remove(name::KMS_MASTER_KEY_ID);
            self.values.remove(name::KMS_DATA_KEY_REUSE_PERIOD_SECONDS);
        }
        self.redrive = self.values.get(name::REDRIVE_POLICY).and_then(|text| RedrivePolicy::parse(text).ok());
        self.redrive_allow =
            self.values.get(name::REDRIVE_ALLOW_POLICY).and_then(|text| RedriveAllowPolicy::parse(text).ok());
        if changes.contains_key(name::POLICY) || self.policy.is_none() {
            let policy = self.values.get(name::POLICY).map(|text| Policy::parse(text, Kind::Resource));
            self.policy = policy.map(Arc::new);
        }
        self.delay_seconds = self.number(name::DELAY_SECONDS);
        self.maximum_message_size = self.number(name::MAXIMUM_MESSAGE_SIZE) as usize;
        self.message_retention_seconds = self.number(name::MESSAGE_RETENTION_PERIOD);
        self.receive_wait_seconds = self.number(name::RECEIVE_MESSAGE_WAIT_TIME_SECONDS);
        self.visibility_timeout_seconds = self.number(name::VISIBILITY_TIMEOUT);
        self.content_based_deduplication = self.value(name::CONTENT_BASED_DEDUPLICATION).as_deref() == Some("true");
    }

    fn number(&self, name: &str) -> u32 {
        // The table holds a default for each of the numbers, and values were normalised.
        self.value(name).and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    /// An attribute that is set, or its default, or `None` if a queue like this does not show it. Attributes that are
    /// computed from the queue's state are not among them.
    pub fn value(&self, wanted: &str) -> Option<String> {
        if wanted == name::KMS_DATA_KEY_REUSE_PERIOD_SECONDS {
            // Shown only beside a key.
            self.values.get(name::KMS_MASTER_KEY_ID)?;
            return Some(self.values.get(wanted).cloned().unwrap_or_else(|| "300".to_owned()));
        }
        let line = attributes::find(wanted)?;
        if line.settable == Settable::FifoOnly && !self.fifo {
            return None;
        }
        self.values.get(wanted).cloned().or_else(|| line.default.map(str::to_owned))
    }

    /// `Policy`, to be evaluated.
    pub fn queue_policy(&self) -> QueuePolicy<'_> {
        match self.policy.as_deref() {
            None => QueuePolicy::Absent,
            Some(Ok(policy)) => QueuePolicy::Is(policy),
            Some(Err(_)) => QueuePolicy::Unreadable,
        }
    }

    /// All attributes that were set, for the store.
    pub fn explicit(&self) -> &BTreeMap<&'static str, String> {
        &self.values
    }

    /// The first of these attributes that differs from what the queue is set to, for CreateQueue on a queue that is there.
    /// `same` compares what depends on other queues: two texts of the attribute of that name.
    pub fn first_difference(&self, given: &Changes, same: impl Fn(&str, &str, &str) -> bool) -> Option<&'static str> {
        let differs = |name: &str, value: Option<&str>| {
            if name == name::KMS_DATA_KEY_REUSE_PERIOD_SECONDS {
                return self.values.get(name).map_or("300", String::as_str) != value.unwrap_or("300");
            }
            match (self.value(name).as_deref(), value) {
                (Some(held), Some(given)) if held != given => {
                    // Policies are the same when they are the same JSON.
                    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
                    if name == name::POLICY { json(held) != json(given) } else { !same(name, held, given) }
                }
                (held, given) => held != given,
            }
        };
        given.iter().find(|(name, value)| differs(name, value.as_deref())).map(|(name, _)| *name)
    }

    /// What the engine has to know.
    pub fn for_engine(&self) -> Settings {
        Settings {
            deduplication_scope: self.deduplication_scope,
            visibility_timeout_seconds: self.visibility_timeout_seconds,
            retention_seconds: self.message_retention_seconds,
            fifo_delay_seconds: if self.fifo { self.delay_seconds } else { 0 },
            in_flight_max: limits::IN_FLIGHT_MAX,
            redrive_max_receive_count: self.redrive.as_ref().map(|policy| policy.max_receive_count),
        }
    }
}
