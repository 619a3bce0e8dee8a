//! Raw HTTP requests: those in `tests/fixtures/captures`, and ones built by hand.

use kew::internals::api::{Operation, Request};
use kew::internals::wire::{Call, Head, Method, Rejection, decode};
use std::path::{Path, PathBuf};

/// A request as it went over the wire, taken apart just as far as an HTTP server does.
pub struct Raw {
    /// Folder of the capture: the client.
    pub client: String,
    /// File name without its ending: number and operation.
    pub name: String,
    pub method: String,
    pub path: String,
    pub query: Option<String>,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Raw {
    pub fn parse(client: &str, name: &str, bytes: &[u8]) -> Raw {
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("a head");
        let head = std::str::from_utf8(&bytes[..end]).expect("a head of text");
        let mut lines = head.split("\r\n");
        let mut request_line = lines.next().unwrap().split(' ');
        let method = request_line.next().unwrap().to_owned();
        let target = request_line.next().unwrap();
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        let headers = lines
            .map(|line| line.split_once(':').expect("a header"))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Raw {
            client: client.to_owned(),
            name: name.to_owned(),
            method,
            path: path.to_owned(),
            query,
            headers,
            body: bytes[end + 4..].to_vec(),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub fn head(&self) -> Head<'_> {
        Head {
            method: match self.method.as_str() {
                "GET" => Method::Get,
                "POST" => Method::Post,
                _ => Method::Other,
            },
            path: &self.path,
            query: self.query.as_deref(),
            content_type: self.header("content-type"),
            target: self.header("x-amz-target"),
            smithy_protocol: self.header("smithy-protocol"),
            accept: self.header("accept"),
            authorization: self.header("authorization"),
        }
    }

    pub fn decode(&self) -> Call<'_> {
        decode(&self.head(), &self.body).unwrap_or_else(|e| panic!("{}/{}: {e:?}", self.client, self.name))
    }

    /// The operation that the file's name tells.
    pub fn operation(&self) -> &str {
        self.name.split_once('-').expect("a number and an operation").1
    }

    pub fn is_json(&self) -> bool {
        self.header("content-type").is_some_and(|t| t.starts_with("application/x-amz-json"))
    }
}

/// All captures, by client and number.
pub fn captures() -> Vec<Raw> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/captures");
    let mut all = Vec::new();
    for folder in sorted(&root).into_iter().filter(|path| path.is_dir()) {
        for file in sorted(&folder) {
            let text = |os: Option<&std::ffi::OsStr>| os.unwrap().to_str().unwrap().to_owned();
            let bytes = std::fs::read(&file).unwrap();
            all.push(Raw::parse(&text(folder.file_name()), &text(file.file_stem()), &bytes));
        }
    }
    all
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

const POST: Head<'_> = Head {
    method: Method::Post,
    path: "/",
    query: None,
    content_type: None,
    target: None,
    smithy_protocol: None,
    accept: None,
    authorization: None,
};

/// Decodes a JSON request to `/`.
pub fn json_request(operation: Operation, body: &str) -> Result<Request, Rejection> {
    let target = format!("AmazonSQS.{}", operation.name());
    let head = Head { content_type: Some("application/x-amz-json-1.0"), target: Some(&target), ..POST };
    decode(&head, body.as_bytes()).map(|call| call.request)
}

/// Decodes a CBOR body.
pub fn cbor_request(operation: Operation, body: &[u8]) -> Result<Request, Rejection> {
    let path = format!("/service/AmazonSQS/operation/{}", operation.name());
    let head =
        Head { path: &path, content_type: Some("application/cbor"), smithy_protocol: Some("rpc-v2-cbor"), ..POST };
    decode(&head, body).map(|call| call.request)
}

/// Decodes a form to `/`.
pub fn query_request(operation: Operation, parameters: &[(String, String)]) -> Result<Request, Rejection> {
    let action = ("Action".to_owned(), operation.name().to_owned());
    let pairs: Vec<_> = std::iter::once(&action).chain(parameters).collect();
    let body = serde_urlencoded::to_string(pairs).unwrap();
    let head = Head { content_type: Some("application/x-www-form-urlencoded"), ..POST };
    decode(&head, body.as_bytes()).map(|call| call.request)
}
