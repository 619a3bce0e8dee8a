//! The requests that 28 real clients wrote decode to the operation they meant.

use crate::support::captures;
use kew::internals::wire::Protocol;
use std::collections::BTreeMap;

/// Client, number of requests, protocol.
const CLIENTS: &[(&str, usize, Protocol)] = &[
    ("aiobotocore-3.10.0", 14, Protocol::Json),
    ("awscli-v1-1.46.2", 16, Protocol::Json),
    ("awscli-v2-2.9.19-query", 16, Protocol::Query),
    ("boto2-2.49.0-query", 13, Protocol::Query),
    ("boto3-1.24.96-query", 31, Protocol::Query),
    ("boto3-1.35.0", 46, Protocol::Json),
    ("boto3-1.44.5", 40, Protocol::Json),
    ("boto3-1.44.5-unsigned-and-session-token", 2, Protocol::Json),
    ("celery-5.2.7-kombu-5.2.4-query", 41, Protocol::Query),
    ("celery-5.7.0-kombu-5.7.0", 31, Protocol::Json),
    ("dramatiq-sqs-0.4.4", 20, Protocol::Json),
    ("go-v1-1.44.133-query", 14, Protocol::Query),
    ("go-v1-1.55.6", 14, Protocol::Json),
    ("go-v2-1.17.1-query", 14, Protocol::Query),
    ("js-nestjs-sqs", 9, Protocol::Json),
    ("js-serverless-offline-sqs-8.0.0", 13, Protocol::Json),
    ("js-sqs-consumer-14.2.8", 10, Protocol::Json),
    ("js-v2-2.1300.0-query", 13, Protocol::Query),
    ("js-v2-2.1693.0", 13, Protocol::Json),
    ("js-v3-3.1169.0", 17, Protocol::Json),
    ("js-v3-3.300.0-query", 17, Protocol::Query),
    ("perl-amazon-sqs-simple-query", 1, Protocol::Query),
    ("php-async-aws-sqs-1.7.0-query", 13, Protocol::Query),
    ("php-symfony-messenger-sqs-5.4-asyncaws-1.7", 13, Protocol::Query),
    ("py-sqs-extended-client-1.0.1", 4, Protocol::Json),
    ("ruby-aws-sdk-1.67.0-query", 11, Protocol::Query),
    ("ruby-aws-sdk-sqs-v3", 16, Protocol::Json),
    ("rust-aws-sdk-sqs-1.119.0", 17, Protocol::Json),
];

#[test]
fn every_capture_is_there() {
    let mut counts = BTreeMap::<String, usize>::new();
    for raw in captures() {
        *counts.entry(raw.client).or_default() += 1;
    }
    let expected: BTreeMap<_, _> = CLIENTS.iter().map(|(client, count, _)| (client.to_string(), *count)).collect();
    assert_eq!(counts, expected);
    assert_eq!(counts.values().sum::<usize>(), 479);
}

#[test]
fn every_capture_decodes_to_its_operation_and_protocol() {
    for raw in captures() {
        let call = raw.decode();
        let name = format!("{}/{}", raw.client, raw.name);
        assert_eq!(call.operation.name(), raw.operation(), "{name}");
        assert_eq!(call.request.operation(), call.operation, "{name}");
        let protocol = CLIENTS.iter().find(|(client, ..)| *client == raw.client).unwrap().2;
        assert_eq!(call.protocol, protocol, "{name}");
    }
}

#[test]
fn every_signature_names_its_maker_and_region() {
    let mut unsigned = Vec::new();
    for raw in captures() {
        let name = format!("{}/{}", raw.client, raw.name);
        let credential = raw.decode().credential;
        if raw.header("authorization").is_none() {
            assert_eq!(credential, Default::default(), "{name}");
            unsigned.push(name);
            continue;
        }
        assert_eq!(credential.region.as_deref(), Some("us-east-1"), "{name}");
        let service = if raw.client.starts_with("perl") { "s3" } else { "sqs" };
        assert_eq!(credential.service.as_deref(), Some(service), "{name}");
        assert!(matches!(credential.access_key.as_deref(), Some("test" | "t" | "root" | "ASIATEST")), "{name}");
    }
    assert_eq!(unsigned.len(), 1, "{unsigned:?}");
}

#[test]
fn a_queue_is_known_however_the_client_names_it() {
    for raw in captures() {
        let mut request = raw.decode().request;
        if let Some(queue_url) = request.queue_url_mut() {
            let url = queue_url.as_deref().unwrap_or_default();
            // Scheme and host, or nothing before the path; an account, with any number of digits; a name.
            let parts: Vec<_> = url.rsplitn(3, '/').collect();
            let account = parts.len() == 3 && parts[1].bytes().all(|b| b.is_ascii_digit()) && !parts[1].is_empty();
            assert!(account && !parts[0].is_empty(), "{}/{}: {url}", raw.client, raw.name);
        }
    }
}
