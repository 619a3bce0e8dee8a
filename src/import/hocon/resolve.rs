//! What the fields of a file become: values of one path are merged, and substitutions are filled in.
//!
//! A later value of a path replaces the one before, but an object is merged into an object. A substitution stands for
//! what its path is in the end; where that would be itself, for what the path was before.

use super::super::tree::{Entry, Node, Remark, Value};
use super::parse::{Field, Part, Parts};
use std::collections::HashMap;

/// How deeply values and substitutions may lead into one another.
const EVALUATION_DEPTH_MAX: usize = 200;
/// Substitutions that are filled in at most. Substitutions of substitutions could be without end.
const SUBSTITUTIONS_MAX: usize = 100_000;
/// Values and characters that a file may become, and that are looked at for it.
const EVALUATION_SIZE_MAX: usize = 64 * 1024 * 1024;

/// Resolves a whole file.
pub fn resolve(fields: Vec<Field>, variable: &dyn Fn(&str) -> Option<String>) -> Result<Node, Remark> {
    let root = Parts { line: 1, parts: vec![Part::Map(fields)] };
    let mut resolver = Resolver { root: &root, variable, under_way: Vec::new(), depth: 0, size: 0, substitutions: 0 };
    let node = resolver.evaluate(&root, &mut Vec::new(), None)?;
    Ok(node.unwrap_or(Node { line: 1, value: Value::Map(Vec::new()) }))
}

/// Resolves a value of JSON, which has no substitutions.
pub fn of_json(parts: Parts) -> Result<Node, Remark> {
    let mut resolver =
        Resolver { root: &parts, variable: &|_| None, under_way: Vec::new(), depth: 0, size: 0, substitutions: 0 };
    let node = resolver.evaluate(&parts, &mut Vec::new(), None)?;
    Ok(node.unwrap_or(Node { line: parts.line, value: Value::Null }))
}

/// A value of a path, one of those that are merged.
enum Layer<'a> {
    /// With whether it is put behind a list.
    Written(&'a Parts, bool),
    Known(Node),
}

struct Resolver<'a> {
    root: &'a Parts,
    variable: &'a dyn Fn(&str) -> Option<String>,
    /// The paths whose values are being put together, with what they were before.
    under_way: Vec<(Vec<String>, Option<Node>)>,
    depth: usize,
    size: usize,
    substitutions: usize,
}

impl<'a> Resolver<'a> {
    /// The value that parts make of a path that had a value before; none if there is none in the end.
    fn evaluate(
        &mut self,
        parts: &'a Parts,
        path: &mut Vec<String>,
        before: Option<Node>,
    ) -> Result<Option<Node>, Remark> {
        self.depth += 1;
        if self.depth > EVALUATION_DEPTH_MAX {
            return Err(Remark::new(parts.line, "values lead into one another too deeply, or in a circle"));
        }
        let node = match &*parts.parts {
            [Part::Map(fields)] => Some(self.merge_fields(parts.line, fields, path, before)?),
            [part] if !matches!(part, Part::Substitution { .. }) => self.part(part, parts.line, path)?,
            several => {
                let (path_then, before_then) = (path.clone(), before.clone());
                self.grow(before.as_ref().map_or(0, Node::size), parts.line)?;
                self.under_way.push((path_then, before_then));
                let joined = self.join(several, parts.line, path)?;
                self.under_way.pop();
                match joined {
                    Some(node) => Some(merged(before, node)),
                    None => before,
                }
            }
        };
        self.depth -= 1;
        Ok(node)
    }

    fn grow(&mut self, by: usize, line: usize) -> Result<(), Remark> {
        self.size += by;
        match self.size > EVALUATION_SIZE_MAX {
            true => Err(Remark::new(line, "substitutions make this file too large")),
            false => Ok(()),
        }
    }

    fn merge_fields(
        &mut self,
        line: usize,
        fields: &'a [Field],
        path: &mut Vec<String>,
        before: Option<Node>,
    ) -> Result<Node, Remark> {
        let mut map = match before {
            Some(node @ Node { value: Value::Map(_), .. }) => node,
            _ => Node { line, value: Value::Map(Vec::new()) },
        };
        let Value::Map(entries) = &mut map.value else { return Ok(map) };
        let mut places: HashMap<String, usize> =
            entries.iter().enumerate().map(|(at, entry)| (entry.key.clone(), at)).collect();
        for field in fields {
            self.grow(1 + field.key.len(), field.line)?;
            path.push(field.key.clone());
            let at = places.get(&field.key).copied();
            let before = at.map(|at| entries[at].node.clone());
            let size = before.as_ref().map_or(0, Node::size);
            self.grow(size, field.line)?;
            let node = match field.appends {
                true => self.append(&field.value, path, before)?,
                false => self.evaluate(&field.value, path, before)?,
            };
            path.pop();
            let Some(node) = node else { continue };
            match at {
                Some(at) => entries[at] = Entry { key: field.key.clone(), line: field.line, node },
                None => {
                    places.insert(field.key.clone(), entries.len());
                    entries.push(Entry { key: field.key.clone(), line: field.line, node });
                }
            }
        }
        Ok(map)
    }

    /// A list with one more value at its end.
    fn append(
        &mut self,
        value: &'a Parts,
        path: &mut Vec<String>,
        before: Option<Node>,
    ) -> Result<Option<Node>, Remark> {
        let mut items = match before {
            None | Some(Node { value: Value::Null, .. }) => Vec::new(),
            Some(Node { value: Value::List(items), .. }) => items,
            Some(other) => {
                return Err(Remark::new(value.line, format!("`+=` needs a list, and there is {}", other.shown())));
            }
        };
        items.extend(self.evaluate(value, path, None)?);
        Ok(Some(Node { line: value.line, value: Value::List(items) }))
    }

    /// The value of one part.
    fn part(&mut self, part: &'a Part, line: usize, path: &mut Vec<String>) -> Result<Option<Node>, Remark> {
        let value = match part {
            Part::Null => Value::Null,
            Part::Text(text) | Part::Blanks(text) => {
                self.grow(text.len(), line)?;
                Value::Scalar(text.clone())
            }
            Part::List(elements) => {
                let mut items = Vec::new();
                for element in elements {
                    items.extend(self.evaluate(element, path, None)?);
                }
                Value::List(items)
            }
            Part::Map(fields) => return self.merge_fields(line, fields, path, None).map(Some),
            Part::Substitution { path: wanted, line, is_optional } => {
                return self.substitute(wanted, *line, *is_optional);
            }
        };
        self.grow(1, line)?;
        Ok(Some(Node { line, value }))
    }

    /// Several parts as one value: texts to a text, lists to a list, objects to an object.
    fn join(&mut self, parts: &'a [Part], line: usize, path: &mut Vec<String>) -> Result<Option<Node>, Remark> {
        let mut joined: Option<Node> = None;
        let mut blanks: Option<&str> = None;
        for part in parts {
            if let Part::Blanks(text) = part {
                blanks = Some(text);
                continue;
            }
            let Some(next) = self.part(part, line, path)? else { continue };
            let between = blanks.take().unwrap_or_default();
            joined = Some(match (joined.map(|node| node.value), next.value) {
                (None, value) => Node { line: next.line, value },
                (Some(Value::Scalar(first)), Value::Scalar(second)) => Node::text(line, first + between + &second),
                (Some(Value::List(first)), Value::List(second)) => {
                    Node { line, value: Value::List(first.into_iter().chain(second).collect()) }
                }
                (Some(first @ Value::Map(_)), value @ Value::Map(_)) => {
                    merged(Some(Node { line, value: first }), Node { line, value })
                }
                _ => {
                    let what = "texts, lists and objects cannot be put together; is a comma or a quote missing?";
                    return Err(Remark::new(line, what));
                }
            });
        }
        Ok(joined)
    }

    /// What a substitution stands for.
    fn substitute(&mut self, path: &'a [String], line: usize, is_optional: bool) -> Result<Option<Node>, Remark> {
        self.substitutions += 1;
        if self.substitutions > SUBSTITUTIONS_MAX {
            return Err(Remark::new(line, "substitutions make this file too large"));
        }
        let before = self.under_way.iter().rev().find(|(other, _)| other == path);
        let found = match before {
            Some((_, before)) => before.clone(),
            None => self.look_up(path)?,
        };
        self.grow(1 + found.as_ref().map_or(0, Node::size), line)?;
        let name = path.join(".");
        let found = found.or_else(|| (self.variable)(&name).map(|text| Node::text(line, text)));
        match found {
            None if !is_optional => {
                let what = format!(
                    "nothing is known that ${{{name}}} could stand for: no path of this file, no environment \
                     variable; ${{?{name}}} may be without"
                );
                Err(Remark::new(line, what))
            }
            found => Ok(found),
        }
    }

    /// What a path is in the end.
    fn look_up(&mut self, path: &[String]) -> Result<Option<Node>, Remark> {
        let mut layers = vec![Layer::Written(self.root, false)];
        for (depth, key) in path.iter().enumerate() {
            let mut inside = Vec::new();
            for layer in layers {
                let known = match layer {
                    Layer::Written(Parts { parts, .. }, _) if matches!(&**parts, [Part::Map(_)]) => {
                        let [Part::Map(fields)] = &**parts else { continue };
                        self.grow(fields.len(), self.root.line)?;
                        let same = fields.iter().filter(|field| field.key == *key);
                        inside.extend(same.map(|field| Layer::Written(&field.value, field.appends)));
                        continue;
                    }
                    Layer::Written(parts, _) => self.evaluate(parts, &mut path[..depth].to_vec(), None)?,
                    Layer::Known(node) => Some(node),
                };
                match known {
                    Some(node @ Node { value: Value::Map(_), .. }) => {
                        inside.extend(node.get(key).cloned().map(Layer::Known));
                    }
                    // What was inside of an object is gone with it.
                    Some(_) => inside.clear(),
                    None => {}
                }
            }
            layers = inside;
        }
        let mut found = None;
        for layer in layers {
            found = match layer {
                Layer::Written(parts, true) => self.append(parts, &mut path.to_vec(), found)?,
                Layer::Written(parts, false) => self.evaluate(parts, &mut path.to_vec(), found)?,
                Layer::Known(node) => Some(merged(found, node)),
            };
        }
        Ok(found)
    }
}

/// A value over the one before it: an object is merged into an object.
fn merged(before: Option<Node>, node: Node) -> Node {
    let Some(Node { value: Value::Map(mut entries), .. }) = before else { return node };
    let Value::Map(over) = node.value else { return node };
    for entry in over {
        match entries.iter().position(|other| other.key == entry.key) {
            Some(at) => {
                let before = std::mem::replace(&mut entries[at].node.value, Value::Null);
                let before = Node { line: entry.line, value: before };
                entries[at] = Entry { node: merged(Some(before), entry.node), ..entry };
            }
            None => entries.push(entry),
        }
    }
    Node { line: node.line, value: Value::Map(entries) }
}
