//! A server with keys: the SDK with right and wrong ones, requests by hand in each protocol, presigned ones, and the file read again.

use crate::keys::{Signing, profiles};
use crate::support::{AMZ_JSON, Answer, FORM, Peer, cbor, get, request};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::{Credentials, Region};
use aws_sdk_sqs::error::ProvideErrorMetadata;
use kew::internals::auth::basic_date;
use kew::{Clock, Config, Mode, PolicyMode, Server, StartError};
use serde_json::json;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

const KEYS: &str = r#"
[[key]]
access-key = "AKIDANNA"
secret = "annas-secret"
principal = "arn:aws:iam::123456789012:user/anna"

[[key]]
access-key = "ASIASESSION"
secret = "session-secret"
session-token = "tok/en+=="
account = "123456789012"

[[key]]
access-key = "AKIDENDED"
secret = "ended"
expires = 2020-01-01T00:00:00Z
"#;

/// A server and its credentials file, which only this user can read.
struct Kew {
    server: Server,
    file: PathBuf,
    _dir: TempDir,
}

fn write(file: &PathBuf, text: &str, mode: u32) {
    std::fs::write(file, text).unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}

fn try_start(text: &str, mode: u32, set: impl FnOnce(&mut Config)) -> (Result<Server, StartError>, PathBuf, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("keys.toml");
    write(&file, text, mode);
    let mut config = Config::default();
    config.listen = vec!["127.0.0.1:0".parse().unwrap()];
    config.credentials = Some(file.clone());
    // Who it is, not what they may.
    config.policies = PolicyMode::Off;
    set(&mut config);
    (Server::start(&config, Clock::controlled()), file, dir)
}

impl Kew {
    fn start(text: &str) -> Kew {
        let (server, file, _dir) = try_start(text, 0o600, |_| {});
        Kew { server: server.unwrap(), file, _dir }
    }

    fn ask(&self, bytes: impl AsRef<[u8]>) -> Answer {
        let mut peer = Peer::of(&self.server);
        peer.send(bytes);
        peer.answer()
    }

    fn client(&self, key: &str, secret: &str, token: Option<&str>) -> Client {
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version_latest()
            .endpoint_url(self.server.endpoint_url())
            .region(Region::from_static("eu-west-1"))
            .credentials_provider(Credentials::new(key, secret, token.map(str::to_owned), None, "test"))
            .retry_config(RetryConfig::disabled())
            .build();
        Client::from_conf(config)
    }

    /// What a ListQueues gives: its code, or `ok`.
    async fn listed(&self, key: &str, secret: &str, token: Option<&str>) -> String {
        match self.client(key, secret, token).list_queues().send().await {
            Ok(_) => "ok".to_owned(),
            Err(error) => error.code().unwrap_or("no code").to_owned(),
        }
    }
}

/// A request by hand, signed now for this server.
fn signed_now(kew: &Kew, change: impl FnOnce(&mut Signing)) -> Signing {
    let date = basic_date(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs());
    let mut signing = Signing::list_queues();
    signing.scope = format!("{}/us-east-1/sqs/aws4_request", &date[..8]);
    (signing.key, signing.secret) = ("AKIDANNA".to_owned(), "annas-secret".to_owned());
    for (name, value) in &mut signing.headers {
        match name.as_str() {
            "host" => *value = kew.server.addresses()[0].to_string(),
            "x-amz-date" => *value = date.clone(),
            _ => {}
        }
    }
    signing.date = date;
    change(&mut signing);
    signing
}

fn bytes(signing: &Signing) -> Vec<u8> {
    let query = signing.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
    let headers: String = signing.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = signing.body.len();
    let head =
        format!("{} {}{query} HTTP/1.1\r\n{headers}content-length: {length}\r\n\r\n", signing.method, signing.path);
    [head.as_bytes(), &signing.body].concat()
}

#[tokio::test]
async fn the_sdk_is_let_in_with_its_key_and_told_what_is_wrong_without() {
    let kew = Kew::start(KEYS);
    for (key, secret, token, expected) in [
        ("AKIDANNA", "annas-secret", None, "ok"),
        ("ASIASESSION", "session-secret", Some("tok/en+=="), "ok"),
        ("AKIDANNA", "another", None, "SignatureDoesNotMatch"),
        ("AKIDNOBODY", "annas-secret", None, "InvalidClientTokenId"),
        ("ASIASESSION", "session-secret", None, "InvalidClientTokenId"),
        ("ASIASESSION", "session-secret", Some("other"), "InvalidClientTokenId"),
        ("AKIDENDED", "ended", None, "ExpiredToken"),
        // What would choose an account, or the namespace of a test, without keys.
        ("999999999999", "test", None, "InvalidClientTokenId"),
    ] {
        assert_eq!(kew.listed(key, secret, token).await, expected, "{key} {secret} {token:?}");
    }
}

#[tokio::test]
async fn requests_act_in_the_account_of_the_key() {
    let kew = Kew::start(KEYS);
    let client = kew.client("AKIDANNA", "annas-secret", None);
    let created = client.create_queue().queue_name("orders").send().await.unwrap();
    let url = created.queue_url().unwrap().to_owned();
    assert!(url.ends_with("/123456789012/orders"), "{url}");
    client.send_message().queue_url(&url).message_body("hello \u{e9}").send().await.unwrap();
    let received = client.receive_message().queue_url(&url).send().await.unwrap();
    assert_eq!(received.messages()[0].body(), Some("hello \u{e9}"));
}

#[test]
fn an_unsigned_request_is_denied_in_its_own_protocol() {
    let kew = Kew::start(KEYS);
    let host = kew.server.addresses()[0].to_string();
    let json =
        kew.ask(request("POST", "/", &[("Content-Type", AMZ_JSON), ("X-Amz-Target", "AmazonSQS.ListQueues")], "{}"));
    let text = |host: &str| format!("Access to the resource https://{host}/ is denied.");
    assert_eq!(json.status, 403);
    assert_eq!(json.header("x-amzn-query-error"), Some("AccessDenied;Sender"));
    let said = json.json();
    assert_eq!(said["__type"], "com.amazon.coral.service#AccessDeniedException");
    assert!(said["message"].as_str().unwrap().starts_with("Access to the resource https://"), "{said}");
    let body = format!("GET /?Action=ListQueues HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let xml = kew.ask(body);
    assert_eq!(xml.status, 403);
    let xml = xml.text();
    assert!(xml.contains("<Type>Sender</Type><Code>AccessDenied</Code>") && xml.contains(&text(&host)), "{xml}");
    let of_cbor = [("smithy-protocol", "rpc-v2-cbor")];
    let in_cbor = kew.ask(request("POST", "/service/AmazonSQS/operation/ListQueues", &of_cbor, ""));
    assert_eq!((in_cbor.status, in_cbor.header("x-amzn-query-error")), (403, Some("AccessDenied;Sender")));
    let said = cbor::json(&in_cbor.body);
    assert_eq!(said["__type"], "com.amazon.coral.service#AccessDeniedException");
    assert!(said["message"].as_str().unwrap().starts_with("Access to the resource https://"), "{said}");
    // Nothing that is wrong with the request is told to nobody.
    for (target, body) in
        [("AmazonSQS.Bogus", "{}"), ("AmazonSQS.ListQueues", "{"), ("AmazonSQS.ListQueues", "{\"MaxResults\":\"x\"}")]
    {
        let answer = kew.ask(request("POST", "/", &[("Content-Type", AMZ_JSON), ("X-Amz-Target", target)], body));
        assert_eq!(
            (answer.status, answer.header("x-amzn-query-error")),
            (403, Some("AccessDenied;Sender")),
            "{target} {body}"
        );
    }
    let form = kew.ask(request("POST", "/", &[("Content-Type", FORM)], "Action=ListQueues"));
    assert_eq!(form.status, 403);
}

#[test]
fn what_is_not_sqs_stays_as_it_was() {
    let kew = Kew::start(KEYS);
    for path in ["/health", "/_kew", "/_kew/queues", "/metrics", "/_localstack/health"] {
        assert_eq!(kew.ask(get(path)).status, 200, "{path}");
    }
    assert_eq!(kew.ask(get("/nothing")).status, 404);
}

#[test]
fn a_presigned_request_is_let_in() {
    let kew = Kew::start(KEYS);
    let presigned = |change: fn(&mut Signing)| {
        kew.ask(bytes(&signed_now(&kew, |signing| {
            signing.method = "GET".to_owned();
            signing.body.clear();
            signing.query = Some("Action=ListQueues&Version=2012-11-05".to_owned());
            signing.presign("60");
            change(signing);
        })))
    };
    let answer = presigned(|_| {});
    assert!(answer.status == 200 && answer.text().contains("<ListQueuesResponse"), "{}", answer.text());
    let changed = presigned(|signing| {
        signing.query = signing.query.take().map(|query| query.replace("Version=2012", "Version=2013"))
    });
    assert!(
        changed.status == 403 && changed.text().contains("<Code>SignatureDoesNotMatch</Code>"),
        "{}",
        changed.text()
    );
    // A presigned POST in JSON: only the host is signed beside the body.
    let posted = |body: &str| {
        let mut signing = signed_now(&kew, |signing| signing.presign("60"));
        signing.body = body.as_bytes().to_vec();
        for (name, value) in [("content-type", AMZ_JSON), ("x-amz-target", "AmazonSQS.ListQueues")] {
            signing.headers.push((name.to_owned(), value.to_owned()));
        }
        kew.ask(bytes(&signing))
    };
    assert_eq!(posted("{}").status, 200);
    let changed = posted("{\"MaxResults\":1}");
    assert_eq!((changed.status, changed.header("x-amzn-query-error")), (403, Some("SignatureDoesNotMatch;Sender")));
}

#[test]
fn a_request_signed_by_hand_is_let_in_whatever_the_case_of_its_headers() {
    let kew = Kew::start(KEYS);
    let mut signing = signed_now(&kew, |signing| {
        signing.headers.push(("X-Mine".to_owned().to_lowercase(), "a  b".to_owned()));
        signing.sign();
    });
    for (name, _) in &mut signing.headers {
        *name = name.to_uppercase();
    }
    signing.headers.reverse();
    assert_eq!(kew.ask(bytes(&signing)).status, 200);
}

#[test]
fn a_clock_that_differs_too_much_is_told_so_by_real_time() {
    let kew = Kew::start(KEYS);
    let late = |seconds: i64| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let date = basic_date(now.checked_add_signed(seconds).unwrap());
        let mut signing = signed_now(&kew, |_| {});
        signing.scope = format!("{}/us-east-1/sqs/aws4_request", &date[..8]);
        signing
            .headers
            .iter_mut()
            .filter(|(name, _)| name == "x-amz-date")
            .for_each(|(_, value)| *value = date.clone());
        signing.date = date;
        signing.sign();
        kew.ask(bytes(&signing))
    };
    // The clock of the queues is turned a year on: that changes nothing.
    let turned = request("POST", "/_kew/clock/advance", &[("Content-Type", "application/json")], "{\"by\":\"365d\"}");
    assert_eq!(kew.ask(turned).status, 200);
    assert_eq!(late(0).status, 200);
    for (seconds, expected) in [(-3600, "Signature expired: "), (3600, "Signature not yet current: ")] {
        let answer = late(seconds);
        assert_eq!((answer.status, answer.header("x-amzn-query-error")), (403, Some("SignatureDoesNotMatch;Sender")));
        assert!(answer.json()["message"].as_str().unwrap().starts_with(expected));
    }
}

#[test]
fn in_aws_mode_the_region_is_that_of_the_host() {
    let (server, file, _dir) = try_start(KEYS, 0o600, |config| config.mode = Mode::Aws);
    let kew = Kew { server: server.unwrap(), file, _dir };
    let at = |host: &str| {
        let signing = signed_now(&kew, |signing| {
            signing.headers[0].1 = host.to_owned();
            signing.sign();
        });
        kew.ask(bytes(&signing))
    };
    assert_eq!(at("sqs.us-east-1.amazonaws.com").status, 200);
    assert_eq!(at("localhost").status, 200);
    let elsewhere = at("sqs.eu-west-1.amazonaws.com");
    let expected = json!({
        "__type": "com.amazon.coral.service#InvalidSignatureException",
        "message": "Credential should be scoped to a valid region, not 'us-east-1'. ",
    });
    assert_eq!((elsewhere.status, elsewhere.json()), (403, expected));
}

#[tokio::test]
async fn the_file_is_read_again_and_a_wrong_one_changes_nothing() {
    let kew = Kew::start(KEYS);
    let client = kew.client("AKIDANNA", "annas-secret", None);
    client.list_queues().send().await.unwrap();
    write(&kew.file, &profiles(&[("AKIDNEW", "new", None)]), 0o600);
    assert_eq!(kew.listed("AKIDNEW", "new", None).await, "InvalidClientTokenId");
    kew.server.reload_credentials().unwrap();
    assert_eq!(kew.listed("AKIDNEW", "new", None).await, "ok");
    assert_eq!(kew.listed("AKIDANNA", "annas-secret", None).await, "InvalidClientTokenId");
    write(&kew.file, "[[key]]\naccess-key = \"A\"\n", 0o600);
    let error = kew.server.reload_credentials().unwrap_err().to_string();
    assert_eq!(error, format!("{}:1: a key needs `secret`, as in secret = \"...\"", kew.file.display()));
    assert_eq!(kew.listed("AKIDNEW", "new", None).await, "ok");
    std::fs::remove_file(&kew.file).unwrap();
    let error = kew.server.reload_credentials().unwrap_err().to_string();
    assert!(error.contains("cannot be read: "), "{error}");
    assert_eq!(kew.listed("AKIDNEW", "new", None).await, "ok");
}

#[test]
fn a_server_does_not_start_with_a_file_that_is_wrong() {
    let refused = |text: &str, mode: u32| {
        let (server, file, _dir) = try_start(text, mode, |_| {});
        server.expect_err("no server").to_string().replace(&file.display().to_string(), "keys")
    };
    assert_eq!(
        refused("[[key]]\n", 0o600),
        "credentials: keys:1: a key needs `access-key`, as in access-key = \"...\""
    );
    assert_eq!(
        refused("", 0o600),
        "credentials: keys: no key is in it; [[key]] tables are wanted, or profiles as in ~/.aws/credentials"
    );
    #[cfg(unix)]
    for mode in [0o604, 0o620, 0o644, 0o660, 0o601, 0o777] {
        let expected =
            format!("credentials: keys: holds secrets, and its mode {mode:o} lets others use it; chmod 600 keys");
        assert_eq!(refused(KEYS, mode), expected);
    }
    // As Kubernetes mounts a secret where there is an `fsGroup`.
    for mode in [0o400, 0o440, 0o640] {
        assert!(try_start(KEYS, mode, |_| {}).0.is_ok(), "{mode:o}");
    }
}
