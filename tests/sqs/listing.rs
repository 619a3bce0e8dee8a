//! ListQueues and ListDeadLetterSourceQueues, page by page. Tags. Permissions.

use crate::fixture::*;
use std::collections::BTreeMap;

fn urls(kew: &Kew, names: &[&str]) -> Vec<String> {
    names.iter().map(|name| kew.url(name)).collect()
}

#[tokio::test]
async fn queues_are_listed_by_name_and_prefix() {
    let kew = Kew::holding(&[("b-2", &[]), ("a", &[]), ("b-1", &[]), ("b-3.fifo", &[]), ("B-4", &[])]).await;
    let list = async |prefix: &str| {
        let call = kew.client.list_queues().queue_name_prefix(prefix);
        call.send().await.unwrap().queue_urls.unwrap_or_default()
    };
    assert_eq!(list("").await, urls(&kew, &["B-4", "a", "b-1", "b-2", "b-3.fifo"]));
    assert_eq!(list("b-").await, urls(&kew, &["b-1", "b-2", "b-3.fifo"]));
    assert!(list("c").await.is_empty());
    let xml = kew.query("ListQueues", &json!({"QueueNamePrefix": "b-"})).ok();
    assert_eq!(xml.xml_all("QueueUrl"), urls(&kew, &["b-1", "b-2", "b-3.fifo"]));
}

#[tokio::test]
async fn pages_of_queues_follow_each_other() {
    let kew = Kew::holding(&[("q1", &[]), ("q2", &[]), ("q3", &[]), ("q4", &[]), ("q5", &[])]).await;
    let pages: Vec<_> = {
        let mut stream = kew.client.list_queues().queue_name_prefix("q").max_results(2).into_paginator().send();
        let mut pages = Vec::new();
        while let Some(page) = stream.next().await {
            pages.push(page.unwrap().queue_urls.unwrap_or_default());
        }
        pages
    };
    assert_eq!(pages, [urls(&kew, &["q1", "q2"]), urls(&kew, &["q3", "q4"]), urls(&kew, &["q5"])]);
    // A page that is full and the last has no token; without MaxResults there is never one.
    assert_eq!(kew.json("ListQueues", &json!({"MaxResults": 5})).ok().json()["NextToken"], Value::Null);
    assert_eq!(kew.json("ListQueues", &json!({})).ok().json()["NextToken"], Value::Null);
    let first = kew.query("ListQueues", &json!({"MaxResults": 4})).ok();
    let token = first.xml("NextToken").unwrap();
    let second = kew.query("ListQueues", &json!({"MaxResults": 4, "NextToken": token})).ok();
    assert_eq!((second.xml_all("QueueUrl"), second.xml("NextToken")), (urls(&kew, &["q5"]), None));
}

#[tokio::test]
async fn a_page_has_a_thousand_queues_at_most() {
    let kew = Kew::start();
    for n in 0..1001 {
        kew.json("CreateQueue", &json!({"QueueName": format!("q{n:04}")})).ok();
    }
    let all = kew.client.list_queues().send().await.unwrap();
    assert_eq!((all.queue_urls().len(), all.next_token()), (1000, None));
    let page = kew.client.list_queues().max_results(1000).send().await.unwrap();
    assert_eq!(page.queue_urls().len(), 1000);
    let rest = kew.client.list_queues().max_results(1000).next_token(page.next_token().unwrap()).send().await.unwrap();
    assert_eq!(rest.queue_urls(), [kew.url("q1000")]);
}

#[tokio::test]
async fn tokens_and_page_sizes_are_checked() {
    let kew = Kew::holding(&[("dead", &[]), ("q1", &[]), ("q2", &[])]).await;
    let range = "Value for parameter MaxResults is invalid. Reason: MaxResults must be an integer between 1 and 1000.";
    for value in [-1, 1001] {
        kew.invalid("ListQueues", &json!({"MaxResults": value}), range);
        let list = json!({"QueueUrl": kew.url("dead"), "MaxResults": value});
        kew.invalid("ListDeadLetterSourceQueues", &list, range);
    }
    let page = kew.json("ListQueues", &json!({"MaxResults": 1})).ok().json();
    let token = page["NextToken"].as_str().unwrap();
    let text = "MaxResults is a mandatory parameter when you provide a value for NextToken.";
    kew.invalid("ListQueues", &json!({"NextToken": token}), text);
    kew.invalid("ListQueues", &json!({"NextToken": "junk!", "MaxResults": 1}), "Invalid NextToken value.");
    let other = json!({"NextToken": token, "MaxResults": 1, "QueueNamePrefix": "q"});
    let text =
        "Invalid NextToken value. If you are passing in NextToken, you must not change the other request parameters.";
    kew.invalid("ListQueues", &other, text);
}

#[tokio::test]
async fn the_sources_of_a_dead_letter_queue_are_listed_page_by_page() {
    let kew = Kew::holding(&[("dead", &[]), ("other", &[])]).await;
    for queue in ["s3", "s1", "s2"] {
        kew.create(queue, &[("RedrivePolicy", &kew.redrive("dead", 1))]).await;
    }
    kew.create("t", &[("RedrivePolicy", &kew.redrive("other", 1))]).await;
    let dead = json!({"QueueUrl": kew.url("dead")});
    let answer = kew.json("ListDeadLetterSourceQueues", &dead).ok().json();
    // Lower case, here alone.
    assert_eq!(answer, json!({"queueUrls": urls(&kew, &["s1", "s2", "s3"])}));
    let xml = kew.query("ListDeadLetterSourceQueues", &dead).ok();
    assert_eq!(xml.xml_all("QueueUrl"), urls(&kew, &["s1", "s2", "s3"]));
    let call = kew.client.list_dead_letter_source_queues().queue_url(kew.url("dead"));
    let mut stream = call.max_results(2).into_paginator().send();
    assert_eq!(stream.next().await.unwrap().unwrap().queue_urls(), urls(&kew, &["s1", "s2"]));
    assert_eq!(stream.next().await.unwrap().unwrap().queue_urls(), urls(&kew, &["s3"]));
    assert!(stream.next().await.is_none());
    // The list follows the policies.
    kew.set("s1", "RedrivePolicy", "").await;
    kew.client.delete_queue().queue_url(kew.url("s2")).send().await.unwrap();
    let answer = kew.json("ListDeadLetterSourceQueues", &dead).ok().json();
    assert_eq!(answer, json!({"queueUrls": urls(&kew, &["s3"])}));
}

async fn tags(kew: &Kew) -> BTreeMap<String, String> {
    let call = kew.client.list_queue_tags().queue_url(kew.url("q"));
    call.send().await.unwrap().tags.unwrap_or_default().into_iter().collect()
}

#[tokio::test]
async fn tags_are_added_overwritten_and_removed() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let url = kew.url("q");
    let tag = json!({"QueueUrl": url, "Tags": {"a": "1", "A": "2", "é_.:/=+-@ 9": "", "b": "x y"}});
    kew.json("TagQueue", &tag).ok();
    kew.query("TagQueue", &json!({"QueueUrl": url, "Tags": {"a": "3"}})).ok();
    let text = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    assert_eq!(tags(&kew).await, text(&[("A", "2"), ("a", "3"), ("b", "x y"), ("é_.:/=+-@ 9", "")]));
    let xml = kew.query("ListQueueTags", &json!({"QueueUrl": url})).ok();
    assert_eq!((xml.xml_all("Key").len(), xml.xml_all("Value").len()), (4, 4));
    // Removing what is not there is silent.
    kew.query("UntagQueue", &json!({"QueueUrl": url, "TagKeys": ["a", "absent"]})).ok();
    kew.json("UntagQueue", &json!({"QueueUrl": url, "TagKeys": ["b", "é_.:/=+-@ 9"]})).ok();
    assert_eq!(tags(&kew).await, text(&[("A", "2")]));
}

#[tokio::test]
async fn tags_have_rules() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let url = kew.url("q");
    kew.missing("TagQueue", &json!({"QueueUrl": url}), "Tags");
    kew.missing("TagQueue", &json!({"QueueUrl": url, "Tags": {}}), "Tags");
    let length = "Tag keys must be between 1 and 128 characters in length.";
    for key in ["", &"k".repeat(129)] {
        kew.invalid("TagQueue", &json!({"QueueUrl": url, "Tags": {key: "v"}}), length);
        kew.invalid("UntagQueue", &json!({"QueueUrl": url, "TagKeys": [key]}), length);
    }
    kew.refuses_in_json("UntagQueue", &json!({"QueueUrl": url, "TagKeys": []}), 400, "InvalidParameterValue", length);
    let text =
        "Tag keys may only contain unicode letters, digits, whitespace, or one of these symbols: _ . : / = + - @";
    kew.invalid("TagQueue", &json!({"QueueUrl": url, "Tags": {"a!": "v"}}), text);
    let text = "Tag keys can't begin with 'aws:'. This prefix is reserved for AWS use.";
    for key in ["aws:", "aws:x", "AWS:cloudformation:stack-name"] {
        kew.invalid("TagQueue", &json!({"QueueUrl": url, "Tags": {key: "v"}}), text);
        kew.invalid("CreateQueue", &json!({"QueueName": "tagged", "tags": {key: "v"}}), text);
    }
    kew.json("TagQueue", &json!({"QueueUrl": url, "Tags": {"awsome": "aws:v"}})).ok();
    kew.json("UntagQueue", &json!({"QueueUrl": url, "TagKeys": ["awsome"]})).ok();
    let found = kew.json("TagQueue", &json!({"QueueUrl": url, "Tags": {"a": "v!"}})).json_failure();
    assert_eq!((found.status, found.code.as_str()), (400, "InvalidParameterValue"));
    assert!(found.message.starts_with("Tag values may only contain unicode letters, digits, whitespace"));
    let many: BTreeMap<String, String> = (0..51).map(|n| (format!("k{n}"), "v".to_owned())).collect();
    kew.invalid("TagQueue", &json!({"QueueUrl": url, "Tags": many}), "Too many tags added for queue q.");
    kew.json("TagQueue", &json!({"QueueUrl": url, "Tags": {"k".repeat(128): "v".repeat(256)}})).ok();
    assert_eq!(tags(&kew).await.len(), 1);
    let fifty: BTreeMap<String, String> = (0..50).map(|n| (format!("k{n}"), "v".to_owned())).collect();
    kew.json("UntagQueue", &json!({"QueueUrl": url, "TagKeys": ["k".repeat(128)]})).ok();
    kew.json("TagQueue", &json!({"QueueUrl": url, "Tags": fifty})).ok();
    assert_eq!(tags(&kew).await.len(), 50);
}

fn permission(kew: &Kew, label: &str, accounts: &[&str], actions: &[&str]) -> Value {
    json!({"QueueUrl": kew.url("q"), "Label": label, "AWSAccountIds": accounts, "Actions": actions})
}

async fn policy(kew: &Kew) -> Value {
    serde_json::from_str(&kew.attribute("q", "Policy").await.unwrap()).unwrap()
}

#[tokio::test]
async fn several_accounts_and_actions_are_lists_and_statements_add_up() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let two = permission(&kew, "one", &["111111111111", "222222222222"], &["SendMessage", "ReceiveMessage"]);
    kew.json("AddPermission", &two).ok();
    kew.query("AddPermission", &permission(&kew, "two", &["111111111111"], &["*"])).ok();
    let written = policy(&kew).await;
    let first = &written["Statement"][0];
    assert_eq!(first["Principal"]["AWS"], json!(["arn:aws:iam::111111111111:root", "arn:aws:iam::222222222222:root"]));
    assert_eq!(first["Action"], json!(["SQS:SendMessage", "SQS:ReceiveMessage"]));
    assert_eq!(written["Statement"][1]["Action"], "SQS:*");
    kew.query("RemovePermission", &json!({"QueueUrl": kew.url("q"), "Label": "one"})).ok();
    assert_eq!(policy(&kew).await["Statement"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_permission_is_added_to_a_custom_policy() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let own = json!({"Sid": "own", "Effect": "Deny", "Principal": "*", "Action": "sqs:PurgeQueue", "Resource": "*"});
    let custom = json!({"Version": "2012-10-17", "Id": "mine", "Statement": [own]}).to_string();
    kew.set("q", "Policy", &custom).await;
    kew.json("AddPermission", &permission(&kew, "added", &["111111111111"], &["SendMessage"])).ok();
    let written = policy(&kew).await;
    assert_eq!((&written["Version"], &written["Id"]), (&json!("2012-10-17"), &json!("mine")));
    assert_eq!(written["Statement"][0], own);
    assert_eq!(written["Statement"][1]["Sid"], "added");
}

#[tokio::test]
async fn permissions_have_rules() {
    let kew = Kew::holding(&[("q", &[])]).await;
    let one = |label: &str, actions: &[&str]| permission(&kew, label, &["111111111111"], actions);
    kew.json("AddPermission", &one("l", &["SendMessage"])).ok();
    let text = "Value l for parameter Label is invalid. Reason: Already exists.";
    kew.invalid("AddPermission", &one("l", &["SendMessage"]), text);
    let remove = json!({"QueueUrl": kew.url("q"), "Label": "x"});
    kew.invalid("RemovePermission", &remove, "Value x for parameter Label is invalid. Reason: can't find label.");
    let text = "8 Actions were found, maximum allowed is 7.";
    kew.refuses("AddPermission", &one("m", &["SendMessage"; 8]), 403, "OverLimit", text);
    for owner in ["RemovePermission", "SetQueueAttributes", "CreateQueue", "UntagQueue", "StartMessageMoveTask"] {
        let text = format!(
            "Value SQS:{owner} for parameter ActionName is invalid. Reason: Only the queue owner is allowed to invoke this \
             action."
        );
        kew.invalid("AddPermission", &one("m", &[owner]), &text);
    }
    let text = "Value SQS:Foo for parameter ActionName is invalid. Reason: Please refer to the appropriate WSDL for a list \
                of valid actions.";
    kew.invalid("AddPermission", &one("m", &["Foo"]), text);
    kew.missing("AddPermission", &one("m", &[]), "Actions");
    let text = "Value [] for parameter PrincipalId is invalid. Reason: Unable to verify.";
    kew.invalid("AddPermission", &permission(&kew, "m", &[], &["SendMessage"]), text);
    for n in 1..20 {
        kew.json("AddPermission", &one(&format!("l{n}"), &["SendMessage"])).ok();
    }
    let text = "21 Statements were found, maximum allowed is 20.";
    kew.refuses("AddPermission", &one("l20", &["SendMessage"]), 403, "OverLimit", text);
}
