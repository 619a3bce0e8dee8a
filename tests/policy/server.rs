//! A server with credentials and policies, as clients see it: signed by an SDK, unsigned in both protocols, and its control API.

use crate::support::http::{Answer, Peer, form, get, json};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{Credentials, Region};
use kew::{Clock, Config, PolicyMode, Server};
use serde_json::{Value, json};
use std::io::Write;
use tempfile::NamedTempFile;

const ANN: &str = "arn:aws:iam::000000000000:user/ann";

/// A credentials file: the root of the default account, and a user with a policy.
fn keys(policy: Option<&Value>) -> NamedTempFile {
    // For nobody else to read, as it is made.
    let mut file = NamedTempFile::new().unwrap();
    let policy = policy.map(|policy| format!("policy = '''{policy}'''\n")).unwrap_or_default();
    let root = "[[key]]\naccess-key = \"AKIAROOT\"\nsecret = \"r\"\n";
    let ann = format!("[[key]]\naccess-key = \"AKIAANN\"\nsecret = \"a\"\nprincipal = \"{ANN}\"\n{policy}");
    write!(file, "{root}{ann}").unwrap();
    file
}

fn start(keys: &NamedTempFile, policies: PolicyMode) -> Server {
    let mut config = Config::default();
    config.listen = vec![([127, 0, 0, 1], 0).into()];
    config.credentials = Some(keys.path().to_owned());
    config.policies = policies;
    Server::start(&config, Clock::manual()).unwrap()
}

fn client(server: &Server, key: &str, secret: &str) -> Client {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version_latest()
        .endpoint_url(server.endpoint_url())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(key, secret, None, None, "test"))
        .retry_config(aws_sdk_sqs::config::retry::RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

async fn queue(server: &Server, name: &str) -> String {
    let root = client(server, "AKIAROOT", "r");
    root.create_queue().queue_name(name).send().await.unwrap().queue_url.unwrap()
}

/// The control API's answer to a path.
fn control(server: &Server, path: &str) -> (u16, Value) {
    let answer = Peer::of(server).ask(get(&format!("/_kew{path}")));
    (answer.status, answer.json())
}

/// What an application does; the first thing that goes wrong.
async fn run(client: &Client, url: &str) -> Result<(), aws_sdk_sqs::Error> {
    client.get_queue_url().queue_name("orders").send().await?;
    client.send_message().queue_url(url).message_body("b").send().await?;
    let received = client.receive_message().queue_url(url).send().await?;
    for message in received.messages() {
        client.delete_message().queue_url(url).receipt_handle(message.receipt_handle().unwrap()).send().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_with_warnings_suggests_the_policy_with_which_it_passes() {
    let without = keys(None);
    let server = start(&without, PolicyMode::Warn);
    let url = queue(&server, "orders").await;
    run(&client(&server, "AKIAANN", "a"), &url).await.unwrap();
    let (status, suggested) = control(&server, "/policies/suggest?as=AKIAANN");
    let policy = &suggested["policies"][0]["policy"];
    let actions = ["sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage", "sqs:SendMessage"];
    let resource = "arn:aws:sqs:us-east-1:000000000000:orders";
    let statement = json!({"Effect": "Allow", "Action": actions, "Resource": [resource]});
    assert_eq!((status, policy), (200, &json!({"Version": "2012-10-17", "Statement": [statement]})));
    let (_, overview) = control(&server, "/policies");
    assert_eq!((&overview["mode"], &overview["denied"]["sqs:SendMessage"]), (&json!("warn"), &json!(1)));
    assert_eq!(overview["principals"], json!(["arn:aws:iam::000000000000:root", ANN]));
    let metrics = Peer::of(&server).ask(get("/metrics")).ok();
    assert!(metrics.text().contains("kew_policy_denied_total{action=\"SendMessage\"} 1\n"), "{}", metrics.text());
    server.shutdown().await;

    let with = keys(Some(policy));
    let server = start(&with, PolicyMode::Enforce);
    let url = queue(&server, "orders").await;
    run(&client(&server, "AKIAANN", "a"), &url).await.unwrap();
    for (index, action) in actions.iter().enumerate() {
        let mut less = policy.clone();
        less["Statement"][0]["Action"].as_array_mut().unwrap().remove(index);
        let with = keys(Some(&less));
        let server = start(&with, PolicyMode::Enforce);
        let url = queue(&server, "orders").await;
        assert!(run(&client(&server, "AKIAANN", "a"), &url).await.is_err(), "{action}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_is_an_access_denied_of_the_protocol() {
    let keys = keys(None);
    let server = start(&keys, PolicyMode::Enforce);
    let url = queue(&server, "orders").await;
    let ann = client(&server, "AKIAANN", "a");
    let error = ann.send_message().queue_url(&url).message_body("b").send().await.unwrap_err();
    assert_eq!(error.raw_response().unwrap().status().as_u16(), 403);
    let error = error.into_service_error();
    let expected = "User: arn:aws:iam::000000000000:user/ann is not authorized to perform: sqs:sendmessage on resource: \
                    arn:aws:sqs:us-east-1:000000000000:orders because no identity-based policy allows the sqs:sendmessage \
                    action";
    assert_eq!((error.meta().code(), error.meta().message()), (Some("AccessDenied"), Some(expected)));
    let error = ann.get_queue_url().queue_name("orders").send().await.unwrap_err().into_service_error();
    assert!(error.is_queue_does_not_exist(), "{error:?}");

    // Who signs nothing, in both protocols.
    let unsigned = "Access to the resource https://";
    let answer: Answer = Peer::of(&server).ask(json("PurgeQueue", json!({ "QueueUrl": url }).to_string()));
    answer.json_error(403, "AccessDeniedException", "AccessDenied");
    assert!(answer.json()["message"].as_str().unwrap().starts_with(unsigned), "{}", answer.text());
    let answer = Peer::of(&server).ask(form(format!("Action=PurgeQueue&QueueUrl={url}")));
    answer.xml_error(403, "AccessDenied");
    assert!(answer.text().contains(&format!("<Message>{unsigned}")), "{}", answer.text());
    // Nothing else that is wrong with the request is told to nobody.
    Peer::of(&server).ask(json("PurgeQueue", "[")).json_error(403, "AccessDeniedException", "AccessDenied");

    // Unless the queue is for everyone.
    let open = json!({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sqs:PurgeQueue", "Resource": "*"}});
    let root = client(&server, "AKIAROOT", "r");
    let set = root.set_queue_attributes().queue_url(&url);
    set.attributes(aws_sdk_sqs::types::QueueAttributeName::Policy, open.to_string()).send().await.unwrap();
    Peer::of(&server).ask(json("PurgeQueue", json!({ "QueueUrl": url }).to_string())).ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_kew_explains_its_decisions() {
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "Near", "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*",
         "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}, "ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:t"}}}]});
    let keys = keys(Some(&policy));
    let server = start(&keys, PolicyMode::Enforce);
    queue(&server, "orders").await;
    let path = "/policies/explain?as=AKIAANN&action=sqs:SendMessage&queue=orders";
    let (status, denied) = control(&server, path);
    assert_eq!((status, &denied["allowed"], &denied["statement"]), (200, &json!(false), &Value::Null));
    assert!(denied["answer"].as_str().unwrap().contains("because no identity-based policy"), "{denied}");
    let near = format!("{path}&sourceIp=10.1.2.3&context.aws:SourceArn=arn:aws:sns:us-east-1:1:t");
    let (_, allowed) = control(&server, &near);
    let place = format!("{}:8", keys.path().display());
    let statement = json!({"policy": "principal", "place": place, "number": 1, "sid": "Near"});
    assert_eq!((&allowed["allowed"], &allowed["statement"]), (&json!(true), &statement));
    for (path, status, error) in [
        ("as=AKIAAN&action=SendMessage&queue=orders", 404, "there is no key and no principal `AKIAAN`"),
        ("as=AKIAANN&action=SendMesage&queue=orders", 400, "there is no action `SendMesage`"),
        ("as=AKIAANN&action=SendMessage&queue=ordrs", 404, "there is no queue `ordrs`"),
        ("as=AKIAANN&action=SendMessage", 400, "SendMessage is about a queue"),
        ("action=SendMessage", 400, "missing field `as`"),
    ] {
        let (found, refusal) = control(&server, &format!("/policies/explain?{path}"));
        assert_eq!((found, refusal["error"].as_str().unwrap()), (status, error), "{path}");
    }
    assert_eq!(control(&server, "/policies/suggest?as=AKIAANN").0, 404);
    for path in
        ["as=anonymous&action=ListQueues", "as=AKIAANN&action=CreateQueue&queue=new", "as=AKIAROOT&action=ListQueues"]
    {
        let (status, decided) = control(&server, &format!("/policies/explain?{path}"));
        assert_eq!((status, decided["allowed"].as_bool().unwrap()), (200, path.contains("ROOT")), "{decided}");
    }
}

#[test]
fn without_credentials_nothing_is_asked() {
    let server = Server::builder().queue("orders").start().unwrap();
    assert_eq!(control(&server, "/policies").1["mode"], "off");
    for path in ["/policies/suggest", "/policies/explain?as=AKIA&action=ListQueues"] {
        assert_eq!(control(&server, path).0, 409, "{path}");
    }
    let deny = json!({"Statement": {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}}).to_string();
    let set = json!({"QueueUrl": "orders", "Attributes": {"Policy": deny}}).to_string();
    Peer::of(&server).ask(json("SetQueueAttributes", set)).ok();
    Peer::of(&server).ask(json("SendMessage", json!({"QueueUrl": "orders", "MessageBody": "b"}).to_string())).ok();
}
