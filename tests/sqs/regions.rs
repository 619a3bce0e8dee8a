//! Regions and accounts in ARNs and URLs: in the default namespace all regions are one place and each caller sees its own, and an account
//! that has no such queue is the caller's; with the namespace of AWS nothing is understood but what is written.

use crate::fixture::*;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;

const IRELAND: &str = "eu-west-1";

async fn attribute(client: &Client, queue: &str, name: &str) -> Option<String> {
    let call = client.get_queue_attributes().queue_url(queue).attribute_names(QueueAttributeName::from(name));
    call.send().await.unwrap().attributes?.remove(&QueueAttributeName::from(name))
}

fn policy(arn: &str, count: u32) -> String {
    format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":{count}}}"#)
}

fn by_queue(arns: &[&str]) -> String {
    json!({"redrivePermission": "byQueue", "sourceQueueArns": arns}).to_string()
}

async fn create(client: &Client, name: &str, key: &str, value: &str) -> Result<(), String> {
    let call = client.create_queue().queue_name(name).attributes(QueueAttributeName::from(key), value);
    call.send()
        .await
        .map(|_| ())
        .map_err(|error| error.into_service_error().meta().message().unwrap_or_default().to_owned())
}

async fn set(client: &Client, name: &str, key: &str, value: &str) -> Result<(), String> {
    let call = client.set_queue_attributes().queue_url(name).attributes(QueueAttributeName::from(key), value);
    call.send()
        .await
        .map(|_| ())
        .map_err(|error| error.into_service_error().meta().message().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_redrive_policy_shows_each_caller_its_own_region() {
    let queue = kew::QueueConfig::new("o").dead_letter("o-d", 3);
    let kew = Kew::with(kew::Server::builder().queue(queue));
    for region in ["us-east-1", IRELAND, "cn-north-1"] {
        let client = client_as(&kew, "test", region);
        let arn = attribute(&client, "o-d", "QueueArn").await.unwrap();
        assert_eq!(attribute(&client, "o", "RedrivePolicy").await, Some(policy(&arn, 3)), "{region}");
        // What programs do as they start: find the dead-letter queue, and create the queue with a policy that names it.
        assert_eq!(create(&client, "o", "RedrivePolicy", &policy(&arn, 3)).await, Ok(()), "{region}");
        set(&client, "o", "RedrivePolicy", &policy(&arn, 3)).await.unwrap();
    }
    let arn = format!("arn:aws:sqs:{IRELAND}:{ACCOUNT}:o-d");
    let different = create(&kew.client, "o", "RedrivePolicy", &policy(&arn, 4)).await.unwrap_err();
    assert!(different.ends_with("different value for attribute RedrivePolicy"), "{different}");
    let other = create(&kew.client, "o", "RedrivePolicy", &policy(&kew.arn("o"), 3)).await.unwrap_err();
    assert!(other.ends_with("different value for attribute RedrivePolicy"), "{other}");
}

#[tokio::test]
async fn a_policy_with_the_account_of_a_real_queue_is_the_one_with_the_callers_own() {
    let kew = Kew::holding(&[("d", &[])]).await;
    let real = "arn:aws:sqs:us-east-1:123456789012:d";
    create(&kew.client, "q", "RedrivePolicy", &policy(real, 3)).await.unwrap();
    for arn in [real, &kew.arn("d"), "arn:aws:sqs:eu-west-1:123456789012:d"] {
        assert_eq!(create(&kew.client, "q", "RedrivePolicy", &policy(arn, 3)).await, Ok(()), "{arn}");
    }
    assert_eq!(
        kew.attribute("q", "RedrivePolicy").await,
        Some(policy(real, 3)),
        "the account is shown as it was given"
    );
    // Once that account has such a queue, the two are no longer the same.
    client_as(&kew, "123456789012", IRELAND).create_queue().queue_name("d").send().await.unwrap();
    assert!(create(&kew.client, "q", "RedrivePolicy", &policy(&kew.arn("d"), 3)).await.is_err());
    // A queue may be its own target, also before it is there.
    create(&kew.client, "own", "RedrivePolicy", &policy("arn:aws:sqs:us-east-1:999999999999:own", 3)).await.unwrap();
}

#[tokio::test]
async fn an_allow_policy_understands_regions_and_accounts_as_a_redrive_policy_does() {
    let kew = Kew::holding(&[("d", &[]), ("friend", &[])]).await;
    let ireland = client_as(&kew, "test", IRELAND);
    let hard_coded = by_queue(&["arn:aws:sqs:us-east-1:123456789012:friend", "arn:aws:sqs:us-east-1:123456789012:new"]);
    set(&kew.client, "d", "RedriveAllowPolicy", &hard_coded).await.unwrap();
    let target = "arn:aws:sqs:us-east-1:123456789012:d";
    set(&kew.client, "friend", "RedrivePolicy", &policy(target, 1)).await.unwrap();
    set(&ireland, "friend", "RedrivePolicy", &policy(&format!("arn:aws:sqs:{IRELAND}:{ACCOUNT}:d"), 1)).await.unwrap();
    create(&kew.client, "new", "RedrivePolicy", &policy(target, 1)).await.unwrap();
    let denied = create(&kew.client, "stranger", "RedrivePolicy", &policy(target, 1)).await.unwrap_err();
    assert!(denied.ends_with("Redrive permission to the dead-letter queue denied."), "{denied}");

    let shown = attribute(&ireland, "d", "RedriveAllowPolicy").await;
    assert_eq!(shown, Some(hard_coded.replace("us-east-1", IRELAND)));
    assert_eq!(create(&ireland, "d", "RedriveAllowPolicy", &shown.unwrap()).await, Ok(()));
    let own = by_queue(&[&kew.arn("friend"), &kew.arn("new")]);
    assert_eq!(create(&kew.client, "d", "RedriveAllowPolicy", &own).await, Ok(()));
    assert!(create(&kew.client, "d", "RedriveAllowPolicy", &by_queue(&[&kew.arn("new")])).await.is_err());

    // A queue that does have the account which is written is meant, and not the caller's.
    client_as(&kew, "123456789012", "us-east-1").create_queue().queue_name("friend").send().await.unwrap();
    let denied = set(&kew.client, "friend", "RedrivePolicy", &policy(target, 2)).await.unwrap_err();
    assert!(denied.ends_with("Redrive permission to the dead-letter queue denied."), "{denied}");
}

#[tokio::test]
async fn move_tasks_show_each_caller_its_own_region() {
    let kew = Kew::holding(&[("d", &[]), ("to", &[])]).await;
    kew.create("q", &[("RedrivePolicy", &kew.redrive("d", 1))]).await;
    let arn = |region: &str, name: &str| format!("arn:aws:sqs:{region}:{ACCOUNT}:{name}");
    let ireland = client_as(&kew, "test", IRELAND);
    let call = ireland.start_message_move_task().source_arn(arn(IRELAND, "d")).destination_arn(arn(IRELAND, "to"));
    call.send().await.unwrap();
    for (client, region) in [(&kew.client, "us-east-1"), (&ireland, IRELAND)] {
        for asked in ["us-east-1", IRELAND] {
            let listed = client.list_message_move_tasks().source_arn(arn(asked, "d")).send().await.unwrap();
            let task = &listed.results()[0];
            assert_eq!(task.source_arn(), Some(arn(region, "d").as_str()));
            assert_eq!(task.destination_arn(), Some(arn(region, "to").as_str()));
        }
        let sources = client.list_dead_letter_source_queues().queue_url("d").send().await.unwrap();
        assert_eq!(sources.queue_urls(), [kew.url("q")]);
    }
}

#[tokio::test]
async fn in_the_namespace_of_aws_an_arn_means_what_it_says() {
    let kew = Kew::with(kew::Server::builder().mode(kew::Mode::Aws));
    for name in ["d", "q"] {
        kew.create(name, &[]).await;
    }
    set(&kew.client, "q", "RedrivePolicy", &kew.redrive("d", 3)).await.unwrap();
    let elsewhere = policy(&format!("arn:aws:sqs:{IRELAND}:{ACCOUNT}:d"), 3);
    assert!(create(&kew.client, "q", "RedrivePolicy", &elsewhere).await.is_err());
    assert!(set(&kew.client, "q", "RedrivePolicy", &elsewhere).await.is_err());
    set(&kew.client, "d", "RedriveAllowPolicy", &by_queue(&["arn:aws:sqs:us-east-1:123456789012:q"])).await.unwrap();
    assert!(set(&kew.client, "q", "RedrivePolicy", &kew.redrive("d", 3)).await.is_err());
    assert_eq!(kew.attribute("q", "RedrivePolicy").await, Some(kew.redrive("d", 3)));
}

#[tokio::test]
async fn an_arn_longer_than_any_is_none() {
    let kew = Kew::holding(&[("d", &[])]).await;
    kew.create("q", &[("RedrivePolicy", &kew.redrive("d", 1))]).await;
    let long = format!("arn:aws:sqs:{}:{ACCOUNT}:d", "r".repeat(2048));
    let text = "You must use this format to specify the SourceArn: \
                arn:<partition>:<service>:<region>:<account-id>:<resource-id>";
    kew.invalid("StartMessageMoveTask", &json!({"SourceArn": long}), text);
    let set = json!({"QueueUrl": "q", "Attributes": {"RedrivePolicy": policy(&long, 1)}});
    assert_eq!(kew.json("SetQueueAttributes", &set).json_failure().code, "InvalidParameterValue");
}

/// An unsigned request to a host, and a member of the answer.
fn ask(kew: &Kew, host: &str, action: &str, members: Value, wanted: &str) -> Value {
    let target = format!("AmazonSQS.{action}");
    let headers = [("Host", host), ("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", target.as_str())];
    kew.raw("POST", "/", &headers, &members.to_string()).ok().json().pointer(wanted).cloned().unwrap_or_default()
}

#[tokio::test]
async fn the_host_of_an_unsigned_request_names_its_region() {
    let kew = Kew::with(kew::Server::builder().mode(kew::Mode::Aws).region("ap-south-1"));
    for (host, region) in [
        ("sqs.eu-west-1.localhost:9324", "eu-west-1"),
        ("sqs.us-gov-west-1.amazonaws.com:443", "us-gov-west-1"),
        ("eu-central-1.queue.localhost.localstack.cloud:4566", "eu-central-1"),
        ("vpce-0a1b.sqs.eusc-de-east-1.vpce.amazonaws.com:443", "eusc-de-east-1"),
        ("sqs-fips.us-east-2.amazonaws.com:443", "us-east-2"),
        ("sqs.local:9324", "ap-south-1"),
        ("sqs.my-own-host:9324", "ap-south-1"),
        ("sqs:9324", "ap-south-1"),
        ("eu-west-1:9324", "ap-south-1"),
        ("queue.eu-west-1:9324", "ap-south-1"),
        ("127.0.0.1:9324", "ap-south-1"),
    ] {
        let url = ask(&kew, host, "CreateQueue", json!({"QueueName": "q"}), "/QueueUrl");
        assert_eq!(url, format!("http://{host}/{ACCOUNT}/q"));
        let arn = json!({"QueueUrl": "q", "AttributeNames": ["QueueArn"]});
        let partition = if region.contains("gov") {
            "aws-us-gov"
        } else if region.starts_with("eusc") {
            "aws-eusc"
        } else {
            "aws"
        };
        let expected = format!("arn:{partition}:sqs:{region}:{ACCOUNT}:q");
        assert_eq!(ask(&kew, host, "GetQueueAttributes", arn, "/Attributes/QueueArn"), expected, "{host}");
    }
    // A signature says it with more weight.
    let client = client_as(&kew, "test", IRELAND);
    assert_eq!(attribute(&client, "q", "QueueArn").await, Some(format!("arn:aws:sqs:{IRELAND}:{ACCOUNT}:q")));
}

#[tokio::test]
async fn the_host_of_a_queue_url_names_its_region_where_regions_separate_queues() {
    let kew = Kew::with(kew::Server::builder().mode(kew::Mode::Aws));
    let url = |host: &str| format!("http://{host}:9324/{ACCOUNT}/q");
    for region in ["us-east-1", IRELAND] {
        let client = client_as(&kew, "test", region);
        client.create_queue().queue_name("q").send().await.unwrap();
        client.send_message().queue_url("q").message_body(region).send().await.unwrap();
    }
    let receive = |host: &str| kew.client.receive_message().queue_url(url(host)).visibility_timeout(0).send();
    for (host, body) in [
        ("sqs.eu-west-1.localhost", IRELAND),
        ("eu-west-1.queue.localhost", IRELAND),
        ("sqs.us-east-1.localhost", "us-east-1"),
        ("localhost", "us-east-1"),
    ] {
        assert_eq!(bodies(receive(host).await.unwrap().messages()), [body], "{host}");
    }
    assert!(receive("sqs.eu-north-1.localhost").await.unwrap_err().into_service_error().is_queue_does_not_exist());
    // A queue that is created because it was asked for is where it was asked for. Several nodes do not do that.
    let kew = Kew::alone(kew::Server::builder().mode(kew::Mode::Aws).auto_create(true));
    kew.client.send_message().queue_url(url("sqs.eu-west-1.localhost")).message_body("x").send().await.unwrap();
    let ireland = client_as(&kew, "test", IRELAND);
    assert_eq!(bodies(ireland.receive_message().queue_url("q").send().await.unwrap().messages()), ["x"]);
    // Where they do not, every region sees the same queue.
    let merged = Kew::holding(&[("q", &[])]).await;
    merged.client.send_message().queue_url(url("sqs.eu-west-1.localhost")).message_body("x").send().await.unwrap();
    assert_eq!(merged.receive_bodies("q", 1).await, ["x"]);
}

#[tokio::test]
async fn an_external_url_may_name_region_and_account() {
    let external = "https://sqs.{region}.example.com/{account}";
    let kew = Kew::with(kew::Server::builder().mode(kew::Mode::Aws).external_url(external).queue("own"));
    let base = |region: &str, account: &str| format!("https://sqs.{region}.example.com/{account}");
    assert_eq!(kew.server.endpoint_url(), base("us-east-1", ACCOUNT));
    assert_eq!(kew.server.queue_url("own"), format!("{}/{ACCOUNT}/own", base("us-east-1", ACCOUNT)));
    let port = kew.address().port();
    let host = format!("sqs.{IRELAND}.localhost:{port}");
    let url = ask(&kew, &host, "CreateQueue", json!({"QueueName": "q"}), "/QueueUrl");
    assert_eq!(url, format!("{}/{ACCOUNT}/q", base(IRELAND, ACCOUNT)));
    let found = ask(&kew, "localhost", "GetQueueUrl", json!({"QueueName": "own"}), "/QueueUrl");
    assert_eq!(found, kew.server.queue_url("own"));
    // What is given out is understood, whoever asks.
    let arn = json!({"QueueUrl": url, "AttributeNames": ["QueueArn"]});
    let expected = format!("arn:aws:sqs:{IRELAND}:{ACCOUNT}:q");
    assert_eq!(ask(&kew, "localhost", "GetQueueAttributes", arn, "/Attributes/QueueArn"), expected);
}
