//! What was measured, and how it is told: latencies, the server's CPU time and memory, the lines that are printed.

use crate::{Options, Protocol};
use std::fs;
use std::time::Duration;

/// Durations in buckets whose width grows with what they hold: exact to 1/64.
#[derive(Clone)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    most_us: u64,
}

/// Buckets for each doubling; the first two doublings' worth are one microsecond wide.
const FINE: u64 = 64;

impl Histogram {
    /// An empty one.
    pub fn new() -> Histogram {
        Histogram { counts: Vec::new(), total: 0, most_us: 0 }
    }

    fn bucket(us: u64) -> usize {
        let shift = u64::from((us / FINE).checked_ilog2().unwrap_or(0));
        (shift * FINE + (us >> shift)) as usize
    }

    /// The lowest value of a bucket.
    fn value(bucket: usize) -> u64 {
        let bucket = bucket as u64;
        let shift = (bucket / FINE).saturating_sub(1);
        (bucket - shift * FINE) << shift
    }

    /// Adds a duration.
    pub fn record(&mut self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = Histogram::bucket(us);
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.total += 1;
        self.most_us = self.most_us.max(us);
    }

    /// The duration, in microseconds, below which this part of all are.
    pub fn quantile_us(&self, part: f64) -> u64 {
        let rank = (self.total as f64 * part).ceil() as u64;
        let mut seen = 0;
        let bucket = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank.max(1)
        });
        bucket.map_or(0, Histogram::value)
    }

    /// The longest.
    pub fn most_us(&self) -> u64 {
        self.most_us
    }
}

/// A look at a process and its children (Linux; elsewhere all is 0).
#[derive(Clone, Copy, Default)]
pub struct Usage {
    /// CPU time since its start.
    pub cpu_us: f64,
    /// Memory it has now, in MiB.
    pub resident_mib: f64,
    /// The most memory it ever had, in MiB.
    pub peak_mib: f64,
}

impl Usage {
    /// Of the process with this number, if one is given.
    pub fn of(pid: Option<u32>) -> Usage {
        let mut usage = Usage::default();
        let mut pids: Vec<u32> = pid.into_iter().collect();
        while let Some(pid) = pids.pop() {
            let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { continue };
            let mut of_threads_us = 0.0;
            for task in tasks.flatten() {
                let text = |name| fs::read_to_string(task.path().join(name)).unwrap_or_default();
                // The first number is the time on a CPU in nanoseconds.
                let ns = text("schedstat").split(' ').next().and_then(|ns| ns.parse::<f64>().ok());
                of_threads_us += ns.unwrap_or(0.0) / 1000.0;
                pids.extend(text("children").split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
            }
            // Threads that have ended count only here, in hundredths of a second: user and system time, fields 14 and 15.
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
            let ticks: f64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
            usage.cpu_us += of_threads_us.max(ticks * 10_000.0);
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let mib = |name| {
                let line = status.lines().find_map(|line: &str| line.strip_prefix(name));
                line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
            };
            usage.resident_mib += mib("VmRSS:");
            usage.peak_mib += mib("VmHWM:");
        }
        usage
    }
}

/// All that a run gave.
pub struct Report {
    /// Messages that went all the way.
    pub messages: u64,
    /// Requests.
    pub requests: u64,
    /// Requests that failed.
    pub errors: u64,
    /// What went wrong last.
    pub last_error: String,
    /// How long it took.
    pub elapsed: Duration,
    /// Of a request; with long polls, from send to receipt.
    pub latency: Histogram,
    /// The server when measuring began.
    pub before: Usage,
    /// The server when it ended.
    pub after: Usage,
    /// The server at the very start, before anything was sent.
    pub empty: Usage,
    /// The server's memory in MiB after a purge.
    pub purged_mib: Option<f64>,
    /// Long polls: the server's CPU while nothing was sent, in percent of one core.
    pub idle_cpu_percent: Option<f64>,
    /// Long polls: the fewest and the most messages that one poller got.
    pub served: Option<(u64, u64)>,
}

impl Report {
    fn cpu_us(&self, per: u64) -> f64 {
        (self.after.cpu_us - self.before.cpu_us) / per.max(1) as f64
    }

    /// Prints it as the options say.
    pub fn print(&self, options: &Options) {
        if options.json { self.print_json(options) } else { self.print_text(options) }
    }

    fn print_json(&self, options: &Options) {
        let seconds = self.elapsed.as_secs_f64().max(1e-9);
        let optional = |value: Option<f64>| value.map_or("null".to_owned(), |value| format!("{value:.2}"));
        println!(
            "{{\"work\":\"{:?}\",\"protocol\":\"{:?}\",\"messages\":{},\"requests\":{},\"errors\":{},\"seconds\":{seconds:.3},\
             \"messages_per_second\":{:.0},\"requests_per_second\":{:.0},\"p50_us\":{},\"p99_us\":{},\"p999_us\":{},\"max_us\":{},\
             \"cpu_us_per_request\":{:.3},\"cpu_us_per_message\":{:.3},\"empty_mib\":{:.2},\"before_mib\":{:.2},\
             \"after_mib\":{:.2},\"peak_mib\":{:.2},\"purged_mib\":{},\"idle_cpu_percent\":{},\"served_min\":{},\"served_max\":{}}}",
            options.work,
            options.protocol,
            self.messages,
            self.requests,
            self.errors,
            self.messages as f64 / seconds,
            self.requests as f64 / seconds,
            self.latency.quantile_us(0.5),
            self.latency.quantile_us(0.99),
            self.latency.quantile_us(0.999),
            self.latency.most_us(),
            self.cpu_us(self.requests),
            self.cpu_us(self.messages),
            self.empty.resident_mib,
            self.before.resident_mib,
            self.after.resident_mib,
            self.after.peak_mib,
            optional(self.purged_mib),
            optional(self.idle_cpu_percent),
            optional(self.served.map(|(least, _)| least as f64)),
            optional(self.served.map(|(_, most)| most as f64)),
        );
    }

    fn print_text(&self, options: &Options) {
        let Options { connections, queues, size, groups, .. } = options;
        let protocol = if options.protocol == Protocol::Json { "JSON" } else { "Query" };
        let fifo = if options.fifo { format!(", FIFO with {groups} groups") } else { String::new() };
        let seconds = self.elapsed.as_secs_f64().max(1e-9);
        println!(
            "{:?}, {protocol}, {connections} connections, {queues} queues, {size} bytes{fifo}, {seconds:.1} s",
            options.work
        );
        let (messages, requests) = (self.messages as f64 / seconds, self.requests as f64 / seconds);
        println!("  {messages:.0} messages/s, {requests:.0} requests/s, {} errors", self.errors);
        if self.errors > 0 {
            println!("  the last one: {}", self.last_error);
        }
        let ms = |us: u64| us as f64 / 1000.0;
        let quantile = |part| ms(self.latency.quantile_us(part));
        let (p50, p99, p999) = (quantile(0.5), quantile(0.99), quantile(0.999));
        let what = if self.served.is_some() { "from send to receipt" } else { "a request" };
        println!(
            "  {what}: p50 {p50:.3} ms, p99 {p99:.3} ms, p99.9 {p999:.3} ms, max {:.3} ms",
            ms(self.latency.most_us())
        );
        if let Some((least, most)) = self.served {
            println!("  each poller got {least} to {most} messages");
        }
        if options.pid.is_none() {
            return;
        }
        let (of_request, of_message) = (self.cpu_us(self.requests), self.cpu_us(self.messages));
        println!("  server CPU: {of_request:.2} µs a request, {of_message:.2} µs a message");
        if let Some(idle) = self.idle_cpu_percent {
            println!("  server CPU while nothing was sent: {idle:.2} % of a core");
        }
        let (empty, before) = (self.empty.resident_mib, self.before.resident_mib);
        let (after, peak) = (self.after.resident_mib, self.after.peak_mib);
        println!(
            "  server memory: {empty:.1} MiB at first, {before:.1} before, {after:.1} after, {peak:.1} at most{}",
            self.purged_mib.map_or(String::new(), |mib| format!(", {mib:.1} after a purge"))
        );
    }
}
