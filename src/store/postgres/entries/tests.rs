//! What was written is read, also by later versions.

use super::*;

fn status(number: u64) -> MessageStatus {
    MessageStatus {
        order: number + 1,
        state: MessageState::InFlight,
        deadline: Some(Time(1_700_000_030_000)),
        receive_count: 2,
        first_received: Some(Time(1_700_000_000_500)),
        received_at: Some(Time(1_700_000_000_600)),
    }
}

/// Each kind of effect, with all that it can have and with as little as it can have.
fn every_kind() -> Vec<Change> {
    let visible = MessageStatus {
        order: 1,
        state: MessageState::Visible,
        deadline: None,
        receive_count: 0,
        first_received: None,
        received_at: None,
    };
    let delayed = MessageStatus { state: MessageState::Delayed, ..visible };
    let plain = Message {
        id: MessageId([1; 16]),
        body: Body::from("hello"),
        body_md5: [2; 16],
        extra: None,
        group: None,
        sent: Time(1_700_000_000_000),
        retained_from: Time(1_700_000_000_000),
        first_received: None,
        receive_count: 0,
    };
    let full = Message {
        id: MessageId([3; 16]),
        body: Body::from("grüße"),
        body_md5: [4; 16],
        extra: Some(Arc::new(Extra {
            attributes: Some(Attributes { encoded: [0, 1, 255].into(), md5: [5; 16] }),
            trace_header: Some("Root=1".into()),
            sender: Some("AIDA".into()),
            deduplication_id: Some("once".into()),
            dead_letter_source: Some("arn:aws:sqs:us-east-1:000000000000:orders".into()),
            retained_from: None,
            receive_count_on_arrival: 3,
            arrived: Arrival::default(),
        })),
        group: Some("customer-7".into()),
        sent: Time(1_700_000_000_000),
        retained_from: Time(1_700_000_000_400),
        first_received: Some(Time(1_700_000_000_500)),
        receive_count: 2,
    };
    let stored = |number, status, message| Effect::Stored(Box::new(StoredMessage { slot: 9, number, status, message }));
    let remembered = |group: Option<&str>| Effect::Remembered {
        group: group.map(Arc::from),
        deduplication_id: "once".into(),
        first_sent: Time(1_700_000_000_000),
        id: MessageId([3; 16]),
        number: 2,
    };
    let receipt = Receipt { queue: u64::MAX, slot: 9, number: 2, receive: 2 };
    [
        stored(1, visible, plain.clone()),
        stored(3, delayed, plain),
        stored(2, status(2), full),
        Effect::Changed { slot: u32::MAX, number: u64::MAX, status: status(2) },
        Effect::Removed { slot: 9, number: 2 },
        Effect::Purged { next_number: 4 },
        remembered(None),
        remembered(Some("customer-7")),
        Effect::Attempted { attempt_id: "again".into(), at: Time(1_700_000_000_600), receipts: vec![receipt] },
        Effect::Attempted { attempt_id: "nothing".into(), at: Time(0), receipts: Vec::new() },
        Effect::Counter { next_number: 5 },
    ]
    .map(|effect| Change::Effect { queue: u64::MAX, effect })
    .to_vec()
}

#[test]
fn what_was_written_is_read() {
    let batch = every_kind();
    assert_eq!(decode(&encode(&batch).unwrap()).unwrap(), batch);
    assert_eq!(decode(&encode(&[Change::Proof]).unwrap()).unwrap(), []);
    assert_eq!(decode(&[]).unwrap(), [], "a barrier");
}

/// What version 0.1 of kew has written must be read for ever.
#[test]
fn what_an_earlier_version_has_written_is_read() {
    let golden = include_str!("version_1.hex");
    let bytes = hex::decode(golden.split_whitespace().collect::<String>()).unwrap();
    assert_eq!(decode(&bytes).unwrap(), every_kind());
    assert_eq!(encode(&every_kind()).unwrap(), bytes);
}

#[test]
fn what_is_damaged_or_newer_is_refused_and_nothing_else_happens() {
    let bytes = encode(&every_kind()).unwrap();
    for end in 1..bytes.len() {
        assert!(decode(&bytes[..end]).is_err(), "cut after {end} bytes");
    }
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        assert_eq!(decode(&flipped).unwrap_err(), "its checksum differs", "byte {at}");
    }
    let sealed = |mut bytes: Vec<u8>| {
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        bytes
    };
    assert_eq!(decode(&sealed(vec![2])).unwrap_err(), "it is of version 2, and this kew knows version 1");
    // An entry of a kind that is not known, and a text that is longer than all there is.
    assert!(decode(&sealed(vec![1, 7])).is_err());
    assert!(decode(&sealed(vec![1, 5, 1, 0xff, 0xff, 0xff, 0xff, 0x0f])).is_err());
}
