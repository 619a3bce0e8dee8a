//! Message attributes as readable JSON, and back to exactly the bytes the engine carries.
//!
//! The engine carries attributes in the canonical form over which SQS computes its digest: for each attribute, by the
//! bytes of its name, length (32 bit, big endian) and name, length and data type, `1` for a text or `2` for bytes,
//! length and value. Bytes that are not in this form, or would not come back the same, are written as base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

const TEXT: u8 = 1;
const BYTES: u8 = 2;

/// The JSON text for a canonical form.
pub(super) fn to_json(encoded: &[u8]) -> String {
    let value = parse(encoded).filter(|value| to_bytes(value).as_deref() == Some(encoded));
    value.unwrap_or_else(|| json!(STANDARD.encode(encoded))).to_string()
}

/// The bytes for which `to_json` wrote this text.
pub(super) fn from_json(text: &str) -> Option<Vec<u8>> {
    to_bytes(&serde_json::from_str(text).ok()?)
}

fn parse(mut rest: &[u8]) -> Option<Value> {
    fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (bytes, after) = after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        *rest = after;
        Some(bytes)
    }
    let mut map = Map::new();
    while !rest.is_empty() {
        let name = std::str::from_utf8(take(&mut rest)?).ok()?;
        let data_type = std::str::from_utf8(take(&mut rest)?).ok()?;
        let (&kind, after) = rest.split_first()?;
        rest = after;
        let value = take(&mut rest)?;
        let value = match kind {
            TEXT => json!({"type": data_type, "value": std::str::from_utf8(value).ok()?}),
            BYTES => json!({"type": data_type, "base64": STANDARD.encode(value)}),
            _ => return None,
        };
        map.insert(name.to_owned(), value);
    }
    Some(Value::Object(map))
}

fn to_bytes(value: &Value) -> Option<Vec<u8>> {
    fn put(out: &mut Vec<u8>, bytes: &[u8]) -> Option<()> {
        out.extend_from_slice(&u32::try_from(bytes.len()).ok()?.to_be_bytes());
        out.extend_from_slice(bytes);
        Some(())
    }
    if let Value::String(whole) = value {
        return STANDARD.decode(whole).ok();
    }
    // By the bytes of the name; the map may keep another order.
    let mut attributes: Vec<_> = value.as_object()?.iter().collect();
    attributes.sort_by_key(|(name, _)| name.as_bytes());
    let mut out = Vec::new();
    for (name, attribute) in attributes {
        put(&mut out, name.as_bytes())?;
        put(&mut out, attribute.get("type")?.as_str()?.as_bytes())?;
        if let Some(bytes) = attribute.get("base64") {
            out.push(BYTES);
            put(&mut out, &STANDARD.decode(bytes.as_str()?).ok()?)?;
        } else {
            out.push(TEXT);
            put(&mut out, attribute.get("value")?.as_str()?.as_bytes())?;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn attribute(name: &str, data_type: &str, kind: u8, value: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for (part, mark) in [(name.as_bytes(), None), (data_type.as_bytes(), Some(kind)), (value, None)] {
            out.extend_from_slice(&u32::try_from(part.len()).unwrap().to_be_bytes());
            out.extend_from_slice(part);
            out.extend(mark);
        }
        out
    }

    #[test]
    fn attributes_are_readable() {
        let mut encoded = attribute("blob", "Binary", BYTES, &[1, 2, 3]);
        encoded.extend(attribute("colour", "String", TEXT, "blau \"é\"".as_bytes()));
        let text = to_json(&encoded);
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["blob"], json!({"type": "Binary", "base64": "AQID"}));
        assert_eq!(read["colour"], json!({"type": "String", "value": "blau \"é\""}));
        assert_eq!(from_json(&text), Some(encoded));
    }

    #[test]
    fn what_is_not_canonical_comes_back_too() {
        let twice = attribute("a", "String", TEXT, b"x").repeat(2);
        let mut backwards = attribute("b", "String", TEXT, b"x");
        backwards.extend(attribute("a", "String", TEXT, b"x"));
        let not_utf8 = attribute("a", "String", TEXT, &[0xff]);
        for odd in [twice, backwards, not_utf8, vec![1, 2, 3], attribute("a", "String", 3, b"x")] {
            assert_eq!(from_json(&to_json(&odd)), Some(odd));
        }
        assert_eq!(from_json("{\"a\": 1}"), None);
        assert_eq!(from_json("{"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(bytes: Vec<u8>) {
            prop_assert_eq!(from_json(&to_json(&bytes)), Some(bytes));
        }

        #[test]
        fn any_attributes_come_back(
            map in proptest::collection::btree_map("\\PC{1,5}", ("\\PC{0,5}", any::<bool>(), "\\PC{0,9}"), 0..5)
        ) {
            let encoded: Vec<u8> = map
                .iter()
                .flat_map(|(name, (data_type, binary, value))| {
                    attribute(name, data_type, if *binary { BYTES } else { TEXT }, value.as_bytes())
                })
                .collect();
            prop_assert!(to_json(&encoded).as_bytes()[0] == b'\x7b');
            prop_assert_eq!(from_json(&to_json(&encoded)), Some(encoded));
        }
    }
}
