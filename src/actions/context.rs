//! What an action is given beside its request: the broker, the caller and the queue; and how a caller sees names.

use super::caller::Caller;
use super::points::{Points, Scene};
use crate::api::{Arn, Operation, RedriveAllowPolicy, RedrivePolicy, fill_in};
use crate::broker::{Broker, OpenQueue, Queue};
use crate::config::NamespaceMode;
use crate::error::Error;
use std::sync::Arc;

/// What an action is given beside its request.
pub struct Context<'a> {
    /// All queues.
    pub broker: &'a Broker,
    /// The caller.
    pub caller: &'a Caller<'a>,
    /// The queue that the request is addressed to, if it is addressed to one.
    pub queue: Option<Arc<Queue>>,
    /// Who may change something inside the action; nearly always nobody.
    pub points: Option<&'a dyn Points>,
}

impl Context<'_> {
    /// The queue that the request is addressed to.
    ///
    /// # Errors
    /// `QueueDoesNotExist` for an action that the operations table says is addressed to none.
    pub fn queue(&self) -> Result<&Arc<Queue>, Error> {
        self.queue.as_ref().ok_or_else(Error::no_queue)
    }

    /// An error of the request, which says what queue that was addressed to.
    pub(super) fn failed(&self, error: Error) -> Error {
        error.with_queue(self.queue.as_ref().map(|queue| queue.uid))
    }

    /// Opens a queue on behalf of the caller.
    ///
    /// # Errors
    /// As [`Broker::open`].
    pub fn open<'q>(&'q self, queue: &'q Arc<Queue>) -> Result<OpenQueue<'q>, Error> {
        self.broker.open_for(queue, self.caller.by)
    }

    /// Who may change something inside an action, and what is to be known about the request.
    pub(super) fn points(&self, operation: Operation) -> Option<(&dyn Points, Scene<'_>)> {
        let (points, queue) = (self.points?, self.queue.as_ref()?);
        Some((points, Scene { operation, broker: self.broker, caller: self.caller, queue }))
    }

    /// The region to show in ARNs: when regions are merged each caller sees its own.
    pub fn shown_region<'q>(&'q self, queue: &'q Queue) -> &'q str {
        match self.broker.namespace().mode() {
            NamespaceMode::Merged => self.caller.region,
            NamespaceMode::Aws => &queue.region,
        }
    }

    /// The ARN of a queue.
    pub fn arn(&self, queue: &Queue) -> String {
        Arn { region: self.shown_region(queue), account: &queue.account, name: &queue.name }.to_string()
    }

    /// The URL of a queue.
    pub fn url(&self, queue: &Queue) -> String {
        let base_url = match self.caller.base_url.contains('{') {
            true => &fill_in(self.caller.base_url, self.shown_region(queue), &queue.account),
            false => self.caller.base_url,
        };
        format!("{base_url}/{}/{}", queue.account, queue.name)
    }

    /// An ARN of a queue as the caller sees it.
    pub fn shown_arn(&self, text: &str) -> String {
        match (self.broker.namespace().mode(), Arn::parse(text)) {
            (NamespaceMode::Merged, Ok(arn)) => Arn { region: self.caller.region, ..arn }.to_string(),
            _ => text.to_owned(),
        }
    }

    /// `RedrivePolicy` as the caller sees it.
    pub fn shown_redrive(&self, policy: &RedrivePolicy) -> String {
        let target_arn = self.shown_arn(&policy.target_arn);
        RedrivePolicy { target_arn, max_receive_count: policy.max_receive_count }.to_string()
    }

    /// `RedriveAllowPolicy` as the caller sees it.
    pub fn shown_redrive_allow(&self, policy: &RedriveAllowPolicy) -> String {
        match policy {
            RedriveAllowPolicy::ByQueue(arns) => {
                RedriveAllowPolicy::ByQueue(arns.iter().map(|arn| self.shown_arn(arn)).collect()).to_string()
            }
            other => other.to_string(),
        }
    }
}
