//! The error table: every error SQS can answer with, its names in both protocols, its HTTP status and whose fault it is.

use std::borrow::Cow;
use std::fmt;

/// Whose fault an error is; the second half of `x-amzn-query-error` and the `<Type>` of the XML answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request is wrong (HTTP 4xx).
    Sender,
    /// The server failed (HTTP 5xx).
    Receiver,
}

impl Fault {
    /// The word that goes on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Fault::Sender => "Sender",
            Fault::Receiver => "Receiver",
        }
    }
}

/// Namespace of errors that the SQS service model names.
const MODEL: &str = "com.amazonaws.sqs#";
/// Namespace of the errors every AWS service of this generation shares.
const GENERIC: &str = "com.amazon.coral.service#";

macro_rules! error_table {
    ($($variant:ident: $namespace:ident $shape:literal, $code:literal, $status:literal, $fault:ident;)*) => {
        /// Every error, one line each in the table of this file.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "each variant is the SQS error of that name")]
        pub enum ErrorKind { $($variant,)* }

        impl ErrorKind {
            /// All errors of the table, in its order.
            pub const ALL: &'static [ErrorKind] = &[$(ErrorKind::$variant,)*];

            /// `__type` of the JSON protocol: namespace, `#`, shape name.
            pub fn json_type(self) -> (&'static str, &'static str) {
                match self { $(ErrorKind::$variant => ($namespace, $shape),)* }
            }

            /// `<Code>` of the Query protocol and the first half of `x-amzn-query-error`.
            pub fn code(self) -> &'static str {
                match self { $(ErrorKind::$variant => $code,)* }
            }

            /// HTTP status, the same in both protocols.
            pub fn status(self) -> u16 {
                match self { $(ErrorKind::$variant => $status,)* }
            }

            /// Whose fault it is.
            pub fn fault(self) -> Fault {
                match self { $(ErrorKind::$variant => Fault::$fault,)* }
            }
        }
    };
}

error_table! {
    // Errors of the service model.
    BatchEntryIdsNotDistinct:     MODEL "BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct", 400, Sender;
    BatchRequestTooLong:          MODEL "BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong", 400, Sender;
    EmptyBatchRequest:            MODEL "EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest", 400, Sender;
    InvalidAddress:               MODEL "InvalidAddress", "InvalidAddress", 404, Sender;
    InvalidAttributeName:         MODEL "InvalidAttributeName", "InvalidAttributeName", 400, Sender;
    InvalidAttributeValue:        MODEL "InvalidAttributeValue", "InvalidAttributeValue", 400, Sender;
    InvalidBatchEntryId:          MODEL "InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId", 400, Sender;
    InvalidIdFormat:              MODEL "InvalidIdFormat", "InvalidIdFormat", 400, Sender;
    InvalidMessageContents:       MODEL "InvalidMessageContents", "InvalidMessageContents", 400, Sender;
    InvalidSecurity:              MODEL "InvalidSecurity", "InvalidSecurity", 403, Sender;
    KmsAccessDenied:              MODEL "KmsAccessDenied", "KMS.AccessDeniedException", 400, Sender;
    KmsDisabled:                  MODEL "KmsDisabled", "KMS.DisabledException", 400, Sender;
    KmsInvalidKeyUsage:           MODEL "KmsInvalidKeyUsage", "KMS.InvalidKeyUsageException", 400, Sender;
    KmsInvalidState:              MODEL "KmsInvalidState", "KMS.InvalidStateException", 400, Sender;
    KmsNotFound:                  MODEL "KmsNotFound", "KMS.NotFoundException", 400, Sender;
    KmsOptInRequired:             MODEL "KmsOptInRequired", "KMS.OptInRequired", 403, Sender;
    KmsThrottled:                 MODEL "KmsThrottled", "KMS.ThrottlingException", 400, Sender;
    MessageNotInflight:           MODEL "MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight", 400, Sender;
    OverLimit:                    MODEL "OverLimit", "OverLimit", 403, Sender;
    PurgeQueueInProgress:         MODEL "PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress", 403, Sender;
    QueueDeletedRecently:         MODEL "QueueDeletedRecently", "AWS.SimpleQueueService.QueueDeletedRecently", 400, Sender;
    QueueDoesNotExist:            MODEL "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", 400, Sender;
    QueueNameExists:              MODEL "QueueNameExists", "QueueAlreadyExists", 400, Sender;
    ReceiptHandleIsInvalid:       MODEL "ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", 404, Sender;
    RequestThrottled:             MODEL "RequestThrottled", "RequestThrottled", 403, Sender;
    ResourceNotFound:             MODEL "ResourceNotFoundException", "ResourceNotFoundException", 404, Sender;
    TooManyEntriesInBatchRequest: MODEL "TooManyEntriesInBatchRequest", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400, Sender;
    UnsupportedOperation:         MODEL "UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation", 400, Sender;

    // Errors that all AWS services of this generation share.
    InvalidParameterValue:        GENERIC "InvalidParameterValueException", "InvalidParameterValue", 400, Sender;
    MissingParameter:             GENERIC "MissingRequiredParameterException", "MissingParameter", 400, Sender;
    UnknownOperation:             GENERIC "UnknownOperationException", "InvalidAction", 400, Sender;
    Serialization:                GENERIC "SerializationException", "MalformedInput", 400, Sender;
    AccessDenied:                 GENERIC "AccessDeniedException", "AccessDenied", 403, Sender;
    UnrecognizedClient:           GENERIC "UnrecognizedClientException", "InvalidClientTokenId", 403, Sender;
    InvalidSignature:             GENERIC "InvalidSignatureException", "SignatureDoesNotMatch", 403, Sender;
    IncompleteSignature:          GENERIC "IncompleteSignatureException", "IncompleteSignature", 400, Sender;
    // The shape name is inferred; the code and text are from a real XML answer.
    ExpiredToken:                 GENERIC "ExpiredTokenException", "ExpiredToken", 403, Sender;
    InternalFailure:              GENERIC "InternalFailure", "InternalFailure", 500, Receiver;
    ServiceUnavailable:           GENERIC "ServiceUnavailable", "ServiceUnavailable", 503, Receiver;

    // Answers of the HTTP server for which SQS has no name of its own; SDKs read them like the others.
    InvalidRequest:               GENERIC "InvalidRequest", "InvalidRequest", 400, Sender;
    RequestTooLarge:              GENERIC "RequestEntityTooLargeException", "RequestEntityTooLarge", 413, Sender;
    RequestHeaderTooLarge:        GENERIC "RequestHeaderFieldsTooLargeException", "RequestHeaderFieldsTooLarge", 431, Sender;
    UnsupportedMediaType:         GENERIC "UnsupportedMediaTypeException", "UnsupportedMediaType", 415, Sender;
    RequestTimeout:               GENERIC "RequestTimeoutException", "RequestTimeout", 408, Sender;
}

/// An error as the client sees it, with an inside detail for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Which line of the table.
    pub kind: ErrorKind,
    /// SQS's text, to the letter. The Query protocol words one of them differently: [`Error::query_message`].
    pub message: Cow<'static, str>,
    /// What the log may add for the person who runs the server; never sent to the client.
    pub detail: Option<String>,
    /// Another HTTP status than that of the table, if it was asked for.
    status: Option<u16>,
    /// Another one at fault than the table says.
    fault: Option<Fault>,
    /// The uid of the queue that the request was addressed to, for the history; never sent to the client.
    queue: Option<u64>,
}

/// Bytes of an error's text.
pub const TEXT_BYTES_MAX: usize = 4096;
/// Bytes of what a client sent that [`shown`] gives.
const SHOWN_BYTES_MAX: usize = 256;

/// AWS's text of `ServiceUnavailable`, which all of its services share.
const UNAVAILABLE: &str = "The request has failed due to a temporary failure of the server.";
/// What a request to a queue that moves is answered in the end; SDKs try again.
const MOVED: &str = "The queue is moving to another node. Try again.";
/// The JSON protocol's text for a queue that does not exist.
const NO_QUEUE: &str = "The specified queue does not exist.";
/// The Query protocol's text for the same error.
const NO_QUEUE_QUERY: &str = "The specified queue does not exist for this wsdl version.";

/// Cuts the text of an error: answers may repeat what a client sent, but not all of a body that is as large as bodies may be.
fn bounded(text: Cow<'static, str>) -> Cow<'static, str> {
    match text {
        Cow::Owned(long) if long.len() > TEXT_BYTES_MAX => {
            format!("{}...", &long[..long.floor_char_boundary(TEXT_BYTES_MAX)]).into()
        }
        text => text,
    }
}

/// The beginning of what a client sent, for a text that would else grow with it.
pub fn shown(text: &str) -> &str {
    &text[..text.floor_char_boundary(SHOWN_BYTES_MAX)]
}

impl Error {
    /// An error of the table with a text; of more than [`TEXT_BYTES_MAX`] the beginning.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Error {
        Error { kind, message: bounded(message.into()), detail: None, status: None, fault: None, queue: None }
    }

    /// The same error with a remark for the log.
    pub fn with_detail(mut self, detail: impl Into<String>) -> Error {
        self.detail = Some(bounded(Cow::Owned(detail.into())).into_owned());
        self
    }

    /// The same error with another HTTP status, which also says whose fault it is.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Error {
        self.status = Some(status);
        self.with_fault(if status < 500 { Fault::Sender } else { Fault::Receiver })
    }

    /// The same error as the fault of somebody else.
    #[must_use]
    pub fn with_fault(mut self, fault: Fault) -> Error {
        self.fault = Some(fault);
        self
    }

    /// The same error of a request that was addressed to the queue of this uid.
    #[must_use]
    pub fn with_queue(mut self, queue: Option<u64>) -> Error {
        self.queue = queue;
        self
    }

    /// The uid of the queue that the request was addressed to, if it was found.
    pub fn queue(&self) -> Option<u64> {
        self.queue
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status.unwrap_or(self.kind.status())
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        self.fault.unwrap_or(self.kind.fault())
    }

    /// The text as the Query protocol words it.
    pub fn query_message(&self) -> &str {
        if self.kind == ErrorKind::QueueDoesNotExist && self.message == NO_QUEUE {
            NO_QUEUE_QUERY
        } else {
            &self.message
        }
    }

    /// The request cannot be carried out now, or nobody knows whether it was; SDKs try again.
    #[cold]
    pub fn unavailable(detail: impl Into<String>) -> Error {
        Error::new(ErrorKind::ServiceUnavailable, UNAVAILABLE).with_detail(detail)
    }

    /// The queue is another node's, or on its way there: whoever hears that asks again, there. A client learns it only if it takes
    /// too long.
    pub fn moved() -> Error {
        Error::new(ErrorKind::ServiceUnavailable, MOVED)
    }

    /// Whether it is [`Error::moved`].
    pub fn is_moved(&self) -> bool {
        self.kind == ErrorKind::ServiceUnavailable && self.message == MOVED
    }

    /// The queue is not there.
    pub fn no_queue() -> Error {
        Error::new(ErrorKind::QueueDoesNotExist, NO_QUEUE)
    }

    /// A required parameter is absent or empty.
    pub fn missing(name: impl fmt::Display) -> Error {
        Error::new(ErrorKind::MissingParameter, format!("The request must contain the parameter {name}."))
    }

    /// A parameter has a value that SQS refuses, with the text as it stands.
    pub fn invalid(text: impl Into<Cow<'static, str>>) -> Error {
        Error::new(ErrorKind::InvalidParameterValue, text)
    }

    /// A parameter has a value that SQS refuses, in SQS's usual sentence around the value.
    pub fn invalid_value(value: impl fmt::Display, name: &str, reason: impl fmt::Display) -> Error {
        Error::invalid(format!("Value {value} for parameter {name} is invalid. Reason: {reason}"))
    }

    /// The same sentence without the value.
    pub fn invalid_parameter(name: &str, reason: impl fmt::Display) -> Error {
        Error::invalid(format!("Value for parameter {name} is invalid. Reason: {reason}"))
    }

    /// A queue attribute that does not exist, or not for this kind of queue.
    pub fn unknown_attribute(name: &str) -> Error {
        Error::new(ErrorKind::InvalidAttributeName, format!("Unknown Attribute {name}."))
    }

    /// A queue attribute whose value is out of range or malformed.
    pub fn attribute_value(name: &str) -> Error {
        Error::new(ErrorKind::InvalidAttributeValue, format!("Invalid value for the parameter {name}."))
    }

    /// A receipt handle that this server never gave out for this queue.
    pub fn receipt_handle(handle: &str) -> Error {
        Error::new(
            ErrorKind::ReceiptHandleIsInvalid,
            format!("The input receipt handle \"{handle}\" is not a valid receipt handle."),
        )
    }

    /// The action is not one of the 23, or not at this address.
    pub fn unknown_action(action: &str) -> Error {
        Error::new(ErrorKind::UnknownOperation, format!("The action {action} is not valid for this endpoint."))
    }

    /// The body is not what the protocol asks for.
    pub fn malformed(text: impl Into<Cow<'static, str>>) -> Error {
        Error::new(ErrorKind::Serialization, text)
    }

    /// The server itself failed; `detail` goes to the log only.
    pub fn internal(detail: impl Into<String>) -> Error {
        Error::new(ErrorKind::InternalFailure, "We encountered an internal error. Please try again.")
            .with_detail(detail)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.code(), self.message)?;
        match &self.detail {
            Some(detail) => write!(f, " ({detail})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
