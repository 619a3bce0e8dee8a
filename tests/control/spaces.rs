//! Namespaces: a broker of its own for each test, by access key or by port, until it is ended.

use super::fixture::{Kew, begin_sqs};
use kew::{NamespaceMode, Server};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;

/// Makes a namespace, and gives its account.
fn create(kew: &Kew, members: Value) -> String {
    let (status, made) = kew.post("/ns", members);
    assert_eq!(status, 201, "{made}");
    made["account"].as_str().unwrap().to_owned()
}

/// An action signed with an access key.
fn act(kew: &Kew, key: &str, action: &str, body: Value) -> (u16, Value) {
    kew.begin_sqs(key, action, body).answer().json()
}

fn send(kew: &Kew, key: &str, body: &str) {
    let (status, sent) = act(kew, key, "SendMessage", json!({"QueueUrl": "orders", "MessageBody": body}));
    assert_eq!(status, 200, "{sent}");
}

fn bodies(kew: &Kew, key: &str) -> Vec<String> {
    let (_, got) = act(kew, key, "ReceiveMessage", json!({"QueueUrl": "orders", "MaxNumberOfMessages": 10}));
    let messages = got["Messages"].as_array().cloned().unwrap_or_default();
    messages.iter().map(|message| message["Body"].as_str().unwrap().to_owned()).collect()
}

/// Lets the control thread do what is due, until it has.
fn until(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        std::thread::yield_now();
    }
}

#[test]
fn a_namespace_is_answered_with_all_that_a_client_needs() {
    let kew = Kew::start();
    let (status, made) = kew.post(
        "/ns",
        json!({"name": "checkout-7", "ttl": "10m", "seed": 42,
            "queues": ["plain", {"name": "orders", "VisibilityTimeout": 45, "DeadLetterQueue": "dead", "MaxReceiveCount": 3}]}),
    );
    assert_eq!(status, 201, "{made}");
    let account = made["account"].as_str().unwrap();
    let url = format!("http://{}", kew.address());
    assert!(account.len() == 12 && account.starts_with('9'), "{account}");
    let region = "us-east-1";
    assert_eq!(
        made["env"],
        json!({"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": account, "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": region, "AWS_DEFAULT_REGION": region})
    );
    let queue = |name: &str| format!("{url}/{account}/{name}");
    assert_eq!(made["queueUrls"], json!({"dead": queue("dead"), "orders": queue("orders"), "plain": queue("plain")}));
    assert_eq!((&made["seed"], &made["ttl"], &made["endpoint"]), (&json!(42), &json!("10m"), &json!(url)));
    let asked = json!({"QueueUrl": made["queueUrls"]["orders"], "AttributeNames": ["All"]});
    let attributes = act(&kew, account, "GetQueueAttributes", asked).1;
    assert_eq!(attributes["Attributes"]["VisibilityTimeout"], "45");
    assert!(attributes["Attributes"]["RedrivePolicy"].as_str().unwrap().contains(&format!("{account}:dead")));

    assert_eq!(kew.get("/ns/checkout-7").1["env"], made["env"]);
    let listed = kew.get("/ns").1;
    assert_eq!(listed["namespaces"].as_array().unwrap().len(), 1);
    assert!(kew.text("GET", "/ns").1.contains("checkout-7"));
    assert!(kew.text("GET", "/ns/checkout-7").1.contains(&format!("export AWS_ACCESS_KEY_ID={account}\n")));
}

#[test]
fn queues_of_one_name_never_meet() {
    let kew = Kew::start();
    let one = create(&kew, json!({"name": "one", "queues": ["orders"]}));
    let other = create(&kew, json!({"name": "other", "queues": ["orders"]}));
    assert_ne!(one, other);
    for (key, body) in [("test", "home"), (&*one, "in one"), (&*other, "in other"), ("000000000000", "home too")] {
        send(&kew, key, body);
    }
    assert_eq!(bodies(&kew, "test"), ["home", "home too"]);
    assert_eq!(bodies(&kew, &one), ["in one"]);
    assert_eq!(bodies(&kew, &other), ["in other"]);
    // Neither by the URL of another's queue, nor by its handles.
    let url = kew.get("/ns/other").1["queueUrls"]["orders"].clone();
    send(&kew, &one, "again");
    let got = act(&kew, &one, "ReceiveMessage", json!({"QueueUrl": url})).1;
    assert_eq!(got["Messages"][0]["Body"], "again");
    let handle = got["Messages"][0]["ReceiptHandle"].clone();
    let (status, error) = act(&kew, &other, "DeleteMessage", json!({"QueueUrl": "orders", "ReceiptHandle": handle}));
    assert_eq!(status, 404, "{error}");
}

#[test]
fn every_endpoint_is_there_for_a_namespace_under_its_name() {
    let kew = Kew::start();
    create(&kew, json!({"name": "t", "queues": ["jobs"]}));
    assert_eq!(kew.get("/ns/t/queues/jobs").0, 200);
    let (status, error) = kew.get("/ns/t/queues/orders");
    assert_eq!((status, error["hint"].as_str()), (404, Some("there are 1: jobs")));
    assert_eq!(kew.get("/queues/jobs").0, 404);
    for (path, hint) in [
        ("/ns/x/queues", "did you mean `t`?"),
        ("/ns/elsewhere", "GET /_kew/ns lists them"),
        ("/ns/t/ns", "leave out the first /ns/NAME"),
        ("/ns/t/ns/t/queues", "GET /_kew lists what there is"),
    ] {
        let (status, error) = kew.get(path);
        assert_eq!((status, error["hint"].as_str()), (404, Some(hint)), "{path}: {error}");
    }
    let (_, none) = Kew::start().get("/ns/x/queues");
    assert_eq!(none["hint"], "there are none; POST /_kew/ns makes one");
}

#[test]
fn a_port_of_its_own_serves_whatever_key_a_client_has() {
    let kew = Kew::with(Server::builder().queue("orders").external_url("http://queues.example"));
    let (status, made) = kew.post("/ns", json!({"name": "p", "queues": ["orders"], "port": true}));
    assert_eq!(status, 201, "{made}");
    let port = u16::try_from(made["port"].as_u64().unwrap()).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    assert_eq!(made["endpoint"], format!("http://{address}"));
    for key in ["test", "000000000000", "123456789012", made["account"].as_str().unwrap()] {
        let (status, url) = begin_sqs(address, key, "GetQueueUrl", json!({"QueueName": "orders"})).answer().json();
        assert_eq!((status, &url["QueueUrl"]), (200, &made["queueUrls"]["orders"]), "{key}");
        begin_sqs(address, key, "SendMessage", json!({"QueueUrl": url["QueueUrl"], "MessageBody": key})).answer();
    }
    assert_eq!(kew.get("/ns/p/queues/orders").1["visible"], 4);
    assert_eq!(kew.get("/queues/orders").1["visible"], 0);
    assert_eq!(kew.delete("/ns/p").0, 200);
    // Its port is closed by the server's own thread.
    until(|| std::net::TcpStream::connect(address).is_err());
}

#[test]
fn the_key_of_a_deleted_namespace_finds_no_queue_and_makes_none() {
    let kew = Kew::start();
    let key = create(&kew, json!({"name": "gone", "queues": ["orders"]}));
    send(&kew, &key, "left");
    let (status, ended) = kew.delete("/ns/gone");
    assert_eq!((status, &ended["messages"], &ended["account"]), (200, &json!(1), &json!(key)), "{ended}");
    for (action, body) in [
        ("SendMessage", json!({"QueueUrl": "orders", "MessageBody": "x"})),
        ("CreateQueue", json!({"QueueName": "orders"})),
        ("ListQueues", json!({})),
    ] {
        let (status, error) = act(&kew, &key, action, body);
        assert_eq!((status, error["__type"].as_str()), (400, Some("com.amazonaws.sqs#QueueDoesNotExist")), "{action}");
    }
    assert_eq!((kew.delete("/ns/gone").0, kew.get("/ns/gone").0), (404, 404));
    // Those of others go on.
    kew.send("orders", "x");
    assert_ne!(
        create(&kew, json!({"name": "gone", "queues": ["orders"]})),
        key,
        "a late client must not meet a new test"
    );
}

#[test]
fn a_parked_receive_ends_empty_with_its_namespace() {
    let kew = Kew::start();
    let key = create(&kew, json!({"name": "t", "queues": ["orders"]}));
    let parked = kew.begin_sqs(&key, "ReceiveMessage", json!({"QueueUrl": "orders", "WaitTimeSeconds": 20}));
    until(|| kew.get("/ns/t/queues/orders").1["parked"] == 1);
    assert_eq!(kew.delete("/ns/t").0, 200);
    assert_eq!(parked.answer().json(), (200, json!({})));
}

#[test]
fn a_namespace_without_requests_ends_in_real_time() {
    let kew = Kew::start();
    let key = create(&kew, json!({"name": "t", "queues": ["orders"], "ttl": "10m"}));
    kew.pass(Duration::from_secs(599));
    send(&kew, &key, "this counts");
    kew.pass(Duration::from_secs(599));
    assert_eq!(kew.get("/ns/t/queues").0, 200, "and so does this");
    // A parked receive is a request under way.
    let parked = kew.begin_sqs(&key, "ReceiveMessage", json!({"QueueUrl": "orders", "WaitTimeSeconds": 20}));
    assert_eq!(parked.answer().json().1["Messages"][0]["Body"], "this counts");
    let parked = kew.begin_sqs(&key, "ReceiveMessage", json!({"QueueUrl": "orders", "WaitTimeSeconds": 20}));
    until(|| kew.get("/ns/t/queues/orders").1["parked"] == 1);
    kew.pass(Duration::from_secs(7_000));
    assert_eq!(kew.get("/ns").1["namespaces"][0]["idleMs"], 0);
    send(&kew, &key, "x");
    assert_eq!(parked.answer().status, 200);
    kew.pass(Duration::from_secs(600));
    until(|| kew.get("/ns").1["namespaces"] == json!([]));
    assert_eq!(act(&kew, &key, "ListQueues", json!({})).0, 400);
}

#[test]
fn the_timers_of_a_namespace_run() {
    let kew = Kew::start();
    let key = create(&kew, json!({"name": "t", "queues": ["orders,DelaySeconds=900"]}));
    send(&kew, &key, "later");
    let parked = kew.begin_sqs(&key, "ReceiveMessage", json!({"QueueUrl": "orders", "WaitTimeSeconds": 20}));
    until(|| kew.get("/ns/t/queues/orders").1["parked"] == 1);
    let namespace = kew.server.service().control().namespaces().get("t").unwrap();
    assert!(namespace.space.broker().clock().advance(Duration::from_secs(900)));
    assert_eq!(parked.answer().json().1["Messages"][0]["Body"], "later");
}

#[test]
fn a_seed_gives_the_same_account_ids_and_handles_again() {
    let run = |kew: Kew, members: Value| {
        let key = create(&kew, members);
        send(&kew, &key, "x");
        let got = act(&kew, &key, "ReceiveMessage", json!({"QueueUrl": "orders"})).1["Messages"][0].clone();
        (key, got["MessageId"].clone(), got["ReceiptHandle"].clone(), kew.get("/ns/t").1["seed"].clone())
    };
    let seeded = json!({"name": "t", "queues": ["orders"], "seed": 42});
    let first = run(Kew::start(), seeded.clone());
    assert_eq!(run(Kew::start(), seeded), first);
    assert_ne!(run(Kew::start(), json!({"name": "t", "queues": ["orders"], "seed": 43})).0, first.0);
    let of_server = || Kew::with(Server::builder().seed(7));
    let plain = json!({"name": "t", "queues": ["orders"]});
    assert_eq!(run(of_server(), plain.clone()), run(of_server(), plain.clone()));
    assert_ne!(run(Kew::start(), plain.clone()).1, run(Kew::start(), plain).1);
}

#[test]
fn wrong_namespaces_are_refused_and_leave_nothing_behind() {
    let kew = Kew::start();
    create(&kew, json!({"name": "t"}));
    for (members, status, says) in [
        (json!({"name": "t"}), 409, "DELETE /_kew/ns/t"),
        (json!({"name": ""}), 400, "1 to 80"),
        (json!({"name": "a/b"}), 400, "1 to 80"),
        (json!({"name": "x".repeat(81)}), 400, "1 to 80"),
        (json!({"nam": "x"}), 400, "did you mean `name`?"),
        (json!({"queues": "orders"}), 400, "sequence"),
        (json!({"queues": ["no name!"]}), 400, "no name!"),
        (json!({"queues": [{"name": "q", "VisibilityTimout": 1}]}), 400, "did you mean `VisibilityTimeout`?"),
        (json!({"queues": [{"name": "q", "VisibilityTimeout": 99999}]}), 400, "0 to 43200"),
        (json!({"queues": [{"name": "q", "RedrivePolicy": {"maxReceiveCount": 3}}]}), 400, "`q` cannot be created"),
        (json!({"ttl": "soon"}), 400, "250ms"),
        (json!({"seed": -1}), 400, "u64"),
        (json!({"port": "yes"}), 400, "boolean"),
    ] {
        let (got, error) = kew.post("/ns", members.clone());
        assert_eq!(got, status, "{members}: {error}");
        assert!(error.to_string().contains(says), "{members}: {error}");
    }
    assert_eq!(kew.get("/ns").1["namespaces"].as_array().unwrap().len(), 1);
}

#[test]
fn a_namespace_has_its_clock_and_its_faults_from_the_start() {
    let kew = Kew::start();
    let key = create(
        &kew,
        json!({"name": "t", "queues": ["orders"], "clock": {"mode": "frozen"},
            "faults": [{"fault": "throttle", "on": {"action": "SendMessage"}}]}),
    );
    assert_eq!((&kew.get("/ns/t/clock").1["mode"], &kew.get("/clock").1["mode"]), (&json!("frozen"), &json!("real")));
    let body = json!({"QueueUrl": "orders", "MessageBody": "x"});
    assert_eq!(act(&kew, &key, "SendMessage", body).0, 403);
    kew.send("orders", "not here");
    assert_eq!(kew.post("/ns/t/reset", Value::Null).0, 200);
    assert_eq!(kew.get("/ns/t/clock").1["mode"], "real");
    send(&kew, &key, "x");
    for wrong in [json!({"clock": {"mode": "frozn"}}), json!({"faults": [{"fault": "throttl"}]})] {
        let (status, error) = kew.post("/ns", wrong);
        assert_eq!(status, 400, "{error}");
    }
    let (status, error) = kew.post("/ns", json!({"name": "u", "clock": {"mode": "auto", "consumers": {"none": 1}}}));
    assert_eq!((status, kew.get("/ns/u").0), (404, 404), "{error}");
}

#[test]
fn there_are_a_thousand_at_most() {
    let kew = Kew::start();
    for _ in 0..1_000 {
        create(&kew, json!({}));
    }
    let (status, error) = kew.post("/ns", json!({}));
    assert_eq!((status, error["error"].as_str()), (409, Some("there are 1000 namespaces already")));
    assert_eq!(kew.delete("/ns/ns-500").0, 200);
    create(&kew, json!({}));
}

#[test]
fn accounts_and_regions_are_apart_in_a_namespace_as_they_are_outside() {
    let kew = Kew::with(Server::builder().namespace(NamespaceMode::Aws));
    let key = create(&kew, json!({"name": "t", "queues": ["orders"]}));
    send(&kew, &key, "x");
    assert_eq!(bodies(&kew, &key), ["x"]);
}

#[test]
fn tests_in_parallel_do_not_meet_through_the_sdk() {
    let kew = Kew::start();
    let address = kew.address();
    let client = |key: &str| {
        let credentials = aws_sdk_sqs::config::Credentials::new(key, "test", None, None, "test");
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version_latest()
            .endpoint_url(format!("http://{address}"))
            .region(aws_sdk_sqs::config::Region::new("us-east-1"))
            .credentials_provider(credentials);
        aws_sdk_sqs::Client::from_conf(config.build())
    };
    let test = |name: &'static str| {
        let (client, url) = {
            let key = create(&kew, json!({"name": name, "queues": ["orders"]}));
            (client(&key), kew.get(&format!("/ns/{name}")).1["queueUrls"]["orders"].as_str().unwrap().to_owned())
        };
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                for round in 0..20 {
                    let body = format!("{name} {round}");
                    client.send_message().queue_url(&url).message_body(&body).send().await.unwrap();
                    let got = client.receive_message().queue_url(&url).wait_time_seconds(20).send().await.unwrap();
                    let message = got.messages().first().unwrap();
                    assert_eq!(message.body(), Some(&*body));
                    let handle = message.receipt_handle().unwrap();
                    client.delete_message().queue_url(&url).receipt_handle(handle).send().await.unwrap();
                }
            });
        })
    };
    let running = [test("one"), test("other")];
    for test in running {
        test.join().unwrap();
    }
    for name in ["one", "other"] {
        assert_eq!(kew.get(&format!("/ns/{name}/queues/orders")).1["messages"], 0);
    }
}
