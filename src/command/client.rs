//! A request to the control API of a running kew.

use super::request::Request;
use super::tls;
use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::http::uri::Uri;
use hyper_util::rt::TokioIo;
use kew::Server;
use kew::internals::config::{LISTEN_DEFAULT, Listen};
use kew::internals::control::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

/// How long a connection may take to come about. An answer may take as long as it likes: an await waits at the server.
const CONNECT_TIME_LIMIT: Duration = Duration::from_secs(5);

/// Which kew is asked.
#[derive(Args, Clone, Debug, Default)]
pub struct Target {
    /// The kew to ask [default: where KEW_LISTEN says, else http://127.0.0.1:9324]
    #[arg(long, value_name = "URL", env = "KEW_URL", global = true, help_heading = "Which kew")]
    pub url: Option<String>,
    /// The token of its control API, if it wants one
    #[arg(long, env = "KEW_CONTROL_TOKEN", hide_env_values = true, global = true, help_heading = "Which kew")]
    pub token: Option<String>,
    /// A namespace of it, as `kew ns create` makes them
    #[arg(long, value_name = "NAME", env = "KEW_NS", global = true, help_heading = "Which kew")]
    pub ns: Option<String>,
    /// The certificates to trust, in PEM, for a URL that begins with https://
    #[arg(long, value_name = "FILE", env = "AWS_CA_BUNDLE", global = true, help_heading = "Which kew")]
    pub ca: Option<PathBuf>,
    /// Whether it is one that this process has started.
    #[arg(skip)]
    is_own: bool,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Failure {
    /// What was asked for cannot be asked.
    Usage(String),
    /// There is no kew, or no control API.
    Unreachable(String),
}

/// An answer of the control API whose body is still to be read.
pub struct Answer {
    /// Its HTTP status.
    pub status: u16,
    /// Whether it is a stream of server-sent events.
    pub is_event_stream: bool,
    body: Incoming,
}

impl Answer {
    /// The next piece of the body; none at its end.
    ///
    /// # Errors
    /// If the connection broke.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            let frame = frame.map_err(|error| Failure::Unreachable(format!("the connection broke: {error}")))?;
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
    }

    /// The rest of the body.
    ///
    /// # Errors
    /// If the connection broke.
    pub async fn text(mut self) -> Result<String, Failure> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.piece().await? {
            bytes.extend_from_slice(&piece);
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// An address at which this machine reaches a server that listens everywhere.
pub fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        let v4 = address.is_ipv4();
        address.set_ip(if v4 { IpAddr::from(Ipv4Addr::LOCALHOST) } else { IpAddr::from(Ipv6Addr::LOCALHOST) });
    }
    address
}

impl Target {
    /// A server of this process.
    pub fn own(server: &Server) -> Target {
        let token = server.control_token().map(str::to_owned);
        let ca = server.ca_certificate().map(Path::to_owned);
        Target { url: Some(own_url(server)), token, ns: None, ca, is_own: true }
    }

    /// The URL of the server, without a slash at its end.
    fn base(&self) -> Result<String, Failure> {
        let given = self.url.as_deref().map(str::trim).filter(|url| !url.is_empty());
        let Some(url) = given else {
            let listen = std::env::var("KEW_LISTEN").unwrap_or_default();
            let first = listen.split(',').next().and_then(|first| first.parse::<Listen>().ok());
            return Ok(format!("http://{}", reachable(first.map_or(LISTEN_DEFAULT, |listen| listen.0))));
        };
        let url = url.trim_end_matches('/');
        match url.split_once("://") {
            None => Ok(format!("http://{url}")),
            Some(("http" | "https", _)) => Ok(url.to_owned()),
            Some(_) => Err(Failure::Usage(format!("--url {url}: it begins with http:// or https://"))),
        }
    }

    /// The path and query of a request.
    fn path(&self, request: &Request) -> String {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let mut path = "/_kew".to_owned();
        if let Some(name) = self.ns.as_deref().filter(|name| !name.is_empty()) {
            path = format!("{path}/ns/{}", encode(name));
        }
        for part in &request.path {
            path = format!("{path}/{}", encode(part));
        }
        let query = request.query();
        if query.is_empty() { path } else { format!("{path}?{query}") }
    }

    /// Sends a request.
    ///
    /// # Errors
    /// If there is no answer, or one of something else than kew.
    pub async fn send(&self, request: &Request, accept: &'static str) -> Result<Answer, Failure> {
        let base = self.base()?;
        let wrong = |_| Failure::Usage(format!("--url {base} is no URL, as in http://{LISTEN_DEFAULT}"));
        let uri: Uri = format!("{base}{}", self.path(request)).parse().map_err(wrong)?;
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let tls = if uri.scheme_str() == Some("https") { Some(self.tls(&base)?) } else { None };
        let port = uri.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 });
        let unreachable = |error: &dyn std::fmt::Display| {
            Failure::Unreachable(format!("no kew at {base}: {error}; name another with --url or KEW_URL"))
        };
        let stream = connect(host, port).map_err(|error| unreachable(&error))?;
        let stream = tokio::net::TcpStream::from_std(stream).map_err(|error| unreachable(&error))?;
        let mut sender = match tls {
            None => speak(stream).await,
            Some(config) => {
                let name = ServerName::try_from(host.to_owned()).map_err(|error| unreachable(&error))?;
                let stream = TlsConnector::from(config).connect(name, stream).await;
                speak(stream.map_err(|error| unreachable(&error))?).await
            }
        }
        .map_err(|error| unreachable(&error))?;
        let request = self.in_http(request, &uri, accept).map_err(|error| Failure::Usage(error.to_string()))?;
        let answer = sender.send_request(request).await.map_err(|error| unreachable(&error))?;
        if !answer.headers().contains_key("kew-api") {
            let status = answer.status();
            return Err(Failure::Unreachable(format!("{base} is no kew with a control API: it answered {status}")));
        }
        let content_type = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_event_stream = content_type.is_some_and(|value| value.starts_with("text/event-stream"));
        Ok(Answer { status: answer.status().as_u16(), is_event_stream, body: answer.into_body() })
    }

    /// Whom it trusts.
    fn tls(&self, base: &str) -> Result<Arc<ClientConfig>, Failure> {
        if self.is_own {
            return tls::trusting_anybody().map_err(|error| Failure::Usage(error.to_string()));
        }
        let Some(ca) = self.ca.as_deref().filter(|ca| !ca.as_os_str().is_empty()) else {
            return Err(Failure::Usage(format!(
                "{base}: name the certificates to trust with --ca FILE or AWS_CA_BUNDLE"
            )));
        };
        tls::trusting(ca).map_err(Failure::Usage)
    }

    fn in_http(
        &self,
        request: &Request,
        uri: &Uri,
        accept: &'static str,
    ) -> Result<hyper::Request<Full<Bytes>>, hyper::http::Error> {
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let target = uri.path_and_query().map_or("/", |path| path.as_str());
        let mut builder = hyper::Request::builder()
            .method(request.method.name())
            .uri(target)
            .header(HOST, authority)
            .header(USER_AGENT, concat!("kew/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, HeaderValue::from_static(accept));
        if let Some(token) = self.token.as_deref().filter(|token| !token.is_empty()) {
            builder = builder.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if request.method == Method::Get {
            return builder.body(Full::default());
        }
        let body = if request.input == Value::Null { "{}".to_owned() } else { request.input.to_string() };
        builder.header(CONTENT_TYPE, "application/json").body(Full::from(body))
    }
}

/// The URL of a server of this process: plain HTTP, if there is an address that speaks it.
pub fn own_url(server: &Server) -> String {
    let scheme = if server.addresses().len() == server.tls_addresses().len() { "https" } else { "http" };
    format!("{scheme}://{}", reachable(server.addresses()[0]))
}

/// HTTP over a connection.
async fn speak(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> hyper::Result<http1::SendRequest<Full<Bytes>>> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// Connects to the first address of a host that lets it.
fn connect(host: &str, port: u16) -> std::io::Result<TcpStream> {
    let mut last = None;
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_TIME_LIMIT) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_nonblocking(true)?;
                return Ok(stream);
            }
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| std::io::Error::other("the name has no address")))
}
