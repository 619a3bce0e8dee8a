//! No member of a real client's request is lost, and all protocols say the same.

use crate::support::{Raw, captures, cbor, cbor_request, flatten};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kew::internals::api::Request;

#[test]
fn every_member_of_every_capture_is_decoded_and_nothing_else() {
    let mut count = 0;
    for raw in captures() {
        let mut expected = if raw.is_json() {
            flatten::of_json(&raw.body)
        } else {
            let both = [raw.query.clone().unwrap_or_default().into_bytes(), raw.body.clone()].join(&b'&');
            flatten::of_form(raw.operation(), &both)
        };
        if raw.path != "/" && raw.operation() != "GetQueueUrl" {
            expected.entry("QueueUrl".to_owned()).or_insert(raw.path.clone());
        }
        count += expected.len();
        assert_eq!(flatten::of_request(&raw.decode().request), expected, "{}/{}", raw.client, raw.name);
    }
    assert!(count > 1200, "only {count} members");
}

#[test]
fn every_capture_means_the_same_in_cbor() {
    for raw in captures() {
        let call = raw.decode();
        let body = cbor::body(&flatten::members(&flatten::of_request(&call.request)));
        let again =
            cbor_request(call.operation, &body).unwrap_or_else(|e| panic!("{}/{}: {e:?}", raw.client, raw.name));
        assert_eq!(flatten::of_request(&again), flatten::of_request(&call.request), "{}/{}", raw.client, raw.name);
    }
}

/// What differs from run to run becomes the same: host and account of a queue's URL, and the receipt handle.
fn comparable(raw: &Raw) -> Request {
    let mut request = raw.decode().request;
    if let Some(Some(url)) = request.queue_url_mut() {
        *url = url.rsplit('/').next().unwrap().to_owned();
    }
    let same = |handle: &mut Option<String>| *handle = handle.as_ref().map(|_| "handle".to_owned());
    match &mut request {
        // Not known to the older clients.
        Request::ReceiveMessage(r) => r.message_system_attribute_names = None,
        Request::DeleteMessage(r) => same(&mut r.receipt_handle),
        Request::ChangeMessageVisibility(r) => same(&mut r.receipt_handle),
        Request::DeleteMessageBatch(r) => {
            r.entries.iter_mut().flat_map(|list| list.iter_mut()).for_each(|e| same(&mut e.receipt_handle))
        }
        Request::ChangeMessageVisibilityBatch(r) => {
            r.entries.iter_mut().flat_map(|list| list.iter_mut()).for_each(|e| same(&mut e.receipt_handle))
        }
        // Version 1 of the command line encodes what is given to it, version 2 takes it for base64 already.
        Request::SendMessage(r) if raw.client.starts_with("awscli-v1") => {
            let mut attributes = r.message_attributes.as_deref().cloned().unwrap_or_default();
            for value in attributes.values_mut().filter_map(|v| v.binary_value.as_mut()) {
                *value = STANDARD.decode(&value).unwrap();
            }
            r.message_attributes = r.message_attributes.is_some().then(|| attributes.into());
        }
        _ => {}
    }
    request
}

/// Clients that ran the same script through both protocols, JSON first.
const PAIRS: &[(&str, &str)] = &[
    ("boto3-1.44.5", "boto3-1.24.96-query"),
    ("js-v3-3.1169.0", "js-v3-3.300.0-query"),
    ("js-v2-2.1693.0", "js-v2-2.1300.0-query"),
    ("go-v1-1.55.6", "go-v1-1.44.133-query"),
    ("go-v1-1.55.6", "go-v2-1.17.1-query"),
    ("awscli-v1-1.46.2", "awscli-v2-2.9.19-query"),
];

#[test]
fn the_same_script_gives_the_same_requests_in_both_protocols() {
    let all = captures();
    // The older clients do not know message move tasks.
    let of = |client: &str| -> Vec<&Raw> {
        all.iter().filter(|raw| raw.client == client && !raw.operation().contains("MoveTask")).collect()
    };
    for (json, query) in PAIRS {
        let (json, query) = (of(json), of(query));
        assert_eq!(json.len(), query.len());
        for (json, query) in json.into_iter().zip(query) {
            assert_eq!(
                comparable(json),
                comparable(query),
                "{}/{} {}/{}",
                json.client,
                json.name,
                query.client,
                query.name
            );
        }
    }
}

#[test]
fn celery_asks_for_the_same_things_in_both_protocols() {
    let all = captures();
    // What it sends and deletes has random ids inside; its receives changed between versions;
    // the rest comes in an order that depends on time.
    let of = |client: &str| {
        let mut requests: Vec<_> = all
            .iter()
            .filter(|raw| raw.client == client)
            .filter(|raw| matches!(raw.operation(), "CreateQueue" | "ListQueues" | "GetQueueAttributes"))
            .map(|raw| format!("{:?}", comparable(raw)))
            .collect();
        requests.sort();
        requests.dedup();
        requests
    };
    let json = of("celery-5.7.0-kombu-5.7.0");
    assert_eq!(json, of("celery-5.2.7-kombu-5.2.4-query"));
}
