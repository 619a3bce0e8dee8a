//! Regions and accounts in ARNs: in the default namespace all regions are one place and each caller sees its own, and an account
//! that has no such queue is the caller's; with the namespace of AWS nothing is understood but what is written.

use crate::support::*;
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
        let client = client_as(&kew.server, "test", region);
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
    client_as(&kew.server, "123456789012", IRELAND).create_queue().queue_name("d").send().await.unwrap();
    assert!(create(&kew.client, "q", "RedrivePolicy", &policy(&kew.arn("d"), 3)).await.is_err());
    // A queue may be its own target, also before it is there.
    create(&kew.client, "own", "RedrivePolicy", &policy("arn:aws:sqs:us-east-1:999999999999:own", 3)).await.unwrap();
}

#[tokio::test]
async fn an_allow_policy_understands_regions_and_accounts_as_a_redrive_policy_does() {
    let kew = Kew::holding(&[("d", &[]), ("friend", &[])]).await;
    let ireland = client_as(&kew.server, "test", IRELAND);
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
    client_as(&kew.server, "123456789012", "us-east-1").create_queue().queue_name("friend").send().await.unwrap();
    let denied = set(&kew.client, "friend", "RedrivePolicy", &policy(target, 2)).await.unwrap_err();
    assert!(denied.ends_with("Redrive permission to the dead-letter queue denied."), "{denied}");
}

#[tokio::test]
async fn move_tasks_show_each_caller_its_own_region() {
    let kew = Kew::holding(&[("d", &[]), ("to", &[])]).await;
    kew.create("q", &[("RedrivePolicy", &kew.redrive("d", 1))]).await;
    let arn = |region: &str, name: &str| format!("arn:aws:sqs:{region}:{ACCOUNT}:{name}");
    let ireland = client_as(&kew.server, "test", IRELAND);
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
