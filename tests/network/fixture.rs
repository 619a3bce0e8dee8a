//! A server as one would put it on a network: with keys and policies; and a signer of requests.

use crate::keys::Signing;
use crate::support::{AMZ_JSON, Answer, Peer};
use kew::internals::auth::basic_date;
use kew::{Clock, Config, QueueConfig, Server};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::UNIX_EPOCH;
use tempfile::TempDir;

pub type Key = (&'static str, &'static str);

/// The root of the server's own account, a user of it who may send to `orders`, another who may where she comes from one
/// address, and the root of another account.
pub const ROOT: Key = ("AKIAROOT", "root-secret");
pub const ANN: Key = ("AKIAANN", "ann-secret");
pub const EVE: Key = ("AKIAEVE", "eve-secret");
pub const OTHER: Key = ("AKIAOTHER", "other-secret");

const KEYS: &str = r#"
[[key]]
access-key = "AKIAROOT"
secret = "root-secret"

[[key]]
access-key = "AKIAANN"
secret = "ann-secret"
principal = "arn:aws:iam::000000000000:user/ann"
policy = '''{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage",
    "Resource": "arn:aws:sqs:us-east-1:000000000000:orders"}]}'''

[[key]]
access-key = "AKIAEVE"
secret = "eve-secret"
principal = "arn:aws:iam::000000000000:user/eve"
policy = '''{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*",
    "Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.7"}}}]}'''

[[key]]
access-key = "AKIAOTHER"
secret = "other-secret"
account = "999999999999"
"#;

pub struct Kew {
    pub server: Server,
    dir: TempDir,
}

impl Kew {
    /// With keys and the queue `orders`, on this machine alone.
    pub fn new() -> Kew {
        Kew::with(|_| {})
    }

    /// The same, listening at all addresses.
    pub fn on_a_network(set: impl FnOnce(&mut Config)) -> Kew {
        Kew::with(|config| {
            config.listen = vec![(Ipv4Addr::UNSPECIFIED, 0).into()];
            set(config);
        })
    }

    /// With other settings.
    pub fn with(set: impl FnOnce(&mut Config)) -> Kew {
        let dir = tempfile::tempdir().unwrap();
        write_keys(dir.path(), KEYS);
        let mut config = Config::default();
        config.listen = vec![(Ipv4Addr::LOCALHOST, 0).into()];
        config.threads = Some(1);
        config.credentials = Some(dir.path().join("keys.toml"));
        config.add_queues([QueueConfig::new("orders")]);
        set(&mut config);
        Kew { server: Server::start(&config, Clock::controlled()).unwrap(), dir }
    }

    /// Has a key no more, from now on.
    pub fn take_out(&self, (key, _): Key) {
        let tables = KEYS.split("[[key]]\n").filter(|table| !table.trim().is_empty() && !table.contains(key));
        write_keys(self.dir.path(), &tables.map(|table| format!("[[key]]\n{table}")).collect::<String>());
        self.server.reload_credentials().unwrap();
    }

    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.server.addresses()[0].port()).into()
    }

    pub fn ask(&self, request: impl AsRef<[u8]>) -> Answer {
        Peer::at(self.address()).ask(request)
    }

    /// A request that is still to be signed, `seconds` later than now.
    pub fn unsigned(&self, (key, secret): Key, action: &str, body: &str, seconds: i64) -> Signing {
        let now = UNIX_EPOCH.elapsed().unwrap().as_secs().checked_add_signed(seconds).unwrap();
        let date = basic_date(now);
        let mut signing = Signing::list_queues();
        signing.headers = [
            ("host", self.address().to_string()),
            ("content-type", AMZ_JSON.to_owned()),
            ("x-amz-date", date.clone()),
            ("x-amz-target", format!("AmazonSQS.{action}")),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        signing.body = body.replace("ORDERS", &self.server.queue_url("orders")).into_bytes();
        signing.scope = format!("{}/us-east-1/sqs/aws4_request", &date[..8]);
        (signing.key, signing.secret, signing.date) = (key.to_owned(), secret.to_owned(), date);
        signing
    }

    /// A signed request.
    pub fn signed(&self, key: Key, action: &str, body: &str) -> Signing {
        let mut signing = self.unsigned(key, action, body, 0);
        signing.sign();
        signing
    }

    /// What is said to a signed request: `ok` or the code of an error.
    pub fn said(&self, key: Key, action: &str, body: &str) -> String {
        code(&self.ask(bytes(&self.signed(key, action, body))))
    }

    /// How many messages are in `orders`.
    pub fn count(&self) -> String {
        let asked = r#"{"QueueUrl":"ORDERS","AttributeNames":["ApproximateNumberOfMessages"]}"#;
        let answer = self.ask(bytes(&self.signed(ROOT, "GetQueueAttributes", asked))).ok().json();
        answer["Attributes"]["ApproximateNumberOfMessages"].as_str().unwrap().to_owned()
    }
}

pub const SEND: &str = r#"{"QueueUrl":"ORDERS","MessageBody":"ten of them"}"#;
pub const RECEIVE: &str = r#"{"QueueUrl":"ORDERS"}"#;

/// A request as it is sent.
pub fn bytes(signing: &Signing) -> Vec<u8> {
    let headers: String = signing.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = signing.body.len();
    let head = format!("{} {} HTTP/1.1\r\n{headers}content-length: {length}\r\n\r\n", signing.method, signing.path);
    [head.as_bytes(), &signing.body].concat()
}

/// `ok`, or the code of an error.
pub fn code(answer: &Answer) -> String {
    let error = answer.header("x-amzn-query-error").map(|error| error.split(';').next().unwrap().to_owned());
    error.unwrap_or_else(|| if answer.status == 200 { "ok".to_owned() } else { answer.status.to_string() })
}

fn write_keys(dir: &Path, text: &str) {
    let path = dir.join("keys.toml");
    std::fs::write(&path, text).unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}
