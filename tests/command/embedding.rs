//! The crate as a program embeds it: what a builder refuses, what errors say to a programmer, and how a server ends.

use kew::{
    Clock, Config, Durability, Hosts, Mode, NamespaceMode, Origins, QueueConfig, Server, ServerBuilder, SettingError,
    StartError, StoreError,
};
use std::error::Error;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::Duration;

/// What tests put into a fixture.
#[derive(Debug)]
struct Fixture {
    server: Server,
}

#[test]
fn a_server_can_be_part_of_what_is_debugged() {
    let fixture = Fixture { server: Server::builder().start().unwrap() };
    let shown = format!("{fixture:?}");
    assert!(shown.contains(fixture.server.endpoint_url()), "{shown}");
    let error = Server::builder().queue("bad name").start().unwrap_err();
    assert!(matches!(&error, StartError::Queue { name, .. } if name == "bad name"), "{error:?}");
}

#[test]
fn a_builder_refuses_what_the_command_line_refuses() {
    let build = Server::builder;
    let wrong: [(ServerBuilder, &str); 9] = [
        (build().account("abc"), "account: an account is 12 digits, as in 000000000000"),
        (build().region(""), "region: a region is letters, digits and hyphens, as in us-east-1"),
        (
            build().external_url("nonsense"),
            "external_url: a URL of scheme and host is wanted, as in http://sqs.local:9324",
        ),
        (build().threads(0), "threads: `0` is not a whole number from 1 to 1024"),
        (build().threads(1025), "threads: `1025` is not a whole number from 1 to 1024"),
        (build().body_bytes_max(0), "body_bytes_max: `0` is not a whole number of at least 1"),
        (build().connections_max(0), "connections_max: `0` is not a whole number of at least 1"),
        (build().data("", Durability::Full), "data: a directory is wanted, as in /var/lib/kew"),
        (build().queue(""), "queue : Queue name cannot be empty"),
    ];
    for (builder, what) in wrong {
        assert_eq!(builder.start().unwrap_err().to_string(), what);
    }
    let mut config = Config::default();
    config.threads = Some(0);
    let error = Server::start(&config, Clock::system()).unwrap_err();
    assert!(matches!(&error, StartError::Setting { name: "threads", .. }), "{error:?}");
    let slash = build().external_url("http://kew.test/").start().unwrap();
    assert_eq!(slash.queue_url("q"), "http://kew.test/000000000000/q");
}

#[test]
fn what_a_builder_takes_has_a_name_at_the_root() {
    let origins = Origins::parse(["http://localhost:3000"]).unwrap();
    let builder = Server::builder()
        .allow_host(Hosts::parse(["kew.example.com"]).unwrap())
        .cors(origins)
        .namespace(NamespaceMode::Aws)
        .mode(Mode::Aws);
    builder.start().unwrap().shutdown_blocking();
    let [a, b, c]: [Durability; 3] =
        [kew::Durability::Full, kew::internals::config::Durability::Full, kew::internals::store::Durability::Full];
    assert!(a == b && b == c);
}

#[test]
fn errors_speak_to_programmers_and_lead_to_their_causes() {
    let first = Server::builder().start().unwrap();
    let address = first.addresses()[0];
    let error = Server::builder().listen(address).start().unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on {address}: the port is in use"));
    let below = error.source().and_then(|io| io.downcast_ref::<std::io::Error>());
    assert_eq!(below.map(std::io::Error::kind), Some(ErrorKind::AddrInUse));
    assert!(matches!(error, StartError::Listen { address: at, .. } if at == address));

    let file = tempfile::NamedTempFile::new().unwrap();
    let error = Server::builder().data(file.path(), Durability::Full).start().unwrap_err();
    assert!(error.source().is_some_and(|source| source.is::<StoreError>()), "{error:?}");
    let error = Server::builder().threads(0).start().unwrap_err();
    assert!(error.source().is_some_and(|source| source.is::<SettingError>()), "{error:?}");
}

#[test]
fn what_sqs_would_refuse_is_refused_with_its_name() {
    let queue = || QueueConfig::new("q");
    for (queue, attribute) in [
        (queue().visibility_timeout(Duration::from_secs(43_201)), "VisibilityTimeout"),
        (queue().delay(Duration::from_millis(1_500)), "DelaySeconds"),
        (queue().message_retention_period(Duration::from_secs(59)), "MessageRetentionPeriod"),
        (queue().receive_message_wait_time(Duration::from_secs(21)), "ReceiveMessageWaitTimeSeconds"),
        (queue().maximum_message_size(1_048_577), "MaximumMessageSize"),
    ] {
        let error = Server::builder().queue(queue).start().unwrap_err();
        assert_eq!(error.to_string(), format!("queue q: Invalid value for the parameter {attribute}."));
        assert!(matches!(&error, StartError::Queue { name, .. } if name == "q"), "{error:?}");
    }
    let standard = Server::builder().queue(queue().content_based_deduplication(true)).start().unwrap_err();
    assert_eq!(standard.to_string(), "queue q: Unknown Attribute ContentBasedDeduplication.");
}

#[test]
fn a_server_has_ended_when_drop_or_shutdown_returns() {
    for end in [drop::<Server>, Server::shutdown_blocking] {
        let server = Server::builder().start().unwrap();
        let address = server.addresses()[0];
        TcpStream::connect(address).unwrap();
        end(server);
        assert!(TcpStream::connect(address).is_err());
    }
}

#[test]
fn the_package_says_where_its_source_and_documents_are() {
    assert_eq!(env!("CARGO_PKG_REPOSITORY"), "https://github.com/kew-sqs/kew");
}
