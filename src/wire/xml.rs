//! The Query protocol's answers: a serde Serializer that writes flattened XML straight into the reply.
//!
//! One `serde` derive gives members in JSON's alphabetical order and under JSON's names. Two tables here say what
//! differs in XML: [`element`], the name of each list's and map's elements, and [`ORDER`], the order of a struct's
//! members.

use crate::api::{Operation, Response};
use crate::error::Error;
use quick_xml::escape::partial_escape;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, Event};
use quick_xml::writer::Writer;
use serde::ser::{Error as _, Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, Serializer};
use std::fmt::Display;
use std::ops::Range;

/// The namespace of every answer; clients look elements up in it.
const NAMESPACE: &str = "http://queue.amazonaws.com/doc/2012-11-05/";

/// The order of members, for all structs at once. What is not named here comes last.
const ORDER: &[&str] = &[
    "Id",
    "Code",
    "Message",
    "SenderFault",
    "MessageId",
    "ReceiptHandle",
    "MD5OfBody",
    "MD5OfMessageBody",
    "Body",
    "Attributes",
    "MD5OfMessageAttributes",
    "MessageAttributes",
    "MD5OfMessageSystemAttributes",
    "SequenceNumber",
    "StringValue",
    "BinaryValue",
    "DataType",
    "QueueUrls",
    "queueUrls",
    "NextToken",
    "Successful",
    "Failed",
    "TaskHandle",
    "Status",
    "SourceArn",
    "DestinationArn",
    "MaxNumberOfMessagesPerSecond",
    "ApproximateNumberOfMessagesMoved",
    "ApproximateNumberOfMessagesToMove",
    "FailureReason",
    "StartedTimestamp",
];

/// The element that a member is written as: once for a scalar, repeated for a list or map.
fn element(operation: Operation, member: &'static str) -> &'static str {
    match (operation, member) {
        (Operation::SendMessageBatch, "Successful") => "SendMessageBatchResultEntry",
        (Operation::DeleteMessageBatch, "Successful") => "DeleteMessageBatchResultEntry",
        (Operation::ChangeMessageVisibilityBatch, "Successful") => "ChangeMessageVisibilityBatchResultEntry",
        (_, "Failed") => "BatchResultErrorEntry",
        (_, "Messages") => "Message",
        (_, "Attributes") => "Attribute",
        (_, "MessageAttributes") => "MessageAttribute",
        (_, "Tags") => "Tag",
        (_, "QueueUrls" | "queueUrls") => "QueueUrl",
        (_, "Results") => "ListMessageMoveTasksResultEntry",
        (_, scalar) => scalar,
    }
}

/// Writes a result at the end of `out`.
pub(super) fn result(out: Vec<u8>, response: &Response, request_id: &str) -> Vec<u8> {
    let operation = response.operation();
    let (envelope, result) = (format!("{}Response", operation.name()), format!("{}Result", operation.name()));
    document(out, &envelope, |to| {
        if response.has_output() {
            let before = to.out.get_ref().len();
            to.open(&result);
            let start = to.out.get_ref().len();
            let written = response.serialize(Node { to, operation, name: None });
            debug_assert!(written.is_ok());
            if to.out.get_ref().len() == start {
                to.out.get_mut().truncate(before);
                to.event(Event::Empty(BytesStart::new(&result)));
            } else {
                to.close(&result);
            }
        }
        to.open("ResponseMetadata");
        to.leaf("RequestId", request_id);
        to.close("ResponseMetadata");
    })
}

/// Writes an error at the end of `out`.
pub(super) fn error(out: Vec<u8>, error: &Error, request_id: &str) -> Vec<u8> {
    document(out, "ErrorResponse", |to| {
        to.open("Error");
        to.leaf("Type", error.fault().as_str());
        to.leaf("Code", error.kind.code());
        to.leaf("Message", error.query_message());
        to.event(Event::Empty(BytesStart::new("Detail")));
        to.close("Error");
        to.leaf("RequestId", request_id);
    })
}

fn document(out: Vec<u8>, envelope: &str, content: impl FnOnce(&mut Output)) -> Vec<u8> {
    let mut to = Output { out: Writer::new(out) };
    to.event(Event::Decl(BytesDecl::new("1.0", None, None)));
    to.event(Event::Start(BytesStart::new(envelope).with_attributes([("xmlns", NAMESPACE)])));
    content(&mut to);
    to.close(envelope);
    to.out.into_inner()
}

/// The buffer, with the few things that are written into it.
struct Output {
    out: Writer<Vec<u8>>,
}

impl Output {
    fn event(&mut self, event: Event) {
        let written = self.out.write_event(event);
        debug_assert!(written.is_ok(), "memory takes everything");
    }

    fn open(&mut self, name: &str) {
        self.event(Event::Start(BytesStart::new(name)));
    }

    fn close(&mut self, name: &str) {
        self.event(Event::End(BytesEnd::new(name)));
    }

    fn leaf(&mut self, name: &str, text: &str) {
        self.open(name);
        self.text(text);
        self.close(name);
    }

    /// Carriage returns too must be escaped, or parsers turn them into newlines and the client's MD5 check fails. AWS
    /// writes `&#xD;`, and that spelling counts: the JavaScript SDK of 2023 knows no other (quick-xml would write
    /// `&#13;`). Characters that XML does not know are never in a message, but can be in an error that repeats what a
    /// client sent.
    fn text(&mut self, text: &str) {
        let mut rest = text;
        while let Some(at) = rest.find(|c| matches!(c, '"' | '\r') || is_forbidden(c)) {
            let (run, special) = rest.split_at(at);
            let length = special.chars().next().map_or(0, char::len_utf8);
            self.out.get_mut().extend_from_slice(partial_escape(run).as_bytes());
            let replacement = match special.as_bytes().first() {
                Some(b'"') => "&quot;",
                Some(b'\r') => "&#xD;",
                _ => "\u{fffd}",
            };
            self.out.get_mut().extend_from_slice(replacement.as_bytes());
            rest = &special[length..];
        }
        self.out.get_mut().extend_from_slice(partial_escape(rest).as_bytes());
    }
}

fn is_forbidden(c: char) -> bool {
    (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// Never met: SQS answers hold nothing that cannot be written.
type WriteError = serde::de::value::Error;

/// Writes one value: as the element of this name, or without one for the result itself.
struct Node<'w> {
    to: &'w mut Output,
    operation: Operation,
    name: Option<&'static str>,
}

impl Node<'_> {
    fn text(self, text: &str) -> Result<(), WriteError> {
        match self.name {
            Some(name) => self.to.leaf(name, text),
            None => self.to.text(text),
        }
        Ok(())
    }

    fn display(self, value: impl Display) -> Result<(), WriteError> {
        self.text(&value.to_string())
    }
}

fn unwritable<T>() -> Result<T, WriteError> {
    Err(WriteError::custom("no answer of SQS holds a value of this kind"))
}

macro_rules! scalars {
    ($($method:ident: $type:ty),*) => {$(
        fn $method(self, v: $type) -> Result<(), WriteError> { self.display(v) }
    )*};
}

impl<'w> Serializer for Node<'w> {
    type Ok = ();
    type Error = WriteError;
    type SerializeSeq = Node<'w>;
    type SerializeTuple = Impossible<(), WriteError>;
    type SerializeTupleStruct = Impossible<(), WriteError>;
    type SerializeTupleVariant = Impossible<(), WriteError>;
    type SerializeMap = Entries<'w>;
    type SerializeStruct = Members<'w>;
    type SerializeStructVariant = Impossible<(), WriteError>;

    scalars! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_f32: f32, serialize_f64: f64,
        serialize_char: char
    }

    fn serialize_str(self, v: &str) -> Result<(), WriteError> {
        self.text(v)
    }
    fn serialize_bytes(self, _: &[u8]) -> Result<(), WriteError> {
        unwritable()
    }
    fn serialize_none(self) -> Result<(), WriteError> {
        Ok(())
    }
    fn serialize_some<T: ?Sized + Serialize>(self, v: &T) -> Result<(), WriteError> {
        v.serialize(self)
    }
    fn serialize_unit(self) -> Result<(), WriteError> {
        Ok(())
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), WriteError> {
        Ok(())
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), WriteError> {
        self.text(variant)
    }
    fn serialize_newtype_struct<T: ?Sized + Serialize>(self, _: &'static str, v: &T) -> Result<(), WriteError> {
        v.serialize(self)
    }
    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), WriteError> {
        unwritable()
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Node<'w>, WriteError> {
        Ok(self)
    }
    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, WriteError> {
        unwritable()
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, WriteError> {
        unwritable()
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, WriteError> {
        unwritable()
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Entries<'w>, WriteError> {
        Ok(Entries(self))
    }
    fn serialize_struct(self, _: &'static str, members: usize) -> Result<Members<'w>, WriteError> {
        if let Some(name) = self.name {
            self.to.open(name);
        }
        let start = self.to.out.get_ref().len();
        Ok(Members { node: self, start, parts: Vec::with_capacity(members) })
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, WriteError> {
        unwritable()
    }
}

/// A list is its elements, one after the other.
impl SerializeSeq for Node<'_> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_element<T: ?Sized + Serialize>(&mut self, v: &T) -> Result<(), WriteError> {
        v.serialize(Node { to: self.to, operation: self.operation, name: self.name })
    }
    fn end(self) -> Result<(), WriteError> {
        Ok(())
    }
}

/// A map is one element for each entry, with its name and value inside.
struct Entries<'w>(Node<'w>);

impl SerializeMap for Entries<'_> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Result<(), WriteError> {
        let node = &mut self.0;
        let element = node.name.unwrap_or_default();
        node.to.open(element);
        let name = if element == "Tag" { "Key" } else { "Name" };
        key.serialize(Node { to: node.to, operation: node.operation, name: Some(name) })
    }
    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), WriteError> {
        let node = &mut self.0;
        value.serialize(Node { to: node.to, operation: node.operation, name: Some("Value") })?;
        node.to.close(node.name.unwrap_or_default());
        Ok(())
    }
    fn end(self) -> Result<(), WriteError> {
        Ok(())
    }
}

/// A struct's members are written as they come, and put in order at the end.
struct Members<'w> {
    node: Node<'w>,
    start: usize,
    parts: Vec<(usize, Range<usize>)>,
}

impl SerializeStruct for Members<'_> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, member: &'static str, v: &T) -> Result<(), WriteError> {
        let node = &mut self.node;
        let start = node.to.out.get_ref().len();
        let name = Some(element(node.operation, member));
        v.serialize(Node { to: node.to, operation: node.operation, name })?;
        let rank = ORDER.iter().position(|name| *name == member).unwrap_or(ORDER.len());
        self.parts.push((rank, start..node.to.out.get_ref().len()));
        Ok(())
    }

    fn end(mut self) -> Result<(), WriteError> {
        if !self.parts.is_sorted_by_key(|(rank, _)| *rank) {
            let out = self.node.to.out.get_mut();
            let unordered = out.split_off(self.start);
            self.parts.sort_by_key(|(rank, _)| *rank);
            for (_, part) in self.parts {
                out.extend_from_slice(&unordered[part.start - self.start..part.end - self.start]);
            }
        }
        if let Some(name) = self.node.name {
            self.node.to.close(name);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn escaped(text: &str) -> String {
        let error = super::error(Vec::new(), &Error::new(ErrorKind::InternalFailure, text.to_owned()), "");
        let text = String::from_utf8(error).unwrap();
        let start = text.find("<Message>").unwrap() + "<Message>".len();
        text[start..text.find("</Message>").unwrap()].to_owned()
    }

    #[test]
    fn text_is_escaped() {
        assert_eq!(escaped("a & <b> \"c\" 'd'"), "a &amp; &lt;b&gt; &quot;c&quot; 'd'");
        assert_eq!(escaped("\r\n\t\r"), "&#xD;\n\t&#xD;");
        assert_eq!(escaped("é 😀 \u{d7ff}\u{e000}\u{fffd}"), "é 😀 \u{d7ff}\u{e000}\u{fffd}");
        assert_eq!(escaped(""), "");
    }

    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        assert_eq!(escaped("a\0b\u{1}\"\u{b}\u{fffe}\u{ffff}"), "a\u{fffd}b\u{fffd}&quot;\u{fffd}\u{fffd}\u{fffd}");
    }
}
