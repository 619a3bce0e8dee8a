//! The Query protocol's parameters: form pairs such as `Entry.1.Id=a`, read as structs, lists and maps.
//!
//! The pairs are sorted by the segments of their names, numbers by value. Then all pairs whose names begin with a
//! prefix are one slice, and reading a member is taking a sub-slice: there is no tree, an index is a label and never a
//! size, and how deep a name is split is decided by the struct that is read, not by the client.

use super::credential::Credential;
use super::json::member_text;
use super::strict::MEMBER;
use crate::api::{Operation, Request};
use crate::error::Error;
use memchr::memchr_iter;
use percent_encoding::percent_decode;
use serde::Deserialize;
use serde::de::value::{CowStrDeserializer, Error as ReadError, StrDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use std::borrow::Cow;
use std::cell::Cell;
use std::cmp::Ordering;

/// Parameters of one request, in URL and body together. Ten messages with ten attributes each have fewer than 500.
pub const FORM_PAIRS_MAX: usize = 4096;
/// Bytes of a parameter's name. The longest that means anything has 80; what is longer is ignored.
pub const FORM_NAME_BYTES_MAX: usize = 256;

/// AWS's text for broken form data is not recorded.
const SYNTAX: &str = "The request parameters are not well-formed form data.";
/// Levels that the not flattened spelling of lists and maps puts before the number.
const LIST_LEVELS: [&str; 2] = ["member", "entry"];
/// How the key of a map's entry is spelled.
const KEY_NAMES: [&str; 4] = ["Name", "Key", "key", "name"];
/// How the value of a map's entry is spelled.
const VALUE_NAMES: [&str; 2] = ["Value", "value"];

struct Pair<'a> {
    name: Cow<'a, str>,
    /// Taken out when it is read, so that a body is not copied again.
    value: Cell<Cow<'a, str>>,
}

/// The parameters of a request.
pub(super) struct Form<'a> {
    pairs: Vec<Pair<'a>>,
}

impl<'a> Form<'a> {
    /// Reads URL and body; where a name is in both, the body's value counts.
    pub(super) fn parse(query: Option<&'a str>, body: &'a [u8]) -> Result<Form<'a>, Error> {
        let mut form = Form { pairs: Vec::new() };
        if let Some(query) = query {
            form.append(query.as_bytes())?;
        }
        form.append(body)?;
        Ok(form)
    }

    fn append(&mut self, raw: &'a [u8]) -> Result<(), Error> {
        #[derive(Deserialize)]
        struct Part<'a>(#[serde(borrow)] Cow<'a, str>, #[serde(borrow)] Cow<'a, str>);

        let count = memchr_iter(b'&', raw).count() + 1;
        if self.pairs.len() + count > FORM_PAIRS_MAX {
            return Err(Error::malformed(format!("A request must not have more than {FORM_PAIRS_MAX} parameters.")));
        }
        // Before they are decoded: of a byte that is no UTF-8 the parser makes three.
        if !has_whole_escapes(raw) || std::str::from_utf8(raw).is_err() {
            return Err(Error::malformed(SYNTAX));
        }
        let parser = serde_urlencoded::Deserializer::new(form_urlencoded::parse(raw));
        let parts =
            Vec::<Part>::deserialize(parser).map_err(|e| Error::malformed(SYNTAX).with_detail(e.to_string()))?;
        // The parser puts U+FFFD for what is not UTF-8. Only where one stands is it worth looking whether the client
        // wrote it.
        let replaced = parts.iter().any(|Part(name, value)| name.contains('\u{fffd}') || value.contains('\u{fffd}'));
        if replaced && percent_decode(raw).decode_utf8().is_err() {
            return Err(Error::malformed(SYNTAX));
        }
        self.pairs.extend(
            parts
                .into_iter()
                .filter(|Part(name, _)| name.len() <= FORM_NAME_BYTES_MAX)
                .map(|Part(name, value)| Pair { name, value: Cell::new(value) }),
        );
        Ok(())
    }

    /// Takes a parameter out by its whole name.
    pub(super) fn take(&mut self, name: &str) -> Option<Cow<'a, str>> {
        self.pairs.iter().rev().find(|pair| pair.name == name).map(|pair| pair.value.take())
    }

    /// Takes out the credential: a presigned URL's scope, or the access key of Signature Version 2.
    pub(super) fn take_credential(&mut self) -> Option<Credential<'a>> {
        self.take("X-Amz-Credential")
            .and_then(Credential::from_scope)
            .or_else(|| self.take("AWSAccessKeyId").and_then(Credential::from_access_key))
    }

    /// Reads the members of `operation`.
    pub(super) fn read(mut self, operation: Operation) -> Result<Request, Error> {
        self.pairs.sort_by(|a, b| compare_names(&a.name, &b.name));
        let level = Level { pairs: &self.pairs, at: 0 };
        Request::deserialize(operation, level).map_err(|error| {
            let full = error.to_string();
            Error::malformed(member_text(&full).into_owned()).with_detail(full)
        })
    }
}

/// Whether each `%` begins two hexadecimal digits.
fn has_whole_escapes(raw: &[u8]) -> bool {
    let digits = |at: usize| raw.get(at + 1..at + 3);
    memchr_iter(b'%', raw).all(|at| digits(at).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)))
}

fn is_number(segment: &str) -> bool {
    !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_digit())
}

/// By segments; a prefix comes before what it is a prefix of.
fn compare_names(a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        match (a.next(), b.next()) {
            (Some(a), Some(b)) => match compare_segments(a, b) {
                Ordering::Equal => {}
                unequal => return unequal,
            },
            (a, b) => return a.is_some().cmp(&b.is_some()),
        }
    }
}

/// Numbers by their value, however long they are, and before texts.
fn compare_segments(a: &str, b: &str) -> Ordering {
    match (is_number(a), is_number(b)) {
        (true, true) => {
            let (short_a, short_b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
            short_a.len().cmp(&short_b.len()).then_with(|| short_a.cmp(short_b)).then_with(|| a.cmp(b))
        }
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => a.cmp(b),
    }
}

/// All pairs whose names begin with the same segments.
#[derive(Clone, Copy)]
struct Level<'x, 'de> {
    pairs: &'x [Pair<'de>],
    /// Where in the names the next segment begins. A name that ends before has its value at this level.
    at: usize,
}

impl<'x, 'de> Level<'x, 'de> {
    /// The level of a member that is absent.
    fn nothing() -> Level<'x, 'de> {
        Level { pairs: &[], at: 0 }
    }

    /// The value at this level; the last one if there are several.
    fn leaf(self) -> Option<&'x Cell<Cow<'de, str>>> {
        // Sorted, so that all of them stand first.
        self.pairs.iter().take_while(|pair| pair.name.len() < self.at).last().map(|pair| &pair.value)
    }

    /// What is under this level, by segment.
    fn children(self) -> impl Iterator<Item = (&'x str, Level<'x, 'de>)> {
        let mut rest = self.pairs;
        std::iter::from_fn(move || {
            loop {
                let (first, others) = rest.split_first()?;
                let Some(segment) = segment_at(&first.name, self.at) else {
                    rest = others;
                    continue;
                };
                let end = rest.partition_point(|pair| segment_at(&pair.name, self.at) == Some(segment));
                let (pairs, after) = rest.split_at(end);
                rest = after;
                return Some((segment, Level { pairs, at: self.at + segment.len() + 1 }));
            }
        })
    }

    fn child(self, names: &[&str]) -> Option<Level<'x, 'de>> {
        self.children().find(|(segment, _)| names.contains(segment)).map(|(_, level)| level)
    }

    fn has_children(self) -> bool {
        self.pairs.last().is_some_and(|pair| pair.name.len() >= self.at)
    }

    /// The elements of a list or entries of a map: those with a number, in the numbers' order; or else this level as
    /// the only one. A value without text, which is how botocore writes an empty list, is no element.
    fn elements(self) -> std::vec::IntoIter<Level<'x, 'de>> {
        let numbered = |level: Level<'x, 'de>| -> Vec<_> {
            level.children().filter(|(segment, _)| is_number(segment)).map(|(_, level)| level).collect()
        };
        let mut elements = numbered(self);
        if elements.is_empty() {
            let inner = self.child(&LIST_LEVELS).unwrap_or(self);
            elements = numbered(inner);
            if elements.is_empty() && (inner.has_children() || inner.leaf().is_some_and(|leaf| !is_empty(leaf))) {
                elements.push(inner);
            }
        }
        elements.into_iter()
    }
}

fn segment_at(name: &str, at: usize) -> Option<&str> {
    name.get(at..)?.split('.').next()
}

fn is_empty(value: &Cell<Cow<str>>) -> bool {
    let text = value.take();
    let empty = text.is_empty();
    value.set(text);
    empty
}

impl<'de> Deserializer<'de> for Level<'_, 'de> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.leaf().map(Cell::take) {
            Some(Cow::Borrowed(text)) => visitor.visit_borrowed_str(text),
            Some(Cow::Owned(text)) => visitor.visit_string(text),
            None if self.pairs.is_empty() => visitor.visit_unit(),
            None => visitor.visit_map(Members { children: self.children(), value: None }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if self.pairs.is_empty() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        if !self.has_children() && self.leaf().is_some_and(|leaf| !is_empty(leaf)) {
            return Err(ReadError::custom(MEMBER));
        }
        visitor.visit_map(Members { children: self.children(), value: None })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_map(Entries { elements: self.elements(), value: None })
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_seq(Elements(self.elements()))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct tuple tuple_struct enum identifier
    }
}

/// The members of a struct.
struct Members<'x, 'de, I> {
    children: I,
    value: Option<Level<'x, 'de>>,
}

impl<'x, 'de, I: Iterator<Item = (&'x str, Level<'x, 'de>)>> MapAccess<'de> for Members<'x, 'de, I> {
    type Error = ReadError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ReadError> {
        let Some((name, level)) = self.children.next() else { return Ok(None) };
        self.value = Some(level);
        seed.deserialize(StrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, ReadError> {
        seed.deserialize(self.value.take().unwrap_or_else(Level::nothing))
    }
}

/// The entries of a map. One without a name has an empty one, one without a value an absent one: the action refuses
/// them.
struct Entries<'x, 'de> {
    elements: std::vec::IntoIter<Level<'x, 'de>>,
    value: Option<Level<'x, 'de>>,
}

impl<'de> MapAccess<'de> for Entries<'_, 'de> {
    type Error = ReadError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ReadError> {
        let Some(entry) = self.elements.next() else { return Ok(None) };
        let name = entry.child(&KEY_NAMES).and_then(Level::leaf).map(Cell::take).unwrap_or_default();
        self.value = entry.child(&VALUE_NAMES);
        seed.deserialize(CowStrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, ReadError> {
        seed.deserialize(self.value.take().unwrap_or_else(Level::nothing))
    }
}

/// The elements of a list.
struct Elements<'x, 'de>(std::vec::IntoIter<Level<'x, 'de>>);

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = ReadError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ReadError> {
        self.0.next().map(|level| seed.deserialize(level)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::MessageAttributeValue;
    use crate::error::ErrorKind;

    fn read(operation: Operation, form: &str) -> Result<Request, Error> {
        Form::parse(None, form.as_bytes())?.read(operation)
    }

    fn names(form: &str) -> Option<Vec<String>> {
        match read(Operation::GetQueueAttributes, form).unwrap() {
            Request::GetQueueAttributes(r) => r.attribute_names.map(|names| names.all().unwrap()),
            other => panic!("{other:?}"),
        }
    }

    fn tags(form: &str) -> Vec<(String, Option<String>)> {
        match read(Operation::TagQueue, form).unwrap() {
            Request::TagQueue(r) => r.tags.unwrap_or_default().iter().map(|(k, v)| (k.clone(), v.0.clone())).collect(),
            other => panic!("{other:?}"),
        }
    }

    fn body(form: &str) -> Option<String> {
        match read(Operation::SendMessage, form).unwrap() {
            Request::SendMessage(r) => r.message_body,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_list_is_spelled_in_many_ways_and_ordered_by_number() {
        let ab = Some(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(names("AttributeName.1=a&AttributeName.2=b"), ab);
        assert_eq!(names("AttributeName.10=b&AttributeName.2=a"), ab);
        assert_eq!(names("AttributeName.99999999999999999999999=b&AttributeName.7=a"), ab);
        assert_eq!(names("AttributeNames.member.2=b&AttributeNames.member.1=a"), ab);
        assert_eq!(names("AttributeName.entry.0=a&AttributeName.entry.01=b"), ab);
        assert_eq!(names("AttributeName=All"), Some(vec!["All".into()]));
        assert_eq!(names("AttributeName="), Some(vec![]));
        assert_eq!(names("QueueUrl=q"), None);
    }

    #[test]
    fn a_map_is_spelled_in_many_ways() {
        let expected = vec![("k".to_owned(), Some("v".to_owned()))];
        for form in [
            "Tag.1.Key=k&Tag.1.Value=v",
            "Tags.7.Key=k&Tags.7.Value=v",
            "Tags.member.1.Key=k&Tags.member.1.Value=v",
            "Tags.entry.1.key=k&Tags.entry.1.value=v",
            "Tag.1.Value=v&Tag.1.Name=k",
            "Tag.Key=k&Tag.Value=v",
            "Tags.member.Key=k&Tags.member.Value=v",
            "Tag.1.Value=w&Tag.1.Key=k&Tag.1.Value=v",
        ] {
            assert_eq!(tags(form), expected, "{form}");
        }
        assert_eq!(tags("Tag.1.Key=k"), [("k".to_owned(), None)]);
        assert_eq!(tags("Tag.1.Key=k&Tag.1.Value="), [("k".to_owned(), Some(String::new()))]);
        assert_eq!(tags("Tag.1.Value=v"), [(String::new(), Some("v".to_owned()))]);
        assert_eq!(tags("Tag="), []);
    }

    #[test]
    fn message_attributes_are_structs_in_a_map() {
        let form = "MessageAttribute.1.Name=s&MessageAttribute.1.Value.DataType=String&MessageAttribute.1.Value.StringValue=v\
            &MessageAttribute.2.Name=b&MessageAttribute.2.Value.DataType=Binary&MessageAttribute.2.Value.BinaryValue=AQID\
            &MessageAttribute.3.Name=l&MessageAttribute.3.Value.StringListValue.1=x&MessageAttribute.3.Value.StringListValue.2=y\
            &MessageAttribute.4.Name=none";
        let Request::SendMessage(request) = read(Operation::SendMessage, form).unwrap() else { panic!() };
        let attributes = request.message_attributes.unwrap();
        assert_eq!(attributes["s"].string_value.as_deref(), Some("v"));
        assert_eq!(attributes["b"].binary_value.as_deref(), Some(&[1, 2, 3][..]));
        assert_eq!(attributes["l"].string_list_values, 2);
        assert_eq!(attributes["none"], MessageAttributeValue::default());
    }

    #[test]
    fn batch_entries_are_structs_in_a_list() {
        let ids = |form: &str| match read(Operation::DeleteMessageBatch, form).unwrap() {
            Request::DeleteMessageBatch(r) => {
                r.entries.map(|list| list.iter().map(|e| e.id.clone().unwrap_or_default()).collect::<Vec<_>>())
            }
            other => panic!("{other:?}"),
        };
        let name = "DeleteMessageBatchRequestEntry";
        assert_eq!(ids(&format!("{name}.2.Id=b&{name}.1.Id=a")), Some(vec!["a".into(), "b".into()]));
        assert_eq!(ids("Entries.member.1.Id=a"), Some(vec!["a".into()]));
        assert_eq!(ids(&format!("{name}.Id=a&{name}.ReceiptHandle=r")), Some(vec!["a".into()]));
        assert_eq!(ids(&format!("{name}=")), Some(vec![]));
        assert_eq!(ids("QueueUrl=q"), None);
    }

    #[test]
    fn spaces_and_escapes_are_decoded() {
        assert_eq!(body("MessageBody=a+b%20c%2B%c3%a9%0D"), Some("a b c+é\r".into()));
        assert_eq!(body("MessageBody=é=&"), Some("é=".into()));
        assert_eq!(body("MessageBody="), Some(String::new()));
        assert_eq!(body("MessageBody"), Some(String::new()));
        assert_eq!(body("MessageBody=%EF%BF%BD"), Some("\u{fffd}".into()));
        assert_eq!(body("%4dessageBody=x"), Some("x".into()));
    }

    #[test]
    fn the_body_counts_before_the_url() {
        let form = Form::parse(Some("QueueUrl=u&MessageBody=u"), b"MessageBody=b").unwrap();
        let Request::SendMessage(request) = form.read(Operation::SendMessage).unwrap() else { panic!() };
        assert_eq!((request.queue_url.as_deref(), request.message_body.as_deref()), (Some("u"), Some("b")));
    }

    #[test]
    fn broken_data_is_malformed() {
        for raw in [&b"a=%"[..], b"a=%4", b"%zz=1", b"a=%g0", b"a=\xff", b"a=%ff", b"a=%C3&b=%A9", b"%ed%a0%80=1"] {
            let error = Form::parse(None, raw).err().unwrap();
            assert_eq!((error.kind, &*error.message), (ErrorKind::Serialization, SYNTAX), "{raw:?}");
        }
    }

    #[test]
    fn wrong_members_are_told_in_the_words_of_aws() {
        let structure = "Start of structure or map found where not expected.";
        for (operation, form, text) in [
            (Operation::SendMessage, "DelaySeconds=x", "STRING_VALUE can not be converted to an Integer"),
            (Operation::SendMessage, "DelaySeconds=", "STRING_VALUE can not be converted to an Integer"),
            (Operation::SendMessage, "DelaySeconds.1=1", structure),
            (Operation::SendMessage, "MessageBody.x.y=1", structure),
            (Operation::GetQueueAttributes, "AttributeName.1.x=1", structure),
            (
                Operation::SendMessage,
                "MessageAttribute.1.Name=a&MessageAttribute.1.Value.BinaryValue=%2A",
                "Unable to base64 decode the value",
            ),
            (
                Operation::SendMessage,
                "MessageAttribute.1.Name=a&MessageAttribute.1.Value=x",
                "The request has a member of the wrong type, or one member twice.",
            ),
        ] {
            let error = read(operation, form).unwrap_err();
            assert_eq!((error.kind, &*error.message), (ErrorKind::Serialization, text), "{form}");
        }
    }

    #[test]
    fn numbers_are_read_out_of_texts() {
        let Request::ReceiveMessage(request) =
            read(Operation::ReceiveMessage, "WaitTimeSeconds=20&MaxNumberOfMessages=-1&VisibilityTimeout=+5").unwrap()
        else {
            panic!()
        };
        assert_eq!(
            (request.wait_time_seconds, request.max_number_of_messages, request.visibility_timeout),
            (Some(20), Some(-1), Some(5))
        );
    }

    #[test]
    fn hostile_names_cost_nothing() {
        let many = |count: usize| (0..count).map(|i| format!("AttributeName.{}=x&", i % 7)).collect::<String>();
        assert_eq!(names(&many(FORM_PAIRS_MAX - 1)[..]).unwrap().len(), 7);
        let error = Form::parse(None, many(FORM_PAIRS_MAX).as_bytes()).err().unwrap();
        assert_eq!(error.kind, ErrorKind::Serialization);
        assert!(Form::parse(Some(&many(FORM_PAIRS_MAX / 2)), many(FORM_PAIRS_MAX / 2).as_bytes()).is_err());

        let deep = format!("AttributeName.1{}=x&MessageBody=b", ".1".repeat(1_000_000));
        assert_eq!(body(&deep), Some("b".into()));
        let deep = format!("MessageAttribute{}=x&MessageBody=b", ".member".repeat(30));
        assert_eq!(body(&deep), Some("b".into()));
        for odd in
            ["=x", ".=x", "..1=x", "Tag.=x", "Tag..Key=x", "Tag.1.=x", "&&", "=", ".1.1.1=x&.1=y", "Tag.1.Key.1=x"]
        {
            let _ = tags(odd);
        }
        for operation in Operation::ALL {
            let _ =
                read(*operation, "Attribute.1.Name.x=1&Entries.1.1=1&MessageAttribute.1.Value.StringListValue=&=&.");
        }
    }
}
