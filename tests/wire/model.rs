//! A walk through the SQS service model: every operation, every member of every request, every error.
//!
//! `KEW_SERVICE_MODEL` names the file: `botocore/data/sqs/2012-11-05/service-2.json`, unpacked. `KEW_QUERY_MODEL` names
//! that of the last botocore that spoke Query. They are not part of this repository: `make unit` fetches them and runs these
//! tests, which a plain `cargo test` lists as ignored.

use crate::errors::line;
use crate::support::{cbor, cbor_request, json_request, query, query_request};
use kew::internals::api::{Operation, Request};
use kew::internals::error::ErrorKind;
use serde_json::{Map, Value, json};

fn read_model(variable: &str) -> Value {
    let path = std::env::var(variable).unwrap_or_else(|_| panic!("{variable} names no service model: run `make unit`"));
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    assert!(!bytes.starts_with(&[0x1f, 0x8b]), "{path} is packed; unpack it with gunzip");
    serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// One request in the making: the values as they must show in the decoded request.
struct Sample<'m> {
    shapes: &'m Value,
    shown: Vec<String>,
    count: u32,
}

impl Sample<'_> {
    fn next(&mut self) -> u32 {
        self.count += 1;
        self.count
    }

    /// A value of a shape.
    fn value(&mut self, shape_name: &str) -> Value {
        let shape = &self.shapes[shape_name];
        let number = self.next();
        match shape["type"].as_str().unwrap() {
            "string" => {
                // With characters that both protocols must escape.
                let text = format!("v{number} +&=%é");
                self.shown.push(format!("{text:?}"));
                json!(text)
            }
            "integer" | "long" => {
                self.shown.push((70_000 + number).to_string());
                json!(70_000 + number)
            }
            "blob" => {
                use base64::Engine;
                let bytes = format!("b{number}").into_bytes();
                self.shown.push(format!("{bytes:?}"));
                json!(base64::engine::general_purpose::STANDARD.encode(&bytes))
            }
            "list" => {
                let member = shape["member"]["shape"].as_str().unwrap();
                (0..2).map(|_| self.value(member)).collect()
            }
            "map" => {
                let value_shape = shape["value"]["shape"].as_str().unwrap();
                let entries = (0..2).map(|_| {
                    let key = format!("k{}", self.next());
                    self.shown.push(format!("{key:?}"));
                    (key, self.value(value_shape))
                });
                entries.collect::<Map<_, _>>().into()
            }
            "structure" => self.members(shape_name, None),
            other => panic!("{shape_name}: {other}"),
        }
    }

    /// A structure with all its members, or with one.
    fn members(&mut self, shape_name: &str, only: Option<&str>) -> Value {
        let members = self.shapes[shape_name]["members"].as_object().unwrap();
        let chosen = members.iter().filter(|(name, _)| only.is_none_or(|only| only == *name));
        let values = chosen.map(|(member, reference)| {
            let shown = self.shown.len();
            let value = self.value(reference["shape"].as_str().unwrap());
            if matches!(member.as_str(), "StringListValues" | "BinaryListValues") {
                // Only counted: SQS refuses them whatever they hold.
                self.shown.truncate(shown);
            }
            (member.clone(), value)
        });
        values.collect::<Map<_, _>>().into()
    }
}

/// Decodes the same values from all protocols; they must be equal, and must be all there.
fn compare(model: &Value, operation: Operation, shape: &str, only: Option<&str>) -> Request {
    let mut sample = Sample { shapes: &model["shapes"], shown: Vec::new(), count: 0 };
    let members = sample.members(shape, only);
    let context = format!("{} {only:?}", operation.name());
    let json = json_request(operation, &members.to_string()).unwrap_or_else(|e| panic!("{context}: {e:?}"));
    let mut pairs = query::pairs(operation.name(), &members);
    // The order of parameters means nothing.
    pairs.reverse();
    let query = query_request(operation, &pairs).unwrap_or_else(|e| panic!("{context}: {e:?}"));
    assert_eq!(json, query, "{context}");
    let cbor = cbor_request(operation, &cbor::body(&members)).unwrap_or_else(|e| panic!("{context}: {e:?}"));
    assert_eq!(json, cbor, "{context}");
    let seen = format!("{json:?}");
    for shown in &sample.shown {
        assert!(seen.contains(shown.as_str()), "{context}: {shown} is lost in {seen}");
    }
    json
}

#[test]
#[ignore = "needs the service model: make unit"]
fn operations_are_those_of_the_model() {
    let model = read_model("KEW_SERVICE_MODEL");
    let modelled: Vec<_> = model["operations"].as_object().unwrap().keys().map(String::as_str).collect();
    let ours: Vec<_> = Operation::ALL.iter().map(|operation| operation.name()).collect();
    assert_eq!(ours, modelled);
}

#[test]
#[ignore = "needs the service model: make unit"]
fn every_member_of_every_request_decodes_from_all_protocols() {
    let model = read_model("KEW_SERVICE_MODEL");
    let mut count = 0;
    for &operation in Operation::ALL {
        let shape = model["operations"][operation.name()]["input"]["shape"].as_str().unwrap();
        let empty = json_request(operation, "{}").unwrap();
        for member in model["shapes"][shape]["members"].as_object().unwrap().keys() {
            let one = compare(&model, operation, shape, Some(member));
            assert_ne!(one, empty, "{} {member}", operation.name());
            count += 1;
        }
        compare(&model, operation, shape, None);
    }
    assert!(count >= 60, "only {count} members");
}

/// Whether an action has output decides between an empty body and `{}`.
#[test]
#[ignore = "needs the service model: make unit"]
fn actions_with_output_are_those_of_the_model() {
    let model = read_model("KEW_SERVICE_MODEL");
    let void: Vec<_> = Operation::ALL
        .iter()
        .map(|operation| operation.name())
        .filter(|name| model["operations"][name]["output"].is_null())
        .collect();
    let expected = [
        "AddPermission",
        "ChangeMessageVisibility",
        "DeleteMessage",
        "DeleteQueue",
        "PurgeQueue",
        "RemovePermission",
        "SetQueueAttributes",
        "TagQueue",
        "UntagQueue",
    ];
    assert_eq!(void, expected);
}

#[test]
#[ignore = "needs the service model: make unit"]
fn errors_are_those_of_the_model() {
    let model = read_model("KEW_SERVICE_MODEL");
    let modelled: Vec<_> = exceptions(&model).map(|(name, _)| name).collect();
    let mut ours: Vec<_> = ErrorKind::ALL
        .iter()
        .map(|kind| kind.json_type())
        .filter(|(space, _)| *space == "com.amazonaws.sqs#")
        .collect();
    ours.sort();
    assert_eq!(ours.iter().map(|(_, shape)| *shape).collect::<Vec<_>>(), modelled);
    check_codes(&model);
}

fn exceptions(model: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let shapes = model["shapes"].as_object().unwrap();
    shapes.iter().filter(|(_, shape)| shape["exception"] == true).map(|(name, shape)| (name.as_str(), shape))
}

/// Compares codes and statuses where the model has them; returns how many it had.
fn check_codes(model: &Value) -> usize {
    let mut compared = 0;
    for (name, shape) in exceptions(model) {
        let kind = ErrorKind::ALL.iter().find(|kind| kind.json_type() == ("com.amazonaws.sqs#", name));
        let &(_, code, status, fault) = line(*kind.unwrap_or_else(|| panic!("{name} is not in the error table")));
        let error = &shape["error"];
        if let Some(modelled) = error["code"].as_str() {
            assert_eq!((code, fault == "Sender"), (modelled, error["senderFault"] == true), "{name}");
            assert_eq!(json!(status), error["httpStatusCode"], "{name}");
            compared += 1;
        }
    }
    compared
}

/// The last model of the Query protocol (botocore 1.31.80) has what the JSON model left out: names of list elements,
/// and codes.
#[test]
#[ignore = "needs the service model: make unit"]
fn names_and_codes_are_those_of_the_query_model() {
    let model = read_model("KEW_QUERY_MODEL");
    let mut compared = 0;
    for (name, shape) in model["shapes"].as_object().unwrap() {
        let input = name.ends_with("Request") || name.ends_with("RequestEntry") || name.ends_with("AttributeValue");
        for (member, reference) in shape["members"].as_object().into_iter().flatten().filter(|_| input) {
            let target = &model["shapes"][reference["shape"].as_str().unwrap()];
            let location = match target["type"].as_str() {
                Some("list") => &target["member"]["locationName"],
                Some("map") => &reference["locationName"],
                _ => continue,
            };
            // TagQueue's map is named by its shape.
            let expected = location.as_str().or(target["locationName"].as_str()).unwrap();
            let action = name.trim_end_matches("Request");
            assert_eq!(query::element_name(action, member), expected, "{name} {member}");
            compared += 1;
        }
    }
    assert!(compared >= 15, "only {compared} names");
    assert!(check_codes(&model) >= 13);
}
