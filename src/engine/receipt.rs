//! Receipt handles: which queue, which message, which receive.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What a receipt handle says.
///
/// A queue resolves it by slot in one step and believes it if the slot still holds that number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Receipt {
    /// The queue's own number; the caller compares it with `Queue::uid`.
    pub queue: u64,
    /// The slot of the message.
    pub slot: u32,
    /// The number of the message.
    pub number: u64,
    /// The message's receive count at that receive, which makes each handle new.
    pub receive: u32,
}

/// Three marks, so that the text begins with `AQEB` as real handles do.
const MARK: [u8; 3] = [1, 1, 1];
const BYTES: usize = 35;

impl Receipt {
    /// The receipt handle: 48 characters of standard base64.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut bytes = [0; BYTES];
        bytes[..3].copy_from_slice(&MARK);
        bytes[3..11].copy_from_slice(&self.queue.to_be_bytes());
        bytes[11..15].copy_from_slice(&self.slot.to_be_bytes());
        bytes[15..23].copy_from_slice(&self.number.to_be_bytes());
        bytes[23..27].copy_from_slice(&self.receive.to_be_bytes());
        bytes[27..].copy_from_slice(&self.check().to_be_bytes());
        STANDARD.encode(bytes)
    }

    /// Reads a receipt handle; `None` for anything `encode` cannot have written.
    #[must_use]
    pub fn decode(text: &str) -> Option<Receipt> {
        let mut bytes = [0; BYTES];
        // What is longer does not fit and fails.
        if STANDARD.decode_slice(text, &mut bytes).ok()? != BYTES {
            return None;
        }
        let receipt = Receipt {
            queue: u64::from_be_bytes(part(&bytes, 3)?),
            slot: u32::from_be_bytes(part(&bytes, 11)?),
            number: u64::from_be_bytes(part(&bytes, 15)?),
            receive: u32::from_be_bytes(part(&bytes, 23)?),
        };
        let genuine = bytes[..3] == MARK && u64::from_be_bytes(part(&bytes, 27)?) == receipt.check();
        genuine.then_some(receipt)
    }

    /// Tells garbage from handles. Not a secret and no protection against forgery.
    fn check(&self) -> u64 {
        let mut code = 0x6b65_775f_7265_6370;
        for word in [self.queue, u64::from(self.slot) << 32 | u64::from(self.receive), self.number] {
            // The finaliser of SplitMix64: each bit of the input turns about half of the bits of the output.
            code = (code ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
            code = (code ^ code >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            code = (code ^ code >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            code ^= code >> 31;
        }
        code
    }
}

fn part<const LENGTH: usize>(bytes: &[u8], from: usize) -> Option<[u8; LENGTH]> {
    bytes.get(from..from + LENGTH)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::Receipt;
    use proptest::prelude::*;

    const EXAMPLE: Receipt = Receipt { queue: 7, slot: 3, number: 12, receive: 2 };

    #[test]
    fn a_handle_looks_like_a_real_one() {
        let text = EXAMPLE.encode();
        assert!(text.starts_with("AQEB"));
        assert_eq!(text.len(), 48);
        assert_eq!(Receipt::decode(&text), Some(EXAMPLE));
    }

    #[test]
    fn every_receive_gives_another_handle() {
        let next = Receipt { receive: 3, ..EXAMPLE };
        assert_ne!(EXAMPLE.encode(), next.encode());
    }

    #[test]
    fn garbage_is_told_from_handles() {
        for garbage in ["", "garbage", "AQEB", &"A".repeat(48), &"=".repeat(48), &"é".repeat(24)] {
            assert_eq!(Receipt::decode(garbage), None);
        }
    }

    #[test]
    fn any_changed_character_is_noticed() {
        let text = EXAMPLE.encode();
        for at in 0..text.len() {
            for replacement in ["A", "B", "/", "=", "!"] {
                let mut changed = text.clone();
                changed.replace_range(at..=at, replacement);
                if changed != text {
                    assert_eq!(Receipt::decode(&changed), None, "{changed}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn encode_and_decode_agree(queue: u64, slot: u32, number: u64, receive: u32) {
            let receipt = Receipt { queue, slot, number, receive };
            prop_assert_eq!(Receipt::decode(&receipt.encode()), Some(receipt));
        }

        #[test]
        fn no_text_makes_decode_panic(text in "\\PC{0,60}") {
            let _ = Receipt::decode(&text);
        }
    }
}
