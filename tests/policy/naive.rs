//! A slow and obvious evaluator of policies, straight from the documentation of IAM: JSON in, the reason of the
//! decision out.

use serde_json::Value;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The ARN of who asks; empty for nobody known.
    pub who: String,
    pub action: String,
    pub resource: String,
    pub owner: String,
    /// Condition keys in small letters.
    pub keys: BTreeMap<String, Vec<String>>,
}

impl Ask {
    fn account(&self) -> Option<&str> {
        self.who.split(':').nth(4)
    }

    fn is_root(&self) -> bool {
        self.who.ends_with(":root")
    }

    /// The role whose session it is.
    fn role(&self) -> Option<String> {
        let session = self.who.split_once(":assumed-role/")?.1;
        let role = session.split('/').next()?;
        Some(format!("arn:aws:iam::{}:role/{role}", self.account()?))
    }

    fn key(&self, key: &str) -> Vec<String> {
        let key = key.to_lowercase();
        if let Some(values) = self.keys.get(&key) {
            return values.clone();
        }
        let user = self.who.split_once(":user/").map(|(_, path)| path.rsplit('/').next().unwrap().to_owned());
        let one = match key.as_str() {
            "aws:username" => user,
            "aws:principalarn" if !self.who.is_empty() => Some(self.role().unwrap_or(self.who.clone())),
            "aws:principalaccount" => self.account().map(str::to_owned),
            _ => None,
        };
        one.into_iter().collect()
    }
}

/// The reason, and the statement behind it, counted from 0.
pub type Verdict = (&'static str, Option<(usize, usize)>);

/// Decides.
pub fn decide(identity: &[Value], queue: Option<&Value>, ask: &Ask) -> Verdict {
    let own = |effect: &str| {
        for (p, policy) in identity.iter().enumerate() {
            for (s, statement) in statements(policy).iter().enumerate() {
                if statement["Effect"] == effect && fits(policy, statement, ask) {
                    return Some((p, s));
                }
            }
        }
        None
    };
    // How a queue statement means who asks: 2 by name, 1 by account, 0 not at all.
    let queues = |effect: &str, least: u32| {
        let policy = queue?;
        let all = statements(policy);
        let found = all.iter().enumerate().find(|(_, statement)| {
            statement["Effect"] == effect && meant(statement, ask) >= least && fits(policy, statement, ask)
        });
        found.map(|(s, _)| (0, s))
    };
    if let Some(at) = own("Deny") {
        return ("IdentityDenies", Some(at));
    }
    if let Some(at) = queues("Deny", 1) {
        return ("QueueDenies", Some(at));
    }
    if ask.account() == Some(&ask.owner) {
        if ask.is_root() {
            return ("Root", None);
        }
        if let Some(at) = own("Allow") {
            return ("IdentityAllows", Some(at));
        }
        return match queues("Allow", 2) {
            Some(at) => ("QueueAllows", Some(at)),
            None => ("NoIdentityAllows", None),
        };
    }
    if !ask.who.is_empty() && !ask.is_root() && own("Allow").is_none() {
        return ("NoIdentityAllows", None);
    }
    const OWNERS_ALONE: [&str; 12] = [
        "AddPermission",
        "RemovePermission",
        "CreateQueue",
        "DeleteQueue",
        "ListQueues",
        "SetQueueAttributes",
        "TagQueue",
        "UntagQueue",
        "ListQueueTags",
        "StartMessageMoveTask",
        "CancelMessageMoveTask",
        "ListMessageMoveTasks",
    ];
    let name = ask.action.split(':').nth(1).unwrap();
    match queues("Allow", 2).or_else(|| queues("Allow", 1)) {
        Some(at) if !OWNERS_ALONE.contains(&name) => ("QueueAllows", Some(at)),
        _ => ("NoQueueAllows", None),
    }
}

fn statements(policy: &Value) -> Vec<Value> {
    list(&policy["Statement"])
}

fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.clone(),
        one => vec![one.clone()],
    }
}

fn texts(value: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    list(value).iter().map(text).collect()
}

fn meant(statement: &Value, ask: &Ask) -> u32 {
    let listed = |element: &Value| match element {
        Value::String(_) => vec!["*".to_owned()],
        element => texts(&element["AWS"]),
    };
    let account_root = ask.account().map(|account| format!("arn:aws:iam::{account}:root"));
    let is_account = |text: &String| Some(text.as_str()) == ask.account() || Some(text) == account_root.as_ref();
    let is_self = |text: &String| !ask.who.is_empty() && *text == ask.who && !ask.is_root();
    let is_role = |text: &String| ask.role().is_some_and(|role| role == *text);
    if let Some(principal) = statement.get("Principal") {
        let listed = listed(principal);
        if listed.iter().any(|text| text == "*" || is_self(text) || is_role(text)) {
            return 2;
        }
        return u32::from(listed.iter().any(is_account));
    }
    let listed = listed(&statement["NotPrincipal"]);
    let everyone = listed.contains(&"*".to_owned());
    let spared = if statement["Effect"] == "Deny" {
        let account = listed.iter().any(is_account);
        let itself = ask.is_root() || listed.iter().any(is_self);
        let role = ask.role().is_none() || listed.iter().any(is_role);
        everyone || account && itself && role
    } else {
        everyone || listed.iter().any(|text| is_account(text) || is_self(text) || is_role(text))
    };
    if spared { 0 } else { 2 }
}

/// Whether action, resource and conditions of a statement fit.
fn fits(policy: &Value, statement: &Value, ask: &Ask) -> bool {
    let variables = policy["Version"] == "2012-10-17";
    let action = |pattern: &String| {
        Some(glob(&tokens(&pattern.to_lowercase(), true, None)?, &chars(&ask.action.to_lowercase())))
    };
    let resource = |pattern: &String| {
        let tokens = tokens(pattern, true, variables.then_some(ask))?;
        Some(tokens == [Token::Star] || arn(&tokens, &ask.resource, true))
    };
    on_list(statement, "Action", action) && on_list(statement, "Resource", resource) && {
        let empty = serde_json::Map::new();
        let conditions = statement.get("Condition").and_then(Value::as_object).unwrap_or(&empty);
        conditions.iter().all(|(operator, keys)| {
            keys.as_object().unwrap().iter().all(|(key, values)| met(operator, key, &texts(values), variables, ask))
        })
    }
}

fn on_list(statement: &Value, name: &str, matches: impl Fn(&String) -> Option<bool>) -> bool {
    if let Some(element) = statement.get(name) {
        return texts(element).iter().any(|pattern| matches(pattern) == Some(true));
    }
    texts(&statement[format!("Not{name}")]).iter().all(|pattern| matches(pattern) == Some(false))
}

fn met(operator: &str, key: &str, wanted: &[String], variables: bool, ask: &Ask) -> bool {
    let values = ask.key(key);
    let (set, operator) = match operator.split_once(':') {
        Some((set, operator)) => (set, operator),
        None => ("", operator),
    };
    let if_exists = operator.ends_with("IfExists");
    let operator = operator.trim_end_matches("IfExists");
    if operator == "Null" {
        return wanted.iter().any(|wanted| (wanted == "true") == values.is_empty());
    }
    let negated = operator.contains("Not");
    let operator = operator.replace("Not", "");
    let is_text = operator.starts_with("String") || operator.starts_with("Arn");
    if is_text && wanted.iter().any(|wanted| tokens(wanted, true, variables.then_some(ask)).is_none()) {
        return false;
    }
    let one = |value: &String, wanted: &String| compare(&operator, value, wanted, variables.then_some(ask));
    let fits = |value: &String| {
        let any = wanted.iter().any(|wanted| one(value, wanted));
        if negated { !any } else { any }
    };
    if values.is_empty() {
        return if_exists || set == "ForAllValues" || set.is_empty() && negated;
    }
    match set {
        "ForAllValues" => values.iter().all(fits),
        "ForAnyValue" => values.iter().any(fits),
        _ if negated => values.iter().all(fits),
        _ => values.iter().any(fits),
    }
}

fn compare(operator: &str, value: &str, wanted: &str, variables: Option<&Ask>) -> bool {
    let text = |wildcards| tokens(wanted, wildcards, variables).unwrap();
    let order = |after: &str, difference: Option<f64>| match (after, difference) {
        (_, None) => false,
        ("Equals", Some(d)) => d == 0.0,
        ("LessThan", Some(d)) => d < 0.0,
        ("LessThanEquals", Some(d)) => d <= 0.0,
        ("GreaterThan", Some(d)) => d > 0.0,
        (_, Some(d)) => d >= 0.0,
    };
    let number = |text: &str| text.parse::<f64>().ok();
    // In the tests all dates are of one shape, or seconds.
    let date = |text: &str| {
        number(text).or_else(|| number(&text.strip_suffix("-01-01T00:00:00Z")?.replace("2026", "1767225600")))
    };
    match operator {
        "StringEquals" => glob(&text(false), &chars(value)),
        "StringEqualsIgnoreCase" => {
            let lower = |tokens: Vec<Token>| -> Vec<Token> {
                tokens
                    .into_iter()
                    .map(|t| if let Token::Char(c) = t { Token::Char(c.to_ascii_lowercase()) } else { t })
                    .collect()
            };
            glob(&lower(text(false)), &chars(&value.to_lowercase()))
        }
        "StringLike" => glob(&text(true), &chars(value)),
        "ArnEquals" | "ArnLike" => arn(&text(true), value, false),
        "Bool" => value.eq_ignore_ascii_case(wanted),
        "IpAddress" => in_range(value, wanted),
        _ if operator.starts_with("Numeric") => {
            order(&operator[7..], number(value).zip(number(wanted)).map(|(value, wanted)| value - wanted))
        }
        _ if operator.starts_with("Date") => {
            order(&operator[4..], date(value).zip(date(wanted)).map(|(value, wanted)| value - wanted))
        }
        other => panic!("{other} is not tested"),
    }
}

/// Bit by bit.
fn in_range(value: &str, wanted: &str) -> bool {
    let bits = |address: IpAddr| -> Vec<bool> {
        let bytes = match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1)).collect()
    };
    let Ok(value) = value.parse::<IpAddr>() else { return false };
    let (network, length) = wanted.split_once('/').unwrap_or((wanted, "128"));
    let (value, network) = (bits(value), bits(network.parse().unwrap()));
    let length = length.parse::<usize>().unwrap().min(network.len());
    value.len() == network.len() && value[..length] == network[..length]
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Token {
    Char(char),
    Colon,
    Question,
    Star,
}

/// A pattern as tokens; none if a variable has no value.
fn tokens(pattern: &str, wildcards: bool, variables: Option<&Ask>) -> Option<Vec<Token>> {
    if let (Some(ask), Some(begin)) = (variables, pattern.find("${")) {
        let end = begin + pattern[begin..].find('}').unwrap();
        let name = &pattern[begin + 2..end];
        let (key, default) = name.split_once(", ").map_or((name, None), |(key, default)| (key, Some(default)));
        let values = ask.key(key);
        let value = match (key, &values[..]) {
            ("*" | "?" | "$", _) => key.to_owned(),
            (_, [one]) => one.clone(),
            _ => default?.trim_matches('\'').to_owned(),
        };
        let mut all = tokens(&pattern[..begin], wildcards, None)?;
        all.extend(value.chars().map(Token::Char));
        all.extend(tokens(&pattern[end + 1..], wildcards, variables)?);
        return Some(all);
    }
    let token = |c| match c {
        '*' if wildcards => Token::Star,
        '?' if wildcards => Token::Question,
        ':' => Token::Colon,
        c => Token::Char(c),
    };
    Some(pattern.chars().map(token).collect())
}

fn chars(text: &str) -> Vec<char> {
    text.chars().collect()
}

fn glob(pattern: &[Token], text: &[char]) -> bool {
    match (pattern, text) {
        ([], []) => true,
        ([Token::Star, rest @ ..], _) => (0..=text.len()).any(|skipped| glob(rest, &text[skipped..])),
        ([Token::Question, rest @ ..], [_, text @ ..]) => glob(rest, text),
        ([Token::Colon, rest @ ..], [':', text @ ..]) => glob(rest, text),
        ([Token::Char(wanted), rest @ ..], [c, text @ ..]) => wanted == c && glob(rest, text),
        _ => false,
    }
}

fn arn(pattern: &[Token], text: &str, complete: bool) -> bool {
    let mut patterns: Vec<Vec<Token>> = vec![Vec::new()];
    for token in pattern {
        if *token == Token::Colon && patterns.len() < 6 {
            patterns.push(Vec::new());
        } else {
            patterns.last_mut().unwrap().push(*token);
        }
    }
    while complete && patterns.len() < 6 {
        patterns.push(vec![Token::Star]);
    }
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    patterns.len() == 6
        && parts.len() == 6
        && patterns.iter().zip(parts).all(|(pattern, part)| glob(pattern, &chars(part)))
}
