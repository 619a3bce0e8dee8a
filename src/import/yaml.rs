//! YAML, as far as templates of CloudFormation use it: no anchors, one document.

use super::tree::{DEPTH_MAX, Entry, FILE_BYTES_MAX, Node, Remark, Value};
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use std::collections::HashSet;

/// What is being read: a list, or a map whose next key may be known.
struct Open {
    node: Node,
    key: Option<(String, usize)>,
    keys: HashSet<String>,
    tag: Option<String>,
}

/// Reads one document. A tag such as `!Ref` becomes the map that JSON would have in its place, `{Ref: ...}`.
///
/// # Errors
/// The first thing that is wrong.
pub fn read(text: &str) -> Result<Node, Remark> {
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    let mut last = 1;
    // Each event stands for something in the text; more than there is text for is a mistake of the reader.
    for event in Parser::new_from_str(text).take(FILE_BYTES_MAX) {
        let (event, span) = event.map_err(|error| Remark::new(error.marker().line(), error.info().to_owned()))?;
        let line = span.start.line();
        last = line;
        let begin = |value, tag: Option<&Tag>| Open {
            node: Node { line, value },
            key: None,
            keys: HashSet::new(),
            tag: tag.and_then(function),
        };
        let done = match event {
            Event::Scalar(text, style, _, tag) => {
                let is_null = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let value = if is_null && tag.is_none() { Value::Null } else { Value::Scalar(text.into_owned()) };
                Some(tagged(Node { line, value }, tag.as_deref().and_then(function)))
            }
            Event::SequenceStart(_, tag) => {
                open.push(begin(Value::List(Vec::new()), tag.as_deref()));
                None
            }
            Event::MappingStart(_, tag) => {
                open.push(begin(Value::Map(Vec::new()), tag.as_deref()));
                None
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().map(|open| tagged(open.node, open.tag)),
            Event::Alias(_) => return Err(Remark::new(line, "aliases of YAML are not read; write the value out")),
            Event::DocumentStart(_) if root.is_some() => {
                return Err(Remark::new(line, "only one document of YAML is read"));
            }
            _ => None,
        };
        if open.len() > DEPTH_MAX {
            return Err(Remark::new(line, "maps and lists stand in one another too deeply"));
        }
        match (done, open.last_mut()) {
            (Some(node), Some(open)) => put(open, node)?,
            (Some(node), None) => root = Some(node),
            (None, _) => {}
        }
    }
    root.ok_or_else(|| Remark::new(last, "there is no YAML in it"))
}

/// Puts a value that has ended into the one around it.
fn put(open: &mut Open, node: Node) -> Result<(), Remark> {
    match (&mut open.node.value, open.key.take()) {
        (Value::List(items), _) => items.push(node),
        (Value::Map(entries), Some((key, line))) => entries.push(Entry { key, line, node }),
        (Value::Map(_), None) => {
            let key = node.as_text().ok_or_else(|| Remark::new(node.line, "a key must be a text"))?;
            if !open.keys.insert(key.to_owned()) {
                return Err(Remark::new(node.line, format!("the key `{key}` is there twice")));
            }
            open.key = Some((key.to_owned(), node.line));
        }
        _ => {}
    }
    Ok(())
}

/// The function of CloudFormation that a tag is short for.
fn function(tag: &Tag) -> Option<String> {
    match (&*tag.handle, &*tag.suffix) {
        ("!", "Ref" | "Condition") => Some(tag.suffix.clone()),
        ("!", name) => Some(format!("Fn::{name}")),
        _ => None,
    }
}

fn tagged(node: Node, function: Option<String>) -> Node {
    match function {
        Some(key) => {
            let line = node.line;
            Node { line, value: Value::Map(vec![Entry { key, line, node }]) }
        }
        None => node,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tags_are_what_json_has_in_their_place() {
        let text = "A:\n  - !Ref B\n  - !GetAtt C.Arn\n  - !Join ['-', [a, !Ref D]]\n  - 'null'\n  - null\n";
        let expected = json!({"A": [{"Ref": "B"}, {"Fn::GetAtt": "C.Arn"}, {"Fn::Join": ["-", ["a", {"Ref": "D"}]]}, "null", null]});
        assert_eq!(read(text).unwrap().to_json(), expected);
        assert_eq!(read("{\"a\": [1, true]}").unwrap().to_json(), json!({"a": ["1", "true"]}));
    }

    #[test]
    fn what_is_not_read_is_named_with_its_line() {
        let wrong = |text: &str| read(text).unwrap_err().to_string();
        assert_eq!(wrong("a: &x 1\nb: *x\n"), "2: aliases of YAML are not read; write the value out");
        assert_eq!(wrong("a: 1\na: 2\n"), "2: the key `a` is there twice");
        assert_eq!(wrong("a: 1\n---\nb: 2\n"), "2: only one document of YAML is read");
        assert_eq!(wrong("\n[a]: 1\n"), "2: a key must be a text");
        assert!(wrong("a:\n  b: [1\n").starts_with("3: ") || wrong("a:\n  b: [1\n").starts_with("2: "));
        assert!(wrong(&"[".repeat(1000)).starts_with("1: "));
        assert!(wrong(&format!("{}x", "- ".repeat(1000))).contains("too deeply"));
        assert!(wrong("").contains("no YAML"));
    }
}
