//! A policy as a document: read as strictly as IAM reads it, and bounded.

use super::condition::Condition;
use super::context::RESOURCE_TAG;
use super::json::Json;
use super::operator::{Operand, Operator};
use super::pattern::{Pattern, Special, is_key};
use super::principal::{Listed, Principals};
use crate::api::limits;
use std::fmt;

/// Bytes of an identity policy: what IAM allows all inline policies of a role together.
pub const IDENTITY_POLICY_BYTES_MAX: usize = 10_240;

/// What a policy belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A queue. Its statements say whom they are for.
    Resource,
    /// A principal.
    Identity,
}

/// A policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// What it belongs to.
    pub kind: Kind,
    /// Where it stands, as in `keys.toml:12`; empty if that was not said.
    pub place: String,
    /// Its `Id`.
    pub id: Option<String>,
    /// Its statements.
    pub statements: Vec<Statement>,
    /// Whether it may ask for the tags of the queue.
    pub asks_for_tags: bool,
}

/// A statement of a policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// `Sid`.
    pub sid: Option<String>,
    /// `Effect`.
    pub effect: Effect,
    /// `Principal` or `NotPrincipal`; none in an identity policy.
    pub principals: Option<Principals>,
    /// `Action` or `NotAction`.
    pub actions: Listing,
    /// `Resource` or `NotResource`.
    pub resources: Listing,
    /// `Condition`: all of them have to be met.
    pub conditions: Vec<Condition>,
}

/// `Effect`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant is the effect of that name")]
pub enum Effect {
    Allow,
    Deny,
}

/// A list, or all but what is on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing {
    /// Whether it is a `Not`.
    pub negated: bool,
    /// What is listed.
    pub patterns: Vec<Pattern>,
}

/// Why a text is no policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// Where in the document, as in `Statement 2, Condition`; empty for all of it.
    pub place: String,
    /// What is wrong there.
    pub what: String,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.is_empty() { f.write_str(&self.what) } else { write!(f, "{}: {}", self.place, self.what) }
    }
}

impl std::error::Error for PolicyError {}

type Members = [(String, Json)];

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &str, kind: Kind) -> Result<Policy, PolicyError> {
        let most = match kind {
            Kind::Resource => limits::POLICY_BYTES_MAX,
            Kind::Identity => IDENTITY_POLICY_BYTES_MAX,
        };
        if text.len() > most {
            return wrong("", format!("it has {} bytes, of at most {most}", text.len()));
        }
        let json = Json::parse(text).or_else(|error| wrong("", format!("it is no JSON: {error}")))?;
        let members = object(&json, "", &["Version", "Id", "Statement"])?;
        let variables = match member(members, "Version") {
            None => false,
            Some(Json::Text(version)) if version == "2008-10-17" => false,
            Some(Json::Text(version)) if version == "2012-10-17" => true,
            Some(_) => return wrong("Version", "it is 2012-10-17 or 2008-10-17"),
        };
        let id = member(members, "Id").map(|id| text_of(id, "Id")).transpose()?;
        let statements = match member(members, "Statement") {
            Some(Json::List(list)) => list.iter().collect(),
            Some(one) => vec![one],
            None => return wrong("", "there is no Statement"),
        };
        if statements.is_empty() {
            return wrong("Statement", "the list is empty");
        }
        let reader = Reader { kind, variables };
        let numbered = statements.into_iter().enumerate();
        let statements: Vec<Statement> = numbered
            .map(|(at, json)| reader.statement(json, &format!("Statement {}", at + 1)))
            .collect::<Result<_, _>>()?;
        reader.check_sids(&statements)?;
        let asks_for_tags = text.to_ascii_lowercase().contains(RESOURCE_TAG);
        Ok(Policy { kind, place: String::new(), id: id.map(str::to_owned), statements, asks_for_tags })
    }

    /// The same policy, with where it stands.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Policy {
        self.place = place.into();
        self
    }
}

fn wrong<T>(place: &str, what: impl Into<String>) -> Result<T, PolicyError> {
    Err(PolicyError { place: place.to_owned(), what: what.into() })
}

fn object<'a>(json: &'a Json, place: &str, known: &[&str]) -> Result<&'a Members, PolicyError> {
    let Json::Object(members) = json else { return wrong(place, format!("an object is wanted, not {}", json.what())) };
    match members.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        Some((name, _)) => wrong(place, format!("there is no element `{name}`; there are {}", known.join(", "))),
        None => Ok(members),
    }
}

fn member<'a>(members: &'a Members, name: &str) -> Option<&'a Json> {
    members.iter().find(|(other, _)| other == name).map(|(_, value)| value)
}

fn text_of<'a>(json: &'a Json, place: &str) -> Result<&'a str, PolicyError> {
    match json {
        Json::Text(text) => Ok(text),
        other => wrong(place, format!("a text is wanted, not {}", other.what())),
    }
}

/// A text or a list of texts, of which there is at least one.
fn texts<'a>(json: &'a Json, place: &str) -> Result<Vec<&'a str>, PolicyError> {
    match json {
        Json::List(list) if list.is_empty() => wrong(place, "the list is empty"),
        Json::List(list) => list.iter().map(|item| text_of(item, place)).collect(),
        one => text_of(one, place).map(|text| vec![text]),
    }
}

/// Reads the statements of one policy.
struct Reader {
    kind: Kind,
    /// Whether `${...}` is a policy variable.
    variables: bool,
}

impl Reader {
    fn statement(&self, json: &Json, place: &str) -> Result<Statement, PolicyError> {
        const KNOWN: &[&str] = &[
            "Sid",
            "Effect",
            "Principal",
            "NotPrincipal",
            "Action",
            "NotAction",
            "Resource",
            "NotResource",
            "Condition",
        ];
        let members = object(json, place, KNOWN)?;
        let under = |name: &str| format!("{place}, {name}");
        let sid = member(members, "Sid").map(|sid| text_of(sid, &under("Sid"))).transpose()?;
        let effect = match member(members, "Effect") {
            Some(Json::Text(effect)) if effect == "Allow" => Effect::Allow,
            Some(Json::Text(effect)) if effect == "Deny" => Effect::Deny,
            Some(_) => return wrong(&under("Effect"), "it is Allow or Deny"),
            None => return wrong(place, "there is no Effect"),
        };
        let conditions = match member(members, "Condition") {
            Some(json) => self.conditions(json, &under("Condition"))?,
            None => Vec::new(),
        };
        Ok(Statement {
            sid: sid.map(str::to_owned),
            effect,
            principals: self.principals(members, place)?,
            actions: listing(members, place, "Action", action)?,
            resources: listing(members, place, "Resource", |text| self.resource(text))?,
            conditions,
        })
    }

    fn principals(&self, members: &Members, place: &str) -> Result<Option<Principals>, PolicyError> {
        let found = either(members, place, "Principal")?;
        let (negated, json) = match (self.kind, found) {
            (Kind::Identity, None) => return Ok(None),
            (Kind::Identity, Some(_)) => return wrong(place, "the policy of a principal names no Principal"),
            (Kind::Resource, None) => return wrong(place, "there is neither Principal nor NotPrincipal"),
            (Kind::Resource, Some(found)) => found,
        };
        let place = format!("{place}, {}", named("Principal", negated));
        if *json == Json::Text("*".to_owned()) {
            return Ok(Some(Principals { negated, listed: vec![Listed::Everyone] }));
        }
        let kinds = object(json, &place, &["AWS", "Service", "Federated", "CanonicalUser"])?;
        if kinds.is_empty() {
            return wrong(&place, "it is empty");
        }
        let mut listed = Vec::new();
        for (kind, names) in kinds {
            for name in texts(names, &format!("{place}, {kind}"))? {
                listed.push(match kind.as_str() {
                    "AWS" => Listed::aws(name).ok_or_else(|| PolicyError {
                        place: format!("{place}, AWS"),
                        what: format!("`{name}` is no account and no ARN of a principal, which has no wildcards"),
                    })?,
                    _ => Listed::Foreign(name.to_owned()),
                });
            }
        }
        Ok(Some(Principals { negated, listed }))
    }

    fn resource(&self, text: &str) -> Result<Pattern, String> {
        if text != "*" && !text.starts_with("arn:") {
            return Err(format!("`{text}` is neither an ARN nor *"));
        }
        Pattern::parse(text, Special { wildcards: true, variables: self.variables })
    }

    fn conditions(&self, json: &Json, place: &str) -> Result<Vec<Condition>, PolicyError> {
        let Json::Object(operators) = json else {
            return wrong(place, format!("an object is wanted, not {}", json.what()));
        };
        let mut conditions = Vec::new();
        for (name, keys) in operators {
            let operator = Operator::parse(name).or_else(|what| wrong(place, what))?;
            let place = format!("{place}, {name}");
            let Json::Object(keys) = keys else {
                return wrong(&place, format!("an object of keys is wanted, not {}", keys.what()));
            };
            for (key, values) in keys {
                if !is_key(key) {
                    return wrong(&place, format!("`{key}` is no key, as aws:SourceIp is"));
                }
                let place = format!("{place}, {key}");
                let operand = |text: String| {
                    Operand::parse(operator.base, &text, self.variables).or_else(|what| wrong(&place, what))
                };
                let operands = scalars(values, &place)?.into_iter().map(operand).collect::<Result<_, _>>()?;
                conditions.push(Condition { operator_name: name.clone(), operator, key: key.clone(), operands });
            }
        }
        Ok(conditions)
    }

    /// IAM wants the labels of an identity policy to be letters and digits, each once. Those of queues come from
    /// AddPermission too, and are what they are.
    fn check_sids(&self, statements: &[Statement]) -> Result<(), PolicyError> {
        if self.kind == Kind::Resource {
            return Ok(());
        }
        let mut seen = Vec::new();
        for (at, statement) in statements.iter().enumerate() {
            let Some(sid) = statement.sid.as_deref().filter(|sid| !sid.is_empty()) else { continue };
            let place = format!("Statement {}, Sid", at + 1);
            if !sid.bytes().all(|b| b.is_ascii_alphanumeric()) {
                return wrong(&place, format!("`{sid}` has other characters than letters and digits"));
            }
            if seen.contains(&sid) {
                return wrong(&place, format!("`{sid}` is there twice"));
            }
            seen.push(sid);
        }
        Ok(())
    }
}

fn named(name: &str, negated: bool) -> String {
    format!("{}{name}", if negated { "Not" } else { "" })
}

/// An element or its `Not`, of which there is at most one.
fn either<'a>(members: &'a Members, place: &str, name: &str) -> Result<Option<(bool, &'a Json)>, PolicyError> {
    match (member(members, name), member(members, &named(name, true))) {
        (Some(_), Some(_)) => wrong(place, format!("{name} and Not{name} exclude each other")),
        (Some(json), None) => Ok(Some((false, json))),
        (None, Some(json)) => Ok(Some((true, json))),
        (None, None) => Ok(None),
    }
}

fn listing(
    members: &Members,
    place: &str,
    name: &str,
    read: impl Fn(&str) -> Result<Pattern, String>,
) -> Result<Listing, PolicyError> {
    let Some((negated, json)) = either(members, place, name)? else {
        return wrong(place, format!("there is neither {name} nor Not{name}"));
    };
    let place = format!("{place}, {}", named(name, negated));
    let patterns = texts(json, &place)?.into_iter().map(|text| read(text).or_else(|what| wrong(&place, what)));
    Ok(Listing { negated, patterns: patterns.collect::<Result<_, _>>()? })
}

/// An action: a service, a colon, and a name that may have wildcards; or `*`.
fn action(text: &str) -> Result<Pattern, String> {
    let service = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let name =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'*' | b'?'));
    let fits = text == "*" || text.split_once(':').is_some_and(|(vendor, rest)| service(vendor) && name(rest));
    if !fits {
        return Err(format!("`{text}` is no action, as sqs:SendMessage and sqs:* are"));
    }
    Pattern::parse(text, Special { wildcards: true, variables: false })
}

/// The values of a condition key: texts, numbers and booleans, one or a list.
fn scalars(json: &Json, place: &str) -> Result<Vec<String>, PolicyError> {
    let one = |json: &Json| match json {
        Json::Text(text) | Json::Number(text) => Ok(text.clone()),
        Json::Bool(value) => Ok(value.to_string()),
        other => wrong(place, format!("a text, a number or a boolean is wanted, not {}", other.what())),
    };
    match json {
        Json::List(list) => list.iter().map(one).collect(),
        value => one(value).map(|value| vec![value]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(statement: &str) -> Result<Policy, String> {
        let text = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
        Policy::parse(&text, Kind::Resource).map_err(|error| error.to_string())
    }

    const PLAIN: &str = r#""Effect":"Allow","Principal":"*","Action":"sqs:*","Resource":"*""#;

    #[test]
    fn every_form_of_a_policy_is_read() {
        for statement in [
            format!("{{{PLAIN}}}"),
            r#"{"Sid":"a b","Effect":"Deny","NotPrincipal":{"AWS":["111111111111","arn:aws:iam::111111111111:role/r"]},
                "NotAction":["SQS:Send*","sns:Publish"],"NotResource":["arn:aws:sqs:*:*:q-${aws:username}"]}"#
                .to_owned(),
            r#"{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com","Federated":["f"],"CanonicalUser":"c"},
                "Action":"*","Resource":"arn:aws:sqs"}"#
                .to_owned(),
            format!(
                r#"{{{PLAIN},"Condition":{{"NumericLessThan":{{"aws:X":[1,"2"]}},"Bool":{{"aws:SecureTransport":false}},
                "ForAnyValue:StringLike":{{"aws:TagKeys":["a*"],"aws:Y":[]}}}}}}"#
            ),
        ] {
            assert!(queue(&statement).is_ok(), "{:?}", queue(&statement));
        }
        let one = format!(r#"{{"Id":"i","Statement":{{{PLAIN}}}}}"#);
        let policy = Policy::parse(&one, Kind::Resource).unwrap();
        assert_eq!((policy.id.as_deref(), policy.statements.len()), (Some("i"), 1));
        let identity = r#"{"Version":"2008-10-17","Statement":
            {"Sid":"A1","Effect":"Allow","Action":"sqs:*","Resource":"arn:aws:sqs:::${x"}}"#;
        assert!(Policy::parse(identity, Kind::Identity).is_ok());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (statement, error) in [
            ("1", "Statement 1: an object is wanted, not a number"),
            ("{}", "Statement 1: there is no Effect"),
            (r#"{"Effect":"allow"}"#, "Statement 1, Effect: it is Allow or Deny"),
            (r#"{"Effect":"Deny"}"#, "Statement 1: there is neither Principal nor NotPrincipal"),
            (r#"{"Effect":"Deny","Principal":"*"}"#, "Statement 1: there is neither Action nor NotAction"),
            (
                r#"{"Effect":"Deny","Principal":"*","NotPrincipal":"*"}"#,
                "Statement 1: Principal and NotPrincipal exclude each other",
            ),
            (r#"{"Effect":"Deny","Principal":"ann"}"#, "Statement 1, Principal: an object is wanted, not a text"),
            (r#"{"Effect":"Deny","Principal":{}}"#, "Statement 1, Principal: it is empty"),
            (r#"{"Effect":"Deny","Principal":{"AWS":[]}}"#, "Statement 1, Principal, AWS: the list is empty"),
            (
                r#"{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::111111111111:user/*"}}"#,
                "Statement 1, Principal, AWS: `arn:aws:iam::111111111111:user/*` is no account and no ARN of a \
                 principal, which has no wildcards",
            ),
            (
                r#"{"Effect":"Deny","Principal":"*","Action":["sqs"]}"#,
                "Statement 1, Action: `sqs` is no action, as sqs:SendMessage and sqs:* are",
            ),
            (
                r#"{"Effect":"Deny","Principal":"*","Action":"sqs:*","NotResource":"q"}"#,
                "Statement 1, NotResource: `q` is neither an ARN nor *",
            ),
            (
                r#"{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"*","Conditions":{}}"#,
                "Statement 1: there is no element `Conditions`; there are Sid, Effect, Principal, NotPrincipal, \
                 Action, NotAction, Resource, NotResource, Condition",
            ),
            (
                r#"{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"*",
                    "Condition":{"IpAddress":{"aws:SourceIp":"x"}}}"#,
                "Statement 1, Condition, IpAddress, aws:SourceIp: `x` is not an address or a range of them, as \
                 10.0.0.0/8 and 2001:db8::/32 are",
            ),
            (
                r#"{"Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"*",
                    "Condition":{"Bool":{"Secure":true}}}"#,
                "Statement 1, Condition, Bool: `Secure` is no key, as aws:SourceIp is",
            ),
        ] {
            assert_eq!(queue(statement).unwrap_err(), error, "{statement}");
        }
    }

    #[test]
    fn what_is_wrong_with_the_whole_is_said_too() {
        let parse = |text: &str, kind| Policy::parse(text, kind).map(drop).map_err(|error| error.to_string());
        let refused =
            |text: &str, error: &str| assert_eq!(parse(text, Kind::Identity), Err(error.to_owned()), "{text}");
        refused("[]", "an object is wanted, not a list");
        refused(r#"{"Version":"2012-10-18"}"#, "Version: it is 2012-10-17 or 2008-10-17");
        refused("{}", "there is no Statement");
        refused(r#"{"Statement":[]}"#, "Statement: the list is empty");
        refused(r#"{"Id":1}"#, "Id: a text is wanted, not a number");
        refused("{\n\"Statement\": ]", "it is no JSON: expected value at line 2 column 14");
        refused(&" ".repeat(10_241), "it has 10241 bytes, of at most 10240");
        let sids = |one: &str, two: &str| {
            let statement = |sid: &str| format!(r#"{{"Sid":"{sid}","Effect":"Allow","Action":"*","Resource":"*"}}"#);
            parse(&format!(r#"{{"Statement":[{},{}]}}"#, statement(one), statement(two)), Kind::Identity)
        };
        assert_eq!(sids("A", "A"), Err("Statement 2, Sid: `A` is there twice".to_owned()));
        assert_eq!(
            sids("A", "b-c"),
            Err("Statement 2, Sid: `b-c` has other characters than letters and digits".to_owned())
        );
        assert_eq!(sids("", ""), Ok(()));
        let named = r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}"#;
        refused(named, "Statement 1: the policy of a principal names no Principal");
        assert!(parse(&" ".repeat(8193), Kind::Resource).unwrap_err().contains("8193 bytes, of at most 8192"));
    }
}
