//! `kew clock` and `kew advance`: how the clock runs, and how far it is turned.

use super::request::Request;
use super::values::{Pair, object};
use clap::{ArgGroup, Args};
use kew::internals::control::Method;
use serde::Serialize;
use serde_json::{Value, json};

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[command(group = ArgGroup::new("mode").multiple(false))]
pub struct Clock {
    /// Real time
    #[arg(long, group = "mode")]
    #[serde(skip)]
    real: bool,
    /// The pace of real time, from where the clock stands
    #[arg(long, group = "mode")]
    #[serde(skip)]
    run: bool,
    /// Stand still; only `kew advance` moves it
    #[arg(long, group = "mode")]
    #[serde(skip)]
    freeze: bool,
    /// The pace of real time, and a jump to the next deadline whenever nothing else goes on
    #[arg(long, group = "mode")]
    #[serde(skip)]
    auto: bool,
    /// Go on from this moment, as in 2026-01-01T00:00:00Z; not before now
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// With --auto: how long nothing must go on before a jump, in real time
    #[arg(long, value_name = "DURATION", requires = "auto")]
    settle: Option<String>,
    /// With --auto: jump no further than this moment
    #[arg(long, value_name = "TIME", requires = "auto")]
    until: Option<String>,
    /// With --auto: jumps at most
    #[arg(long, value_name = "COUNT", requires = "auto")]
    max_jumps: Option<u64>,
    /// With --auto: so many consumers of a queue do nothing but wait for messages, so that retries may come at once; may be given
    /// several times
    #[arg(long, value_name = "QUEUE=COUNT", requires = "auto")]
    #[serde(serialize_with = "object")]
    consumers: Vec<Pair>,
}

#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[command(group = ArgGroup::new("target").required(true).multiple(false))]
pub struct Advance {
    /// By how long, as in 15m, 1h30m, 250ms or a number of seconds
    #[arg(group = "target", value_name = "DURATION")]
    by: Option<String>,
    /// To this moment, as in 2026-01-01T00:00:00Z
    #[arg(long, value_name = "TIME", group = "target")]
    to: Option<String>,
    /// To the next deadline
    #[arg(long, group = "target")]
    #[serde(skip)]
    next: bool,
    /// With --next: the next deadline of this queue
    #[arg(long, requires = "next")]
    queue: Option<String>,
    /// Real time that consumers get between two deadlines
    #[arg(long, value_name = "DURATION")]
    settle: Option<String>,
    /// In one jump, as if the lid of a laptop had been closed
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    jump: bool,
}

impl Clock {
    /// The request that the arguments make.
    pub fn request(self) -> Request {
        let modes = [(self.real, "real"), (self.run, "running"), (self.freeze, "frozen"), (self.auto, "auto")];
        let mode = modes.into_iter().find(|(given, _)| *given).map(|(_, mode)| mode);
        let mut request = Request::new(Method::Put, &["clock"], &self);
        match (mode, &mut request.input) {
            (None, Value::Null) => return Request::get(&["clock"], &()),
            (None, _) => {}
            (Some(mode), Value::Object(members)) => drop(members.insert("mode".to_owned(), mode.into())),
            (Some(mode), input) => *input = json!({ "mode": mode }),
        }
        request
    }
}

impl Advance {
    /// The request that the arguments make.
    pub fn request(mut self) -> Request {
        if self.next {
            self.to = Some("next".to_owned());
        }
        Request::new(Method::Post, &["clock", "advance"], &self)
    }
}
