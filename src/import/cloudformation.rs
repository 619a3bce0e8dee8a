//! A template of CloudFormation, as JSON or YAML: its queues, and what its functions come to without AWS.

use super::draft::{Draft, DraftQueue};
use super::tree::{DEPTH_MAX, Entry, Node, Remark, Value, shortened};
use crate::api::attributes::{self, Settable, name};
use crate::config::{ACCOUNT_DEFAULT, REGION_DEFAULT};
use std::collections::BTreeMap;

const QUEUE: &str = "AWS::SQS::Queue";
const POLICIES: [&str; 2] = ["AWS::SQS::QueuePolicy", "AWS::SQS::QueueInlinePolicy"];
/// What `AWS::StackName` stands for.
const STACK_NAME: &str = "kew";
/// What ends the name of a FIFO queue.
const FIFO_SUFFIX: &str = ".fifo";
/// Characters that functions of one value may make: a template could multiply its parameters.
const TEXT_LENGTH_MAX: usize = 64 * 1024;

/// Whether a file may be a template.
pub fn looks_like_it(root: &Node) -> bool {
    matches!(root.get("Resources").map(|node| &node.value), Some(Value::Map(_)))
}

/// Takes over what a template says.
///
/// # Errors
/// The first value that cannot be.
pub fn take_over(root: &Node, draft: &mut Draft) -> Result<(), Remark> {
    let Some(resources) = root.get("Resources") else {
        return Err(Remark::new(root.line, "a template has Resources; there are none"));
    };
    let mut template = Template { root, names: BTreeMap::new() };
    let mut others: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut queues = Vec::new();
    for entry in resources.map_of("Resources")? {
        match entry.node.get("Type").and_then(Node::as_text) {
            Some(QUEUE) => queues.push(entry),
            Some(kind) => others.entry(kind).or_insert((entry.line, 0)).1 += 1,
            None => draft.remark(entry.line, format!("{}: a resource without a Type", shortened(&entry.key))),
        }
    }
    for entry in &queues {
        let name = template.name_of(entry, draft);
        template.names.insert(&entry.key, name);
    }
    for entry in &queues {
        queue(&template, entry, draft)?;
    }
    for (kind, (line, count)) in others {
        let what = if POLICIES.contains(&kind) { "kew asks for no permissions" } else { "no queues" };
        draft.remark(line, format!("{}: {count} of them, {what}, not taken over", shortened(kind)));
    }
    Ok(())
}

/// What functions may speak of.
struct Template<'a> {
    root: &'a Node,
    /// The names of the queues by their logical ids.
    names: BTreeMap<&'a str, String>,
}

fn queue(template: &Template<'_>, entry: &Entry, draft: &mut Draft) -> Result<(), Remark> {
    let name = template.names.get(&*entry.key).cloned().unwrap_or_default();
    if draft.has(&name) {
        return Err(Remark::new(entry.line, format!("there is another queue {name} already")));
    }
    let mut queue = draft.queue(entry.line, &name);
    if entry.node.get("Condition").is_some() {
        queue.remark(entry.line, format!("{}: taken over whatever its Condition says", shortened(&entry.key)));
    }
    let properties = entry.node.get("Properties").map(|node| node.map_of("Properties")).transpose()?;
    for Entry { key, line, node } in properties.unwrap_or_default() {
        if matches!(key.as_str(), "QueueName" | name::FIFO_QUEUE) {
            continue;
        }
        match template.value(node, 0) {
            Err(what) => queue.remark(*line, format!("{}: not taken over: {what}", shortened(key))),
            Ok(None) => {}
            Ok(Some(value)) => property(&mut queue, key, *line, &value)?,
        }
    }
    Ok(())
}

fn property(queue: &mut DraftQueue<'_>, key: &str, line: usize, value: &Node) -> Result<(), Remark> {
    if key == "Tags" {
        for tag in value.items() {
            let part = |key: &str| tag.get(key).and_then(Node::as_text);
            match (part("Key"), part("Value")) {
                (Some(key), Some(value)) => queue.tag(tag.line, key, value)?,
                _ => return Err(Remark::new(tag.line, "a tag has a Key and a Value")),
            }
        }
        return Ok(());
    }
    // A queue that is none of a FIFO's says so by false.
    let is_false = value.as_text().is_some_and(|text| text.eq_ignore_ascii_case("false"));
    match attributes::find(key).map(|row| row.settable) {
        Some(Settable::FifoOnly) if is_false => Ok(()),
        Some(Settable::Always | Settable::FifoOnly) => queue.set_of_aws(key, value),
        Some(Settable::Never) | None => {
            queue.remark(line, format!("{}: unknown, and not taken over", shortened(key)));
            Ok(())
        }
    }
}

impl<'a> Template<'a> {
    /// The name of a queue; CloudFormation makes one up where a template says none, here it is the logical id.
    fn name_of(&self, entry: &Entry, draft: &mut Draft) -> String {
        let property = |key: &str| entry.node.get("Properties").and_then(|node| node.get(key));
        let is_fifo =
            property(name::FIFO_QUEUE).and_then(Node::as_text).is_some_and(|text| text.eq_ignore_ascii_case("true"));
        let suffix = if is_fifo { FIFO_SUFFIX } else { "" };
        let made_up = format!("{}{suffix}", entry.key);
        let why = match property("QueueName").map(|node| (node.line, self.value(node, 0))) {
            Some((line, Ok(Some(node)))) => match node.as_text() {
                Some(text) => return text.to_owned(),
                None => (line, "its QueueName is no text".to_owned()),
            },
            Some((line, Err(what))) => (line, what),
            Some((line, Ok(None))) => (line, "it has no QueueName".to_owned()),
            None => (entry.line, "it has no QueueName".to_owned()),
        };
        draft.remark(why.0, format!("{}: named {made_up}, for {}", shortened(&entry.key), why.1));
        made_up
    }

    /// A value with its functions carried out; none if it is as good as left out.
    ///
    /// # Errors
    /// A function that nobody but AWS can carry out.
    fn value(&self, node: &Node, depth: usize) -> Result<Option<Node>, String> {
        if depth > DEPTH_MAX {
            return Err("its functions lead into one another too deeply".to_owned());
        }
        let line = node.line;
        let text = |text: String| Ok(Some(Node::text(line, text)));
        match &node.value {
            Value::Null | Value::Scalar(_) => Ok(Some(node.clone())),
            Value::List(items) => {
                let mut values = Vec::new();
                for item in items {
                    values.extend(self.value(item, depth + 1)?);
                }
                Ok(Some(Node { line, value: Value::List(values) }))
            }
            Value::Map(entries) => match &**entries {
                [Entry { key, node, .. }] if key == "Ref" => self.reference(node, depth),
                [Entry { key, node, .. }] if key == "Fn::GetAtt" => text(self.attribute(node)?),
                [Entry { key, node, .. }] if key == "Fn::Sub" => text(self.substituted(node, depth)?),
                [Entry { key, node, .. }] if key == "Fn::Join" => text(self.joined(node, depth)?),
                [Entry { key, .. }] if key.starts_with("Fn::") || key == "Condition" => {
                    Err(format!("{} is for AWS to answer; write the value out", shortened(key)))
                }
                entries => {
                    let mut map = Vec::new();
                    for Entry { key, line, node } in entries {
                        let node = self.value(node, depth + 1)?;
                        map.extend(node.map(|node| Entry { key: key.clone(), line: *line, node }));
                    }
                    Ok(Some(Node { line, value: Value::Map(map) }))
                }
            },
        }
    }

    /// What `Ref` gives: a parameter's default, a queue's name, something of AWS.
    fn reference(&self, node: &Node, depth: usize) -> Result<Option<Node>, String> {
        let name = node.as_text().ok_or("Ref wants a name")?;
        let of_aws = match name {
            "AWS::NoValue" => return Ok(None),
            "AWS::Region" => Some(REGION_DEFAULT),
            "AWS::AccountId" => Some(ACCOUNT_DEFAULT),
            "AWS::Partition" => Some("aws"),
            "AWS::StackName" => Some(STACK_NAME),
            "AWS::URLSuffix" => Some("amazonaws.com"),
            _ => None,
        };
        if let Some(text) = of_aws.or_else(|| self.names.get(name).map(String::as_str)) {
            return Ok(Some(Node::text(node.line, text)));
        }
        let parameter = self.root.get("Parameters").and_then(|parameters| parameters.get(name));
        match parameter.map(|parameter| parameter.get("Default")) {
            Some(Some(default)) => self.value(default, depth + 1),
            Some(None) => Err(format!("the parameter {} has no Default", shortened(name))),
            None => Err(format!("{} is neither a parameter nor a queue", shortened(name))),
        }
    }

    /// What `Fn::GetAtt` gives of a queue.
    fn attribute(&self, node: &Node) -> Result<String, String> {
        let (resource, attribute) = match (&node.value, node.items()) {
            (Value::Scalar(text), _) => text.split_once('.').unwrap_or((text, "")),
            (_, [resource, attribute]) => {
                (resource.as_text().unwrap_or_default(), attribute.as_text().unwrap_or_default())
            }
            _ => ("", ""),
        };
        self.attribute_of(resource, attribute)
    }

    fn attribute_of(&self, resource: &str, attribute: &str) -> Result<String, String> {
        let asked = || shortened(&format!("{resource}.{attribute}"));
        let name = self.names.get(resource).ok_or_else(|| format!("{} is of no queue of this template", asked()))?;
        match attribute {
            "Arn" => Ok(format!("arn:aws:sqs:{REGION_DEFAULT}:{ACCOUNT_DEFAULT}:{name}")),
            "QueueName" | "QueueUrl" => Ok(name.clone()),
            _ => Err(format!("{} is no attribute that is known here", asked())),
        }
    }

    /// What `Fn::Sub` gives: a text whose `${...}` are filled in, by a map that is given along, as by `Ref`, or as by
    /// `Fn::GetAtt`.
    fn substituted(&self, node: &Node, depth: usize) -> Result<String, String> {
        let (text, own) = match (&node.value, node.items()) {
            (Value::Scalar(text), _) => (text.as_str(), None),
            (_, [text, own]) => (text.as_text().ok_or("Fn::Sub wants a text")?, Some(own)),
            _ => return Err("Fn::Sub wants a text, or a list of a text and a map".to_owned()),
        };
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or("a `${` of Fn::Sub does not end")?;
            filled.push_str(before);
            rest = after;
            let name = name.trim();
            match (name.strip_prefix('!'), own.and_then(|own| own.get(name)), name.split_once('.')) {
                (Some(literal), _, _) => filled.extend(["${", literal, "}"]),
                (_, Some(node), _) => filled.push_str(&self.text(node, depth)?),
                (_, None, Some((resource, attribute))) => filled.push_str(&self.attribute_of(resource, attribute)?),
                (_, None, None) => {
                    let node = self.reference(&Node::text(node.line, name), depth + 1)?;
                    filled.push_str(node.as_ref().and_then(Node::as_text).unwrap_or_default());
                }
            }
            if filled.len() > TEXT_LENGTH_MAX {
                return Err("Fn::Sub makes a text that is too long".to_owned());
            }
        }
        Ok(filled + rest)
    }

    /// What `Fn::Join` gives.
    fn joined(&self, node: &Node, depth: usize) -> Result<String, String> {
        let [between, list] = node.items() else { return Err("Fn::Join wants a text and a list".to_owned()) };
        let between = between.as_text().ok_or("Fn::Join wants a text first")?;
        let list = self.value(list, depth + 1)?.ok_or("Fn::Join wants a list")?;
        let mut joined = String::new();
        for (at, item) in list.items().iter().enumerate() {
            joined.push_str(if at > 0 { between } else { "" });
            joined.push_str(item.as_text().ok_or("Fn::Join wants a list of texts")?);
            if joined.len() > TEXT_LENGTH_MAX {
                return Err("Fn::Join makes a text that is too long".to_owned());
            }
        }
        Ok(joined)
    }

    fn text(&self, node: &Node, depth: usize) -> Result<String, String> {
        let value = self.value(node, depth + 1)?;
        value.as_ref().and_then(Node::as_text).map(str::to_owned).ok_or_else(|| "a text is wanted".to_owned())
    }
}
