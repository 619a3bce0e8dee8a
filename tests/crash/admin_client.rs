//! The one client that works on queues as a whole: attributes, tags, creation and deletion, purges and move tasks. It does one
//! thing at a time, so that after a crash at most one of them is in doubt.

use crate::client::{Answer, now_ms};
use crate::content::{CONTENT, DEAD, MAX_RECEIVE_COUNT, ORDERED, PURGED, QUEUES, SOURCE, arn};
use crate::line::Line;
use crate::ops::{OutgoingMessage, Want};
use fastrand::Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Its attributes and tags change all the time.
pub const SETTINGS: &str = "settings";
/// They come and go.
pub const PASSING: [&str; 4] = ["passing-0", "passing-1", "passing-2", "passing-3"];

pub type Texts = BTreeMap<String, String>;

/// Something that is known, and what it may have become.
#[derive(Clone, Debug)]
pub struct Fact<T> {
    pub value: T,
    pub doubt: Option<T>,
}

impl<T: Clone> Fact<T> {
    pub fn new(value: T) -> Fact<T> {
        Fact { value, doubt: None }
    }

    /// A change was answered, or not.
    fn settle(&mut self, acknowledged: bool) {
        if acknowledged && let Some(value) = self.doubt.take() {
            self.value = value;
        }
    }

    /// Whether what is seen is what it should be; from now on it is certain.
    pub fn agrees(&mut self, fits: impl Fn(&T) -> bool) -> bool {
        match self.doubt.take() {
            Some(doubt) if fits(&doubt) => self.value = doubt,
            _ => return fits(&self.value),
        }
        true
    }
}

/// A queue that comes and goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Passing {
    pub visibility: String,
    pub tags: Texts,
    /// Messages that were acknowledged, and with those that are in doubt.
    pub messages: (usize, usize),
}

/// A move task. Its rate tells it from the others.
#[derive(Clone, Debug)]
pub struct Task {
    pub rate: u64,
    pub handle: Option<String>,
    pub cancelled: bool,
}

/// See the module. It outlives the servers.
pub struct AdminClient {
    rng: Rng,
    next: u64,
    pub attributes: Fact<Texts>,
    pub tags: Fact<Texts>,
    pub passing: Vec<Fact<Option<Passing>>>,
    /// Oldest first.
    pub tasks: Vec<Task>,
    pub task_in_doubt: Option<Task>,
    /// What cannot change, by queue, as it was first seen.
    pub standing: BTreeMap<&'static str, Texts>,
}

impl AdminClient {
    pub fn new(seed: u64) -> AdminClient {
        AdminClient {
            rng: Rng::with_seed(seed.wrapping_mul(37)),
            next: 0,
            attributes: Fact::new(Texts::new()),
            tags: Fact::new(Texts::new()),
            passing: PASSING.iter().map(|_| Fact::new(None)).collect(),
            tasks: Vec::new(),
            task_in_doubt: None,
            standing: BTreeMap::new(),
        }
    }

    /// Works until the server is gone.
    pub fn run(&mut self, line: &mut Line<'_>) {
        while !line.is_over() {
            match self.rng.u32(0..12) {
                0 | 1 => self.set_attributes(line),
                2 | 3 => self.tag(line),
                4 => self.untag(line),
                5 | 6 => self.create_or_delete(line),
                7 => self.send_to_passing(line),
                8 | 9 => self.purge(line),
                10 => self.start_task(line),
                _ => self.cancel_task(line),
            }
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn set_attributes(&mut self, line: &mut Line<'_>) {
        let mut given = Texts::new();
        for _ in 0..self.rng.usize(1..=3) {
            let (name, value) = match self.rng.u32(0..5) {
                0 => ("VisibilityTimeout", self.rng.u32(0..=43_200)),
                1 => ("DelaySeconds", self.rng.u32(0..=900)),
                2 => ("MaximumMessageSize", self.rng.u32(1024..=1_048_576)),
                3 => ("MessageRetentionPeriod", self.rng.u32(60..=1_209_600)),
                _ => ("ReceiveMessageWaitTimeSeconds", self.rng.u32(0..=20)),
            };
            given.insert(name.to_owned(), value.to_string());
        }
        let mut after = self.attributes.value.clone();
        after.extend(given.clone());
        self.attributes.doubt = Some(after);
        let request = json!({"QueueUrl": SETTINGS, "Attributes": given});
        self.attributes.settle(line.must("SetQueueAttributes", SETTINGS, &request).is_some());
    }

    fn tag(&mut self, line: &mut Line<'_>) {
        let given = Texts::from([(format!("tag{}", self.rng.u32(0..6)), format!("value {}", self.number()))]);
        let mut after = self.tags.value.clone();
        after.extend(given.clone());
        self.tags.doubt = Some(after);
        let request = json!({"QueueUrl": SETTINGS, "Tags": given});
        self.tags.settle(line.must("TagQueue", SETTINGS, &request).is_some());
    }

    fn untag(&mut self, line: &mut Line<'_>) {
        let key = format!("tag{}", self.rng.u32(0..6));
        let mut after = self.tags.value.clone();
        after.remove(&key);
        self.tags.doubt = Some(after);
        let request = json!({"QueueUrl": SETTINGS, "TagKeys": [key]});
        self.tags.settle(line.must("UntagQueue", SETTINGS, &request).is_some());
    }

    fn create_or_delete(&mut self, line: &mut Line<'_>) {
        let chosen = self.rng.usize(..PASSING.len());
        let name = PASSING[chosen];
        if self.passing[chosen].value.is_some() {
            self.passing[chosen].doubt = Some(None);
            let request = json!({"QueueUrl": name});
            self.passing[chosen].settle(line.must("DeleteQueue", name, &request).is_some());
            return;
        }
        let visibility = self.rng.u32(1..=43_200).to_string();
        let tags = Texts::from([("made".to_owned(), self.number().to_string())]);
        let request = json!({"QueueName": name, "Attributes": {"VisibilityTimeout": visibility}, "tags": tags});
        self.passing[chosen].doubt = Some(Some(Passing { visibility, tags, messages: (0, 0) }));
        self.passing[chosen].settle(line.must("CreateQueue", name, &request).is_some());
    }

    fn send_to_passing(&mut self, line: &mut Line<'_>) {
        let chosen = self.rng.usize(..PASSING.len());
        let request = json!({"QueueUrl": PASSING[chosen], "MessageBody": format!("number {}", self.number())});
        let Some(passing) = &mut self.passing[chosen].value else { return };
        passing.messages.1 += 1;
        if line.must("SendMessage", PASSING[chosen], &request).is_some() {
            passing.messages.0 += 1;
        }
    }

    /// Sends some, receives some, and mostly throws all away.
    fn purge(&mut self, line: &mut Line<'_>) {
        let count = self.rng.usize(1..=10);
        let message = |number| OutgoingMessage {
            queue: PURGED,
            key: format!("{PURGED}/{number}"),
            group: None,
            delay_seconds: 0,
        };
        let messages: Vec<OutgoingMessage> = (0..count).map(|_| message(self.number())).collect();
        if !line.send(&messages) {
            return;
        }
        let want = Want { queue: PURGED, max: 3, visibility_seconds: 2, wait_seconds: 0, attempt: None };
        if line.receive(&want).is_none() || self.rng.u32(0..3) == 0 {
            return;
        }
        line.audit().purging(PURGED);
        if let Some((_, span)) = line.must("PurgeQueue", PURGED, &json!({"QueueUrl": PURGED})) {
            line.audit().purged(PURGED, span);
        }
    }

    fn start_task(&mut self, line: &mut Line<'_>) {
        // A task is known by its rate, so none of those that are listed may have the same: one in doubt would be taken for it.
        let listed: Vec<u64> = self.tasks.iter().rev().take(10).map(|task| task.rate).collect();
        let rate = loop {
            let rate = self.rng.u64(100..490);
            if !listed.contains(&rate) {
                break rate;
            }
        };
        line.audit().moving();
        let mut task = Task { rate, handle: None, cancelled: false };
        self.task_in_doubt = Some(task.clone());
        let request = json!({"SourceArn": arn(DEAD), "MaxNumberOfMessagesPerSecond": rate});
        match line.call_once("StartMessageMoveTask", &request) {
            (Answer::Done(answer), span) => {
                line.audit().acknowledge("StartMessageMoveTask", DEAD, span);
                task.handle = answer["TaskHandle"].as_str().map(str::to_owned);
                self.tasks.push(task);
                self.task_in_doubt = None;
            }
            (Answer::Refused(error), _) => {
                self.task_in_doubt = None;
                if !error.contains("already a task running") {
                    line.audit().complain(format!("StartMessageMoveTask was refused: {error}"));
                }
            }
            (Answer::Lost, _) => {}
        }
    }

    /// Cancels the newest task, if it still runs.
    pub fn cancel_task(&mut self, line: &mut Line<'_>) {
        let Some(task) = self.tasks.last_mut().filter(|task| !task.cancelled) else { return };
        let Some(handle) = &task.handle else { return };
        match line.call_once("CancelMessageMoveTask", &json!({"TaskHandle": handle})) {
            (Answer::Done(_), span) => {
                line.audit().acknowledge("CancelMessageMoveTask", DEAD, span);
                task.cancelled = true;
            }
            (Answer::Refused(error), _) if !error.contains("Only active tasks") => {
                line.audit().complain(format!("CancelMessageMoveTask was refused: {error}"));
            }
            _ => {}
        }
    }

    /// The move tasks, newest first.
    pub fn list_tasks(line: &mut Line<'_>) -> Option<Vec<Value>> {
        let request = json!({"SourceArn": arn(DEAD), "MaxResults": 10});
        let (answer, _) = line.ask("ListMessageMoveTasks", &request)?;
        Some(answer["Results"].as_array().cloned().unwrap_or_default())
    }

    /// Creates the queues of the load and notes what they are like.
    pub fn set_up(&mut self, line: &mut Line<'_>) {
        let redrive = json!({"deadLetterTargetArn": arn(DEAD), "maxReceiveCount": MAX_RECEIVE_COUNT});
        let tags = json!({"for": "the crash test", "since": now_ms().to_string()});
        for queue in [DEAD, SETTINGS].into_iter().chain(QUEUES) {
            let mut attributes = json!({"VisibilityTimeout": "2"});
            match queue {
                SOURCE => attributes["RedrivePolicy"] = redrive.to_string().into(),
                ORDERED => attributes["FifoQueue"] = "true".into(),
                CONTENT => {
                    attributes["FifoQueue"] = "true".into();
                    attributes["ContentBasedDeduplication"] = "true".into();
                }
                _ => {}
            }
            let mut request = json!({"QueueName": queue, "Attributes": attributes});
            if queue != SETTINGS {
                request["tags"] = tags.clone();
            }
            line.must("CreateQueue", queue, &request);
        }
    }
}
