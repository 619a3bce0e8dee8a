//! `kew fault add`: a rule that lets requests fail on purpose.

use super::values::{Pair, object};
use clap::Args;
use serde::Serialize;

/// A rule: which fault, on what, and when.
#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// throttle, error, unavailable, lostRequest, lostAnswer, latency, duplicate, resurrect, emptyReceive, partialBatch, reorder,
    /// handleExpired, staleCounts, corrupt, or the profile awsLike
    fault: String,
    /// What the fault is told, as in how=reset, code=OverLimit, ms=500, copies=2
    #[arg(value_name = "NAME=VALUE")]
    #[serde(flatten, serialize_with = "object")]
    args: Vec<Pair>,
    /// A name for the rule
    #[arg(long)]
    id: Option<String>,
    /// Remove the rule after so long
    #[arg(long, value_name = "DURATION")]
    ttl: Option<String>,
    #[command(flatten)]
    on: On,
    #[command(flatten)]
    when: When,
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[command(next_help_heading = "On what")]
struct On {
    /// Requests of this action, as in SendMessage
    #[arg(long)]
    action: Option<String>,
    /// Requests to this queue
    #[arg(long)]
    queue: Option<String>,
    /// Requests about the message with this id
    #[arg(long, value_name = "ID")]
    message: Option<String>,
    #[command(flatten)]
    caller: From,
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct From {
    /// Requests of clients whose User-Agent contains this text
    #[arg(long, value_name = "TEXT")]
    user_agent: Option<String>,
    /// Requests of this account
    #[arg(long)]
    account: Option<String>,
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[command(next_help_heading = "When (always, if nothing is said)")]
struct When {
    /// Each with this probability, from 0 to 1, as the seed has it
    #[arg(long, value_name = "NUMBER")]
    probability: Option<f64>,
    /// These of them, counted from 1: 2 or 2,5
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',')]
    nth: Vec<u64>,
    /// The first so many
    #[arg(long, value_name = "COUNT")]
    first: Option<u64>,
    /// Each time this number comes round: 3 for the third, the sixth and so on
    #[arg(long, value_name = "COUNT")]
    every: Option<u64>,
    /// All after the first so many
    #[arg(long, value_name = "COUNT")]
    after: Option<u64>,
    /// So often at most
    #[arg(long, value_name = "COUNT")]
    times: Option<u64>,
}
