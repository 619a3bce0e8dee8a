//! `kew policy explain` and `kew policy suggest`: what policies decide, and the smallest policy for what was used.

use super::client::Target;
use super::control::{self, REFUSED};
use super::output;
use super::request::Request;
use super::values::{Pair, object_of_texts};
use clap::{Args, Subcommand};
use kew::internals::api::Arn;
use kew::internals::auth::policy::{self, Context, Kind, Policies, Policy, Question, QueuePolicy, Requester};
use kew::internals::clock::NetworkTime;
use kew::internals::config::{ACCOUNT_DEFAULT, REGION_DEFAULT};
use kew::internals::server::read_credentials;
use serde::Serialize;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// What `kew policy` does.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Whether somebody may do something, and which statement decides: exit code 0 if it is allowed, 1 if it is denied
    ///
    /// A running kew is asked; with --credentials or --policy these files are, and none has to run.
    Explain(Box<Explain>),
    /// The smallest identity policy for what a principal has used since the start of a running kew
    Suggest(Suggest),
}

/// Flags of `kew policy explain`.
#[derive(Args, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explain {
    /// Who asks: an access key, the ARN of its principal, or anonymous
    #[arg(long = "as", value_name = "KEY")]
    #[serde(rename = "as")]
    who: String,
    /// What: sqs:SendMessage, for example
    #[arg(long)]
    action: String,
    /// On which queue
    #[arg(long)]
    queue: Option<String>,
    /// From which address
    #[arg(long, value_name = "ADDRESS")]
    source_ip: Option<IpAddr>,
    /// Over TLS
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    secure: bool,
    /// With which User-Agent
    #[arg(long, value_name = "TEXT")]
    user_agent: Option<String>,
    /// With which other condition keys; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    #[serde(serialize_with = "object_of_texts")]
    context: Vec<Pair>,
    /// By the policies of this credentials file, not those of a running kew
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    credentials: Option<PathBuf>,
    /// By this policy of the queue, not that of a running kew
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    policy: Option<PathBuf>,
}

/// Flags of `kew policy suggest`.
#[derive(Args, Debug, Serialize)]
pub struct Suggest {
    /// Who has used it: an access key, or the ARN of its principal [default: all who have used anything]
    #[arg(long = "as", value_name = "KEY")]
    #[serde(rename = "as")]
    who: Option<String>,
}

/// Runs a subcommand of `kew policy`.
///
/// # Errors
/// What is wrong with the files that are named.
pub fn policy(target: &Target, what: PolicyCommand, json: bool) -> Result<ExitCode, String> {
    let request = match what {
        PolicyCommand::Explain(explain) if explain.credentials.is_some() || explain.policy.is_some() => {
            return of_files(&explain, json);
        }
        PolicyCommand::Explain(explain) => Request::get(&["policies", "explain"], &explain),
        PolicyCommand::Suggest(suggest) => Request::get(&["policies", "suggest"], &suggest),
    };
    control::run(async {
        let answer = target.send(&request, control::accept(json)).await?;
        let status = answer.status;
        let text = answer.text().await?;
        if status >= 300 {
            if json {
                output::print(&text)
            } else {
                output::tell(&text)
            }
            return Ok(ExitCode::from(control::refusal_code(status)));
        }
        output::print(&text);
        let denied = text.starts_with("denied") || json && text.contains("\"allowed\":false");
        Ok(if denied { ExitCode::from(REFUSED) } else { ExitCode::SUCCESS })
    })
}

/// Explains by files alone.
fn of_files(explain: &Explain, json: bool) -> Result<ExitCode, String> {
    let action =
        policy::action_of(&explain.action).ok_or_else(|| format!("there is no action `{}`", explain.action))?;
    let asker = asker(explain)?;
    let queue = match &explain.policy {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
            Some(Policy::parse(&text, Kind::Resource).map_err(|error| format!("{}: {error}", path.display()))?)
        }
        None => None,
    };
    // A queue without an account is one of who asks.
    let named = explain.queue.as_deref().unwrap_or_default();
    let arn = match Arn::parse(named) {
        Ok(arn) => arn,
        Err(_) => Arn { region: REGION_DEFAULT, account: &asker.account, name: named },
    };
    let context = Context {
        requester: Requester::of(&asker.arn).unwrap_or_default(),
        time_ms: Some(NetworkTime::real().now_ms()),
        source_ip: explain.source_ip,
        secure: Some(explain.secure),
        user_agent: explain.user_agent.as_deref(),
        region: Some(arn.region),
        resource_account: Some(arn.account),
        more: explain
            .context
            .iter()
            .map(|pair| (pair.0.to_ascii_lowercase(), vec![super::request::shown(&pair.1)]))
            .collect(),
        ..Context::default()
    };
    let resource = arn.to_string();
    let question = Question { action: action.permission(), resource: &resource, owner: arn.account, context };
    let of_queue = queue.as_ref().map_or(QueuePolicy::Absent, QueuePolicy::Is);
    let policies = Policies { identity: &asker.policies, queue: of_queue };
    let decision = policy::evaluate(&question, &policies);
    match json {
        true => output::print(&format!("{}\n", policy::as_json(&question, &decision))),
        false => output::print(&policy::explanation(&question, &policies, &decision)),
    }
    Ok(if decision.reason.allows() { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) })
}

/// Who asks; the ARN is empty for who signs nothing.
struct Asker {
    arn: String,
    account: String,
    policies: Vec<Policy>,
}

fn asker(explain: &Explain) -> Result<Asker, String> {
    let who = &explain.who;
    let asker = |arn: &str, account: &str, policies: &[Policy]| Asker {
        arn: arn.to_owned(),
        account: account.to_owned(),
        policies: policies.to_vec(),
    };
    if who == "anonymous" {
        return Ok(asker("", ACCOUNT_DEFAULT, &[]));
    }
    let Some(path) = &explain.credentials else {
        // Without a credentials file a principal has no policies.
        let requester =
            Requester::of(who).ok_or("--as is an access key only beside --credentials FILE; else it is an ARN")?;
        return Ok(asker(who, requester.account().unwrap_or_default(), &[]));
    };
    let credentials = read_credentials(path, ACCOUNT_DEFAULT).map_err(|error| error.to_string())?;
    let found = credentials.get(who).map(|key| &key.principal);
    let found = found.or_else(|| credentials.principals().find(|principal| principal.arn == *who));
    let found = found.ok_or_else(|| format!("{}: there is no key and no principal `{who}`", path.display()))?;
    Ok(asker(&found.arn, &found.account, &found.policies))
}
