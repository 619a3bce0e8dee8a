//! What a start prints, where it listens, and what is there from the start.

use crate::http::{get, json, request};
use crate::kew::*;
use std::net::TcpListener;

/// The names of all queues.
fn queues(kew: &Kew) -> Vec<String> {
    let listed = kew.ask(json("ListQueues", "{}")).ok().json();
    let urls = listed["QueueUrls"].as_array().cloned().unwrap_or_default();
    urls.iter().map(|url| url.as_str().unwrap().rsplit('/').next().unwrap().to_owned()).collect()
}

fn attribute(kew: &Kew, queue: &str, name: &str) -> String {
    let members = serde_json::json!({"QueueUrl": queue, "AttributeNames": ["All"]});
    let attributes = kew.ask(json("GetQueueAttributes", members.to_string())).ok().json();
    attributes["Attributes"][name].as_str().unwrap_or_else(|| panic!("{name} of {queue}: {attributes}")).to_owned()
}

#[test]
fn a_start_says_where_it_is_and_how_to_get_there() {
    let kew = Kew::start(&["--region", "eu-west-1"]);
    let url = format!("http://{}", kew.addresses()[0]);
    let expected = format!(
        "kew {} on {url}. Ready.\n\n  export AWS_ENDPOINT_URL={url}\n  export AWS_ACCESS_KEY_ID=test \
         AWS_SECRET_ACCESS_KEY=test\n  export AWS_DEFAULT_REGION=eu-west-1 AWS_REGION=eu-west-1\n  \
         # test control: {url}/_kew, seed ",
        env!("CARGO_PKG_VERSION")
    );
    let seed = kew.greeting.strip_prefix(&expected).unwrap_or_else(|| panic!("{}", kew.greeting));
    assert!(seed.trim_end().parse::<u64>().is_ok(), "{seed:?}");
    assert_eq!(kew.ask(get("/health")).status, 200);
    assert_eq!(queues(&kew), [] as [&str; 0]);
}

#[test]
fn the_token_of_the_control_api_is_printed_and_never_logged() {
    let kew = Kew::start(&["--control", "token", "--log", "trace", "--seed", "7"]);
    let line = kew.greeting.lines().find_map(|line| line.strip_prefix("  export KEW_CONTROL_TOKEN="));
    let token = line.unwrap_or_else(|| panic!("{}", kew.greeting)).to_owned();
    assert!(kew.greeting.contains("/_kew, seed 7\n"), "{}", kew.greeting);
    let with = |token: &str| request("GET", "/_kew", &[("Authorization", &format!("Bearer {token}"))], "");
    assert_eq!(
        (kew.ask(with(&token)).status, kew.ask(with("x")).status, kew.ask(get("/_kew")).status),
        (200, 403, 403)
    );
    assert!(!kew.stop().join("\n").contains(&token));
    let aws = Kew::start(&["--mode", "aws"]);
    assert!(!aws.greeting.contains("test control") && aws.ask(get("/_kew")).status == 403, "{}", aws.greeting);
}

#[test]
fn serve_is_the_same_as_nothing() {
    let kew = Kew::run(&mut command(&["serve", "--listen", "127.0.0.1:0", "--queue", "orders"]));
    assert_eq!(queues(&kew), ["orders"]);
}

#[test]
fn the_url_that_is_printed_is_the_external_one_where_there_is_one() {
    let kew = Kew::start(&["--external-url", "https://queues.example", "--queue", "q"]);
    assert!(kew.greeting.contains("export AWS_ENDPOINT_URL=https://queues.example\n"), "{}", kew.greeting);
    // Where it listens is said all the same.
    kew.peer().assert_open();
}

#[test]
fn it_listens_at_several_places() {
    let kew = Kew::start(&["--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0"]);
    let addresses = kew.addresses();
    assert_eq!(addresses.len(), 2);
    assert_ne!(addresses[0].port(), addresses[1].port());
    for address in addresses {
        assert_ne!(address.port(), 0);
        crate::http::Peer::at(address).assert_open();
    }
}

#[test]
fn a_port_alone_is_one_of_this_machine() {
    // A port that was free a moment ago; another process could take it, so several are tried.
    let started = (0..20).any(|_| {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let probe = finish(command(&["healthcheck", "--listen", &port]).env_remove("KEW_LISTEN"));
        assert_eq!(probe.code, Some(1));
        let kew = Kew::run(&mut command(&["--listen", &port]));
        kew.addresses()[0].to_string() == format!("127.0.0.1:{port}")
    });
    assert!(started);
}

#[test]
fn queues_are_there_from_the_start() {
    let kew = Kew::start(&[
        "--queue",
        "orders,VisibilityTimeout=45,DeadLetterQueue=orders-dead,MaxReceiveCount=3,Tag.team=my team",
        "--queue=jobs.fifo,ContentBasedDeduplication=true",
        "--queue",
        "plain",
    ]);
    assert_eq!(queues(&kew), ["jobs.fifo", "orders", "orders-dead", "plain"]);
    assert_eq!(attribute(&kew, "orders", "VisibilityTimeout"), "45");
    let policy: serde_json::Value = serde_json::from_str(&attribute(&kew, "orders", "RedrivePolicy")).unwrap();
    assert_eq!(
        policy,
        serde_json::json!({"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:orders-dead", "maxReceiveCount": 3})
    );
    assert_eq!(attribute(&kew, "jobs.fifo", "FifoQueue"), "true");
    assert_eq!(attribute(&kew, "jobs.fifo", "ContentBasedDeduplication"), "true");
    let tags = kew.ask(json("ListQueueTags", r#"{"QueueUrl":"orders"}"#)).ok().json();
    assert_eq!(tags["Tags"], serde_json::json!({"team": "my team"}));
}

#[test]
fn json_and_quoted_values_keep_their_commas_and_blanks() {
    let policy = r#"{"redrivePermission": "byQueue", "sourceQueueArns": ["arn:aws:sqs:us-east-1:000000000000:a"]}"#;
    let queue = format!("q,RedriveAllowPolicy={policy},Tag.team=\"my own team\",DelaySeconds=5");
    let tags = serde_json::json!({"team": "my own team"});
    let by_flag = Kew::start(&["--queue", &queue]);
    // Blanks part the queues of a variable, but not what is inside of a value.
    let by_variable = Kew::start_with(&[], &[("KEW_QUEUE", &format!("  a\n\t{queue}  b "))]);
    assert_eq!(queues(&by_variable), ["a", "b", "q"]);
    for kew in [by_flag, by_variable] {
        let shown: serde_json::Value = serde_json::from_str(&attribute(&kew, "q", "RedriveAllowPolicy")).unwrap();
        assert_eq!(shown, serde_json::from_str::<serde_json::Value>(policy).unwrap());
        assert_eq!(attribute(&kew, "q", "DelaySeconds"), "5");
        assert_eq!(kew.ask(json("ListQueueTags", r#"{"QueueUrl":"q"}"#)).ok().json()["Tags"], tags);
    }
}

#[test]
fn the_variable_that_kubernetes_sets_beside_a_service_named_kew_is_no_port() {
    let kew = Kew::start_with(&["--queue", "q"], &[("KEW_PORT", "tcp://10.0.0.1:9324")]);
    assert_eq!(queues(&kew), ["q"]);
}

/// All variables, with nothing in them or a blank.
const EMPTY: [(&str, &str); 39] = [
    ("KEW_LISTEN", ""),
    ("KEW_PORT", ""),
    ("KEW_TLS_CERT", ""),
    ("KEW_TLS_KEY", " "),
    ("KEW_TLS_SELF_SIGNED", ""),
    ("KEW_TLS_LISTEN", ""),
    ("KEW_QUEUE", ""),
    ("KEW_CONFIG", ""),
    ("KEW_IMPORT", ""),
    ("KEW_LOCALSTACK", ""),
    ("KEW_INIT_SCRIPTS", " "),
    ("KEW_CREDENTIALS", ""),
    ("KEW_POLICIES", ""),
    ("KEW_DATA", ""),
    ("KEW_DURABILITY", ""),
    ("KEW_AUTO_CREATE", " "),
    ("KEW_MODE", ""),
    ("KEW_NAMESPACE", ""),
    ("KEW_COOLDOWNS", ""),
    ("KEW_ACCOUNT", ""),
    ("KEW_REGION", "  "),
    ("KEW_EXTERNAL_URL", ""),
    ("KEW_CORS", ""),
    ("KEW_ALLOW_HOST", ""),
    ("KEW_CONTROL", ""),
    ("KEW_CONTROL_TOKEN", ""),
    ("KEW_CORS_CONTROL", ""),
    ("KEW_HISTORY", ""),
    ("KEW_METRICS", ""),
    ("KEW_METRICS_PERIOD", ""),
    ("KEW_SEED", ""),
    ("KEW_BODY_LIMIT", ""),
    ("KEW_REQUIRE_REPLICA", ""),
    ("KEW_DATABASE_IS_REPLICATED", ""),
    ("KEW_PEER", ""),
    ("KEW_CLUSTER_SECRET", ""),
    ("KEW_CONNECTION_LIMIT", ""),
    ("KEW_THREADS", ""),
    ("KEW_LOG", ""),
];

#[test]
fn an_empty_variable_counts_as_unset() {
    let help = finish(&mut command(&["--help"])).out;
    for args in [&["--help"][..], &["serve", "--help"], &["-h"], &["healthcheck", "--help"]] {
        assert_eq!(finish(command(args).envs(EMPTY.map(|(name, _)| (name, "")))).out, finish(&mut command(args)).out);
    }
    assert_eq!(help.matches("[env: KEW_").count(), EMPTY.len());
    for (name, _) in EMPTY {
        let shown = [format!("[env: {name}="), format!("[env: {name}]")];
        assert!(shown.iter().any(|shown| help.contains(shown)), "{name}");
    }
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let text = format!("listen = \"127.0.0.1:0\"\ndata = \"{}\"\nregion = \"eu-west-1\"\n", data.display());
    let file = File::new("unset", &text);
    let kew = Kew::run(command(&["--config", file.path(), "--queue", "q"]).envs(EMPTY));
    assert!(attribute(&kew, "q", "QueueArn").starts_with("arn:aws:sqs:eu-west-1:000000000000:"));
    Kew::run(command(&["serve", "--listen", "127.0.0.1:0"]).envs(EMPTY)).stop();

    let address = kew.addresses()[0].to_string();
    let probe = finish(command(&["healthcheck", "--listen", &address]).envs(EMPTY));
    assert_eq!((probe.code, probe.errors.as_str()), (Some(0), ""));
    let copy = dir.path().join("copy");
    let made = finish(command(&["backup", "--config", file.path(), "--to", copy.to_str().unwrap()]).envs(EMPTY));
    assert_eq!((made.code, made.errors.as_str()), (Some(0), ""));
}

#[test]
fn a_variable_that_is_misspelt_is_told() {
    // Of kew's own tools, of an application, and of Kubernetes for services named kew.
    let others = ["BIN", "IMAGE", "PREFIX", "QUERY_MODEL", "QUEUE_URL", "RELEASES", "REPOSITORY", "SERVICE_HOST"];
    let others = others.into_iter().chain(["SERVICE_MODEL", "SERVICE_PORT", "PORT_9324_TCP", "TEST_DURABILITY"]);
    let mut command = command(&["--listen", "127.0.0.1:0"]);
    command.envs(others.map(|name| (format!("KEW_{name}"), "x"))).envs(EMPTY);
    command.envs([("KEW_TIMEOUT_FACTOR", "2"), ("KEW_URL", "http://h"), ("KEW_NS", "n")]);
    command.envs([("KEW_LISTN", "x"), ("KEW_EXTERNALURL", "x")]);
    let log = Kew::run(&mut command).stop();
    let told = log.iter().filter(|line| line.contains("KEW_")).map(|line| line.split_once("KEW_").unwrap().1);
    let expected = [
        "EXTERNALURL is no variable of kew; is KEW_EXTERNAL_URL meant?",
        "LISTN is no variable of kew; is KEW_LISTEN meant?",
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[test]
fn a_health_check_asks_where_the_file_says() {
    let kew = Kew::start(&[]);
    let address = kew.addresses()[0].to_string();
    let file = File::new("health", &format!("listen = [\"{address}\"]\nthreads = 1\n"));
    let wrong = File::new("health-wrong", "listen = \"127.0.0.1:1\"\n");
    let well = |command: &mut std::process::Command| assert_eq!(finish(command).code, Some(0), "{command:?}");
    well(&mut command(&["healthcheck", "--config", file.path()]));
    well(command(&["healthcheck"]).env("KEW_CONFIG", file.path()));
    well(command(&["healthcheck", "--config", file.path()]).env("KEW_CONFIG", wrong.path()));
    well(command(&["healthcheck", "--config", wrong.path()]).env("KEW_LISTEN", &address));
    well(command(&["healthcheck", "--listen", &address]).env("KEW_CONFIG", wrong.path()));
    let gone = finish(command(&["healthcheck"]).env("KEW_CONFIG", wrong.path()));
    assert!(gone.errors.starts_with("kew: no answer from 127.0.0.1:1: "), "{gone:?}");
    let none = finish(command(&["healthcheck"]).env("KEW_CONFIG", "/nowhere/kew.toml"));
    assert!(none.errors.starts_with("kew: /nowhere/kew.toml: cannot be read: "), "{none:?}");
}

#[test]
fn a_variable_may_hold_several() {
    let listen = [("KEW_LISTEN", "127.0.0.1:0,127.0.0.1:0"), ("KEW_QUEUE", "a b,DelaySeconds=5 c.fifo")];
    let kew = Kew::run(command(&[]).envs(listen));
    assert_eq!(kew.addresses().len(), 2);
    assert_eq!(queues(&kew), ["a", "b", "c.fifo"]);
    assert_eq!(attribute(&kew, "b", "DelaySeconds"), "5");
}

#[test]
fn a_health_check_says_by_its_exit_code_whether_all_is_well() {
    let kew = Kew::start(&[]);
    let address = kew.addresses()[0].to_string();
    let well = finish(&mut command(&["healthcheck", "--listen", &address]));
    assert_eq!((well.code, well.errors.as_str()), (Some(0), ""));
    let by_variable = finish(command(&["healthcheck"]).env("KEW_LISTEN", &address));
    assert_eq!(by_variable.code, Some(0));
    // A container is told to listen everywhere, and asks itself with the same variable.
    let everywhere = format!("0.0.0.0:{}", kew.addresses()[0].port());
    assert_eq!(finish(command(&["healthcheck"]).env("KEW_LISTEN", everywhere)).code, Some(0));
    kew.stop();
    let gone = finish(&mut command(&["healthcheck", "--listen", &address]));
    assert_eq!(gone.code, Some(1));
    assert!(gone.errors.starts_with(&format!("kew: no answer from {address}: ")), "{}", gone.errors);
    assert_eq!(gone.errors.lines().count(), 1);
}

#[test]
fn a_health_check_does_not_trust_whoever_answers() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n");
    });
    let ill = finish(&mut command(&["healthcheck", "--listen", &address]));
    assert_eq!(ill.code, Some(1));
    assert_eq!(ill.errors, format!("kew: {address} answered HTTP/1.1 503 Service Unavailable\n"));
}

#[test]
fn help_lists_every_flag_with_its_variable() {
    let help = finish(&mut command(&["--help"]));
    assert_eq!((help.code, help.errors.as_str()), (Some(0), ""));
    let mut flags = 0;
    for paragraph in help.out.split("\n      --").skip(1) {
        let flag = paragraph.split([' ', '\n']).next().unwrap();
        let variable = format!("[env: KEW_{}", flag.to_uppercase().replace('-', "_"));
        // The value of a secret is not shown.
        let shown = ["=", "]"].map(|end| format!("{variable}{end}"));
        assert!(shown.iter().any(|shown| paragraph.contains(shown)), "--{flag} without {variable}: {paragraph}");
        flags += 1;
    }
    for flag in [
        "listen",
        "queue",
        "config",
        "auto-create",
        "mode",
        "namespace",
        "cooldowns",
        "account",
        "region",
        "external-url",
        "cors",
        "allow-host",
        "body-limit",
        "connection-limit",
        "threads",
        "log",
    ] {
        assert!(help.out.contains(&format!("\n      --{flag} ")), "--{flag}");
    }
    assert!(flags >= 15, "only {flags} flags");
    assert!(help.out.contains("healthcheck"));
    assert!(finish(&mut command(&["--version"])).out.starts_with(&format!("kew {}", env!("CARGO_PKG_VERSION"))));
}
