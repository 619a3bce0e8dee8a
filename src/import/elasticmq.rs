//! The configuration of ElasticMQ: `elasticmq.conf`, and the file in which it keeps its queues.

use super::draft::{Draft, DraftQueue};
use super::hocon::Document;
use super::tree::{Entry, Node, Remark, shortened};
use crate::api::attributes::name;

/// The include that is in nearly every file: it brings ElasticMQ's own defaults.
const OWN_DEFAULTS: &str = "\"application.conf\"";
/// Names of ElasticMQ's runtime and its libraries.
const OF_THE_RUNTIME: [&str; 6] = ["akka", "pekko", "ssl-config", "logback", "slick", "java"];
/// What ends the name of a FIFO queue.
const FIFO_SUFFIX: &str = ".fifo";
/// Where ElasticMQ says that its queues are, if a file does not say all of it.
const NODE_HOST_DEFAULT: &str = "localhost";
const PORT_DEFAULT: &str = "9324";

/// What a file of ElasticMQ has, and no other.
const SECTIONS: [&str; 6] =
    ["queues", "rest-sqs", "node-address", "queues-storage", "messages-storage", "auto-create-queues"];

/// Whether a file may be one of ElasticMQ's.
pub fn looks_like_it(root: &Node) -> bool {
    SECTIONS.iter().any(|key| root.get(key).is_some())
}

/// Whether a key means something to ElasticMQ. Others may be there only for substitutions to stand for them.
fn is_a_section(key: &str) -> bool {
    SECTIONS.contains(&key)
        || matches!(key, "aws" | "generate-node-address" | "elasticmq")
        || OF_THE_RUNTIME.contains(&key)
}

/// Takes over what a file says.
///
/// # Errors
/// The first value that cannot be.
pub fn take_over(document: &Document, draft: &mut Draft) -> Result<(), Remark> {
    for include in &document.includes {
        if !include.what.contains(OWN_DEFAULTS) {
            let what = format!("include {}: other files are not read; import that one by itself", include.what);
            draft.remark(include.line, what);
        }
    }
    for entry in document.root.entries() {
        if is_a_section(&entry.key) || !document.referred.contains(&entry.key) {
            section(&document.root, entry, draft)?;
        }
    }
    Ok(())
}

fn section(root: &Node, Entry { key, line, node }: &Entry, draft: &mut Draft) -> Result<(), Remark> {
    match key.as_str() {
        "queues" => {
            // All must be known before the first asks for another.
            for entry in node.map_of(key)? {
                draft.queue(entry.line, &full_name(entry)?);
            }
            for entry in node.map_of(key)? {
                queue(entry, draft)?;
            }
        }
        "rest-sqs" => rest_sqs(node.map_of(key)?, draft)?,
        "node-address" => node_address(root, *line, node, draft)?,
        // Said in node-address.
        "generate-node-address" => {
            node.truth_of(key)?;
        }
        "aws" => {
            for Entry { key, line, node } in node.map_of(key)? {
                match key.as_str() {
                    "region" => draft.setting("region", node.text_of(key)?),
                    "accountId" => draft.setting("account", node.text_of(key)?),
                    _ => unknown(draft, *line, &format!("aws.{key}")),
                }
            }
        }
        "auto-create-queues" => auto_create(node.map_of(key)?, draft)?,
        "queues-storage" => queues_storage(*line, node, draft)?,
        "messages-storage" => {
            node.map_of(key)?;
            if is_on(node, "enabled")? {
                let what = "messages-storage: kew keeps queues and messages with --data DIR; what ElasticMQ's database holds \
                            is not taken over";
                draft.remark(*line, what);
            }
        }
        "elasticmq" => {
            let what = format!("{key}: not taken over; kew logs each request with --log debug");
            draft.remark(*line, what);
        }
        key if OF_THE_RUNTIME.contains(&key) => {
            draft.remark(*line, format!("{key}: of ElasticMQ's runtime; kew needs nothing like it"));
        }
        key => unknown(draft, *line, key),
    }
    Ok(())
}

fn unknown(draft: &mut Draft, line: usize, key: &str) {
    draft.remark(line, format!("{}: unknown, and not taken over", shortened(key)));
}

fn is_on(node: &Node, key: &str) -> Result<bool, Remark> {
    node.get(key).map_or(Ok(false), |node| node.truth_of(key))
}

fn rest_sqs(entries: &[Entry], draft: &mut Draft) -> Result<(), Remark> {
    let (mut host, mut port) = (None, None);
    for Entry { key, line, node } in entries {
        match key.as_str() {
            "bind-hostname" => host = Some(node.text_of(key)?),
            "bind-port" => port = Some(port_of(key, node)?),
            "enabled" => {
                if !node.truth_of(key)? {
                    draft.remark(*line, "rest-sqs.enabled: kew always answers SQS requests");
                }
            }
            "sqs-limits" => match node.text_of(key)?.to_ascii_lowercase().as_str() {
                "strict" => {}
                "relaxed" => {
                    let what = "rest-sqs.sqs-limits = relaxed: kew keeps to the limits of SQS, as strict does";
                    draft.remark(*line, what);
                }
                _ => {
                    let what = format!("sqs-limits must be strict or relaxed, not {}", node.shown());
                    return Err(Remark::new(node.line, what));
                }
            },
            _ => unknown(draft, *line, &format!("rest-sqs.{key}")),
        }
    }
    match (host, port) {
        (Some(host), port) => {
            let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
            draft.setting("listen", format!("{host}:{}", port.as_deref().unwrap_or(PORT_DEFAULT)));
        }
        (None, Some(port)) => draft.setting("port", port.parse::<i64>().unwrap_or_default()),
        (None, None) => {}
    }
    Ok(())
}

fn port_of(key: &str, node: &Node) -> Result<String, Remark> {
    match node.text_of(key)?.parse::<u16>() {
        Ok(port) => Ok(port.to_string()),
        Err(_) => Err(Remark::new(node.line, format!("{key} must be a number from 0 to 65535, not {}", node.shown()))),
    }
}

/// What queue URLs begin with.
fn node_address(root: &Node, line: usize, node: &Node, draft: &mut Draft) -> Result<(), Remark> {
    let (mut protocol, mut host, mut port, mut path) = ("http", NODE_HOST_DEFAULT, PORT_DEFAULT.to_owned(), "");
    for Entry { key, line, node } in node.map_of("node-address")? {
        match key.as_str() {
            "protocol" => protocol = node.text_of(key)?,
            "host" => host = node.text_of(key)?,
            "port" => port = port_of(key, node)?,
            "context-path" => path = node.text_of(key)?.trim_matches('/'),
            _ => unknown(draft, *line, &format!("node-address.{key}")),
        }
    }
    if !matches!(protocol, "http" | "https") {
        return Err(Remark::new(line, format!("protocol must be http or https, not `{}`", shortened(protocol))));
    }
    if is_on(root, "generate-node-address")? || host == "*" {
        // As kew does anyway: the URL is that by which it was asked.
        return Ok(());
    }
    if port == "0" {
        draft.remark(line, "node-address.port = 0: queue URLs follow the request instead");
        return Ok(());
    }
    let slash = if path.is_empty() { "" } else { "/" };
    draft.setting("external-url", format!("{protocol}://{host}:{port}{slash}{path}"));
    Ok(())
}

fn auto_create(entries: &[Entry], draft: &mut Draft) -> Result<(), Remark> {
    for Entry { key, line, node } in entries {
        match key.as_str() {
            "enabled" => {
                let on = node.truth_of(key)?;
                draft.setting("auto-create", on);
            }
            "template" if node.map_of(key)?.is_empty() => {}
            "template" => {
                let what = "auto-create-queues.template: queues that kew creates by itself have the defaults of SQS; list those \
                            that need others under queues";
                draft.remark(*line, what);
            }
            _ => unknown(draft, *line, &format!("auto-create-queues.{key}")),
        }
    }
    Ok(())
}

fn queues_storage(line: usize, node: &Node, draft: &mut Draft) -> Result<(), Remark> {
    node.map_of("queues-storage")?;
    if is_on(node, "enabled")? {
        let path = node.get("path").and_then(Node::as_text).unwrap_or("that file");
        let what = format!(
            "queues-storage: kew keeps queues and messages with --data DIR; `kew import {}` reads the queues that \
             ElasticMQ kept",
            shortened(path)
        );
        draft.remark(line, what);
    }
    Ok(())
}

/// The name of a queue: ElasticMQ adds what the name of a FIFO queue lacks.
fn full_name(Entry { key, node, .. }: &Entry) -> Result<String, Remark> {
    node.map_of(key)?;
    let lacks = is_on(node, "fifo")? && !key.ends_with(FIFO_SUFFIX);
    Ok(if lacks { format!("{key}{FIFO_SUFFIX}") } else { key.clone() })
}

fn queue(entry: &Entry, draft: &mut Draft) -> Result<(), Remark> {
    let name = full_name(entry)?;
    let target = entry.node.get("deadLettersQueue");
    if let Some(target) = target {
        dead_letters(&name, target, draft)?;
    }
    let mut queue = draft.queue(entry.line, &name);
    for Entry { key, line, node } in entry.node.entries() {
        let line = *line;
        match key.as_str() {
            "defaultVisibilityTimeout" => seconds(&mut queue, name::VISIBILITY_TIMEOUT, key, node)?,
            "delay" => seconds(&mut queue, name::DELAY_SECONDS, key, node)?,
            "receiveMessageWait" => seconds(&mut queue, name::RECEIVE_MESSAGE_WAIT_TIME_SECONDS, key, node)?,
            "fifo" => {
                if !node.truth_of(key)? && name.ends_with(FIFO_SUFFIX) {
                    let what = format!("fifo of {name} must be true, for its name ends in {FIFO_SUFFIX}");
                    return Err(Remark::new(node.line, what));
                }
            }
            "contentBasedDeduplication" => {
                if node.truth_of(key)? {
                    queue.set(node.line, name::CONTENT_BASED_DEDUPLICATION, "true")?;
                }
            }
            "deadLettersQueue" => {}
            "copyTo" | "moveTo" if node.as_text() == Some("") => {}
            "copyTo" => queue.remark(
                line,
                "copyTo: kew copies no messages; `kew history` and `kew events` show what was sent, without a second \
                 queue",
            ),
            "moveTo" => queue.remark(
                line,
                "moveTo: kew redirects no messages; send to the other queue, or point the consumer at this one",
            ),
            "tags" => {
                for Entry { key, line, node } in node.map_of(key)? {
                    queue.tag(*line, key, node.text_of(key)?)?;
                }
            }
            // Of the file in which ElasticMQ keeps its queues.
            "created" | "lastModified" => queue.remark(line, format!("{key}: kew's queues are created when it starts")),
            "maxReceiveCount" => {
                queue.remark(line, "maxReceiveCount: belongs into deadLettersQueue, and is not taken over")
            }
            key => queue.remark(line, format!("queues.{name}.{}: unknown, and not taken over", shortened(key))),
        }
    }
    Ok(())
}

fn dead_letters(of: &str, node: &Node, draft: &mut Draft) -> Result<(), Remark> {
    let (mut target, mut count) = (None, None);
    for Entry { key, line, node } in node.map_of("deadLettersQueue")? {
        match key.as_str() {
            "name" => target = Some((*line, node.text_of(key)?)),
            "maxReceiveCount" => count = Some(node.text_of(key)?),
            _ => unknown(draft, *line, &format!("queues.{of}.deadLettersQueue.{key}")),
        }
    }
    let (Some((line, target)), Some(count)) = (target, count) else {
        return Err(Remark::new(node.line, format!("deadLettersQueue of {of} needs a name and a maxReceiveCount")));
    };
    let with_suffix = format!("{target}{FIFO_SUFFIX}");
    let target = match of.ends_with(FIFO_SUFFIX) && !draft.has(target) && draft.has(&with_suffix) {
        true => &with_suffix,
        false => target,
    };
    draft.queue(line, of).dead_letter(line, target, count)
}

/// Sets an attribute in seconds. ElasticMQ too cuts off what is less than one.
fn seconds(queue: &mut DraftQueue<'_>, attribute: &str, key: &str, node: &Node) -> Result<(), Remark> {
    let text = node.text_of(key)?;
    let Some(ms) = milliseconds(text) else {
        let what = format!("{key} must be a duration, as in 10 seconds, 10s or 500 ms, not {}", node.shown());
        return Err(Remark::new(node.line, what));
    };
    if ms % 1000 != 0 {
        queue.remark(
            node.line,
            format!("{key} = {}: SQS knows whole seconds; {} are taken", shortened(text), ms / 1000),
        );
    }
    queue.set(node.line, attribute, &(ms / 1000).to_string())
}

/// A duration of HOCON: a number, which may have a fraction, and a unit; without one it is milliseconds.
fn milliseconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    // In nanoseconds.
    let unit: u64 = match unit.trim() {
        "ns" | "nano" | "nanos" | "nanosecond" | "nanoseconds" => 1,
        "us" | "micro" | "micros" | "microsecond" | "microseconds" => 1_000,
        "" | "ms" | "milli" | "millis" | "millisecond" | "milliseconds" => 1_000_000,
        "s" | "second" | "seconds" => 1_000_000_000,
        "m" | "minute" | "minutes" => 60_000_000_000,
        "h" | "hour" | "hours" => 3_600_000_000_000,
        "d" | "day" | "days" => 86_400_000_000_000,
        _ => return None,
    };
    match number.parse::<u64>() {
        Ok(number) => number.checked_mul(unit).map(|ns| ns / 1_000_000),
        Err(_) => {
            let ns = number.parse::<f64>().ok()? * unit as f64;
            (ns.is_finite() && ns < u64::MAX as f64).then_some(ns as u64 / 1_000_000)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_every_form() {
        let table = [
            ("5 seconds", Some(5_000)),
            ("5s", Some(5_000)),
            ("1 second", Some(1_000)),
            ("10 ms", Some(10)),
            ("10", Some(10)),
            ("2 minutes", Some(120_000)),
            ("0.5 m", Some(30_000)),
            ("1h", Some(3_600_000)),
            ("1 day", Some(86_400_000)),
            ("999999 nanos", Some(0)),
            ("2000 us", Some(2)),
            ("", None),
            ("seconds", None),
            ("-1 s", None),
            ("5 fortnights", None),
            ("1.2.3 s", None),
            ("99999999999999999999 d", None),
        ];
        for (text, expected) in table {
            assert_eq!(milliseconds(text), expected, "{text}");
        }
    }
}
