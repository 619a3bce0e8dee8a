//! The permit step: who is let through to which action, and what the others are told.

use crate::fixture::*;
use base64::Engine;
use kew::internals::auth::policy::Mode;
use kew::internals::error::ErrorKind;

fn send(url: &str) -> Value {
    json!({"QueueUrl": url, "MessageBody": "b"})
}

#[test]
fn within_an_account_the_policy_of_the_user_or_of_the_queue_allows() {
    let house = House::new();
    let orders = house.queue(OWN, "orders");
    let ann = Who::user(OWN, "ann", &[may(&["sqs:SendMessage"], &[&arn(OWN, "orders")])]);
    let bob = Who::user(OWN, "bob", &[]);
    house.allows(&ann, "SendMessage", &send(&orders));
    let text = "sqs:receivemessage on resource: arn:aws:sqs:us-east-1:111111111111:orders because no identity-based policy \
                allows the sqs:receivemessage action";
    house.denies(&ann, "ReceiveMessage", &json!({ "QueueUrl": orders }), text);
    let text = "sqs:sendmessage on resource: arn:aws:sqs:us-east-1:111111111111:orders because no identity-based policy allows \
                the sqs:sendmessage action";
    house.denies(&bob, "SendMessage", &send(&orders), text);
    let allow = json!({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111111111111:user/bob"},
        "Action": "SQS:SendMessage", "Resource": arn(OWN, "orders")});
    house.set_policy(OWN, &orders, &[allow]);
    house.allows(&bob, "SendMessage", &send(&orders));
    // To name the account leaves it to the policies of its users.
    let account = json!({"AWSAccountIds": [OWN], "Actions": ["*"], "Label": "own", "QueueUrl": orders});
    house.set_policy(
        OWN,
        &orders,
        &[json!({"Effect": "Deny", "Principal": "*", "Action": "sqs:PurgeQueue", "Resource": "*"})],
    );
    house.allows(&Who::root(OWN), "AddPermission", &account);
    house.denies(&bob, "SendMessage", &send(&orders), text);
}

#[test]
fn an_explicit_deny_beats_every_allow_even_for_the_root() {
    let house = House::new();
    let orders = house.queue(OWN, "orders");
    let deny = json!({"Effect": "Deny", "Action": "sqs:Purge*", "Resource": "*"});
    let allow = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
    let ann = Who::user(OWN, "ann", &[policy(&[allow.clone(), deny])]);
    let url = json!({ "QueueUrl": orders });
    let text = "sqs:purgequeue on resource: arn:aws:sqs:us-east-1:111111111111:orders with an explicit deny in an \
                identity-based policy";
    house.denies(&ann, "PurgeQueue", &url, text);
    house.allows(&Who::user(OWN, "bob", &[policy(&[allow])]), "PurgeQueue", &url);
    house.set_policy(
        OWN,
        &orders,
        &[json!({"Effect": "Deny", "Principal": "*", "Action": "sqs:PurgeQueue", "Resource": "*"})],
    );
    let text = "sqs:purgequeue on resource: arn:aws:sqs:us-east-1:111111111111:orders with an explicit deny in a \
                resource-based policy";
    house.denies(&Who::root(OWN), "PurgeQueue", &url, text);
    house.allows(&Who::root(OWN), "DeleteQueue", &url);
}

#[test]
fn across_accounts_both_sides_have_to_allow() {
    let house = House::new();
    let orders = house.queue(OWN, "orders");
    let with = Who::user(OTHER, "ann", &[may(&["sqs:SendMessage"], &["arn:aws:sqs:*:111111111111:orders"])]);
    let without = Who::user(OTHER, "bob", &[]);
    let no_queue_policy = "sqs:sendmessage on resource: arn:aws:sqs:us-east-1:111111111111:orders because no resource-based \
                           policy allows the sqs:sendmessage action";
    let no_own_policy = "sqs:sendmessage on resource: arn:aws:sqs:us-east-1:111111111111:orders because no identity-based \
                         policy allows the sqs:sendmessage action";
    house.denies(&with, "SendMessage", &send(&orders), no_queue_policy);
    house.denies(&without, "SendMessage", &send(&orders), no_own_policy);
    let add = json!({"QueueUrl": orders, "Label": "l", "AWSAccountIds": [OTHER], "Actions": ["SendMessage"]});
    house.allows(&Who::root(OWN), "AddPermission", &add);
    house.allows(&with, "SendMessage", &send(&orders));
    house.allows(&Who::root(OTHER), "SendMessage", &send(&orders));
    house.denies(&without, "SendMessage", &send(&orders), no_own_policy);
    house.allows(&Who::root(OWN), "RemovePermission", &json!({"QueueUrl": orders, "Label": "l"}));
    house.denies(&with, "SendMessage", &send(&orders), no_queue_policy);
}

#[test]
fn some_actions_are_never_for_other_accounts() {
    let house = House::new();
    let dead = house.queue(OWN, "dead");
    let source_arn = arn(OWN, "dead");
    let all = json!({"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*"});
    house.set_policy(OWN, &dead, &[all]);
    let ann = Who::user(OTHER, "ann", &[may(&["sqs:*"], &["*"])]);
    let url = |more: Value| {
        let mut members = json!({ "QueueUrl": dead });
        members.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        members
    };
    let handle = json!({"taskId": "1", "sourceArn": source_arn}).to_string();
    let handle = base64::engine::general_purpose::STANDARD.encode(handle);
    for (action, members) in [
        ("AddPermission", url(json!({"Label": "l", "AWSAccountIds": [OTHER], "Actions": ["*"]}))),
        ("RemovePermission", url(json!({"Label": "l"}))),
        ("DeleteQueue", url(json!({}))),
        ("ListQueueTags", url(json!({}))),
        ("TagQueue", url(json!({"Tags": {"a": "b"}}))),
        ("UntagQueue", url(json!({"TagKeys": ["a"]}))),
        ("SetQueueAttributes", url(json!({"Attributes": {"DelaySeconds": "1"}}))),
        ("StartMessageMoveTask", json!({ "SourceArn": source_arn })),
        ("ListMessageMoveTasks", json!({ "SourceArn": source_arn })),
        ("CancelMessageMoveTask", json!({ "TaskHandle": handle })),
    ] {
        let name = action.to_lowercase();
        let text = format!(
            "sqs:{name} on resource: {source_arn} because no resource-based policy allows the sqs:{name} action"
        );
        house.denies(&ann, action, &members, &text);
    }
    // The others are.
    for (action, members) in [
        ("SendMessage", send(&dead)),
        ("ReceiveMessage", url(json!({}))),
        ("GetQueueAttributes", url(json!({}))),
        ("ListDeadLetterSourceQueues", url(json!({}))),
        ("PurgeQueue", url(json!({}))),
    ] {
        house.allows(&ann, action, &members);
    }
    let found = house.allows(&ann, "GetQueueUrl", &json!({"QueueName": "dead", "QueueOwnerAWSAccountId": OWN}));
    assert_eq!(wrapped(&found), json!({"QueueUrl": dead}));
    // CreateQueue and ListQueues are about the own account.
    house.allows(&ann, "CreateQueue", &json!({"QueueName": "dead"}));
    let listed = house.allows(&ann, "ListQueues", &json!({}));
    assert_eq!(wrapped(&listed), json!({"QueueUrls": ["http://kew/222222222222/dead"]}));
}

/// An answer as JSON.
fn wrapped(response: &kew::internals::api::Response) -> Value {
    response.serialize(serde_json::value::Serializer).unwrap()
}

#[test]
fn who_signs_nothing_needs_a_queue_that_is_open_to_everyone() {
    let house = House::new();
    let orders = house.queue(OWN, "orders");
    let nobody = Who::nobody(OWN);
    // Recorded: the text of old, which says nothing.
    let text = "Access to the resource https://kew/ is denied.";
    house.denies(&nobody, "SendMessage", &send(&orders), text);
    let to = |principal: Value| json!({"Effect": "Allow", "Principal": principal, "Action": "sqs:*", "Resource": "*"});
    house.set_policy(OWN, &orders, &[to(json!({"AWS": OWN}))]);
    house.denies(&nobody, "SendMessage", &send(&orders), text);
    house.set_policy(OWN, &orders, &[to(json!("*"))]);
    house.allows(&nobody, "SendMessage", &send(&orders));
    house.denies(&nobody, "DeleteQueue", &json!({ "QueueUrl": orders }), text);
    house.denies(&nobody, "ListQueues", &json!({}), text);
}

#[test]
fn a_batch_needs_the_permission_for_the_single_action() {
    let house = House::new();
    let orders = house.queue(OWN, "orders");
    let entries = |entry: Value| json!({"QueueUrl": orders, "Entries": [entry]});
    let batches = [
        ("SendMessageBatch", "SendMessage", entries(json!({"Id": "1", "MessageBody": "b"}))),
        ("DeleteMessageBatch", "DeleteMessage", entries(json!({"Id": "1", "ReceiptHandle": "x"}))),
        (
            "ChangeMessageVisibilityBatch",
            "ChangeMessageVisibility",
            entries(json!({"Id": "1", "ReceiptHandle": "x", "VisibilityTimeout": 1})),
        ),
    ];
    for (batch, single, members) in batches {
        let ann = Who::user(OWN, "ann", &[may(&[&format!("sqs:{single}")], &["*"])]);
        house.allows(&ann, batch, &members);
        let bob = Who::user(OWN, "bob", &[may(&[&format!("sqs:{batch}")], &["*"])]);
        let name = single.to_lowercase();
        let text = format!(
            "sqs:{name} on resource: {} because no identity-based policy allows the sqs:{name} action",
            arn(OWN, "orders")
        );
        house.denies(&bob, batch, &members, &text);
    }
}

#[test]
fn a_queue_that_is_not_there_is_told_before_policies_are_asked() {
    let house = House::new();
    let ann = Who::user(OWN, "ann", &[]);
    for url in ["http://kew/111111111111/gone", "http://kew/222222222222/gone"] {
        let error = house.call(&ann, "SendMessage", &send(url)).unwrap_err();
        let expected = (ErrorKind::QueueDoesNotExist, "The specified queue does not exist.");
        assert_eq!((error.kind, &*error.message), expected);
    }
}

#[test]
fn get_queue_url_does_not_tell_who_may_not_know() {
    let house = House::new();
    house.queue(OWN, "orders");
    let get = json!({"QueueName": "orders", "QueueOwnerAWSAccountId": OWN});
    for who in [Who::user(OWN, "ann", &[]), Who::user(OTHER, "ann", &[may(&["sqs:*"], &["*"])]), Who::nobody(OTHER)] {
        let error = house.call(&who, "GetQueueUrl", &get).unwrap_err();
        let text = "The specified queue does not exist or you do not have access to it.";
        assert_eq!((error.kind, &*error.message, error.query_message()), (ErrorKind::QueueDoesNotExist, text, text));
    }
    house.allows(&Who::user(OWN, "bob", &[may(&["sqs:GetQueueUrl"], &["*"])]), "GetQueueUrl", &get);
}

#[test]
fn create_queue_needs_a_permission_on_a_queue_that_is_not_there_yet() {
    let house = House::new();
    let ann = Who::user(OWN, "ann", &[may(&["sqs:CreateQueue"], &[&arn(OWN, "ann-*")])]);
    house.allows(&ann, "CreateQueue", &json!({"QueueName": "ann-1"}));
    let text = "sqs:createqueue on resource: arn:aws:sqs:us-east-1:111111111111:bob-1 because no identity-based policy allows \
                the sqs:createqueue action";
    house.denies(&ann, "CreateQueue", &json!({"QueueName": "bob-1"}), text);
    // With tags it is two permissions.
    let tagged = json!({"QueueName": "ann-2", "tags": {"team": "a"}});
    let text = "sqs:tagqueue on resource: arn:aws:sqs:us-east-1:111111111111:ann-2 because no identity-based policy allows the \
                sqs:tagqueue action";
    house.denies(&ann, "CreateQueue", &tagged, text);
    let both = Who::user(OWN, "bob", &[may(&["sqs:CreateQueue", "sqs:TagQueue"], &["*"])]);
    house.allows(&both, "CreateQueue", &tagged);
}

#[test]
fn list_queues_is_about_the_account() {
    let house = House::new();
    for resource in ["*", "arn:aws:sqs:us-east-1:111111111111:*"] {
        house.allows(&Who::user(OWN, "ann", &[may(&["sqs:ListQueues"], &[resource])]), "ListQueues", &json!({}));
    }
    // Recorded: the resource of ListQueues has no name.
    let text = "sqs:listqueues on resource: arn:aws:sqs:us-east-1:111111111111: because no identity-based policy allows the \
                sqs:listqueues action";
    let ann = Who::user(OWN, "ann", &[may(&["sqs:ListQueues"], &[&arn(OWN, "orders")])]);
    house.denies(&ann, "ListQueues", &json!({}), text);
}

#[test]
fn a_move_task_needs_permissions_on_both_queues() {
    let house = House::new();
    let (dead, source) = (house.queue(OWN, "dead"), house.queue(OWN, "source"));
    house.queue(OWN, "elsewhere");
    let redrive = json!({"deadLetterTargetArn": arn(OWN, "dead"), "maxReceiveCount": 1}).to_string();
    let set = json!({"QueueUrl": source, "Attributes": {"RedrivePolicy": redrive}});
    house.allows(&Who::root(OWN), "SetQueueAttributes", &set);
    let _ = dead;
    let on_dead = ["sqs:StartMessageMoveTask", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];
    let start = |who: &Who, to: Option<&str>| {
        let members = json!({"SourceArn": arn(OWN, "dead"), "DestinationArn": to.map(|name| arn(OWN, name))});
        house.call(who, "StartMessageMoveTask", &members)
    };
    let who = |without: &str, send_to: &str| {
        let actions: Vec<&str> = on_dead.into_iter().filter(|action| *action != without).collect();
        let send = may(&["sqs:SendMessage"], &[&arn(OWN, send_to)]);
        Who::user(OWN, "ann", &[may(&actions, &[&arn(OWN, "dead")]), send])
    };
    for missing in on_dead {
        let error = start(&who(missing, "source"), None).unwrap_err();
        let text = format!("perform: {} on resource: {}", missing.to_lowercase(), arn(OWN, "dead"));
        assert!(error.kind == ErrorKind::AccessDenied && error.message.contains(&text), "{error}");
    }
    // Without a destination the messages go back to their source.
    for (to, sent) in [(None, "elsewhere"), (Some("elsewhere"), "source")] {
        let error = start(&who("", sent), to).unwrap_err();
        let text = format!("perform: sqs:sendmessage on resource: {}", arn(OWN, to.unwrap_or("source")));
        assert!(error.kind == ErrorKind::AccessDenied && error.message.contains(&text), "{error}");
    }
    start(&who("", "elsewhere"), Some("elsewhere")).unwrap();
    start(&who("", "source"), None).unwrap();
    let list = json!({"SourceArn": arn(OWN, "dead")});
    let error = house.call(&who("", "source"), "ListMessageMoveTasks", &list).unwrap_err();
    assert!(error.message.contains("perform: sqs:listmessagemovetasks"), "{error}");
    let more = may(&["sqs:ListMessageMoveTasks", "sqs:ReceiveMessage", "sqs:DeleteMessage"], &["*"]);
    let error = house.call(&Who::user(OWN, "ann", &[more]), "ListMessageMoveTasks", &list).unwrap_err();
    assert!(error.message.contains("perform: sqs:getqueueattributes"), "{error}");
}

#[test]
fn conditions_see_the_request_and_the_queue() {
    let house = House::new();
    let create = json!({"QueueName": "orders", "tags": {"Team": "blue"}});
    house.allows(&Who::root(OWN), "CreateQueue", &create);
    let orders = format!("http://kew/{OWN}/orders");
    let when = |condition: Value| {
        policy(&[json!({"Effect": "Allow", "Action": "sqs:*", "Resource": "*", "Condition": condition})])
    };
    let mut ann = Who::user(OWN, "ann", &[when(json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}))]);
    assert!(house.call(&ann, "SendMessage", &send(&orders)).is_err());
    ann.source_ip = Some("10.1.2.3".parse().unwrap());
    house.allows(&ann, "SendMessage", &send(&orders));
    let mut ann = Who::user(OWN, "ann", &[when(json!({"Bool": {"aws:SecureTransport": true}}))]);
    assert!(house.call(&ann, "SendMessage", &send(&orders)).is_err());
    ann.secure = true;
    house.allows(&ann, "SendMessage", &send(&orders));
    for (condition, allowed) in [
        (json!({"StringEquals": {"aws:ResourceTag/team": "blue"}}), true),
        (json!({"StringEquals": {"aws:ResourceTag/team": "red"}}), false),
        (json!({"StringEquals": {"aws:RequestedRegion": "us-east-1", "aws:ResourceAccount": OWN}}), true),
        (
            json!({"StringEquals": {"aws:username": "ann"}, "ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/a*"}}),
            true,
        ),
        (json!({"DateGreaterThan": {"aws:CurrentTime": "2020"}}), true),
        (json!({"DateLessThan": {"aws:CurrentTime": "2020"}}), false),
        (json!({"Null": {"aws:SourceArn": true}}), true),
    ] {
        let ann = Who::user(OWN, "ann", &[when(condition.clone())]);
        assert_eq!(house.call(&ann, "SendMessage", &send(&orders)).is_ok(), allowed, "{condition}");
    }
    // Only tags of some names may be given.
    let few =
        when(json!({"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}, "Null": {"aws:RequestTag/a": false}}));
    let ann = Who::user(OWN, "ann", &[few]);
    let tag = |tags: Value| house.call(&ann, "TagQueue", &json!({"QueueUrl": orders, "Tags": tags})).is_ok();
    assert!(tag(json!({"a": "1"})) && tag(json!({"a": "1", "b": "2"})));
    assert!(!tag(json!({"a": "1", "c": "2"})) && !tag(json!({"b": "2"})));
}

#[test]
fn a_queue_is_created_on_demand_only_for_who_may_create_it() {
    let house = House::with(Mode::Enforce, true);
    let url = format!("http://kew/{OWN}/new");
    let ann = Who::user(OWN, "ann", &[may(&["sqs:SendMessage"], &["*"])]);
    let error = house.call(&ann, "SendMessage", &send(&url)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::QueueDoesNotExist);
    let bob = Who::user(OWN, "bob", &[may(&["sqs:SendMessage", "sqs:CreateQueue"], &["*"])]);
    house.allows(&bob, "SendMessage", &send(&url));
    house.allows(&ann, "SendMessage", &send(&url));
}

#[test]
fn warnings_let_through_and_count_but_not_for_who_signs_nothing() {
    let house = House::with(Mode::Warn, false);
    let orders = house.queue(OWN, "orders");
    let ann = Who::user(OWN, "ann", &[]);
    house.allows(&ann, "SendMessage", &send(&orders));
    let batch = json!({"QueueUrl": orders, "Entries": [{"Id": "1", "MessageBody": "b"}]});
    house.allows(&ann, "SendMessageBatch", &batch);
    house.allows(&ann, "PurgeQueue", &json!({ "QueueUrl": orders }));
    assert!(house.call(&Who::nobody(OWN), "SendMessage", &send(&orders)).is_err());
    let denied: Vec<(&str, u64)> = house.enforcement.denied().map(|(action, count)| (action.name(), count)).collect();
    assert_eq!(denied, [("PurgeQueue", 1), ("SendMessage", 3)]);
}

#[test]
fn what_was_used_is_the_smallest_policy_that_allows_it() {
    // A run with warnings, to see what it needs.
    let run = |house: &House, who: &Who, url: &str| -> Result<(), String> {
        let call = |action: &str, members: Value| {
            house.call(who, action, &members).map_err(|error| format!("{action}: {}", error.message))
        };
        call("GetQueueUrl", json!({"QueueName": "orders"}))?;
        call("SendMessage", send(url))?;
        call("SendMessageBatch", json!({"QueueUrl": url, "Entries": [{"Id": "1", "MessageBody": "b"}]}))?;
        call("ReceiveMessage", json!({ "QueueUrl": url }))?;
        call("CreateQueue", json!({"QueueName": "replies"}))?;
        call("SendMessage", send(&url.replace("orders", "replies")))?;
        call("ListQueues", json!({}))?;
        Ok(())
    };
    let warned = House::with(Mode::Warn, false);
    let url = warned.queue(OWN, "orders");
    run(&warned, &Who::user(OWN, "ann", &[]), &url).unwrap();
    let text = warned.enforcement.usage().suggestion("arn:aws:iam::111111111111:user/ann").unwrap();
    let suggested: Value = serde_json::from_str(&text).unwrap();
    let orders = ["sqs:GetQueueUrl", "sqs:ReceiveMessage", "sqs:SendMessage"];
    let expected = policy(&[
        json!({"Effect": "Allow", "Action": ["sqs:CreateQueue", "sqs:SendMessage"], "Resource": [arn(OWN, "replies")]}),
        json!({"Effect": "Allow", "Action": orders, "Resource": [arn(OWN, "orders")]}),
        json!({"Effect": "Allow", "Action": ["sqs:ListQueues"], "Resource": [arn(OWN, "*")]}),
    ]);
    assert_eq!(suggested, expected);

    // The same run passes with it, and with less of it does not.
    let with = |policy: &Value| {
        let house = House::new();
        let url = house.queue(OWN, "orders");
        run(&house, &Who::user(OWN, "ann", std::slice::from_ref(policy)), &url)
    };
    assert_eq!(with(&suggested), Ok(()));
    for (at, statement) in expected["Statement"].as_array().unwrap().iter().enumerate() {
        for (index, action) in statement["Action"].as_array().unwrap().iter().enumerate() {
            let mut less = suggested.clone();
            let actions = less["Statement"][at]["Action"].as_array_mut().unwrap();
            actions.remove(index);
            if actions.is_empty() {
                less["Statement"].as_array_mut().unwrap().remove(at);
            }
            let error = with(&less).unwrap_err();
            let action = action.as_str().unwrap().to_lowercase();
            assert!(error.contains(&action) || error.contains("do not have access"), "{action}: {error}");
        }
    }
}
