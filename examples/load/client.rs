//! One keep-alive connection that posts requests and reads answers, without an HTTP library in the way.

use std::io::{self, ErrorKind, Write};
use std::ops::Range;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What all requests carry: a signature that is well formed, and that no local server verifies.
const SIGNATURE: &str = "x-amz-date: 20261120T000000Z\r\nauthorization: AWS4-HMAC-SHA256 \
     Credential=test/20261120/us-east-1/sqs/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, \
     Signature=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\nuser-agent: kew-load\r\n";

/// A connection. It is opened again when the server closes it.
pub struct Connection {
    stream: TcpStream,
    address: String,
    input: Vec<u8>,
    output: Vec<u8>,
}

/// What an answer's head says about its body.
enum Length {
    Known(usize),
    Chunked,
    UntilEnd,
}

async fn connect(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

impl Connection {
    /// Connects to host:port.
    pub async fn open(address: &str) -> io::Result<Connection> {
        let stream = connect(address).await?;
        Ok(Connection { stream, address: address.to_owned(), input: Vec::new(), output: Vec::new() })
    }

    /// Sends one request and reads its answer: the status, and the body, which is valid until the next call.
    ///
    /// # Errors
    /// When the connection breaks, also after it has been opened again.
    pub async fn post(&mut self, path: &str, target: &str, content_type: &str, body: &str) -> io::Result<(u16, &str)> {
        self.output.clear();
        write!(self.output, "POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: {content_type}\r\n", self.address)?;
        if !target.is_empty() {
            write!(self.output, "x-amz-target: AmazonSQS.{target}\r\n")?;
        }
        write!(self.output, "{SIGNATURE}content-length: {}\r\n\r\n{body}", body.len())?;
        let (status, range) = match self.exchange().await {
            Ok(answer) => answer,
            // The server may have closed an idle connection just now.
            Err(_) => {
                self.stream = connect(&self.address).await?;
                self.exchange().await?
            }
        };
        Ok((status, std::str::from_utf8(&self.input[range]).unwrap_or_default()))
    }

    async fn exchange(&mut self) -> io::Result<(u16, Range<usize>)> {
        self.stream.write_all(&self.output).await?;
        self.input.clear();
        let body = loop {
            self.more().await?;
            if let Some(at) = find(&self.input, b"\r\n\r\n") {
                break at + 4;
            }
        };
        let head = self.input[..body].to_ascii_lowercase();
        let head = std::str::from_utf8(&head).map_err(|_| ErrorKind::InvalidData)?;
        let status = head.get(9..12).and_then(|digits| digits.parse().ok()).ok_or(ErrorKind::InvalidData)?;
        let value = |name| head.split(name).nth(1).and_then(|rest| rest.lines().next()).map(str::trim);
        let closes = head.starts_with("http/1.0") || value("\r\nconnection:") == Some("close");
        let length = match (value("\r\ncontent-length:"), value("\r\ntransfer-encoding:")) {
            (Some(length), _) => Length::Known(length.parse().map_err(|_| ErrorKind::InvalidData)?),
            (None, Some("chunked")) => Length::Chunked,
            _ => Length::UntilEnd,
        };
        let end = self.body(body, length).await?;
        if closes {
            self.stream = connect(&self.address).await?;
        }
        Ok((status, body..end))
    }

    /// Reads a body that begins at `start`, and tells where it ends.
    async fn body(&mut self, start: usize, length: Length) -> io::Result<usize> {
        match length {
            Length::Known(length) => {
                while self.input.len() < start + length {
                    self.more().await?;
                }
                Ok(start + length)
            }
            Length::Chunked => self.chunks(start).await,
            Length::UntilEnd => {
                while self.more().await.is_ok() {}
                Ok(self.input.len())
            }
        }
    }

    /// Reads chunks and closes the gaps between them.
    async fn chunks(&mut self, start: usize) -> io::Result<usize> {
        let (mut at, mut end) = (start, start);
        loop {
            let line = loop {
                match find(&self.input[at..], b"\r\n") {
                    Some(line) => break at + line,
                    None => self.more().await?,
                }
            };
            let digits = std::str::from_utf8(&self.input[at..line]).unwrap_or_default();
            let length = usize::from_str_radix(digits.trim(), 16).map_err(|_| ErrorKind::InvalidData)?;
            while self.input.len() < line + 2 + length + 2 {
                self.more().await?;
            }
            if length == 0 {
                return Ok(end);
            }
            self.input.copy_within(line + 2..line + 2 + length, end);
            end += length;
            at = line + 2 + length + 2;
        }
    }

    async fn more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.input).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}
