//! `/_kew/policies`: what the policies of principals and queues decide, and the smallest policy for what was used.

use super::queues::queue;
use super::{Answering, Endpoint};
use crate::api::{Arn, Operation};
use crate::auth::policy::{self, Context, Enforcement, Mode, Policies, Policy, Question, QueuePolicy, Requester};
use crate::broker::Queue;
use crate::config::NamespaceMode;
use crate::control::call::{Call, Method, Refusal, Reply};
use crate::control::duration::Moment;
use crate::control::refusal::{nearest, shortened};
use crate::control::space::Space;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;

pub(super) const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        method: Method::Get,
        path: "/policies",
        summary: "Whether policies are enforced, what they have denied, and who has used anything",
        handler: overview,
    },
    Endpoint {
        method: Method::Get,
        path: "/policies/explain",
        summary: "Whether somebody may do something, and which statement decides",
        handler: explain,
    },
    Endpoint {
        method: Method::Get,
        path: "/policies/suggest",
        summary: "The smallest identity policy for what a principal has used",
        handler: suggest,
    },
];

/// An endpoint without members takes none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

fn enforcement<'a>(call: &'a Call<'_>) -> Result<&'a Arc<Enforcement>, Refusal> {
    let hint = "start kew with --credentials FILE, and with --policies enforce or warn";
    call.space.shared().enforcement.as_ref().ok_or_else(|| Refusal::new(409, "no policies are asked", hint))
}

fn overview(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let Nothing {} = call.input()?;
        let Some(enforcement) = &call.space.shared().enforcement else {
            return Ok(Reply::json(json!({"mode": "off"})).with_text("policies are not asked\n"));
        };
        let mode = match enforcement.mode() {
            Mode::Enforce => "enforce",
            Mode::Warn => "warn",
        };
        let denied: Map<_, _> =
            enforcement.denied().map(|(action, count)| (action.permission().to_owned(), count.into())).collect();
        let usage = enforcement.usage();
        let principals: Vec<&str> = usage.principals().collect();
        let mut text = format!("policies: {mode}\n");
        for (action, count) in &denied {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "denied {count} times: {action}");
        }
        for principal in &principals {
            let _ = writeln!(text, "used by {principal}");
        }
        let answer = json!({"mode": mode, "denied": denied, "principals": principals, "leftOut": usage.left_out()});
        Ok(Reply::json(answer).with_text(text))
    })
}

/// What is to be explained.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Explain {
    /// An access key, the ARN of a principal, or `anonymous`.
    r#as: Value,
    /// `sqs:SendMessage`, or without `sqs:`.
    action: String,
    /// The queue; none for ListQueues.
    #[serde(default)]
    queue: Option<String>,
    /// `aws:SourceIp`.
    source_ip: Option<IpAddr>,
    /// `aws:SecureTransport`; false if not said.
    #[serde(default)]
    secure: bool,
    /// `aws:UserAgent`.
    user_agent: Option<String>,
    /// `aws:CurrentTime`; now if not said.
    at: Option<Moment>,
    /// Any other keys.
    #[serde(default)]
    context: BTreeMap<String, Value>,
}

fn explain(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let input: Explain = call.input()?;
        let asker = asker(&call, text_of(&input.r#as))?;
        let action = action(&input.action)?;
        let found = match input.queue.as_deref() {
            None | Some("") => None,
            // Who creates a queue names one that is not there.
            Some(name) if action == Operation::CreateQueue => call.space.queue(name),
            Some(name) => Some(queue(call.space, name)?),
        };
        if found.is_none() && !matches!(action, Operation::CreateQueue | Operation::ListQueues) {
            return Err(Refusal::new(400, format!("{} is about a queue", action.name()), "say which: queue=orders"));
        }
        let account = asker.account.as_deref().unwrap_or(&call.space.account);
        let name = input.queue.as_deref().filter(|_| action == Operation::CreateQueue).unwrap_or_default();
        let arn = match &found {
            Some(queue) => arn_of(call.space, queue),
            None => Arn { region: &call.space.region, account, name }.to_string(),
        };
        let settings = found.as_ref().map(|queue| queue.settings());
        let tags =
            found.as_ref().and_then(|queue| call.space.broker().look(queue).ok()).map(|look| look.tags().clone());
        let owner = found.as_ref().map_or(account, |queue| &queue.account);
        let now = call.space.broker().clock().real_now();
        let context = Context {
            requester: Requester::of(&asker.arn).unwrap_or_default(),
            time_ms: Some(input.at.map_or(now, |moment| moment.0).as_ms()),
            source_ip: input.source_ip,
            secure: Some(input.secure),
            user_agent: input.user_agent.as_deref(),
            referer: None,
            region: Some(&call.space.region),
            resource_account: Some(owner),
            resource_tags: tags.as_ref(),
            request_tags: Vec::new(),
            more: input.context.iter().map(|(key, value)| (key.to_ascii_lowercase(), texts_of(value))).collect(),
        };
        let question = Question { action: action.permission(), resource: &arn, owner, context };
        let of_queue = settings.as_ref().map_or(QueuePolicy::Absent, |settings| settings.queue_policy());
        let policies = Policies { identity: &asker.policies, queue: of_queue };
        let decision = policy::evaluate(&question, &policies);
        let text = policy::explanation(&question, &policies, &decision);
        Ok(Reply::json(policy::as_json(&question, &decision)).with_text(text))
    })
}

/// Who is asked about.
struct Asker {
    /// Empty for who signs nothing.
    arn: String,
    account: Option<String>,
    policies: Vec<Policy>,
}

fn asker(call: &Call<'_>, name: String) -> Result<Asker, Refusal> {
    if name == "anonymous" {
        return Ok(Asker { arn: String::new(), account: None, policies: Vec::new() });
    }
    let hint = "start kew with --credentials FILE";
    let no_keys = || Refusal::new(409, "no credentials are configured, and so nobody is known", hint);
    let credentials = call.incoming.credentials.as_ref().ok_or_else(no_keys)?;
    let found = credentials.get(&name).map(|key| &key.principal);
    let Some(found) = found.or_else(|| credentials.principals().find(|principal| principal.arn == name)) else {
        let keys = credentials.principals().map(|principal| principal.access_key.as_str());
        let hint = match nearest(&name, keys.chain(credentials.principals().map(|principal| principal.arn.as_str()))) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "an access key of the credentials file, the ARN of its principal, or anonymous".to_owned(),
        };
        return Err(Refusal::new(404, format!("there is no key and no principal `{}`", shortened(&name)), hint));
    };
    Ok(Asker { arn: found.arn.clone(), account: Some(found.account.clone()), policies: found.policies.clone() })
}

/// An action by its name, as policies have it.
fn action(name: &str) -> Result<Operation, Refusal> {
    policy::action_of(name).ok_or_else(|| {
        let plain = name.split_once(':').map_or(name, |(_, plain)| plain);
        let near = nearest(plain, Operation::ALL.iter().map(|action| action.name()));
        let hint = near.map(|near| format!("did you mean `sqs:{near}`?")).unwrap_or_default();
        Refusal::new(400, format!("there is no action `{}`", shortened(name)), hint)
    })
}

/// The ARN of a queue as clients of the space see it.
fn arn_of(space: &Space, queue: &Queue) -> String {
    let region = match space.broker().namespace().mode() {
        NamespaceMode::Merged => &space.region,
        NamespaceMode::Aws => &*queue.region,
    };
    Arn { region, account: &queue.account, name: &queue.name }.to_string()
}

/// What a query string makes a number of may be meant as a text.
fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn texts_of(value: &Value) -> Vec<String> {
    match value {
        Value::Array(list) => list.iter().map(text_of).collect(),
        one => vec![text_of(one)],
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Suggest {
    /// An access key or the ARN of a principal; all that have used anything if absent.
    #[serde(default)]
    r#as: Value,
}

fn suggest(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let input: Suggest = call.input()?;
        let enforcement = enforcement(&call)?;
        let wanted = match &input.r#as {
            Value::Null => None,
            name => {
                let asker = asker(&call, text_of(name))?;
                // What sessions use is remembered of their role.
                let requester = Requester::of(&asker.arn).unwrap_or_default();
                Some(requester.principal().map(|principal| principal.principal_arn().into_owned()).unwrap_or_default())
            }
        };
        let usage = enforcement.usage();
        let principals = usage.principals().filter(|principal| wanted.as_deref().is_none_or(|one| one == *principal));
        let suggested: Vec<(&str, String)> =
            principals.filter_map(|principal| Some((principal, usage.suggestion(principal)?))).collect();
        if suggested.is_empty() {
            let whom = wanted.unwrap_or_else(|| "nobody who is known".to_owned());
            return Err(Refusal::new(404, format!("nothing was used by {whom}"), "let it do first what it has to do"));
        }
        let text = match &suggested[..] {
            [(_, policy)] => policy.clone(),
            several => several.iter().map(|(principal, policy)| format!("# {principal}\n{policy}")).collect(),
        };
        let json = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
        let all: Vec<Value> = suggested
            .iter()
            .map(|(principal, policy)| json!({"principal": principal, "policy": json(policy)}))
            .collect();
        Ok(Reply::json(json!({"policies": all, "leftOut": usage.left_out()})).with_text(text))
    })
}
