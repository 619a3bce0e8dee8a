//! How a queue is named: every shape of queue URL, hosts and paths, accounts and regions.

use crate::fixture::*;

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

#[tokio::test]
async fn every_shape_of_queue_url_finds_the_queue() {
    let kew = Kew::holding(&[("q", &[]), ("q.fifo", &[])]).await;
    for queue in ["q", "q.fifo"] {
        for url in [
            queue.to_owned(),
            kew.url(queue),
            format!("https://sqs.us-east-1.amazonaws.com/{ACCOUNT}/{queue}"),
            format!("https://sqs.eu-west-1.amazonaws.com/123456789012/{queue}"),
            format!("https://sqs.us-east-1.amazonaws.com/2233334/{queue}"),
            format!("https://queue.amazonaws.com/80398/{queue}"),
            format!("https://us-east-2.queue.amazonaws.com/{ACCOUNT}/{queue}"),
            format!("http://sqs.us-east-1.localhost.localstack.cloud:4566/{ACCOUNT}/{queue}"),
            format!("http://us-east-1.queue.localhost.localstack.cloud:4566/{ACCOUNT}/{queue}"),
            format!("http://localhost:4566/queue/us-east-1/{ACCOUNT}/{queue}"),
            format!("http://localhost:4566/queue/{queue}"),
            format!("http://elasticmq:9324/{ACCOUNT}/{queue}"),
            format!("http://localhost:9324/queue/{queue}"),
            format!("/{ACCOUNT}/{queue}"),
        ] {
            let get = json!({"QueueUrl": url, "AttributeNames": ["QueueArn"]});
            let answer = kew.json("GetQueueAttributes", &get).ok().json();
            assert_eq!(answer["Attributes"]["QueueArn"], kew.arn(queue), "{url}");
            assert_eq!(kew.query("GetQueueAttributes", &get).ok().xml("Value"), Some(kew.arn(queue)), "{url}");
        }
    }
}

#[tokio::test]
async fn what_is_no_queue_url_is_a_missing_queue() {
    let kew = Kew::holding(&[("q", &[])]).await;
    for url in ["http://whatever-incorrect-queue-address", "", "http://localhost/", "Q", "http://h/000000000000/gone"] {
        let send = json!({"QueueUrl": url, "MessageBody": "x"});
        kew.refuses_in_json("SendMessage", &send, 400, NO_QUEUE_CODE, NO_QUEUE);
    }
    for action in ["SendMessage", "ReceiveMessage", "DeleteQueue", "ListQueueTags", "SetQueueAttributes"] {
        kew.refuses_in_json(action, &json!({}), 400, NO_QUEUE_CODE, NO_QUEUE);
    }
}

#[tokio::test]
async fn a_form_with_neither_queue_url_nor_path_is_refused() {
    let kew = Kew::start();
    let found = kew.query("SendMessage", &json!({"MessageBody": "x"}));
    assert_eq!(found.status, 400);
    let code = found.xml("Code").unwrap();
    assert!(code == "InvalidAction" || code == NO_QUEUE_CODE, "{found:?}");
}

#[tokio::test]
async fn a_get_on_the_queue_path_works_as_well() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let path = format!("/{ACCOUNT}/q?Action=SendMessage&MessageBody=a+b%20c");
    let sent = kew.raw("GET", &path, &[], "").ok();
    assert!(sent.text().starts_with("<?xml version=\"1.0\"?><SendMessageResponse"), "{sent:?}");
    assert_eq!(kew.receive_bodies("q", 1).await, ["a b c"]);
    let path = "/?Action=GetQueueUrl&QueueName=q&Version=2011-10-01&AWSAccessKeyId=x&Signature=y&Timestamp=z";
    assert_eq!(kew.raw("GET", path, &[], "").ok().xml("QueueUrl"), Some(kew.url("q")));
}

#[tokio::test]
async fn on_a_queue_path_queues_are_neither_created_nor_listed() {
    let kew = Kew::holding(&[("q", &[])]).await;
    for action in ["CreateQueue", "ListQueues"] {
        let found = kew.raw("POST", &format!("/{ACCOUNT}/q"), &[FORM], &format!("Action={action}&QueueName=r"));
        let text = format!("The action {action} is not valid for this endpoint.");
        assert_eq!(found.xml_failure(), failure(400, "InvalidAction", &text));
    }
    let found = kew.raw("POST", &format!("/{ACCOUNT}/other"), &[FORM], "Action=GetQueueUrl&QueueName=q").ok();
    assert_eq!(found.xml("QueueUrl"), Some(kew.url("q")));
}

#[tokio::test]
async fn unknown_actions_are_refused() {
    let kew = Kew::start();
    let found = kew.query("FooBar", &json!({})).xml_failure();
    assert_eq!(found, failure(400, "InvalidAction", "The action FooBar is not valid for this endpoint."));
    let found = kew.json("FooBar", &json!({})).json_failure();
    assert_eq!((found.status, found.code.as_str()), (400, "InvalidAction"));
}

#[tokio::test]
async fn queue_urls_are_built_from_the_host_of_the_request() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let port = kew.address().port();
    let with_host = |host: &str, proto: Option<&str>| {
        let mut headers = vec![
            ("Host", host),
            ("Content-Type", "application/x-amz-json-1.0"),
            ("X-Amz-Target", "AmazonSQS.GetQueueUrl"),
        ];
        headers.extend(proto.map(|proto| ("X-Forwarded-Proto", proto)));
        let answer = kew.raw("POST", "/", &headers, r#"{"QueueName":"q"}"#).ok().json();
        answer["QueueUrl"].as_str().unwrap().to_owned()
    };
    assert_eq!(with_host("sqs:9324", None), format!("http://sqs:9324/{ACCOUNT}/q"));
    assert_eq!(with_host("localhost:4566", None), format!("http://localhost:4566/{ACCOUNT}/q"));
    // Some clients leave the port out.
    assert_eq!(with_host("localhost", None), format!("http://localhost:{port}/{ACCOUNT}/q"));
    assert_eq!(with_host("sqs.example.com", Some("https")), format!("https://sqs.example.com/{ACCOUNT}/q"));
}

#[tokio::test]
async fn a_configured_external_url_wins_over_the_host() {
    let server = kew::Server::builder().external_url("https://queues.example.com").queue("q");
    let server = server.manual_clock().start().unwrap();
    let headers = [("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", "AmazonSQS.ListQueues")];
    let answer = raw(server.addresses()[0], "POST", "/", &headers, "{}").ok().json();
    assert_eq!(answer["QueueUrls"], json!([format!("https://queues.example.com/{ACCOUNT}/q")]));
}

#[tokio::test]
async fn an_access_key_of_twelve_digits_is_an_account() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let other = client_as(&kew, "111122223333", "us-east-1");
    let url = other.create_queue().queue_name("theirs").send().await.unwrap().queue_url.unwrap();
    assert!(url.ends_with("/111122223333/theirs"), "{url}");
    assert_eq!(other.list_queues().send().await.unwrap().queue_urls(), [url.as_str()]);
    assert_eq!(kew.client.list_queues().send().await.unwrap().queue_urls(), [kew.url("q")]);
    // A name alone is one of the caller's own account; the URL reaches across.
    let mine = kew.client.get_queue_url().queue_name("theirs").send().await;
    assert!(mine.unwrap_err().into_service_error().is_queue_does_not_exist());
    kew.client.send_message().queue_url(&url).message_body("x").send().await.unwrap();
    let call = kew.client.get_queue_url().queue_name("theirs").queue_owner_aws_account_id("111122223333");
    assert_eq!(call.send().await.unwrap().queue_url(), Some(url.as_str()));
    let call = other.receive_message().queue_url(&url).message_system_attribute_names("All".into());
    let message = call.send().await.unwrap().messages.unwrap().remove(0);
    assert_eq!(system(&message, "SenderId").as_deref(), Some(ACCOUNT));
}

#[tokio::test]
async fn merged_regions_are_one_and_each_caller_sees_its_own() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let ireland = client_as(&kew, "test", "eu-west-1");
    let call = ireland.get_queue_attributes().queue_url(kew.url("q")).attribute_names("All".into());
    let attributes = call.send().await.unwrap().attributes.unwrap();
    assert_eq!(attributes[&"QueueArn".into()], format!("arn:aws:sqs:eu-west-1:{ACCOUNT}:q"));
    assert_eq!(ireland.list_queues().send().await.unwrap().queue_urls(), [kew.url("q")]);
    ireland.create_queue().queue_name("dead").send().await.unwrap();
    // A policy written in one region means the queue that all regions see.
    kew.set("q", "RedrivePolicy", &kew.redrive("dead", 1)).await;
    kew.set("q", "VisibilityTimeout", "1").await;
    kew.send("q", "x").await;
    kew.receive_one("q").await;
    kew.turn(1);
    kew.receive("q", 1).await;
    let call = ireland.receive_message().queue_url("dead").message_system_attribute_names("All".into());
    let message = call.send().await.unwrap().messages.unwrap().remove(0);
    let source = system(&message, "DeadLetterQueueSourceArn");
    assert_eq!(source, Some(format!("arn:aws:sqs:eu-west-1:{ACCOUNT}:q")));
}

#[tokio::test]
async fn in_aws_mode_regions_separate_queues() {
    let kew = Kew::with(kew::Server::builder().mode(kew::Mode::Aws));
    kew.create("q", &[]).await;
    kew.send("q", "virginia").await;
    let ireland = client_as(&kew, "test", "eu-west-1");
    let missing = ireland.send_message().queue_url(kew.url("q")).message_body("x").send().await;
    assert!(missing.unwrap_err().into_service_error().is_queue_does_not_exist());
    assert_eq!(ireland.list_queues().send().await.unwrap().queue_urls, None);
    ireland.create_queue().queue_name("q").send().await.unwrap();
    assert_eq!(ireland.receive_message().queue_url("q").send().await.unwrap().messages, None);
    assert_eq!(kew.receive_bodies("q", 1).await, ["virginia"]);
}

#[tokio::test]
async fn in_aws_mode_a_foreign_account_is_not_ones_own() {
    let kew = Kew::with(kew::Server::builder().mode(kew::Mode::Aws));
    kew.create("q", &[]).await;
    let foreign = json!({"QueueUrl": "https://sqs.us-east-1.amazonaws.com/2233334/q", "MessageBody": "x"});
    kew.refuses("SendMessage", &foreign, 400, NO_QUEUE_CODE, NO_QUEUE);
    let kew = Kew::holding(&[("q", &[])]).await;
    kew.json("SendMessage", &foreign).ok();
}

#[tokio::test]
async fn in_aws_mode_a_dead_letter_queue_is_of_the_same_region_and_account() {
    let kew = Kew::with(kew::Server::builder().mode(kew::Mode::Aws));
    kew.create("q", &[]).await;
    for (key, region) in [("test", "eu-west-1"), ("111122223333", "us-east-1")] {
        let account = if key == "test" { ACCOUNT } else { key };
        client_as(&kew, key, region).create_queue().queue_name("dead").send().await.unwrap();
        let policy = format!(r#"{{"deadLetterTargetArn":"arn:aws:sqs:{region}:{account}:dead","maxReceiveCount":1}}"#);
        let set = json!({"QueueUrl": kew.url("q"), "Attributes": {"RedrivePolicy": policy}});
        let found = kew.json("SetQueueAttributes", &set);
        assert_eq!(
            (found.status, found.header_or_empty("x-amzn-query-error")),
            (400, "InvalidParameterValue;Sender"),
            "{region}"
        );
    }
}

#[tokio::test]
async fn the_partition_of_an_arn_follows_the_region() {
    let kew = Kew::holding(&[("q", &[])]).await;
    for (region, partition) in [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), ("elasticmq", "aws")] {
        let client = client_as(&kew, "test", region);
        let call = client.get_queue_attributes().queue_url(kew.url("q")).attribute_names("QueueArn".into());
        let attributes = call.send().await.unwrap().attributes.unwrap();
        assert_eq!(attributes[&"QueueArn".into()], format!("arn:{partition}:sqs:{region}:{ACCOUNT}:q"));
    }
}

#[tokio::test]
async fn account_and_region_of_unsigned_requests_can_be_set() {
    let server = kew::Server::builder().account("999988887777").region("ap-south-1").queue("q");
    let server = server.manual_clock().start().unwrap();
    assert!(server.queue_url("q").ends_with("/999988887777/q"));
    let headers = [("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", "AmazonSQS.GetQueueAttributes")];
    let body = r#"{"QueueUrl":"q","AttributeNames":["QueueArn"]}"#;
    let answer = raw(server.addresses()[0], "POST", "/", &headers, body).ok().json();
    assert_eq!(answer["Attributes"]["QueueArn"], "arn:aws:sqs:ap-south-1:999988887777:q");
}
