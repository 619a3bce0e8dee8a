//! One message as a receive showed it, and what is to be seen on it alone.

use crate::content::{self, DEAD, MAX_RECEIVE_COUNT, ORDERED, SOURCE};
use serde_json::Value;

/// See the module.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub key: String,
    pub body: String,
    pub id: String,
    pub handle: String,
    pub count: u32,
    pub first_received_ms: u64,
    pub sent_ms: u64,
    pub group: Option<String>,
    pub deduplication_id: Option<String>,
    pub sequence: Option<u128>,
    pub source_arn: Option<String>,
    pub attributes: Option<Value>,
}

impl Delivery {
    /// Reads one of the `Messages` of an answer; `None` if something that is always there is not.
    pub fn read(message: &Value) -> Option<Delivery> {
        let text = |name: &str| Some(message[name].as_str()?.to_owned());
        let system = |name: &str| Some(message["Attributes"][name].as_str()?.to_owned());
        let body = text("MessageBody").or_else(|| text("Body"))?;
        Some(Delivery {
            key: content::key_of(&body).to_owned(),
            body,
            id: text("MessageId")?,
            handle: text("ReceiptHandle")?,
            count: system("ApproximateReceiveCount")?.parse().ok()?,
            first_received_ms: system("ApproximateFirstReceiveTimestamp")?.parse().ok()?,
            sent_ms: system("SentTimestamp")?.parse().ok()?,
            group: system("MessageGroupId"),
            deduplication_id: system("MessageDeduplicationId"),
            sequence: system("SequenceNumber").and_then(|number| number.parse().ok()),
            source_arn: system("DeadLetterQueueSourceArn"),
            attributes: message.get("MessageAttributes").cloned(),
        })
    }

    /// What is wrong with it, whatever happened before.
    pub(super) fn flaws(&self, queue: &str) -> Vec<String> {
        let mut flaws = Vec::new();
        let mut check = |fine: bool, flaw: String| {
            if !fine {
                flaws.push(flaw);
            }
        };
        let expected = content::body(&self.key);
        check(self.body == expected, format!("a body of {} bytes, not {}", self.body.len(), expected.len()));
        let expected = content::attributes(&self.key);
        check(self.attributes == expected, format!("attributes {:?}, not {expected:?}", self.attributes));
        if queue == ORDERED {
            let expected = content::deduplication_id(&self.key);
            let id = self.deduplication_id.as_deref();
            check(id == Some(&expected), format!("deduplication id {id:?}, not {expected}"));
        }
        if content::is_fifo(queue) {
            check(self.deduplication_id.is_some() && self.sequence.is_some(), "FIFO attributes are missing".into());
        }
        let (source, count) = (self.source_arn.as_deref(), self.count);
        if queue == DEAD {
            check(source == Some(&content::arn(SOURCE)), format!("a dead letter from {source:?}"));
            check(count > MAX_RECEIVE_COUNT, format!("a dead letter received {count} times"));
        } else {
            check(source.is_none(), format!("outside the dead-letter queue, but from {source:?}"));
        }
        if queue == SOURCE {
            check(count <= MAX_RECEIVE_COUNT, format!("received {count} times and not in the dead-letter queue"));
        }
        flaws
    }
}
