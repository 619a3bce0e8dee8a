//! The floor: a hyper server that reads a POST and answers a fixed SendMessage-sized body. What it costs, HTTP costs.

use crate::{Layout, Options};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::task::LocalSet;

const ANSWER: &[u8] =
    br#"{"MD5OfMessageBody":"fafb00f5732ab283681e124bf8747ed1","MessageId":"219f8380-5770-4cc2-8c3e-5c715e145f5e"}"#;

/// Serves until the process is ended.
pub fn run(options: &Options) -> io::Result<()> {
    let threads = options.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    match options.layout {
        Layout::Shared => {
            let runtime = Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
            runtime.block_on(async {
                let listener = TcpListener::bind(options.listen).await?;
                loop {
                    let (stream, _) = listener.accept().await?;
                    tokio::spawn(serve(stream));
                }
            })
        }
        Layout::PerCore => {
            let mut workers = Vec::new();
            for _ in 1..threads {
                let (sender, receiver) = mpsc::unbounded_channel();
                workers.push(sender);
                std::thread::spawn(move || worker(receiver));
            }
            let runtime = Builder::new_current_thread().enable_all().build()?;
            LocalSet::new().block_on(&runtime, accept(options, workers))
        }
    }
}

/// Accepts on the first thread, and deals connections out in turn.
async fn accept(options: &Options, workers: Vec<mpsc::UnboundedSender<std::net::TcpStream>>) -> io::Result<()> {
    let listener = TcpListener::bind(options.listen).await?;
    let mut turn = 0;
    loop {
        let (stream, _) = listener.accept().await?;
        match workers.get(turn) {
            Some(worker) => worker.send(stream.into_std()?).map_err(io::Error::other)?,
            None => drop(tokio::task::spawn_local(serve(stream))),
        }
        turn = (turn + 1) % (workers.len() + 1);
    }
}

fn worker(mut connections: mpsc::UnboundedReceiver<std::net::TcpStream>) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        while let Some(stream) = connections.recv().await {
            tokio::task::spawn_local(serve(TcpStream::from_std(stream)?));
        }
        Ok(())
    })
}

async fn serve(stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    // The timer bounds the time for a request's head, as every server that may be reached by others must.
    let _ =
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service_fn(answer)).await;
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let body = request.into_body().collect().await?.to_bytes();
    std::hint::black_box(body.len());
    let mut answer = Response::new(Full::new(Bytes::from_static(ANSWER)));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    headers.insert("x-amzn-requestid", HeaderValue::from_static("7a62c49f-347e-4fc4-9331-6e8e7a96aa73"));
    Ok(answer)
}
