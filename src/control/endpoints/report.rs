//! `GET /_kew/report`: the report on the consumer.

use super::{Answering, Endpoint};
use crate::control::call::{Call, Content, Method, Reply};
use crate::control::duration::Span;
use crate::control::refusal::{Refusal, nearest, shortened};
use crate::control::report::{RULES, Report, ReportOptions};
use crate::control::space::Space;
use bytes::Bytes;
use serde::Deserialize;

pub(super) const ENDPOINTS: &[Endpoint] = &[Endpoint {
    method: Method::Get,
    path: "/report",
    summary: "Mistakes of consumers and producers, as json, text, junit, sarif or github",
    handler: report,
}];

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Input {
    /// JSON, or text for who accepts that, if absent.
    format: Option<Format>,
    /// The one queue that it is about.
    queue: Option<String>,
    /// The timeout of a Lambda function that reads the queues.
    lambda_timeout: Option<Span>,
    /// Codes that are left out, with commas between.
    ignore: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Json,
    Text,
    Junit,
    Sarif,
    Github,
}

fn report(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let input: Input = call.input()?;
        let options = ReportOptions {
            queue: input.queue,
            lambda_timeout_ms: input.lambda_timeout.map(Span::as_ms),
            ignore: codes(input.ignore.as_deref().unwrap_or_default())?,
        };
        let report = of(call.space, &options)?;
        let bytes = |content_type, text: String| Reply::content(Content::Bytes(content_type, Bytes::from(text)));
        Ok(match input.format {
            None => reply(&report),
            Some(Format::Json) => Reply::json(report.to_json()),
            Some(Format::Text) => bytes("text/plain; charset=utf-8", report.to_string()),
            Some(Format::Junit) => bytes("application/xml; charset=utf-8", report.to_junit()),
            Some(Format::Sarif) => bytes("application/sarif+json", format!("{}\n", report.to_sarif())),
            Some(Format::Github) => bytes("text/plain; charset=utf-8", report.to_github()),
        })
    })
}

/// The report on a space.
///
/// # Errors
/// 404 for a queue that is not there and was not, 409 without a history.
pub(super) fn of(space: &Space, options: &ReportOptions) -> Result<Report, Refusal> {
    let no_history = || Refusal::new(409, "there is no history to report on", "start kew with --history 100000");
    let report = Report::of(space, options).ok_or_else(no_history)?;
    match &options.queue {
        Some(name) if !report.knows_queues() => Err(Refusal::no_queue(name, space)),
        _ => Ok(report),
    }
}

/// A report as an answer: JSON, with the text for people.
pub(super) fn reply(report: &Report) -> Reply {
    Reply::json(report.to_json()).with_text(report.to_string())
}

/// The codes in a list.
fn codes(list: &str) -> Result<Vec<&'static str>, Refusal> {
    let given = list.split(',').map(str::trim).filter(|code| !code.is_empty());
    let known = |code: &str| RULES.iter().map(|rule| rule.code).find(|known| known.eq_ignore_ascii_case(code));
    given
        .map(|code| {
            known(code).ok_or_else(|| {
                let hint = match nearest(code, RULES.iter().map(|rule| rule.code)) {
                    Some(code) => format!("did you mean `{code}`?"),
                    None => "codes are K1 to K12".to_owned(),
                };
                Refusal::new(400, format!("there is no code `{}`", shortened(code)), hint)
            })
        })
        .collect()
}
