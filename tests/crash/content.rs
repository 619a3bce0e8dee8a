//! What messages are made of: everything about one follows from its key, so that whatever comes back can be checked to the byte.

use serde_json::{Map, Value, json};

/// The queues of the load.
pub const PLAIN: &str = "plain";
/// Has [`DEAD`] as its dead-letter queue.
pub const SOURCE: &str = "source";
pub const DEAD: &str = "dead";
/// FIFO, deduplication ids given by the sender.
pub const ORDERED: &str = "ordered.fifo";
/// FIFO, deduplication ids made of the body.
pub const CONTENT: &str = "content.fifo";
/// Messages with a delay of their own.
pub const DELAYED: &str = "delayed";
/// Purged now and then.
pub const PURGED: &str = "purged";

/// All of them.
pub const QUEUES: [&str; 7] = [PLAIN, SOURCE, DEAD, ORDERED, CONTENT, DELAYED, PURGED];

/// After how many receives a message of [`SOURCE`] is dead.
pub const MAX_RECEIVE_COUNT: u32 = 2;
/// The account of the queues.
pub const ACCOUNT: &str = "000000000000";

/// Two queues between which messages move are one family, named by the source.
pub fn family(queue: &'static str) -> &'static str {
    if queue == DEAD { SOURCE } else { queue }
}

pub fn is_fifo(queue: &str) -> bool {
    queue.ends_with(".fifo")
}

pub fn arn(queue: &str) -> String {
    format!("arn:aws:sqs:us-east-1:{ACCOUNT}:{queue}")
}

/// A number that looks random and is the same for the same key.
fn hash(key: &str) -> u64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325, mix);
    hash ^ hash >> 29
}

/// The body of a message: its key, then filler. Most are short, some are long, few are very long.
pub fn body(key: &str) -> String {
    let hash = hash(key);
    let length = match hash % 100 {
        0 => 100_000,
        1..6 => 5_000,
        small => small as usize * 3,
    };
    const FILLER: &str = "a \"quoted\" <word> & päivää\r\n\t日本 😀 \u{7f} 'x'; DROP TABLE messages;--";
    let mut body = format!("{key}\n");
    body.extend(FILLER.chars().cycle().skip(hash as usize % 50).take(length));
    body
}

/// The key in a body.
pub fn key_of(body: &str) -> &str {
    body.split('\n').next().unwrap_or_default()
}

/// The attributes of a message as they are sent and come back; every third has some.
pub fn attributes(key: &str) -> Option<Value> {
    let hash = hash(key);
    if !hash.is_multiple_of(3) {
        return None;
    }
    let mut attributes = Map::new();
    attributes.insert("Name".into(), json!({"DataType": "String", "StringValue": format!("of {key} é")}));
    attributes.insert("Count".into(), json!({"DataType": "Number.int", "StringValue": (hash % 1000).to_string()}));
    if hash.is_multiple_of(2) {
        attributes.insert("Bytes".into(), json!({"DataType": "Binary", "BinaryValue": "AAECA/8="}));
    }
    Some(Value::Object(attributes))
}

/// The members of a send that follow from the key.
pub fn message(key: &str) -> Map<String, Value> {
    let mut message = Map::new();
    message.insert("MessageBody".into(), body(key).into());
    if let Some(attributes) = attributes(key) {
        message.insert("MessageAttributes".into(), attributes);
    }
    message
}

/// The deduplication id of a message of [`ORDERED`].
pub fn deduplication_id(key: &str) -> String {
    format!("once-{}", key.replace('/', "-"))
}
