//! MD5 of bodies and of message attributes, and the canonical form of attributes that the digest runs over.
//!
//! Attributes are kept in just that form: it is one allocation, its length gives the message's size, and its MD5 is the
//! digest. For each attribute, sorted by the bytes of its name: length (32 bit, big endian) and name, length and data type,
//! `1` for texts and numbers or `2` for bytes, length and value. The rule is Amazon's (developer guide, "Calculating the MD5
//! message digest for message attributes").

use super::{Map, MessageAttributeValue};
use md5::{Digest, Md5};
use sha2::Sha256;

/// An MD5 digest.
pub type Md5Digest = [u8; 16];

/// MD5 of any bytes.
pub fn md5(bytes: &[u8]) -> Md5Digest {
    Md5::digest(bytes).into()
}

/// Lower-case hexadecimal, as every digest goes on the wire (JavaScript SDKs refuse upper case).
pub fn hexadecimal(digest: &Md5Digest) -> String {
    let mut text = [0; 2 * size_of::<Md5Digest>()];
    // Both sizes are fixed and fit, and digits are text: nothing here can fail.
    let encoded = hex::encode_to_slice(digest, &mut text);
    debug_assert!(encoded.is_ok());
    std::str::from_utf8(&text).unwrap_or_default().to_owned()
}

/// SHA-256 of a body in hexadecimal: the deduplication id of content-based deduplication.
pub fn content_deduplication_id(body: &str) -> String {
    hex::encode(Sha256::digest(body.as_bytes()))
}

const TEXT: u8 = 1;
const BYTES: u8 = 2;

/// The canonical form of checked attributes. A map is sorted by the bytes of its names already.
pub fn encode_attributes(attributes: &Map<MessageAttributeValue>) -> Vec<u8> {
    let mut out = Vec::with_capacity(attributes.iter().map(|(n, v)| 13 + n.len() + value_size(v)).sum());
    for (name, value) in attributes {
        put(&mut out, name.as_bytes());
        put(&mut out, value.data_type.as_deref().unwrap_or_default().as_bytes());
        // By the type and not by what is there: old SDKs send the other member too, empty.
        if value.is_binary() {
            out.push(BYTES);
            put(&mut out, value.binary_value.as_deref().unwrap_or_default());
        } else {
            out.push(TEXT);
            put(&mut out, value.string_value.as_deref().unwrap_or_default().as_bytes());
        }
    }
    out
}

/// Bytes of data type and value: what an attribute adds to a message's size beside its name.
pub fn value_size(value: &MessageAttributeValue) -> usize {
    value.data_type.as_deref().map_or(0, str::len)
        + value.binary_value.as_deref().map_or(0, <[u8]>::len)
        + value.string_value.as_deref().map_or(0, str::len)
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// One attribute in its canonical form.
pub struct EncodedAttribute<'a> {
    /// Its name.
    pub name: &'a str,
    /// All its bytes, to build the canonical form of a selection.
    pub whole: &'a [u8],
    data_type: &'a str,
    kind: u8,
    value: &'a [u8],
}

impl EncodedAttribute<'_> {
    /// Back to what goes on the wire.
    pub fn to_value(&self) -> MessageAttributeValue {
        let text = || String::from_utf8_lossy(self.value).into_owned();
        MessageAttributeValue {
            data_type: Some(self.data_type.to_owned()),
            string_value: (self.kind != BYTES).then(text),
            binary_value: (self.kind == BYTES).then(|| self.value.to_vec()),
            ..Default::default()
        }
    }
}

/// Walks a canonical form; ends at its end or where it is damaged.
pub fn decode_attributes(encoded: &[u8]) -> impl Iterator<Item = EncodedAttribute<'_>> {
    fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (bytes, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        *rest = after;
        Some(bytes)
    }
    let mut rest = encoded;
    std::iter::from_fn(move || {
        let start = rest;
        let name = std::str::from_utf8(take(&mut rest)?).ok()?;
        let data_type = std::str::from_utf8(take(&mut rest)?).ok()?;
        let (&kind, after) = rest.split_first()?;
        rest = after;
        let value = take(&mut rest)?;
        Some(EncodedAttribute { name, whole: &start[..start.len() - rest.len()], data_type, kind, value })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;

    fn attribute(data_type: &str, value: &str) -> MessageAttributeValue {
        let mut v = MessageAttributeValue { data_type: Some(data_type.into()), ..Default::default() };
        if data_type.starts_with("Binary") {
            v.binary_value = Some(base64::engine::general_purpose::STANDARD.decode(value).unwrap());
        } else {
            v.string_value = Some(value.into());
        }
        v
    }

    fn digest_of(list: &[(&str, &str, &str)]) -> String {
        let map = list.iter().map(|(name, kind, value)| (name.to_string(), attribute(kind, value))).collect();
        hexadecimal(&md5(&encode_attributes(&map)))
    }

    /// Digests that AWS itself returned for these attributes.
    #[test]
    fn attribute_digests_equal_those_of_aws() {
        let trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
        let traceparent = base64::engine::general_purpose::STANDARD
            .encode("traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01");
        type Listed<'a> = &'a [(&'a str, &'a str, &'a str)];
        let vectors: &[(Listed, &str)] = &[
            (&[("k", "String", "x")], "a45daa70926828a2f0a1db3418e6feb4"),
            (&[("Foo", "String", "Bar")], "ae7155c6026991b6d54b11589678bf9c"),
            (&[("Hello", "String", "There")], "a311262e065454b75da111d535b8dacd"),
            (&[("Hello", "String", "There"), ("General", "String", "Kenobi")], "fca026605781cb4126a1e9044df24232"),
            (&[("Hello", "String", "There"), ("Help.Me", "String", "Me")], "83fee93c1bcd8b9a5a923ffacdc636c7"),
            (
                &[("Help.Me", "String", "Me"), ("Hello", "String", "There"), ("General", "String", "Kenobi")],
                "4c360f3fdafd970e05fae2f149d997f5",
            ),
            (&[("MyAttribute", "String", "foobar")], "adb59cd4678ea5a855436b949cd07ab6"),
            (&[("timestamp", "Number", "1493147359900")], "235c5c510d26fb653d073faed50ae77c"),
            (&[("timestamp", "Number.java.lang.Long", "1493147359900")], "2e2e4876d8e0bd6b8c2c8f556831c349"),
            (
                &[("color", "String", "blue"), ("count", "Number", "3"), ("blob", "Binary", "AQID")],
                "d838729972a4b70e2d2acd9d59ac847c",
            ),
            (&[("color", "String", "blue")], "da1b33cc3cbfe8b1630921e78e6b9880"),
            (&[("attr1", "Binary", &traceparent)], "8cbe4db156db8a94db8b801b7addb984"),
            (&[("AWSTraceHeader", "String", trace)], "5ae4d5d7636402d80f4eb6d213245a88"),
        ];
        for (attributes, expected) in vectors {
            assert_eq!(digest_of(attributes), *expected, "{attributes:?}");
        }
    }

    #[test]
    fn body_digests_equal_those_of_aws() {
        assert_eq!(hexadecimal(&md5(b"message")), "78e731027d8fd50ed642340b7c9a63b3");
        assert_eq!(hexadecimal(&md5(b"hello")), "5d41402abc4b2a76b9719d911017c592");
        assert_eq!(
            content_deduplication_id("same"),
            "0967115f2813a3541eaef77de9d9d5773f1c0c04314b0bbfe4ff3b3b1c55b5d5"
        );
    }

    #[test]
    fn what_is_encoded_is_read_back() {
        let map: Map<_> = [
            ("a".to_owned(), attribute("String.x", "é")),
            ("b".to_owned(), attribute("Binary", "AAH+/w==")),
            ("c".to_owned(), attribute("Number", "1.5")),
        ]
        .into();
        let encoded = encode_attributes(&map);
        let back: Map<_> = decode_attributes(&encoded).map(|a| (a.name.to_owned(), a.to_value())).collect();
        assert_eq!(back, map);
        let joined: Vec<u8> = decode_attributes(&encoded).flat_map(|a| a.whole.to_vec()).collect();
        assert_eq!(joined, encoded);
    }

    #[test]
    fn a_damaged_form_ends_the_walk() {
        let map: Map<_> = [("a".to_owned(), attribute("String", "x"))].into();
        let encoded = encode_attributes(&map);
        for cut in 0..encoded.len() {
            assert_eq!(decode_attributes(&encoded[..cut]).count(), 0, "cut at {cut}");
        }
    }
}
