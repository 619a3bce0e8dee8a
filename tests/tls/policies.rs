//! `aws:SecureTransport`: a policy can ask for TLS.

use crate::both;
use crate::client::{Client, trusting};
use crate::support::*;
use kew::QueueConfig;

/// Everyone may send, but not over plain HTTP: the usual policy of AWS's documentation.
const ONLY_BY_TLS: &str = r#"{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"},
    {"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "*",
     "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}"#;

#[test]
fn a_policy_can_refuse_what_does_not_come_by_tls() {
    let dir = tempfile::tempdir().unwrap();
    let keys = dir.path().join("keys");
    std::fs::write(&keys, "[a]\naws_access_key_id = AKIDA\naws_secret_access_key = secret\n").unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(&keys, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let queue = QueueConfig::new("open").attribute("Policy", ONLY_BY_TLS);
    let server = both().queue(queue).credentials(&keys).start().unwrap();
    let send = || json("SendMessage", format!(r#"{{"QueueUrl":"{}","MessageBody":"m"}}"#, server.queue_url("open")));
    Peer::of(&server).ask(send()).json_error(403, "AccessDeniedException", "AccessDenied");
    Client::connect(&server, "localhost", trusting(&server, &[])).ask(send()).ok();
}
