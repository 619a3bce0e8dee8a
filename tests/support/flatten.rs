//! The members of a request as a flat list of paths and texts, read in three independent ways: out of a decoded
//! [`Request`], out of JSON, and out of form pairs. If they are equal, decoding lost nothing and added nothing.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kew::internals::api::fields::CoercedString;
use kew::internals::api::{Entries, List, MessageAttributes, Named, Request};
use serde_json::Value;
use std::collections::BTreeMap;

/// Path such as `Entries[0].MessageAttributes{k}.StringValue`, and text.
pub type Leaves = BTreeMap<String, String>;

#[derive(Default)]
struct Walk {
    prefix: String,
    leaves: Leaves,
}

impl Walk {
    fn text(&mut self, name: &str, value: &Option<String>) {
        if let Some(value) = value {
            self.leaves.insert(format!("{}{name}", self.prefix), value.clone());
        }
    }
    fn integer(&mut self, name: &str, value: Option<i64>) {
        self.text(name, &value.map(|v| v.to_string()));
    }
    fn list<const MAX: usize>(&mut self, name: &str, values: &Option<List<String, MAX>>) {
        for (i, value) in values.iter().flat_map(|list| list.iter()).enumerate() {
            self.text(&format!("{name}[{i}]"), &Some(value.clone()));
        }
    }
    fn map<const MAX: usize>(&mut self, name: &str, values: &Option<Named<CoercedString, MAX>>) {
        for (key, CoercedString(value)) in values.iter().flat_map(|map| map.iter()) {
            self.text(&format!("{name}{{{key}}}"), value);
        }
    }
    fn attributes(&mut self, name: &str, values: &Option<MessageAttributes>) {
        for (key, value) in values.iter().flat_map(|map| map.iter()) {
            let path = |member| format!("{name}{{{key}}}.{member}");
            self.text(&path("DataType"), &value.data_type);
            self.text(&path("StringValue"), &value.string_value);
            self.text(&path("BinaryValue"), &value.binary_value.as_ref().map(|bytes| STANDARD.encode(bytes)));
        }
    }
    fn entries<E>(&mut self, entries: &Option<Entries<E>>, mut each: impl FnMut(&mut Walk, &E)) {
        for (i, entry) in entries.iter().flat_map(|list| list.iter()).enumerate() {
            self.prefix = format!("Entries[{i}].");
            each(self, entry);
        }
        self.prefix.clear();
    }
}

/// Out of a decoded request.
pub fn of_request(request: &Request) -> Leaves {
    let mut w = Walk::default();
    w.text("QueueUrl", &request.clone().queue_url_mut().map(|url| url.clone()).unwrap_or_default());
    match request {
        Request::AddPermission(r) => {
            w.list("AWSAccountIds", &r.aws_account_ids);
            w.list("Actions", &r.actions);
            w.text("Label", &r.label);
        }
        Request::RemovePermission(r) => w.text("Label", &r.label),
        Request::CancelMessageMoveTask(r) => w.text("TaskHandle", &r.task_handle),
        Request::ListMessageMoveTasks(r) => {
            w.integer("MaxResults", r.max_results);
            w.text("SourceArn", &r.source_arn);
        }
        Request::StartMessageMoveTask(r) => {
            w.text("DestinationArn", &r.destination_arn);
            w.integer("MaxNumberOfMessagesPerSecond", r.max_number_of_messages_per_second);
            w.text("SourceArn", &r.source_arn);
        }
        Request::ChangeMessageVisibility(r) => {
            w.text("ReceiptHandle", &r.receipt_handle);
            w.integer("VisibilityTimeout", r.visibility_timeout);
        }
        Request::ChangeMessageVisibilityBatch(r) => w.entries(&r.entries, |w, e| {
            w.text("Id", &e.id);
            w.text("ReceiptHandle", &e.receipt_handle);
            w.integer("VisibilityTimeout", e.visibility_timeout);
        }),
        Request::CreateQueue(r) => {
            w.map("Attributes", &r.attributes);
            w.text("QueueName", &r.queue_name);
            w.map("tags", &r.tags);
        }
        Request::DeleteMessage(r) => w.text("ReceiptHandle", &r.receipt_handle),
        Request::DeleteMessageBatch(r) => w.entries(&r.entries, |w, e| {
            w.text("Id", &e.id);
            w.text("ReceiptHandle", &e.receipt_handle);
        }),
        Request::DeleteQueue(_) | Request::ListQueueTags(_) | Request::PurgeQueue(_) => {}
        Request::GetQueueAttributes(r) => w.list("AttributeNames", &r.attribute_names),
        Request::GetQueueUrl(r) => {
            w.text("QueueName", &r.queue_name);
            w.text("QueueOwnerAWSAccountId", &r.queue_owner_aws_account_id);
        }
        Request::ListDeadLetterSourceQueues(r) => {
            w.integer("MaxResults", r.max_results);
            w.text("NextToken", &r.next_token);
        }
        Request::ListQueues(r) => {
            w.integer("MaxResults", r.max_results);
            w.text("NextToken", &r.next_token);
            w.text("QueueNamePrefix", &r.queue_name_prefix);
        }
        Request::ReceiveMessage(r) => {
            w.list("AttributeNames", &r.attribute_names);
            w.integer("MaxNumberOfMessages", r.max_number_of_messages);
            w.list("MessageAttributeNames", &r.message_attribute_names);
            w.list("MessageSystemAttributeNames", &r.message_system_attribute_names);
            w.text("ReceiveRequestAttemptId", &r.receive_request_attempt_id);
            w.integer("VisibilityTimeout", r.visibility_timeout);
            w.integer("WaitTimeSeconds", r.wait_time_seconds);
        }
        Request::SendMessage(r) => {
            w.integer("DelaySeconds", r.delay_seconds);
            w.attributes("MessageAttributes", &r.message_attributes);
            w.text("MessageBody", &r.message_body);
            w.text("MessageDeduplicationId", &r.message_deduplication_id);
            w.text("MessageGroupId", &r.message_group_id);
            w.attributes("MessageSystemAttributes", &r.message_system_attributes);
        }
        Request::SendMessageBatch(r) => w.entries(&r.entries, |w, e| {
            w.text("Id", &e.id);
            w.integer("DelaySeconds", e.delay_seconds);
            w.text("MessageBody", &e.message_body);
            w.text("MessageDeduplicationId", &e.message_deduplication_id);
            w.text("MessageGroupId", &e.message_group_id);
            let prefix = w.prefix.clone();
            w.attributes("MessageAttributes", &e.message_attributes);
            w.attributes("MessageSystemAttributes", &e.message_system_attributes);
            w.prefix = prefix;
        }),
        Request::SetQueueAttributes(r) => w.map("Attributes", &r.attributes),
        Request::TagQueue(r) => w.map("Tags", &r.tags),
        Request::UntagQueue(r) => w.list("TagKeys", &r.tag_keys),
    }
    w.leaves
}

/// Members that are maps from free names.
fn is_map(member: &str) -> bool {
    matches!(member, "Attributes" | "tags" | "Tags" | "MessageAttributes" | "MessageSystemAttributes")
}

/// Out of a JSON body.
pub fn of_json(body: &[u8]) -> Leaves {
    fn walk(path: String, in_map: bool, value: &Value, leaves: &mut Leaves) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    let below = match (path.is_empty(), in_map) {
                        (_, true) => format!("{path}{{{name}}}"),
                        (true, false) => name.clone(),
                        (false, false) => format!("{path}.{name}"),
                    };
                    walk(below, !in_map && is_map(name), value, leaves);
                }
            }
            Value::Array(list) => {
                for (i, value) in list.iter().enumerate() {
                    walk(format!("{path}[{i}]"), false, value, leaves);
                }
            }
            Value::Null => {}
            Value::String(text) => drop(leaves.insert(path, text.clone())),
            scalar => drop(leaves.insert(path, scalar.to_string())),
        }
    }
    let mut leaves = Leaves::new();
    if !body.is_empty() {
        walk(String::new(), false, &serde_json::from_slice(body).unwrap(), &mut leaves);
    }
    leaves
}

/// The members of a request in JSON, put together again.
pub fn members(leaves: &Leaves) -> Value {
    /// Puts a text where the path says; a number where the member is one.
    fn put(place: &mut Value, path: &str, text: &str) {
        if path.is_empty() {
            *place = text.into();
            return;
        }
        if let Some(key_and_rest) = path.strip_prefix('{') {
            // Keys may have any characters but those that end one in the paths of the captures.
            let (key, rest) = key_and_rest.split_once('}').expect("the end of a key");
            return put(&mut place[key], rest.trim_start_matches('.'), text);
        }
        if let Some(number_and_rest) = path.strip_prefix('[') {
            let (number, rest) = number_and_rest.split_once(']').expect("the end of a number");
            let number: usize = number.parse().unwrap();
            if place.is_null() {
                *place = Value::Array(Vec::new());
            }
            let list = place.as_array_mut().expect("a list");
            list.resize(list.len().max(number + 1), Value::Null);
            return put(&mut list[number], rest.trim_start_matches('.'), text);
        }
        let end = path.find(['.', '[', '{']).unwrap_or(path.len());
        let (name, rest) = path.split_at(end);
        if rest.is_empty() && INTEGERS.contains(&name) {
            place[name] = text.parse::<i64>().unwrap().into();
        } else {
            put(&mut place[name], rest.trim_start_matches('.'), text);
        }
    }
    let mut members = Value::Object(Default::default());
    for (path, text) in leaves {
        put(&mut members, path, text);
    }
    members
}

/// Members that are numbers.
const INTEGERS: &[&str] = &[
    "DelaySeconds",
    "MaxNumberOfMessages",
    "MaxNumberOfMessagesPerSecond",
    "MaxResults",
    "VisibilityTimeout",
    "WaitTimeSeconds",
];

/// Parameters that belong to the protocol or the signature.
const ENVELOPE: &[&str] = &["Action", "Version", "Timestamp", "AWSAccessKeyId"];

/// Singular list name of the Query protocol, and the member it stands for.
const LISTS: &[(&str, &str)] = &[
    ("AttributeName", "AttributeNames"),
    ("MessageAttributeName", "MessageAttributeNames"),
    ("MessageSystemAttributeName", "MessageSystemAttributeNames"),
    ("SendMessageBatchRequestEntry", "Entries"),
    ("DeleteMessageBatchRequestEntry", "Entries"),
    ("ChangeMessageVisibilityBatchRequestEntry", "Entries"),
    ("TagKey", "TagKeys"),
    ("AWSAccountId", "AWSAccountIds"),
    ("ActionName", "Actions"),
];

/// Singular map name, the member, and how its keys are called.
const MAPS: &[(&str, &str, &str)] = &[
    ("Attribute", "Attributes", "Name"),
    ("MessageAttribute", "MessageAttributes", "Name"),
    ("MessageSystemAttribute", "MessageSystemAttributes", "Name"),
    ("Tag", "Tags", "Key"),
];

/// Out of form data.
pub fn of_form(operation: &str, form: &[u8]) -> Leaves {
    let pairs: BTreeMap<String, String> = form_urlencoded::parse(form).into_owned().collect();
    let mut leaves = Leaves::new();
    'pairs: for (name, value) in &pairs {
        if ENVELOPE.contains(&name.as_str()) {
            continue;
        }
        let segments: Vec<&str> = name.split('.').collect();
        let (mut path, mut at) = (String::new(), 0);
        while at < segments.len() {
            let dot = if path.is_empty() { "" } else { "." };
            if let Some((_, member)) = LISTS.iter().find(|(singular, _)| *singular == segments[at]) {
                let number = segments.get(at + 1).map_or(1, |n| n.parse::<usize>().unwrap());
                path += &format!("{dot}{member}[{}]", number - 1);
                at += 2;
            } else if let Some((_, member, key)) = MAPS.iter().find(|(singular, ..)| *singular == segments[at]) {
                if segments[at + 2] == *key {
                    continue 'pairs;
                }
                assert_eq!(segments[at + 2], "Value", "{name}");
                let member = if operation == "CreateQueue" && *member == "Tags" { "tags" } else { member };
                let entry = &pairs[&format!("{}.{key}", segments[..at + 2].join("."))];
                path += &format!("{dot}{member}{{{entry}}}");
                at += 3;
            } else {
                path += &format!("{dot}{}", segments[at]);
                at += 1;
            }
        }
        leaves.insert(path, value.clone());
    }
    leaves
}
