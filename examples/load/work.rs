//! The works: what connections do, how long, and what is measured meanwhile.

use crate::api::{Api, Message};
use crate::client::Connection;
use crate::report::{Histogram, Report, Usage};
use crate::{Options, Work};
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::{JoinSet, spawn_local};

/// How long received messages stay hidden: longer than any run.
const HIDDEN_SECONDS: u32 = 3600;
/// How often a run says how far it is.
const PROGRESS_EVERY: Duration = Duration::from_secs(5);
/// How long the server is left alone to see what it does when there is nothing to do.
const IDLE: Duration = Duration::from_secs(2);
/// Empty answers in a row that end a drain.
const EMPTY_MAX: usize = 10;
/// Connections that send the messages of a backlog.
const FILLERS: usize = 16;
/// How long a server is given to return memory after a purge, without being asked anything; kew looks every ten seconds.
const AFTER_PURGE: Duration = Duration::from_secs(12);

/// What the connections of a run share.
struct Run {
    options: Options,
    api: Api,
    urls: Vec<String>,
    body: String,
    measuring: Cell<bool>,
    stop: Cell<bool>,
    done: RefCell<Done>,
}

struct Done {
    messages: u64,
    requests: u64,
    errors: u64,
    last_error: String,
    latency: Histogram,
    last_message: Instant,
}

impl Run {
    /// Counts a request that has been answered, and tells whether it went well.
    fn count(&self, began: Instant, outcome: io::Result<u16>) -> bool {
        let well = matches!(outcome, Ok(200));
        if self.measuring.get() {
            let mut done = self.done.borrow_mut();
            done.requests += 1;
            done.latency.record(began.elapsed());
            if !well {
                done.errors += 1;
                done.last_error = outcome.map_or_else(|error| error.to_string(), |status| format!("status {status}"));
            }
        }
        well
    }

    fn count_messages(&self, messages: usize) {
        if self.measuring.get() {
            let mut done = self.done.borrow_mut();
            done.messages += messages as u64;
            done.last_message = Instant::now();
        }
    }

    fn url(&self, turn: usize) -> &str {
        &self.urls[turn % self.urls.len()]
    }

    fn usage(&self) -> Usage {
        Usage::of(self.options.pid)
    }
}

/// Carries out a run and prints what it gave.
pub async fn run(options: Options) -> io::Result<()> {
    let empty = Usage::of(options.pid);
    let mut control = Connection::open(&options.endpoint).await?;
    let api = Api { protocol: options.protocol, fifo: options.fifo, groups: options.groups.max(1) };
    let mut urls = Vec::new();
    if options.work == Work::Raw {
        urls.push(format!("http://{}/000000000000/q", options.endpoint));
    } else {
        let run = options.run.clone().unwrap_or_else(|| std::process::id().to_string());
        for index in 0..options.queues.max(1) {
            let name = format!("{}-{run}-{index}", options.prefix);
            urls.push(api.create(&mut control, &name).await?);
        }
    }
    let (latency, last_message) = (Histogram::new(), Instant::now());
    let done = Done { messages: 0, requests: 0, errors: 0, last_error: String::new(), latency, last_message };
    let run = Rc::new(Run {
        body: "x".repeat(options.size),
        measuring: Cell::new(false),
        stop: Cell::new(false),
        done: RefCell::new(done),
        options,
        api,
        urls,
    });
    if matches!(run.options.work, Work::Drain | Work::Fill) {
        fill(&run, run.options.backlog).await?;
    }
    if run.options.in_flight > 0 {
        fill(&run, run.options.in_flight).await?;
        hide(&run, &mut control).await?;
    }
    let mut report = match run.options.work {
        Work::LongPoll => long_poll(&run, empty).await?,
        _ => connections(&run, empty).await?,
    };
    if run.options.purge {
        for url in &run.urls {
            run.api.purge(&mut control, url).await?;
        }
        if run.options.work == Work::Fill {
            tokio::time::sleep(AFTER_PURGE).await;
            report.purged_mib = Some(run.usage().resident_mib);
        }
    }
    report.print(&run.options);
    Ok(())
}

/// Runs tasks to their end; the first error ends it.
async fn all(mut tasks: JoinSet<io::Result<()>>) -> io::Result<()> {
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(io::Error::other)??;
    }
    Ok(())
}

/// Says now and then how far a run is, until it is dropped.
fn progress(run: &Rc<Run>) -> impl Drop {
    struct Stop(tokio::task::JoinHandle<()>);
    impl Drop for Stop {
        fn drop(&mut self) {
            self.0.abort();
        }
    }
    let (run, began) = (run.clone(), Instant::now());
    Stop(spawn_local(async move {
        loop {
            tokio::time::sleep(PROGRESS_EVERY).await;
            let done = run.done.borrow();
            let (messages, requests, errors) = (done.messages, done.requests, done.errors);
            eprintln!(
                "{:.0} s: {messages} messages, {requests} requests, {errors} errors",
                began.elapsed().as_secs_f64()
            );
        }
    }))
}

/// Sends messages in batches of ten, spread evenly over the queues.
async fn fill(run: &Rc<Run>, messages: usize) -> io::Result<()> {
    let batches = messages.div_ceil(10);
    let next = Rc::new(Cell::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..FILLERS.min(batches) {
        let (run, next) = (run.clone(), next.clone());
        tasks.spawn_local(async move {
            let mut to = Connection::open(&run.options.endpoint).await?;
            while next.get() < batches {
                let batch: usize = next.replace(next.get() + 1);
                let first = Message { body: &run.body, sender: usize::MAX, number: batch as u64 * 10 };
                let status = run.api.send_batch(&mut to, run.url(batch), &first).await?;
                if status != 200 {
                    return Err(io::Error::other(format!("SendMessageBatch: status {status}")));
                }
                if batch % 20_000 == 19_999 {
                    eprintln!("{} of {messages} messages sent", (batch + 1) * 10);
                }
            }
            Ok(())
        });
    }
    all(tasks).await
}

/// Receives all there is and keeps it in flight.
async fn hide(run: &Run, to: &mut Connection) -> io::Result<()> {
    let (mut hidden, mut handles) = (0, Vec::new());
    for url in run.urls.iter().cycle() {
        let status = run.api.receive(to, url, (10, 0, HIDDEN_SECONDS), &mut handles, None).await?;
        hidden += handles.len();
        if status != 200 || handles.is_empty() || hidden >= run.options.in_flight {
            break;
        }
    }
    if hidden < run.options.in_flight {
        Err(io::Error::other(format!("only {hidden} messages in flight")))
    } else {
        Ok(())
    }
}

/// The works in which all connections do the same.
async fn connections(run: &Rc<Run>, empty: Usage) -> io::Result<Report> {
    let options = &run.options;
    let _progress = progress(run);
    let mut tasks = JoinSet::new();
    let drain = options.work == Work::Drain;
    if !drain {
        for number in 0..options.connections {
            tasks.spawn_local(connection(run.clone(), number));
        }
        tokio::time::sleep(Duration::from_secs_f64(options.warm_up)).await;
    }
    let (before, began) = (run.usage(), Instant::now());
    run.measuring.set(true);
    if drain {
        for number in 0..options.connections {
            tasks.spawn_local(connection(run.clone(), number));
        }
        // To the last message, however long it takes.
        all(tasks).await?;
    } else {
        let seconds = if options.work == Work::Fill { 0.0 } else { options.seconds };
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        run.stop.set(true);
        run.measuring.set(false);
    }
    let after = run.usage();
    let done = run.done.replace(Done {
        messages: 0,
        requests: 0,
        errors: 0,
        last_error: String::new(),
        latency: Histogram::new(),
        last_message: began,
    });
    Ok(Report {
        messages: done.messages,
        requests: done.requests,
        errors: done.errors,
        last_error: done.last_error,
        elapsed: if drain { done.last_message.saturating_duration_since(began) } else { began.elapsed() },
        latency: done.latency,
        before,
        after,
        empty,
        purged_mib: None,
        idle_cpu_percent: None,
        served: None,
    })
}

/// What one connection does.
async fn connection(run: Rc<Run>, number: usize) -> io::Result<()> {
    let mut to = Connection::open(&run.options.endpoint).await?;
    let (mut handles, mut empty, mut turn) = (Vec::new(), 0, 0);
    while !run.stop.get() && empty < EMPTY_MAX {
        let url = run.url(number + turn * run.options.connections);
        let message = Message { body: &run.body, sender: number, number: turn as u64 };
        let first = Message { number: turn as u64 * 10, ..message };
        turn += 1;
        let began = Instant::now();
        let max = match run.options.work {
            Work::Send | Work::Raw => {
                let sent = run.count(began, run.api.send(&mut to, url, &message).await);
                run.count_messages(usize::from(sent));
                continue;
            }
            Work::Batch => {
                let sent = run.count(began, run.api.send_batch(&mut to, url, &first).await);
                run.count_messages(if sent { 10 } else { 0 });
                continue;
            }
            Work::Cycle => {
                run.count(began, run.api.send(&mut to, url, &message).await);
                1
            }
            Work::CycleBatch => {
                run.count(began, run.api.send_batch(&mut to, url, &first).await);
                10
            }
            Work::Drain => 10,
            Work::Fill | Work::LongPoll | Work::Floor => return Ok(()),
        };
        let began = Instant::now();
        let received = run.api.receive(&mut to, url, (max, 0, HIDDEN_SECONDS), &mut handles, None).await;
        run.count(began, received);
        let began = Instant::now();
        let deleted = match handles.as_slice() {
            [] => {
                // Only a drain comes to an end; elsewhere another connection has taken this one's message.
                empty += usize::from(run.options.work == Work::Drain);
                continue;
            }
            [handle] if max == 1 => run.api.delete(&mut to, url, handle).await,
            _ => run.api.delete_batch(&mut to, url, &handles).await,
        };
        empty = 0;
        if run.count(began, deleted) {
            run.count_messages(handles.len());
        }
    }
    Ok(())
}

/// Long polls by many, and one who sends. The body is the time of sending.
async fn long_poll(run: &Rc<Run>, empty: Usage) -> io::Result<Report> {
    let options = &run.options;
    let start = Instant::now();
    let served: Rc<RefCell<Vec<u64>>> = Rc::new(RefCell::new(vec![0; options.pollers]));
    for number in 0..options.pollers {
        let (run, served) = (run.clone(), served.clone());
        // Opened one after the other: a server's line for connections is not endless.
        let to = Connection::open(&options.endpoint).await?;
        spawn_local(async move {
            if let Err(error) = poller(&run, to, number, start, &served).await {
                run.done.borrow_mut().last_error = error.to_string();
                run.done.borrow_mut().errors += 1;
            }
        });
    }
    tokio::time::sleep(Duration::from_secs_f64(options.warm_up)).await;
    let idle = run.usage();
    tokio::time::sleep(IDLE).await;
    let idle_cpu_percent = (run.usage().cpu_us - idle.cpu_us) / IDLE.as_micros() as f64 * 100.0;

    let _progress = progress(run);
    let mut to = Connection::open(&options.endpoint).await?;
    let mut tick = tokio::time::interval(Duration::from_micros(1_000_000 / options.rate.max(1)));
    let (before, began) = (run.usage(), Instant::now());
    run.measuring.set(true);
    let (mut turn, mut errors) = (0, 0);
    while began.elapsed().as_secs_f64() < options.seconds {
        tick.tick().await;
        let body = start.elapsed().as_micros().to_string();
        let message = Message { body: &body, sender: usize::MAX, number: turn as u64 };
        let status = run.api.send(&mut to, run.url(turn), &message).await?;
        errors += u64::from(status != 200);
        turn += 1;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (after, elapsed) = (run.usage(), began.elapsed());
    let done = run.done.borrow();
    let served = served.borrow();
    Ok(Report {
        messages: done.messages,
        requests: done.requests + turn as u64,
        errors: done.errors + errors,
        last_error: done.last_error.clone(),
        elapsed,
        latency: done.latency.clone(),
        before,
        after,
        empty,
        purged_mib: None,
        idle_cpu_percent: Some(idle_cpu_percent),
        served: served.iter().min().copied().zip(served.iter().max().copied()),
    })
}

async fn poller(
    run: &Run,
    mut to: Connection,
    number: usize,
    start: Instant,
    served: &RefCell<Vec<u64>>,
) -> io::Result<()> {
    let url = run.url(number);
    let (mut handles, mut body) = (Vec::new(), String::new());
    loop {
        let status = run.api.receive(&mut to, url, (1, 20, HIDDEN_SECONDS), &mut handles, Some(&mut body)).await?;
        if status != 200 {
            return Err(io::Error::other(format!("ReceiveMessage: status {status}")));
        }
        let Some(handle) = handles.first() else { continue };
        if let Ok(sent_us) = body.parse() {
            let mut done = run.done.borrow_mut();
            done.latency.record(start.elapsed().saturating_sub(Duration::from_micros(sent_us)));
            done.messages += 1;
            done.requests += 2;
            served.borrow_mut()[number] += 1;
        }
        run.api.delete(&mut to, url, handle).await?;
    }
}
