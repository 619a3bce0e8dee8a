//! A state of Terraform or OpenTofu: the file itself (version 4), or what `terraform show -json` prints.

use super::draft::Draft;
use super::tree::{Entry, Node, Remark, Value, shortened};
use crate::api::QueueAddress;
use crate::api::attributes::name;
use std::collections::BTreeMap;

const QUEUE: &str = "aws_sqs_queue";

/// Attributes of the resource, and their SQS names.
const ATTRIBUTES: &[(&str, &str)] = &[
    ("visibility_timeout_seconds", name::VISIBILITY_TIMEOUT),
    ("delay_seconds", name::DELAY_SECONDS),
    ("max_message_size", name::MAXIMUM_MESSAGE_SIZE),
    ("message_retention_seconds", name::MESSAGE_RETENTION_PERIOD),
    ("receive_wait_time_seconds", name::RECEIVE_MESSAGE_WAIT_TIME_SECONDS),
    ("content_based_deduplication", name::CONTENT_BASED_DEDUPLICATION),
    ("deduplication_scope", name::DEDUPLICATION_SCOPE),
    ("fifo_throughput_limit", name::FIFO_THROUGHPUT_LIMIT),
    ("kms_master_key_id", name::KMS_MASTER_KEY_ID),
    ("kms_data_key_reuse_period_seconds", name::KMS_DATA_KEY_REUSE_PERIOD_SECONDS),
    ("sqs_managed_sse_enabled", name::SQS_MANAGED_SSE_ENABLED),
    ("redrive_policy", name::REDRIVE_POLICY),
    ("redrive_allow_policy", name::REDRIVE_ALLOW_POLICY),
    ("policy", name::POLICY),
];

/// What says nothing more of a queue.
const KNOWN: [&str; 9] = ["name", "name_prefix", "arn", "url", "id", "fifo_queue", "tags_all", "timeouts", "region"];

/// Resources that say one attribute of a queue, which they name by its URL.
const PARTS: [&str; 3] = ["aws_sqs_queue_redrive_policy", "aws_sqs_queue_redrive_allow_policy", "aws_sqs_queue_policy"];

/// Whether a file may be a state.
pub fn looks_like_it(root: &Node) -> bool {
    let is_state =
        root.get("version").is_some() && matches!(root.get("resources").map(|node| &node.value), Some(Value::List(_)));
    is_state || root.get("terraform_version").is_some()
}

/// Takes over what a state says.
///
/// # Errors
/// The first value that cannot be.
pub fn take_over(root: &Node, draft: &mut Draft) -> Result<(), Remark> {
    let (mut accounts, mut regions) = (BTreeMap::new(), BTreeMap::new());
    let mut others: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut parts = Vec::new();
    for (kind, line, attributes) in resources(root)? {
        if PARTS.contains(&kind) {
            parts.push((kind, attributes));
        } else if kind != QUEUE {
            others.entry(kind).or_insert((line, 0)).1 += 1;
        } else if let Some(arn) = queue(attributes, draft)? {
            let mut fields = arn.split(':').skip(3);
            let mut note = |map: &mut BTreeMap<String, usize>| {
                map.extend(fields.next().filter(|one| !one.is_empty()).map(|one| (one.to_owned(), attributes.line)));
            };
            note(&mut regions);
            note(&mut accounts);
        }
    }
    for (kind, attributes) in parts {
        part(kind, attributes, draft)?;
    }
    for (kind, (line, count)) in others {
        draft.remark(line, format!("{}: {count} of them, no queues, not taken over", shortened(kind)));
    }
    draft.place(&accounts, &regions);
    Ok(())
}

/// All resources that Terraform manages: the type, the line and the attributes of each instance.
fn resources<'a>(root: &'a Node) -> Result<Vec<(&'a str, usize, &'a Node)>, Remark> {
    let version = root.get("version").and_then(Node::as_text);
    if version.is_some_and(|version| version != "4") {
        let what = "only states of version 4 are read; any `terraform apply` of today writes one";
        return Err(Remark::new(root.get("version").map_or(1, |node| node.line), what));
    }
    let items = |node: &'a Node, key: &str| node.get(key).map(Node::items).unwrap_or_default();
    let kind = |resource: &'a Node| {
        let is_managed = resource.get("mode").and_then(Node::as_text) != Some("data");
        resource.get("type").and_then(Node::as_text).filter(|_| is_managed)
    };
    let mut found = Vec::new();
    for resource in items(root, "resources") {
        let Some(kind) = kind(resource) else { continue };
        let instances = items(resource, "instances").iter();
        found.extend(instances.filter_map(|instance| Some((kind, resource.line, instance.get("attributes")?))));
    }
    let mut modules: Vec<&Node> = root.get("values").and_then(|values| values.get("root_module")).into_iter().collect();
    while let Some(module) = modules.pop() {
        let resources = items(module, "resources").iter();
        found.extend(resources.filter_map(|resource| Some((kind(resource)?, resource.line, resource.get("values")?))));
        modules.extend(items(module, "child_modules"));
    }
    Ok(found)
}

/// Takes over a queue; gives its ARN, if the state knows it.
fn queue<'a>(attributes: &'a Node, draft: &mut Draft) -> Result<Option<&'a str>, Remark> {
    let entries = attributes.map_of("attributes")?;
    let Some(name) = attributes.get("name") else {
        return Err(Remark::new(attributes.line, format!("a resource {QUEUE} without a name; is it applied?")));
    };
    let mut queue = draft.queue(attributes.line, name.text_of("name")?);
    for Entry { key, line, node } in entries {
        if key == "tags" {
            for Entry { key, line, node } in node.entries() {
                queue.tag(*line, key, node.text_of(key)?)?;
            }
        } else if let Some((_, attribute)) = ATTRIBUTES.iter().find(|(other, _)| other == key) {
            if !is_unset(attribute, node, attributes) {
                queue.set_of_aws(attribute, node)?;
            }
        } else if !KNOWN.contains(&key.as_str()) {
            queue.remark(*line, format!("{QUEUE}.{}: unknown, and not taken over", shortened(key)));
        }
    }
    attributes.get("arn").map(|arn| arn.text_of("arn")).transpose()
}

/// A state says all attributes, also those that a queue does not have.
fn is_unset(attribute: &str, node: &Node, of: &Node) -> bool {
    let is_fifo = of.get("fifo_queue").and_then(Node::as_text) == Some("true");
    match attribute {
        name::CONTENT_BASED_DEDUPLICATION => !is_fifo,
        name::KMS_DATA_KEY_REUSE_PERIOD_SECONDS => {
            of.get("kms_master_key_id").is_none_or(|key| key.as_text() == Some(""))
        }
        _ => node.value == Value::Null || node.as_text() == Some(""),
    }
}

/// Takes over a resource that says one attribute of a queue.
fn part(kind: &str, attributes: &Node, draft: &mut Draft) -> Result<(), Remark> {
    let key = kind.trim_start_matches("aws_sqs_queue_");
    let url = attributes.get("queue_url").and_then(Node::as_text).unwrap_or_default();
    let queue = QueueAddress::parse(url).map(|address| address.name).filter(|name| draft.has(name));
    let Some(queue) = queue else {
        draft.remark(attributes.line, format!("{kind}: not taken over, for its queue is not in this state"));
        return Ok(());
    };
    let attribute = ATTRIBUTES.iter().find(|(other, _)| *other == key);
    match (attribute, attributes.get(key)) {
        (Some((_, attribute)), Some(node)) => draft.queue(attributes.line, queue).set_of_aws(attribute, node),
        _ => Ok(()),
    }
}
