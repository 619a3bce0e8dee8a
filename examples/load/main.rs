//! A load generator for any SQS endpoint: raw keep-alive HTTP from one thread, so that servers can be compared on your machine.
//!
//! ```text
//! cargo run --release --example load -- cycle --endpoint 127.0.0.1:9324 --pid $(pgrep -x kew)
//! cargo run --release --example load -- floor --listen 127.0.0.1:9399 --layout per-core
//! ```
//!
//! Machines are noisy. Compare figures of one run only, and rather the server's CPU time per request (`--pid`) than requests per
//! second: generator and server share the machine.

mod api;
mod client;
mod floor;
mod report;
mod work;

use clap::{Parser, ValueEnum};
use std::net::SocketAddr;
use std::process::ExitCode;

/// The protocol to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    /// AWS JSON 1.0
    Json,
    /// The older form parameters and XML
    Query,
}

/// What each connection does, again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Work {
    /// SendMessage
    Send,
    /// SendMessageBatch of ten
    Batch,
    /// SendMessage, ReceiveMessage, DeleteMessage
    Cycle,
    /// SendMessageBatch of ten, ReceiveMessage of ten, DeleteMessageBatch
    CycleBatch,
    /// Send --backlog messages first, then ReceiveMessage of ten and DeleteMessageBatch until nothing is left
    Drain,
    /// Long polls by --pollers connections, and one that sends --rate messages a second: the time from send to receipt
    LongPoll,
    /// Send --backlog messages and leave them there: how much memory they take
    Fill,
    /// A fixed POST, for the floor
    Raw,
    /// Not a client: a hyper server that does nothing, which is what HTTP itself costs
    Floor,
}

/// How the floor spreads connections over threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Layout {
    /// One runtime for all threads; work moves between them
    Shared,
    /// A runtime for each thread; connections stay where they are
    PerCore,
}

/// Puts an SQS endpoint under load and says how it bears it.
#[derive(Clone, Debug, Parser)]
#[command(name = "load")]
pub struct Options {
    /// What to do
    #[arg(value_enum, default_value = "cycle")]
    pub work: Work,
    /// Where the server is: host:port, with or without http://
    #[arg(long, default_value = "127.0.0.1:9324")]
    pub endpoint: String,
    /// Which protocol to speak
    #[arg(long, value_enum, default_value = "json")]
    pub protocol: Protocol,
    /// Connections, each with one request at a time
    #[arg(long, default_value_t = 32)]
    pub connections: usize,
    /// Queues, used in turn
    #[arg(long, default_value_t = 1)]
    pub queues: usize,
    /// Bytes of a message body
    #[arg(long, default_value_t = 256)]
    pub size: usize,
    /// How long to measure
    #[arg(long, default_value_t = 5.0)]
    pub seconds: f64,
    /// How long to run before that
    #[arg(long, default_value_t = 1.0)]
    pub warm_up: f64,
    /// Messages to send before a drain
    #[arg(long, default_value_t = 100_000)]
    pub backlog: usize,
    /// Messages to receive and keep in flight before measuring
    #[arg(long, default_value_t = 0)]
    pub in_flight: usize,
    /// Connections that long-poll
    #[arg(long, default_value_t = 1000)]
    pub pollers: usize,
    /// Messages a second while they do
    #[arg(long, default_value_t = 500)]
    pub rate: u64,
    /// FIFO queues
    #[arg(long)]
    pub fifo: bool,
    /// Message groups, used in turn
    #[arg(long, default_value_t = 100)]
    pub groups: u64,
    /// The server's process, for its CPU time and memory (Linux); child processes are counted too
    #[arg(long)]
    pub pid: Option<u32>,
    /// Purge the queues at the end; after --work fill, say how much memory the server has twelve seconds later
    #[arg(long)]
    pub purge: bool,
    /// Print one line of JSON instead
    #[arg(long)]
    pub json: bool,
    /// What the queues' names begin with
    #[arg(long, default_value = "load")]
    pub prefix: String,
    /// What follows that in the queues' names, in the place of this process's number: runs that say the same use the same
    /// queues, and may also find them there
    #[arg(long)]
    pub run: Option<String>,
    /// The floor: where to listen
    #[arg(long, default_value = "127.0.0.1:9399")]
    pub listen: SocketAddr,
    /// The floor: threads; as many as there are cores if not said
    #[arg(long)]
    pub threads: Option<usize>,
    /// The floor: how threads share the work
    #[arg(long, value_enum, default_value = "per-core")]
    pub layout: Layout,
}

fn main() -> ExitCode {
    let mut options = Options::parse();
    let bare = options.endpoint.trim_start_matches("http://").trim_end_matches('/').to_owned();
    options.endpoint = bare;
    let outcome = if options.work == Work::Floor { floor::run(&options) } else { client_run(options) };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn client_run(options: Options) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, work::run(options))
}
