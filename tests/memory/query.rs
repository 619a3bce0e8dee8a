//! Hostile bodies of the Query protocol.

use crate::support::hostile::Hostile;

/// Bytes of each, about: what 4096 parameters may cost must not hide what grows with the bytes.
const SIZE: usize = 256 * 1024;

/// The actions, each with the beginnings of parameters that are read as texts, lists and maps.
pub const ACTIONS: &[(&str, &[&str])] = &[
    ("AddPermission", &["Label", "AWSAccountId.1", "ActionName.1"]),
    ("CancelMessageMoveTask", &["TaskHandle"]),
    ("ChangeMessageVisibility", &["ReceiptHandle"]),
    ("ChangeMessageVisibilityBatch", &["ChangeMessageVisibilityBatchRequestEntry.1.Id"]),
    ("CreateQueue", &["QueueName", "Attribute.1.Name", "Tag.1.Key"]),
    ("DeleteMessage", &["ReceiptHandle"]),
    ("DeleteMessageBatch", &["DeleteMessageBatchRequestEntry.1.Id", "DeleteMessageBatchRequestEntry.1.ReceiptHandle"]),
    ("DeleteQueue", &["QueueUrl"]),
    ("GetQueueAttributes", &["AttributeName.1"]),
    ("GetQueueUrl", &["QueueName"]),
    ("ListDeadLetterSourceQueues", &["NextToken"]),
    ("ListMessageMoveTasks", &["SourceArn"]),
    ("ListQueueTags", &["QueueUrl"]),
    ("ListQueues", &["QueueNamePrefix", "Unknown"]),
    ("PurgeQueue", &["QueueUrl"]),
    ("ReceiveMessage", &["AttributeName.1", "MessageAttributeName.1"]),
    ("RemovePermission", &["Label"]),
    (
        "SendMessage",
        &[
            "MessageBody",
            "MessageGroupId",
            "DelaySeconds",
            "MessageAttribute.1.Value",
            "MessageAttribute.1.Value.StringValue",
            "MessageAttribute.1.Value.BinaryValue",
            "AWSAccessKeyId",
        ],
    ),
    ("SendMessageBatch", &["SendMessageBatchRequestEntry.1.MessageBody", "SendMessageBatchRequestEntry.1"]),
    ("SetQueueAttributes", &["Attribute.Name=Policy&Attribute.Value", "Attribute.Name=RedrivePolicy&Attribute.Value"]),
    ("StartMessageMoveTask", &["SourceArn", "DestinationArn"]),
    ("TagQueue", &["Tag.1.Value", "Tag.Key"]),
    ("UntagQueue", &["TagKey.1"]),
];

/// What a value is made of: what is decoded, replaced or quoted.
const PIECES: &[&[u8]] =
    &[b"a", b"\"", b"<", b"\x7f", b"\x01", b"%01", b"%FF", b"+%FF", b"\xff", b"%EF%BF%BD", b"[1],"];

/// Hands out all hostile bodies of an action.
pub fn hostile(action: &'static str, members: &[&str], each: &mut dyn FnMut(Hostile)) {
    let mut give = |what: String, rest: Vec<u8>| {
        let body = [format!("Action={action}&").into_bytes(), rest].concat();
        each(Hostile { what: format!("{action}: {what}"), action, body });
    };
    for member in members {
        let queue = if *member == "QueueUrl" { "" } else { "QueueUrl=q&" };
        for piece in PIECES {
            let head = format!("{queue}{member}=").into_bytes();
            let what = format!("{member} of {}", piece.escape_ascii());
            give(what, [head, piece.repeat(SIZE / piece.len())].concat());
        }
        let name = member.split('.').next().unwrap_or(member);
        let many = (0..3000).map(|n| format!("{name}.{n}.Name={n}&{name}.{n}.Id={n}&")).take(2000);
        give(format!("many {name}"), (queue.to_owned() + &many.collect::<String>()).into_bytes());
        let long = (0..1000).map(|n| format!("{name}.{n}.{}=&", "x".repeat(240))).collect::<String>();
        give(format!("long names of {name}"), (queue.to_owned() + &long).into_bytes());
    }
    give("nothing but separators".into(), vec![b'&'; SIZE]);
    give("a long name".into(), vec![b'a'; SIZE]);
    give("an escaped name".into(), b"%61".repeat(SIZE / 3));
}
