//! LocalStack's `/_aws/sqs/messages`: without side effects, in every form, for curl and for SDKs.

use super::fixture::{Answer, Kew};
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sqs::error::ProvideErrorMetadata;
use kew::{ControlMode, Server};
use serde_json::{Value, json};

const PATH: &str = "/_aws/sqs/messages";
const JSON: (&str, &str) = ("Accept", "application/json");
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

fn by_url(kew: &Kew, queue: &str, more: &str, headers: &[(&str, &str)]) -> Answer {
    let url = kew.server.queue_url(queue);
    kew.request("GET", &format!("{PATH}?QueueUrl={url}{more}"), headers, "")
}

/// The messages of a JSON answer.
fn messages(answer: &Answer) -> Vec<Value> {
    let (status, json) = answer.json();
    assert_eq!(status, 200, "{json}");
    match json["ReceiveMessageResponse"]["ReceiveMessageResult"]["Message"].clone() {
        Value::Null => Vec::new(),
        Value::Array(messages) => messages,
        one => vec![one],
    }
}

fn attribute(message: &Value, name: &str) -> Option<String> {
    let attributes = message["Attribute"].as_array().unwrap();
    let found = attributes.iter().find(|attribute| attribute["Name"] == name)?;
    Some(found["Value"].as_str().unwrap().to_owned())
}

fn bodies(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["Body"].as_str().unwrap()).collect()
}

#[test]
fn all_forms_of_address_show_the_same_and_change_nothing() {
    let kew = Kew::start();
    kew.send("orders", "hello <world>");
    let url = kew.server.queue_url("orders");
    let form = format!("Action=ReceiveMessage&QueueUrl={url}");
    let position = kew.get("/queues").1["position"].clone();
    let answers = [
        by_url(&kew, "orders", "", &[]),
        kew.request("GET", &format!("{PATH}/us-east-1/000000000000/orders"), &[], ""),
        kew.request("POST", PATH, &[FORM], &form),
        kew.request(
            "GET",
            &format!("{PATH}?QueueUrl=http://localhost:4566/queue/us-east-1/000000000000/orders"),
            &[],
            "",
        ),
        kew.request(
            "GET",
            &format!("{PATH}?QueueUrl=http://us-east-1.queue.localhost:4566/000000000000/orders"),
            &[],
            "",
        ),
        kew.request(
            "GET",
            &format!("{PATH}?QueueUrl=http://sqs.us-east-1.localhost:4566/000000000000/orders"),
            &[],
            "",
        ),
    ];
    for answer in answers {
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/xml")), "{answer:?}");
        assert!(answer.body.contains("<Body>hello &lt;world&gt;</Body>"), "{answer:?}");
        assert!(answer.body.contains("<ReceiptHandle>SQS/BACKDOOR/ACCESS</ReceiptHandle>"), "{answer:?}");
    }
    let found = messages(&by_url(&kew, "orders", "", &[JSON]));
    assert_eq!(
        (bodies(&found), attribute(&found[0], "ApproximateReceiveCount")),
        (vec!["hello <world>"], Some("0".into()))
    );
    assert_eq!(attribute(&found[0], "ApproximateFirstReceiveTimestamp"), Some("0".into()));
    assert_eq!((attribute(&found[0], "IsVisible"), attribute(&found[0], "IsDelayed")), (None, None));
    assert_eq!(kew.get("/queues").1["position"], position);
    assert_eq!(kew.receive("orders").len(), 1, "it is as visible as before");
    let empty = by_url(&kew, "orders", "", &[JSON]).json().1;
    assert_eq!(empty["ReceiveMessageResponse"]["ReceiveMessageResult"], Value::Null, "none is visible");
}

#[test]
fn invisible_and_delayed_messages_are_shown_when_asked_for() {
    let kew = Kew::start();
    kew.send("orders", "in flight");
    kew.receive("orders");
    kew.send("orders", "visible");
    kew.sqs("SendMessage", json!({"QueueUrl": "orders", "MessageBody": "delayed", "DelaySeconds": 900}));
    let show = |more: &str| messages(&by_url(&kew, "orders", more, &[JSON]));
    assert_eq!(bodies(&show("")), ["visible"]);
    let invisible = show("&ShowInvisible=true");
    assert_eq!(bodies(&invisible), ["in flight", "visible"]);
    let flags = |found: &[Value], name: &str| found.iter().map(|m| attribute(m, name).unwrap()).collect::<Vec<_>>();
    assert_eq!(flags(&invisible, "IsVisible"), ["false", "true"]);
    assert_eq!(attribute(&invisible[0], "IsDelayed"), None);
    let delayed = show("&ShowDelayed=1");
    assert_eq!(
        (bodies(&delayed), flags(&delayed, "IsDelayed")),
        (vec!["visible", "delayed"], vec!["false".into(), "true".into()])
    );
    let all = show("&ShowInvisible=True&ShowDelayed=TRUE");
    assert_eq!(
        (bodies(&all), flags(&all, "IsVisible")),
        (vec!["in flight", "visible", "delayed"], vec!["false".into(), "true".into(), "true".into()])
    );
    assert_eq!(bodies(&show("&ShowInvisible=yes")), ["visible"]);
}

#[test]
fn on_a_fifo_queue_the_whole_group_of_a_message_in_flight_is_invisible() {
    let kew = Kew::with(Server::builder().queue("jobs.fifo"));
    for (group, body) in [("a", "a1"), ("a", "a2"), ("b", "b1")] {
        let message = json!({"QueueUrl": "jobs.fifo", "MessageBody": body, "MessageGroupId": group, "MessageDeduplicationId": body});
        assert_eq!(kew.sqs("SendMessage", message).0, 200);
    }
    let (_, received) = kew.sqs("ReceiveMessage", json!({"QueueUrl": "jobs.fifo"}));
    assert_eq!(received["Messages"][0]["Body"], "a1");
    assert_eq!(bodies(&messages(&by_url(&kew, "jobs.fifo", "", &[JSON]))), ["b1"]);
    let all = messages(&by_url(&kew, "jobs.fifo", "&ShowInvisible=true", &[JSON]));
    assert_eq!(bodies(&all), ["a1", "a2", "b1"]);
    assert_eq!(attribute(&all[0], "MessageGroupId").as_deref(), Some("a"));
}

#[test]
fn what_it_does_not_know_is_refused_in_the_clients_own_protocol() {
    let kew = Kew::start();
    let code = |answer: Answer| {
        let (status, json) = answer.json();
        (status, json["ErrorResponse"]["Error"]["Code"].as_str().unwrap().to_owned())
    };
    let get = |rest: &str| code(kew.request("GET", &format!("{PATH}{rest}"), &[JSON], ""));
    let none = (400, "AWS.SimpleQueueService.NonExistentQueue".to_owned());
    assert_eq!(
        [get(""), get("?QueueUrl="), get("/us-east-1/000000000000/none")],
        [none.clone(), none.clone(), none.clone()]
    );
    assert_eq!(code(by_url(&kew, "none", "", &[JSON])), none);
    for url in ["orders", "http://localhost/orders", "http://localhost"] {
        assert_eq!(get(&format!("?QueueUrl={url}")), (404, "InvalidAddress".to_owned()), "{url}");
    }
    for body in ["Action=SendMessage&MessageBody=x", "Action=ListQueues", "Action=Nonsense", ""] {
        let (status, error) = code(kew.request("POST", PATH, &[FORM, JSON], body));
        assert!(status == 400 && (error == "InvalidRequest" || body == "Action=Nonsense"), "{body}: {error}");
    }
    let target = ("X-Amz-Target", "AmazonSQS.ListQueues");
    let answer = kew.request("POST", PATH, &[("Content-Type", "application/x-amz-json-1.0"), target], "{}");
    assert_eq!((answer.status, answer.header("x-amzn-query-error")), (400, Some("InvalidRequest;Sender")));
}

#[test]
fn it_is_for_those_who_may_use_test_control_and_for_no_web_page() {
    let off = Kew::with(Server::builder().queue("orders").control(ControlMode::Off));
    assert_eq!(by_url(&off, "orders", "", &[]).status, 403);
    let token = Kew::with(Server::builder().queue("orders").control_token("s3cret"));
    assert_eq!(by_url(&token, "orders", "", &[]).status, 403);
    assert_eq!(by_url(&token, "orders", "", &[("Authorization", "Bearer s3cret")]).status, 200);
    let on = Kew::start();
    assert_eq!(by_url(&on, "orders", "", &[("Origin", "http://evil.example")]).status, 403);
    assert_eq!(by_url(&on, "orders", "", &[("Host", "evil.example")]).status, 403);
}

#[test]
fn an_sdk_has_it_as_its_endpoint() {
    let kew = Kew::start();
    let id = kew.send("orders", "hello");
    let credentials = Credentials::new("test", "test", None, None, "test");
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(credentials)
        .endpoint_url(format!("{}{PATH}", kew.server.endpoint_url()))
        .build();
    let client = aws_sdk_sqs::Client::from_conf(config);
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        for _ in 0..2 {
            let received = client.receive_message().queue_url(kew.server.queue_url("orders")).send().await.unwrap();
            let message = &received.messages()[0];
            assert_eq!(
                (message.message_id(), message.receipt_handle()),
                (Some(id.as_str()), Some("SQS/BACKDOOR/ACCESS"))
            );
            assert_eq!(message.attributes().unwrap().len(), 4);
        }
        let refused = client.list_queues().send().await.unwrap_err();
        assert_eq!(refused.code(), Some("InvalidRequest"));
    });
}
