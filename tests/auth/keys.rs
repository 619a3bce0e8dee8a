//! Keys, and a signer of its own for requests that no client writes.

use hmac::{Hmac, KeyInit, Mac};
use kew::internals::auth::{Carrier, Credentials, CredentialsFile, HttpRequest, Scope, canonical_request};
use sha2::{Digest, Sha256};

pub const KEY: &str = "AKIDEXAMPLE";
pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// 2015-08-30 12:36:00, the moment of the fixtures.
pub const NOW_S: u64 = 1_440_938_160;
pub const DATE: &str = "20150830T123600Z";
pub const SQS: Scope<'static> = Scope { region: None, service: "sqs" };

/// The keys of a credentials file.
pub fn keys(text: &str) -> Credentials {
    let no_files = |_: &str| Err("there are no files".to_owned());
    CredentialsFile { name: "keys", text, account: "000000000000", read_file: &no_files }.read().unwrap()
}

/// One profile for each key.
pub fn profiles(keys: &[(&str, &str, Option<&str>)]) -> String {
    let profile = |(key, secret, token): &(&str, &str, Option<&str>)| {
        let token = token.map(|token| format!("aws_session_token = {token}\n")).unwrap_or_default();
        format!("[{key}]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n{token}")
    };
    keys.iter().map(profile).collect()
}

/// A request that can be changed and signed.
#[derive(Clone, Debug)]
pub struct Signing {
    pub method: String,
    pub path: String,
    pub query: Option<String>,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub key: String,
    pub secret: String,
    pub scope: String,
    pub date: String,
}

impl Signing {
    /// A ListQueues.
    pub fn list_queues() -> Signing {
        let headers = [
            ("host", "localhost:9324"),
            ("content-type", "application/x-amz-json-1.0"),
            ("x-amz-date", DATE),
            ("x-amz-target", "AmazonSQS.ListQueues"),
        ];
        Signing {
            method: "POST".to_owned(),
            path: "/".to_owned(),
            query: None,
            headers: headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
            body: b"{}".to_vec(),
            key: KEY.to_owned(),
            secret: SECRET.to_owned(),
            scope: "20150830/us-east-1/sqs/aws4_request".to_owned(),
            date: DATE.to_owned(),
        }
    }

    pub fn with<R>(&self, use_request: impl FnOnce(&HttpRequest<'_>) -> R) -> R {
        let headers: Vec<(&str, &[u8])> = self.headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
        use_request(&HttpRequest {
            method: &self.method,
            path: &self.path,
            query: self.query.as_deref(),
            headers: &headers,
            body: &self.body,
        })
    }

    /// Adds the header `Authorization` for all headers that are there.
    pub fn sign(&mut self) {
        let mut names: Vec<String> = self.headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        names.sort_unstable();
        names.dedup();
        let signature = self.signature(&names, Carrier::Header);
        let value = format!(
            "AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={signature}",
            self.key,
            self.scope,
            names.join(";")
        );
        self.headers.push(("authorization".to_owned(), value));
    }

    /// Adds the parameters of a presigned request.
    pub fn presign(&mut self, expires: &str) {
        let credential = format!("{}/{}", self.key, self.scope).replace('/', "%2F");
        let before = self.query.take().map(|query| query + "&").unwrap_or_default();
        self.headers.retain(|(name, _)| name == "host");
        let query = format!(
            "{before}X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}&X-Amz-Date={}&X-Amz-Expires={expires}&X-Amz-SignedHeaders=host",
            self.date
        );
        self.query = Some(query.clone());
        let signature = self.signature(&["host".to_owned()], Carrier::Query { expires_s: 0 });
        self.query = Some(format!("{query}&X-Amz-Signature={signature}"));
    }

    fn signature(&self, names: &[String], carrier: Carrier) -> String {
        let hmac = |key: &[u8], text: &str| {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
            mac.update(text.as_bytes());
            mac.finalize().into_bytes().to_vec()
        };
        let canonical = self.with(|request| canonical_request(request, names, carrier));
        let text = [
            "AWS4-HMAC-SHA256".to_owned(),
            self.date.clone(),
            self.scope.clone(),
            hex::encode(Sha256::digest(canonical)),
        ]
        .join("\n");
        let first = format!("AWS4{}", self.secret).into_bytes();
        let key = self.scope.split('/').fold(first, |key, part| hmac(&key, part));
        hex::encode(hmac(&key, &text))
    }
}
