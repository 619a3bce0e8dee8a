//! Every error in every protocol, in JSON and XML its exact bytes, against a table of its own.

use crate::support::cbor;
use kew::internals::error::{Error, ErrorKind};
use kew::internals::wire::{Protocol, encode_error};

/// `__type`, code, HTTP status, fault. Restated from what is known of AWS.
#[rustfmt::skip]
pub const ERRORS: &[(&str, &str, u16, &str)] = &[
    ("com.amazonaws.sqs#BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct", 400, "Sender"),
    ("com.amazonaws.sqs#BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong", 400, "Sender"),
    ("com.amazonaws.sqs#EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest", 400, "Sender"),
    ("com.amazonaws.sqs#InvalidAddress", "InvalidAddress", 404, "Sender"),
    ("com.amazonaws.sqs#InvalidAttributeName", "InvalidAttributeName", 400, "Sender"),
    ("com.amazonaws.sqs#InvalidAttributeValue", "InvalidAttributeValue", 400, "Sender"),
    ("com.amazonaws.sqs#InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId", 400, "Sender"),
    ("com.amazonaws.sqs#InvalidIdFormat", "InvalidIdFormat", 400, "Sender"),
    ("com.amazonaws.sqs#InvalidMessageContents", "InvalidMessageContents", 400, "Sender"),
    ("com.amazonaws.sqs#InvalidSecurity", "InvalidSecurity", 403, "Sender"),
    ("com.amazonaws.sqs#KmsAccessDenied", "KMS.AccessDeniedException", 400, "Sender"),
    ("com.amazonaws.sqs#KmsDisabled", "KMS.DisabledException", 400, "Sender"),
    ("com.amazonaws.sqs#KmsInvalidKeyUsage", "KMS.InvalidKeyUsageException", 400, "Sender"),
    ("com.amazonaws.sqs#KmsInvalidState", "KMS.InvalidStateException", 400, "Sender"),
    ("com.amazonaws.sqs#KmsNotFound", "KMS.NotFoundException", 400, "Sender"),
    ("com.amazonaws.sqs#KmsOptInRequired", "KMS.OptInRequired", 403, "Sender"),
    ("com.amazonaws.sqs#KmsThrottled", "KMS.ThrottlingException", 400, "Sender"),
    ("com.amazonaws.sqs#MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight", 400, "Sender"),
    ("com.amazonaws.sqs#OverLimit", "OverLimit", 403, "Sender"),
    ("com.amazonaws.sqs#PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress", 403, "Sender"),
    ("com.amazonaws.sqs#QueueDeletedRecently", "AWS.SimpleQueueService.QueueDeletedRecently", 400, "Sender"),
    ("com.amazonaws.sqs#QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", 400, "Sender"),
    ("com.amazonaws.sqs#QueueNameExists", "QueueAlreadyExists", 400, "Sender"),
    ("com.amazonaws.sqs#ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", 404, "Sender"),
    ("com.amazonaws.sqs#RequestThrottled", "RequestThrottled", 403, "Sender"),
    ("com.amazonaws.sqs#ResourceNotFoundException", "ResourceNotFoundException", 404, "Sender"),
    ("com.amazonaws.sqs#TooManyEntriesInBatchRequest", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400, "Sender"),
    ("com.amazonaws.sqs#UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation", 400, "Sender"),
    ("com.amazon.coral.service#InvalidParameterValueException", "InvalidParameterValue", 400, "Sender"),
    ("com.amazon.coral.service#MissingRequiredParameterException", "MissingParameter", 400, "Sender"),
    ("com.amazon.coral.service#UnknownOperationException", "InvalidAction", 400, "Sender"),
    ("com.amazon.coral.service#SerializationException", "MalformedInput", 400, "Sender"),
    ("com.amazon.coral.service#AccessDeniedException", "AccessDenied", 403, "Sender"),
    ("com.amazon.coral.service#UnrecognizedClientException", "InvalidClientTokenId", 403, "Sender"),
    ("com.amazon.coral.service#InvalidSignatureException", "SignatureDoesNotMatch", 403, "Sender"),
    ("com.amazon.coral.service#IncompleteSignatureException", "IncompleteSignature", 400, "Sender"),
    ("com.amazon.coral.service#ExpiredTokenException", "ExpiredToken", 403, "Sender"),
    ("com.amazon.coral.service#InternalFailure", "InternalFailure", 500, "Receiver"),
    ("com.amazon.coral.service#ServiceUnavailable", "ServiceUnavailable", 503, "Receiver"),
    // Not of SQS: the HTTP server's own.
    ("com.amazon.coral.service#InvalidRequest", "InvalidRequest", 400, "Sender"),
    ("com.amazon.coral.service#RequestEntityTooLargeException", "RequestEntityTooLarge", 413, "Sender"),
    ("com.amazon.coral.service#RequestHeaderFieldsTooLargeException", "RequestHeaderFieldsTooLarge", 431, "Sender"),
    ("com.amazon.coral.service#UnsupportedMediaTypeException", "UnsupportedMediaType", 415, "Sender"),
    ("com.amazon.coral.service#RequestTimeoutException", "RequestTimeout", 408, "Sender"),
];

/// The line of the table for an error.
pub fn line(kind: ErrorKind) -> &'static (&'static str, &'static str, u16, &'static str) {
    let (namespace, shape) = kind.json_type();
    let name = [namespace, shape].concat();
    ERRORS.iter().find(|(json_type, ..)| *json_type == name).unwrap_or_else(|| panic!("no line for {name}"))
}

#[test]
fn every_error_in_every_protocol() {
    assert_eq!(ErrorKind::ALL.len(), ERRORS.len());
    for &kind in ErrorKind::ALL {
        let &(shape, code, status, fault) = line(kind);
        let error = Error::new(kind, "Value \"<é>\" & more.\r\n").with_detail("inside");

        let reply = encode_error(Protocol::Json, &error, "r");
        let json = format!(r#"{{"__type":"{shape}","message":"Value \"<é>\" & more.\r\n"}}"#);
        assert_eq!(String::from_utf8(reply.body).unwrap(), json);
        assert_eq!((reply.status, reply.content_type), (status, "application/x-amz-json-1.0"), "{shape}");
        assert_eq!(reply.query_error, Some(format!("{code};{fault}")), "{shape}");

        let reply = encode_error(Protocol::Cbor, &error, "r");
        let value = serde_json::json!({ "__type": shape, "message": "Value \"<é>\" & more.\r\n" });
        assert_eq!(cbor::json(&reply.body), value);
        assert_eq!((reply.status, reply.content_type), (status, "application/cbor"), "{shape}");
        assert_eq!(reply.query_error, Some(format!("{code};{fault}")), "{shape}");

        let reply = encode_error(Protocol::Query, &error, "69f5dd0f-1dad-5e64-b31d-8c772ac97209");
        let xml = format!(
            "<?xml version=\"1.0\"?><ErrorResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><Error><Type>{fault}</Type>\
             <Code>{code}</Code><Message>Value &quot;&lt;é&gt;&quot; &amp; more.&#xD;\n</Message><Detail/></Error>\
             <RequestId>69f5dd0f-1dad-5e64-b31d-8c772ac97209</RequestId></ErrorResponse>"
        );
        assert_eq!(String::from_utf8(reply.body).unwrap(), xml);
        assert_eq!((reply.status, reply.content_type, reply.query_error), (status, "text/xml", None), "{shape}");

        let reply = encode_error(Protocol::QueryAsJson, &error, "r");
        let value: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        let expected = serde_json::json!({
            "Error": { "Type": fault, "Code": code, "Message": "Value \"<é>\" & more.\r\n" }, "RequestId": "r"
        });
        assert_eq!(value, expected);
        assert_eq!(
            (reply.status, reply.content_type, reply.query_error),
            (status, "application/json", None),
            "{shape}"
        );
    }
}

#[test]
fn a_missing_queue_is_worded_differently_in_each_protocol() {
    let text = |protocol| String::from_utf8(encode_error(protocol, &Error::no_queue(), "r").body).unwrap();
    assert_eq!(
        text(Protocol::Json),
        r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}"#
    );
    assert_eq!(
        text(Protocol::Query),
        "<?xml version=\"1.0\"?><ErrorResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><Error><Type>Sender</Type>\
         <Code>AWS.SimpleQueueService.NonExistentQueue</Code>\
         <Message>The specified queue does not exist for this wsdl version.</Message><Detail/></Error><RequestId>r</RequestId>\
         </ErrorResponse>"
    );
    assert!(text(Protocol::QueryAsJson).contains("for this wsdl version."));
}
