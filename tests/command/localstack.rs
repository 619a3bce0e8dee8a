//! Ports, and LocalStack's variables: where kew listens then, and what queue URLs look like.

use crate::http::json;
use crate::kew::*;
use std::net::TcpListener;
use std::process::Command;

/// The command without variables of LocalStack, whatever runs the tests.
fn clean(args: &[&str]) -> Command {
    let mut command = command(args);
    for name in ["GATEWAY_LISTEN", "LOCALSTACK_HOST", "SQS_ENDPOINT_STRATEGY", "DEBUG", "LS_LOG", "PORT"] {
        command.env_remove(name);
    }
    command
}

fn created_url(kew: &Kew) -> String {
    kew.ask(json("CreateQueue", r#"{"QueueName": "q"}"#)).ok().json()["QueueUrl"].as_str().unwrap().to_owned()
}

#[test]
fn ports_may_be_said_alone_and_beside_addresses() {
    let hosts = |args: &[&str], variables: &[(&str, &str)]| -> Vec<String> {
        let kew = Kew::run(clean(args).envs(variables.iter().copied()));
        for address in kew.addresses() {
            assert_ne!(address.port(), 0);
            crate::http::Peer::at(address).ask(json("ListQueues", "{}")).ok();
        }
        kew.addresses().iter().map(|address| address.ip().to_string()).collect()
    };
    assert_eq!(hosts(&["--port", "0"], &[]), ["127.0.0.1"]);
    assert_eq!(hosts(&["--port", "0", "--port", "0"], &[]), ["127.0.0.1", "127.0.0.1"]);
    assert_eq!(hosts(&["--listen", "127.0.0.2:0", "--port", "0"], &[]), ["127.0.0.2", "127.0.0.2"]);
    assert_eq!(hosts(&[], &[("KEW_PORT", "0,0,0"), ("PORT", "1")]).len(), 3);
    let file = File::new("ports", "port = [0, \"0\"]\n");
    assert_eq!(hosts(&["--config", file.path()], &[]).len(), 2);
    assert_eq!(hosts(&["--config", file.path(), "--port", "0"], &[]).len(), 1);
}

#[test]
fn a_place_that_is_said_twice_is_one() {
    // A port that was free a moment ago; another process could take it, so several are tried.
    let is_one = (0..10).any(|_| {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (port, address) = (port.to_string(), format!("127.0.0.1:{port}"));
        let probe = finish(&mut clean(&["healthcheck", "--port", &port]));
        assert_eq!(probe.code, Some(1), "{probe:?}");
        let kew = Kew::run(&mut clean(&["--listen", &address, "--port", &port]));
        let well = finish(&mut clean(&["healthcheck", "--port", &port]));
        kew.addresses().len() == 1 && well.code == Some(0)
    });
    assert!(is_one);
}

#[test]
fn a_wrong_port_is_told_what_would_be_right() {
    for port in ["x", "65536", "-1"] {
        let ended = finish(&mut clean(&["--port", port]));
        let expected = format!(
            "error: invalid value '{port}' for '--port <PORT>': `{port}` is not a port: a number from 0 to 65535\n"
        );
        assert!(ended.errors.starts_with(&expected), "{ended:?}");
    }
    let said = crate::config_file::refusal_of("port", "port = true");
    assert_eq!(said, "1: port: `true` is not a port: a number from 0 to 65535");
    let said = crate::config_file::refusal_of("port", "port = [[1]]");
    assert_eq!(said, "1: port: a number or a list of numbers is wanted, as in [4566, 9324]");
}

#[test]
fn variables_of_localstack_are_gone_by_when_that_is_asked_for() {
    let variables = [
        ("GATEWAY_LISTEN", "127.0.0.2:0"),
        ("LOCALSTACK_HOST", "localstack:4566"),
        ("SQS_ENDPOINT_STRATEGY", "path"),
        ("PERSISTENCE", "1"),
    ];
    let kew = Kew::run(clean(&["--localstack"]).envs(variables));
    assert_eq!(kew.addresses()[0].ip().to_string(), "127.0.0.2");
    assert_eq!(created_url(&kew), "http://localstack:4566/queue/us-east-1/000000000000/q");
    let log = kew.stop().join("\n");
    let line = "LocalStack's variables: GATEWAY_LISTEN=127.0.0.2:0: listens there; LOCALSTACK_HOST=localstack:4566 \
                SQS_ENDPOINT_STRATEGY=path: queue URLs begin with http://localstack:4566/queue/{region}\n";
    assert!(log.contains(line), "{log}");
    assert!(log.contains("without meaning here: PERSISTENCE (instead: --data DIR)\n"), "{log}");

    let kew = Kew::run(clean(&["--port", "0"]).envs(variables));
    assert_eq!(kew.addresses().len(), 1);
    assert_eq!(created_url(&kew), "http://door.internal:1234/000000000000/q");
    let line = "GATEWAY_LISTEN, SQS_ENDPOINT_STRATEGY of LocalStack is set; kew goes by it with --localstack";
    assert!(kew.stop().join("\n").contains(line));
}

#[test]
fn each_strategy_gives_its_form_of_queue_urls() {
    let url = |strategy: &str, region: &str| {
        let listen = [("KEW_LOCALSTACK", "on"), ("GATEWAY_LISTEN", "127.0.0.1:0"), ("LOCALSTACK_HOST", "h:1")];
        let args = ["--region", region];
        created_url(&Kew::run(clean(&args).envs(listen).env("SQS_ENDPOINT_STRATEGY", strategy)))
    };
    assert_eq!(url("standard", "eu-west-1"), "http://sqs.eu-west-1.h:1/000000000000/q");
    assert_eq!(url("domain", "eu-west-1"), "http://eu-west-1.queue.h:1/000000000000/q");
    assert_eq!(url("domain", "us-east-1"), "http://queue.h:1/000000000000/q");
    assert_eq!(url("path", "eu-west-1"), "http://h:1/queue/eu-west-1/000000000000/q");
    assert_eq!(url("off", "eu-west-1"), "http://h:1/000000000000/q");
    assert_eq!(url("dynamic", "eu-west-1"), "http://door.internal:1234/000000000000/q");
    let wrong = finish(clean(&["--localstack"]).env("SQS_ENDPOINT_STRATEGY", "paht"));
    let expected = "kew: SQS_ENDPOINT_STRATEGY: `paht` is none of standard, domain, path, off and dynamic\n";
    assert_eq!((wrong.code, wrong.errors.as_str()), (Some(1), expected));
}
