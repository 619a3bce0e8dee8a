//! The 23 actions as one table: what each takes and answers, what it is addressed by, and the function that carries it out.

use super::{message::*, queue::*, task::*};
use serde::{Deserialize, Deserializer, Serialize};

/// The answer of an action that answers nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Empty {}

/// The table. Hands its rows to another macro, behind what that wants before them, so that everything there is one of for each
/// action is made from it.
///
/// A row: the action and its function in `actions/`, whether that waits for anything but the store, request and answer, what the request is addressed by (a variant of
/// [`Address`]), and whether the answer holds queue URLs.
macro_rules! with_operations {
    ($rows:ident $($before:tt)*) => {
        $rows! {
            $($before)*
            AddPermission add_permission: AddPermissionRequest => Empty, QueueUrl, false;
            CancelMessageMoveTask cancel_message_move_task waits:
                CancelMessageMoveTaskRequest => CancelMessageMoveTaskResult, TaskHandle, false;
            ChangeMessageVisibility change_message_visibility:
                ChangeMessageVisibilityRequest => Empty, QueueUrl, false;
            ChangeMessageVisibilityBatch change_message_visibility_batch:
                ChangeMessageVisibilityBatchRequest => BatchResult<BatchResultEntry>, QueueUrl, false;
            CreateQueue create_queue: CreateQueueRequest => QueueUrlResult, Nothing, true;
            DeleteMessage delete_message: DeleteMessageRequest => Empty, QueueUrl, false;
            DeleteMessageBatch delete_message_batch:
                DeleteMessageBatchRequest => BatchResult<BatchResultEntry>, QueueUrl, false;
            DeleteQueue delete_queue: QueueRequest => Empty, ExistingQueueUrl, false;
            GetQueueAttributes get_queue_attributes:
                GetQueueAttributesRequest => GetQueueAttributesResult, QueueUrl, false;
            GetQueueUrl get_queue_url: GetQueueUrlRequest => QueueUrlResult, QueueName, true;
            ListDeadLetterSourceQueues list_dead_letter_source_queues:
                ListDeadLetterSourceQueuesRequest => ListDeadLetterSourceQueuesResult, QueueUrl, true;
            ListMessageMoveTasks list_message_move_tasks:
                ListMessageMoveTasksRequest => ListMessageMoveTasksResult, SourceArn, false;
            ListQueueTags list_queue_tags: QueueRequest => ListQueueTagsResult, QueueUrl, false;
            ListQueues list_queues: ListQueuesRequest => ListQueuesResult, Nothing, true;
            PurgeQueue purge_queue: QueueRequest => Empty, QueueUrl, false;
            ReceiveMessage receive_message waits: ReceiveMessageRequest => ReceiveMessageResult, QueueUrl, false;
            RemovePermission remove_permission: RemovePermissionRequest => Empty, QueueUrl, false;
            SendMessage send_message: SendMessageRequest => SendMessageResult, QueueUrl, false;
            SendMessageBatch send_message_batch:
                SendMessageBatchRequest => BatchResult<SendMessageBatchResultEntry>, QueueUrl, false;
            SetQueueAttributes set_queue_attributes: SetQueueAttributesRequest => Empty, QueueUrl, false;
            StartMessageMoveTask start_message_move_task:
                StartMessageMoveTaskRequest => StartMessageMoveTaskResult, SourceArn, false;
            TagQueue tag_queue: TagQueueRequest => Empty, QueueUrl, false;
            UntagQueue untag_queue: UntagQueueRequest => Empty, QueueUrl, false;
        }
    };
}
pub(crate) use with_operations;

/// What a request is addressed by: the text in it that names a queue, as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address<'a> {
    /// `QueueUrl`, in the request or as its path.
    QueueUrl(Option<&'a str>),
    /// The same, for an action that makes no sense on a queue that would be created for it.
    ExistingQueueUrl(Option<&'a str>),
    /// `QueueName`, and the account that owns the queue if it was given.
    QueueName(Option<&'a str>, Option<&'a str>),
    /// `SourceArn`.
    SourceArn(Option<&'a str>),
    /// `TaskHandle`, which names the source queue of a message move task.
    TaskHandle(Option<&'a str>),
    /// No queue.
    Nothing,
}

/// The members that address a request, by the table's address column.
macro_rules! address {
    (QueueUrl, $r:ident) => {
        Address::QueueUrl($r.queue_url.as_deref())
    };
    (ExistingQueueUrl, $r:ident) => {
        Address::ExistingQueueUrl($r.queue_url.as_deref())
    };
    (QueueName, $r:ident) => {
        Address::QueueName($r.queue_name.as_deref(), $r.queue_owner_aws_account_id.as_deref())
    };
    (SourceArn, $r:ident) => {
        Address::SourceArn($r.source_arn.as_deref())
    };
    (TaskHandle, $r:ident) => {
        Address::TaskHandle($r.task_handle.as_deref())
    };
    (Nothing, $r:ident) => {{
        let _ = $r;
        Address::Nothing
    }};
}

/// The `QueueUrl` member, if the address column says that there is one.
macro_rules! queue_url_mut {
    (QueueUrl, $r:ident) => {
        Some(&mut $r.queue_url)
    };
    (ExistingQueueUrl, $r:ident) => {
        Some(&mut $r.queue_url)
    };
    ($other:ident, $r:ident) => {{
        let _ = $r;
        None
    }};
}

macro_rules! define_operations {
    ($($name:ident $function:ident $($waits:ident)?: $request:ty => $response:ty, $address:ident, $answers_urls:literal;)*) => {
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

            /// The action as policies name it.
            pub fn permission(self) -> &'static str {
                match self { $(Operation::$name => concat!("sqs:", stringify!($name)),)* }
            }

            /// Finds an action by its name on the wire.
            pub fn from_name(name: &str) -> Option<Operation> {
                match name { $(stringify!($name) => Some(Operation::$name),)* _ => None }
            }

            /// Whether the answer holds queue URLs. To put together what they begin with takes as long as half of a
            /// request's decoding.
            pub fn answers_urls(self) -> bool {
                match self { $(Operation::$name => $answers_urls,)* }
            }
        }

        impl Request {
            /// Which action this is.
            pub fn operation(&self) -> Operation {
                match self { $(Request::$name(_) => Operation::$name,)* }
            }

            /// What it is addressed by.
            pub fn address(&self) -> Address<'_> {
                match self { $(Request::$name(r) => address!($address, r),)* }
            }

            /// The `QueueUrl` member of the actions that have one, to be filled in from the request's path.
            pub fn queue_url_mut(&mut self) -> Option<&mut Option<String>> {
                match self { $(Request::$name(r) => queue_url_mut!($address, r),)* }
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
                match self { $(Response::$name(_) => stringify!($response) != "Empty",)* }
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

with_operations!(define_operations);
