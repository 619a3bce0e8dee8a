//! What the AWS CLI prints: `aws sqs list-queues`, and `aws sqs get-queue-attributes --attribute-names All`, one or
//! several.

use super::draft::Draft;
use super::tree::{Entry, Node, Remark, Value, shortened};
use crate::api::QueueAddress;
use crate::api::attributes::{self, Settable, name};
use crate::api::region_of_host;
use std::collections::BTreeMap;

/// Whether a file may be one of these.
pub fn looks_like_it(root: &Node) -> bool {
    let answers = if let Value::List(items) = &root.value { items.as_slice() } else { std::slice::from_ref(root) };
    let keys = ["Attributes", "QueueUrls", "QueueUrl", "QueueArn", "Tags"];
    answers.iter().any(|answer| keys.iter().any(|key| answer.get(key).is_some()))
}

/// Takes over what answers say, one after the other or in lists.
///
/// # Errors
/// The first value that cannot be.
pub fn take_over(answers: &[Node], draft: &mut Draft) -> Result<(), Remark> {
    let mut places = Places::default();
    let mut left: Vec<&Node> = answers.iter().rev().collect();
    while let Some(node) = left.pop() {
        match &node.value {
            Value::List(items) => left.extend(items.iter().rev()),
            Value::Map(_) => answer(node, draft, &mut places)?,
            _ => return Err(Remark::new(node.line, format!("an answer of aws sqs is wanted, not {}", node.shown()))),
        }
    }
    draft.place(&places.accounts, &places.regions);
    Ok(())
}

/// The accounts and regions of the queues, each with a line.
#[derive(Default)]
struct Places {
    accounts: BTreeMap<String, usize>,
    regions: BTreeMap<String, usize>,
}

impl Places {
    fn is_at(&mut self, line: usize, account: &str, region: &str) {
        for (map, one) in [(&mut self.accounts, account), (&mut self.regions, region)] {
            if !one.is_empty() {
                map.insert(one.to_owned(), line);
            }
        }
    }
}

fn answer(node: &Node, draft: &mut Draft, places: &mut Places) -> Result<(), Remark> {
    // Answers may have been put together: a queue's URL, attributes and tags in one object.
    let mut queue = None;
    if let Some(url) = node.get("QueueUrl") {
        queue = Some(of_url(url, draft, places)?);
    }
    // Attributes may stand alone, if someone has taken them out of the answer.
    let attributes = if node.get(name::QUEUE_ARN).is_some() { Some(node) } else { node.get("Attributes") };
    if let Some(attributes) = attributes {
        queue = Some(of_attributes(attributes, queue, draft, places)?);
    }
    for Entry { key, line, node } in node.entries().iter().filter(|_| attributes != Some(node)) {
        match (key.as_str(), &queue) {
            ("QueueUrl" | "Attributes" | "NextToken", _) => {}
            ("QueueUrls" | "queueUrls", _) => {
                for url in node.items() {
                    of_url(url, draft, places)?;
                }
            }
            ("Tags", Some(queue)) => {
                for Entry { key, line, node } in node.map_of(key)? {
                    draft.queue(*line, queue).tag(*line, key, node.text_of(key)?)?;
                }
            }
            ("Tags", None) => {
                let what =
                    "Tags: not taken over, for nothing says of which queue; put them into one object with its QueueUrl";
                draft.remark(*line, what);
            }
            _ => draft.remark(*line, format!("{}: unknown, and not taken over", shortened(key))),
        }
    }
    Ok(())
}

/// A queue that is named by its URL; gives its name.
fn of_url(url: &Node, draft: &mut Draft, places: &mut Places) -> Result<String, Remark> {
    let text = url.text_of("QueueUrl")?;
    let Some(address) = QueueAddress::parse(text).filter(|address| address.account.is_some()) else {
        return Err(Remark::new(url.line, format!("{} is not the URL of a queue", url.shown())));
    };
    let region = address.region.or_else(|| region_of_host(address.host?)).unwrap_or_default();
    places.is_at(url.line, address.account.unwrap_or_default(), region);
    draft.queue(url.line, address.name);
    Ok(address.name.to_owned())
}

/// A queue with its attributes; gives its name.
fn of_attributes(node: &Node, queue: Option<String>, draft: &mut Draft, places: &mut Places) -> Result<String, Remark> {
    let entries = node.map_of("Attributes")?;
    let queue = match (node.get(name::QUEUE_ARN), queue) {
        (Some(arn), _) => {
            let parts: Vec<&str> = arn.text_of(name::QUEUE_ARN)?.split(':').collect();
            let [_, _, "sqs", region, account, queue] = parts[..] else {
                return Err(Remark::new(arn.line, format!("{} is not the ARN of a queue", arn.shown())));
            };
            places.is_at(arn.line, account, region);
            queue.to_owned()
        }
        (None, Some(queue)) => queue,
        (None, None) => {
            let what = "nothing says of which queue these attributes are; ask for them with --attribute-names All";
            return Err(Remark::new(node.line, what));
        }
    };
    let mut draft = draft.queue(node.line, &queue);
    for Entry { key, line, node } in entries {
        match attributes::find(key).map(|row| row.settable) {
            Some(Settable::Never) => {}
            Some(_) => draft.set_of_aws(key, node)?,
            None => draft.remark(*line, format!("{}: unknown, and not taken over", shortened(key))),
        }
    }
    Ok(queue)
}
