//! What an import has found so far: settings, queues, and remarks.

use super::tree::{Node, Remark};
use crate::api::attributes::name;
use crate::config::QueueConfig;
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};

/// What kew has instead of a redrive policy between queues of one account and region.
const DEAD_LETTER_QUEUE: &str = "DeadLetterQueue";
const MAX_RECEIVE_COUNT: &str = "MaxReceiveCount";

/// What has been found.
#[derive(Debug, Default)]
pub struct Draft {
    /// Settings of the server by their keys, with values of TOML.
    pub settings: Vec<(&'static str, toml::Value)>,
    /// What is not taken over.
    pub remarks: Vec<Remark>,
    queues: Vec<(usize, QueueConfig)>,
    places: HashMap<String, usize>,
}

impl Draft {
    /// Sets a setting of the server.
    pub fn setting(&mut self, key: &'static str, value: impl Into<toml::Value>) {
        self.settings.retain(|(other, _)| *other != key);
        self.settings.push((key, value.into()));
    }

    /// Says that something is not taken over.
    pub fn remark(&mut self, line: usize, what: impl Into<String>) {
        self.remarks.push(Remark::new(line, what));
    }

    /// The queue of a name, from now on there.
    pub fn queue(&mut self, line: usize, name: &str) -> DraftQueue<'_> {
        let at = *self.places.entry(name.to_owned()).or_insert_with(|| {
            self.queues.push((line, QueueConfig::new(name)));
            self.queues.len() - 1
        });
        DraftQueue { queue: &mut self.queues[at].1, remarks: &mut self.remarks }
    }

    /// Whether there is a queue of that name.
    pub fn has(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// Says the account and the region of the server if all queues have the same.
    pub fn place(&mut self, accounts: &BTreeMap<String, usize>, regions: &BTreeMap<String, usize>) {
        for (key, what, found) in [("account", "accounts", accounts), ("region", "regions", regions)] {
            match found.len() {
                0 => {}
                1 => found.keys().for_each(|one| self.setting(key, one.clone())),
                _ => {
                    let line = found.values().copied().max().unwrap_or(1);
                    let all: Vec<_> = found.keys().map(String::as_str).collect();
                    self.remark(
                        line,
                        format!(
                            "the queues are of several {what} ({}); all of them will be in one of kew's",
                            all.join(", ")
                        ),
                    );
                }
            }
        }
    }

    /// The queues, each behind its dead-letter queue.
    ///
    /// # Errors
    /// When one cannot be.
    pub fn finish(self) -> Result<Finished, Remark> {
        for (line, queue) in &self.queues {
            queue.check().map_err(|what| Remark::new(*line, format!("queue {}: {what}", queue.name)))?;
        }
        let mut order: Vec<usize> = Vec::new();
        let mut is_placed = vec![false; self.queues.len()];
        for first in 0..self.queues.len() {
            // From a queue to its dead-letter queue to that one's, and back.
            let mut chain = Vec::new();
            let mut next = Some(first);
            while let Some(at) = next.filter(|at| !is_placed[*at]) {
                is_placed[at] = true;
                chain.push(at);
                next = self.queues[at].1.dead_letter_queue.as_ref().and_then(|name| self.places.get(name)).copied();
            }
            order.extend(chain.into_iter().rev());
        }
        let mut queues: Vec<Option<QueueConfig>> = self.queues.into_iter().map(|(_, queue)| Some(queue)).collect();
        let queues = order.into_iter().filter_map(|at| queues[at].take()).collect();
        Ok(Finished { settings: self.settings, queues, remarks: grouped(self.remarks) })
    }
}

/// What an import has found in the end.
#[derive(Debug)]
pub struct Finished {
    pub settings: Vec<(&'static str, toml::Value)>,
    pub queues: Vec<QueueConfig>,
    pub remarks: Vec<(Vec<usize>, String)>,
}

/// Remarks of one text are told once, with all their lines.
fn grouped(remarks: Vec<Remark>) -> Vec<(Vec<usize>, String)> {
    let mut groups: Vec<(Vec<usize>, String)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for Remark { line, what } in remarks {
        let at = *places.entry(what.clone()).or_insert_with(|| {
            groups.push((Vec::new(), what));
            groups.len() - 1
        });
        if groups[at].0.last() != Some(&line) {
            groups[at].0.push(line);
        }
    }
    groups.sort_by_key(|(lines, _)| lines.first().copied());
    groups
}

/// A queue that is being put together.
pub struct DraftQueue<'a> {
    queue: &'a mut QueueConfig,
    remarks: &'a mut Vec<Remark>,
}

impl DraftQueue<'_> {
    /// Sets an attribute by its SQS name.
    ///
    /// # Errors
    /// When it cannot be that.
    pub fn set(&mut self, line: usize, attribute: &str, value: &str) -> Result<(), Remark> {
        self.queue.set(attribute, value).map_err(|what| self.wrong(line, &what))
    }

    /// Adds a tag.
    ///
    /// # Errors
    /// When it cannot be.
    pub fn tag(&mut self, line: usize, key: &str, value: &str) -> Result<(), Remark> {
        self.queue.set_tag(key, value).map_err(|what| self.wrong(line, &what))
    }

    /// Names the dead-letter queue.
    ///
    /// # Errors
    /// When the count is none.
    pub fn dead_letter(&mut self, line: usize, target: &str, max_receive_count: &str) -> Result<(), Remark> {
        self.set(line, DEAD_LETTER_QUEUE, target)?;
        self.set(line, MAX_RECEIVE_COUNT, max_receive_count)
    }

    /// Reads a redrive policy of AWS.
    ///
    /// # Errors
    /// When it is none.
    pub fn redrive_policy(&mut self, line: usize, policy: &Json) -> Result<(), Remark> {
        let target = policy["deadLetterTargetArn"].as_str().unwrap_or_default();
        let target = target.rsplit(':').next().unwrap_or_default();
        let count = match &policy["maxReceiveCount"] {
            Json::String(text) => text.clone(),
            Json::Number(number) => number.to_string(),
            _ => String::new(),
        };
        if target.is_empty() || count.is_empty() {
            return Err(self.wrong(line, "a redrive policy has a deadLetterTargetArn and a maxReceiveCount"));
        }
        self.dead_letter(line, target, &count)
    }

    /// Sets an attribute of AWS: as [`DraftQueue::set`], but for what has another form in kew, and what the queue has
    /// anyway.
    ///
    /// # Errors
    /// When it cannot be that.
    pub fn set_of_aws(&mut self, attribute: &str, value: &Node) -> Result<(), Remark> {
        let json = |node: &Node| match node.as_text() {
            Some(text) => serde_json::from_str(text).unwrap_or(Json::Null),
            None => node.to_json(),
        };
        let line = value.line;
        match attribute {
            name::REDRIVE_POLICY => self.redrive_policy(line, &json(value)),
            name::POLICY | name::REDRIVE_ALLOW_POLICY => match json(value) {
                policy @ Json::Object(_) => self.set(line, attribute, &policy.to_string()),
                _ => Err(self.wrong(line, &format!("{attribute} must be a JSON object, not {}", value.shown()))),
            },
            // The name says it.
            name::FIFO_QUEUE => Ok(()),
            _ => match value.as_text() {
                Some(text) => self.set(line, attribute, text),
                None => {
                    Err(self.wrong(line, &format!("{attribute} must be a text or a number, not {}", value.shown())))
                }
            },
        }
    }

    /// Says that something of the queue is not taken over.
    pub fn remark(&mut self, line: usize, what: impl Into<String>) {
        self.remarks.push(Remark::new(line, what));
    }

    fn wrong(&self, line: usize, what: &str) -> Remark {
        Remark::new(line, format!("queue {}: {what}", self.queue.name))
    }
}
