//! AddPermission and RemovePermission, which write the queue's access policy.

use super::context::Context;
use crate::api::arn::partition;
use crate::api::attributes::name::POLICY;
use crate::api::{AddPermissionRequest, Empty, RemovePermissionRequest, is_account_id, limits, rules};
use crate::auth::policy::NEVER_ACROSS_ACCOUNTS;
use crate::broker::Pending;
use crate::error::{Error, ErrorKind, shown};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// An access policy, parsed.
type Policy = Map<String, Value>;

/// Actions that a permission can grant.
const GRANTABLE: &[&str] = &[
    "*",
    "ChangeMessageVisibility",
    "DeleteMessage",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "PurgeQueue",
    "ReceiveMessage",
    "SendMessage",
];

fn check_action(action: &str) -> Result<(), Error> {
    let refuse = |reason: &str| Err(Error::invalid_value(format_args!("SQS:{action}"), "ActionName", reason));
    if GRANTABLE.contains(&action) {
        Ok(())
    } else if NEVER_ACROSS_ACCOUNTS.contains(&action) {
        refuse("Only the queue owner is allowed to invoke this action.")
    } else {
        refuse("Please refer to the appropriate WSDL for a list of valid actions.")
    }
}

/// One value stands alone, several are a list (recorded).
fn one_or_list(mut values: Vec<String>) -> Value {
    if values.len() == 1 { Value::from(values.remove(0)) } else { Value::from(values) }
}

/// A policy with its members in the order AWS writes them; whatever else was in a custom policy follows.
fn policy_text(mut policy: Policy) -> String {
    const ORDER: [&str; 3] = ["Version", "Id", "Statement"];
    let first = ORDER.iter().filter_map(|key| policy.remove(*key).map(|value| (key.to_string(), value)));
    let mut members: Vec<(String, Value)> = first.collect();
    members.extend(policy);
    let members: Vec<String> =
        members.iter().map(|(k, v)| format!("{}:{}", Value::from(k.as_str()), ordered(v))).collect();
    format!("{{{}}}", members.join(","))
}

/// Statements likewise.
fn ordered(value: &Value) -> String {
    const ORDER: [&str; 5] = ["Sid", "Effect", "Principal", "Action", "Resource"];
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(ordered).collect::<Vec<_>>().join(",")),
        Value::Object(object) => {
            let rank = |key: &str| ORDER.iter().position(|known| *known == key).unwrap_or(ORDER.len());
            let mut members: Vec<_> = object.iter().collect();
            members.sort_by_key(|(key, _)| rank(key));
            let members: Vec<String> =
                members.iter().map(|(k, v)| format!("{}:{}", Value::from(k.as_str()), ordered(v))).collect();
            format!("{{{}}}", members.join(","))
        }
        other => other.to_string(),
    }
}

/// The statements of a policy, however it writes them.
fn statements(policy: &Policy) -> Vec<Value> {
    match policy.get("Statement") {
        Some(Value::Array(list)) => list.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    }
}

fn has_label(statement: &Value, label: &str) -> bool {
    statement.get("Sid").and_then(Value::as_str) == Some(label)
}

/// Changes the policy of a queue under its lock, so that no change of another is lost.
fn edit_policy(
    cx: &Context<'_>,
    edit: impl FnOnce(Option<Policy>) -> Result<Option<Policy>, Error>,
) -> Result<Pending<Empty>, Error> {
    let queue = cx.queue()?;
    let mut open = cx.open(queue)?;
    let settings = queue.settings();
    let policy = settings.value(POLICY).and_then(|text| serde_json::from_str(&text).ok());
    let policy = edit(policy)?.map(policy_text);
    open.set_settings(settings.changed(&BTreeMap::from([(POLICY, policy)]), open.now()));
    Ok(open.close().map(|()| Empty {}))
}

pub(super) fn add_permission(cx: &Context<'_>, r: AddPermissionRequest) -> Result<Pending<Empty>, Error> {
    let queue = cx.queue()?;
    let label = r.label.filter(|label| !label.is_empty()).ok_or_else(|| Error::missing("Label"))?;
    let actions = r.actions.filter(|list| !list.is_empty()).ok_or_else(|| Error::missing("Actions"))?;
    if !rules::is_label(&label) {
        // Uncertain: the rule is documented, the text is not.
        let rule = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
        return Err(Error::invalid_value(&label, "Label", rule));
    }
    let over = |what: &'static str, most: usize| {
        move |found: usize| {
            Error::new(ErrorKind::OverLimit, format!("{found} {what} were found, maximum allowed is {most}."))
        }
    };
    let actions = actions.all().map_err(over("Actions", limits::POLICY_ACTIONS_MAX))?;
    actions.iter().try_for_each(|action| check_action(action))?;
    // Uncertain: that there is a limit is documented, the answer follows that for actions.
    let accounts = r.aws_account_ids.unwrap_or_default().all();
    let accounts = accounts.map_err(over("AWSAccountIds", limits::POLICY_PRINCIPALS_MAX))?;
    if accounts.is_empty() || !accounts.iter().all(|id| is_account_id(id)) {
        let listed = format!("[{}]", accounts.iter().map(|id| shown(id)).collect::<Vec<_>>().join(", "));
        return Err(Error::invalid_value(listed, "PrincipalId", "Unable to verify."));
    }
    let arn = cx.arn(queue);
    let partition = partition(cx.shown_region(queue));
    let principals = accounts.iter().map(|id| format!("arn:{partition}:iam::{id}:root")).collect();
    let statement = json!({
        "Sid": label,
        "Effect": "Allow",
        "Principal": { "AWS": one_or_list(principals) },
        "Action": one_or_list(actions.iter().map(|action| format!("SQS:{action}")).collect()),
        "Resource": arn,
    });
    edit_policy(cx, |policy| {
        let mut policy = policy.unwrap_or_else(|| {
            let id = format!("{arn}/SQSDefaultPolicy");
            Map::from_iter([("Version".to_owned(), json!("2008-10-17")), ("Id".to_owned(), json!(id))])
        });
        let mut statements = statements(&policy);
        if statements.iter().any(|statement| has_label(statement, &label)) {
            return Err(Error::invalid_value(&label, "Label", "Already exists."));
        }
        if statements.len() >= limits::POLICY_STATEMENTS_MAX {
            let (found, most) = (statements.len() + 1, limits::POLICY_STATEMENTS_MAX);
            let text = format!("{found} Statements were found, maximum allowed is {most}.");
            return Err(Error::new(ErrorKind::OverLimit, text));
        }
        statements.push(statement);
        policy.insert("Statement".to_owned(), Value::from(statements));
        Ok(Some(policy))
    })
}

pub(super) fn remove_permission(cx: &Context<'_>, r: RemovePermissionRequest) -> Result<Pending<Empty>, Error> {
    let label = r.label.filter(|label| !label.is_empty()).ok_or_else(|| Error::missing("Label"))?;
    edit_policy(cx, |policy| {
        let mut policy = policy.unwrap_or_default();
        let (gone, kept): (Vec<_>, Vec<_>) = statements(&policy).into_iter().partition(|s| has_label(s, &label));
        if gone.is_empty() {
            return Err(Error::invalid_value(&label, "Label", "can't find label."));
        }
        // With its last statement the whole policy goes (recorded).
        if kept.is_empty() {
            return Ok(None);
        }
        policy.insert("Statement".to_owned(), Value::from(kept));
        Ok(Some(policy))
    })
}
