//! What SQS says: the 23 operations as one table, their requests, answers and rules. No bytes, no state.
//!
//! Invariant: nothing here knows a protocol's syntax or a queue's contents. One `serde` derive on each struct serves both
//! protocols: the field's name is the JSON member, its aliases are the spellings of the Query protocol.

pub mod attributes;
pub mod bounded;
pub mod digest;
pub mod fields;
pub mod limits;
pub mod message;
pub mod queue;
pub mod rules;
pub mod task;

pub use bounded::{List, Named};
pub use message::*;
pub use queue::*;
pub use task::*;

use serde::{Deserialize, Deserializer, Serialize};

/// The answer of an action that answers nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Nothing {}

macro_rules! operations {
    ($($name:ident: $request:ty => $response:ty, $address:ident;)*) => {
        /// One of the 23 actions.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "each variant is the SQS action of that name")]
        pub enum Operation { $($name,)* }

        /// A decoded request. No member has been checked yet, except for its type.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs, reason = "each variant is the SQS action of that name")]
        pub enum Request { $($name($request),)* }

        /// What an action answers.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs, reason = "each variant is the SQS action of that name")]
        pub enum Response { $($name($response),)* }

        impl Operation {
            /// All actions, in alphabetical order.
            pub const ALL: &'static [Operation] = &[$(Operation::$name,)*];

            /// The action's name on the wire.
            pub fn name(self) -> &'static str {
                match self { $(Operation::$name => stringify!($name),)* }
            }

            /// Finds an action by its name on the wire.
            pub fn from_name(name: &str) -> Option<Operation> {
                match name { $(stringify!($name) => Some(Operation::$name),)* _ => None }
            }

            /// How the action names what it works on.
            pub fn address(self) -> Address {
                match self { $(Operation::$name => Address::$address,)* }
            }
        }

        impl Request {
            /// Which action this is.
            pub fn operation(&self) -> Operation {
                match self { $(Request::$name(_) => Operation::$name,)* }
            }

            /// Reads the members of `operation` from either protocol.
            ///
            /// # Errors
            /// Those of the deserializer: syntax, or a member of the wrong type.
            pub fn deserialize<'de, D: Deserializer<'de>>(operation: Operation, from: D) -> Result<Request, D::Error> {
                match operation {
                    $(Operation::$name => <$request>::deserialize(from).map(Request::$name),)*
                }
            }
        }

        impl Response {
            /// Which action answered.
            pub fn operation(&self) -> Operation {
                match self { $(Response::$name(_) => Operation::$name,)* }
            }

            /// Whether the answer has members at all; actions without output answer an empty body.
            pub fn has_output(&self) -> bool {
                match self { $(Response::$name(_) => stringify!($response) != "Nothing",)* }
            }

            /// Writes the members in either protocol.
            ///
            /// # Errors
            /// Those of the serializer.
            pub fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                match self { $(Response::$name(r) => r.serialize(to),)* }
            }
        }
    };
}

/// How an action names what it works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// By `QueueUrl`, in the request or as its path.
    Queue,
    /// By a name, an ARN, a handle, or not at all.
    Other,
}

operations! {
    // action: request => response, what it is addressed by
    AddPermission: AddPermissionRequest => Nothing, Queue;
    CancelMessageMoveTask: CancelMessageMoveTaskRequest => CancelMessageMoveTaskResult, Other;
    ChangeMessageVisibility: ChangeMessageVisibilityRequest => Nothing, Queue;
    ChangeMessageVisibilityBatch: ChangeMessageVisibilityBatchRequest => BatchResult<BatchResultEntry>, Queue;
    CreateQueue: CreateQueueRequest => QueueUrlResult, Other;
    DeleteMessage: DeleteMessageRequest => Nothing, Queue;
    DeleteMessageBatch: DeleteMessageBatchRequest => BatchResult<BatchResultEntry>, Queue;
    DeleteQueue: QueueRequest => Nothing, Queue;
    GetQueueAttributes: GetQueueAttributesRequest => GetQueueAttributesResult, Queue;
    GetQueueUrl: GetQueueUrlRequest => QueueUrlResult, Other;
    ListDeadLetterSourceQueues: ListDeadLetterSourceQueuesRequest => ListDeadLetterSourceQueuesResult, Queue;
    ListMessageMoveTasks: ListMessageMoveTasksRequest => ListMessageMoveTasksResult, Other;
    ListQueueTags: QueueRequest => ListQueueTagsResult, Queue;
    ListQueues: ListQueuesRequest => ListQueuesResult, Other;
    PurgeQueue: QueueRequest => Nothing, Queue;
    ReceiveMessage: ReceiveMessageRequest => ReceiveMessageResult, Queue;
    RemovePermission: RemovePermissionRequest => Nothing, Queue;
    SendMessage: SendMessageRequest => SendMessageResult, Queue;
    SendMessageBatch: SendMessageBatchRequest => BatchResult<SendMessageBatchResultEntry>, Queue;
    SetQueueAttributes: SetQueueAttributesRequest => Nothing, Queue;
    StartMessageMoveTask: StartMessageMoveTaskRequest => StartMessageMoveTaskResult, Other;
    TagQueue: TagQueueRequest => Nothing, Queue;
    UntagQueue: UntagQueueRequest => Nothing, Queue;
}

impl Request {
    /// The `QueueUrl` member of the actions that have one, to read it or to fill it in from the request's path.
    pub fn queue_url_mut(&mut self) -> Option<&mut Option<String>> {
        Some(match self {
            Request::AddPermission(r) => &mut r.queue_url,
            Request::ChangeMessageVisibility(r) => &mut r.queue_url,
            Request::ChangeMessageVisibilityBatch(r) => &mut r.queue_url,
            Request::DeleteMessage(r) => &mut r.queue_url,
            Request::DeleteMessageBatch(r) => &mut r.queue_url,
            Request::DeleteQueue(r) | Request::ListQueueTags(r) | Request::PurgeQueue(r) => &mut r.queue_url,
            Request::GetQueueAttributes(r) => &mut r.queue_url,
            Request::ListDeadLetterSourceQueues(r) => &mut r.queue_url,
            Request::ReceiveMessage(r) => &mut r.queue_url,
            Request::RemovePermission(r) => &mut r.queue_url,
            Request::SendMessage(r) => &mut r.queue_url,
            Request::SendMessageBatch(r) => &mut r.queue_url,
            Request::SetQueueAttributes(r) => &mut r.queue_url,
            Request::TagQueue(r) => &mut r.queue_url,
            Request::UntagQueue(r) => &mut r.queue_url,
            Request::CancelMessageMoveTask(_)
            | Request::CreateQueue(_)
            | Request::GetQueueUrl(_)
            | Request::ListMessageMoveTasks(_)
            | Request::ListQueues(_)
            | Request::StartMessageMoveTask(_) => return None,
        })
    }
}
