//! What is known of a request, as condition keys and policy variables: `aws:SourceIp`, `aws:username` and so on.

use super::moment::shown;
use super::principal::Requester;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Bytes of a header that a policy sees; of more the beginning.
pub const HEADER_BYTES_MAX: usize = 2048;

/// What the keys of the queue's tags begin with.
pub(super) const RESOURCE_TAG: &str = "aws:resourcetag/";

/// What is known of a request. A key is put together when a policy asks for it.
#[derive(Clone, Debug, Default)]
pub struct Context<'a> {
    /// Who asks.
    pub requester: Requester<'a>,
    /// `aws:CurrentTime` and `aws:EpochTime`: milliseconds since 1970; both are absent without it.
    pub time_ms: Option<u64>,
    /// `aws:SourceIp`.
    pub source_ip: Option<IpAddr>,
    /// `aws:SecureTransport`: whether the request came over TLS.
    pub secure: Option<bool>,
    /// `aws:UserAgent`.
    pub user_agent: Option<&'a str>,
    /// `aws:Referer`.
    pub referer: Option<&'a str>,
    /// `aws:RequestedRegion`.
    pub region: Option<&'a str>,
    /// `aws:ResourceAccount`: who owns the queue.
    pub resource_account: Option<&'a str>,
    /// `aws:ResourceTag/NAME`: the tags of the queue.
    pub resource_tags: Option<&'a BTreeMap<String, String>>,
    /// `aws:RequestTag/NAME` and `aws:TagKeys`: the tags in the request, those that are taken off without a value.
    pub request_tags: Vec<(&'a str, Option<&'a str>)>,
    /// Any keys, in small letters; they stand before those above.
    pub more: BTreeMap<String, Vec<String>>,
}

/// The condition keys that requests to SQS have, as they are written.
pub const KEYS: &[&str] = &[
    "aws:CurrentTime",
    "aws:EpochTime",
    "aws:PrincipalAccount",
    "aws:PrincipalArn",
    "aws:PrincipalType",
    "aws:Referer",
    "aws:RequestedRegion",
    "aws:RequestTag/NAME",
    "aws:ResourceAccount",
    "aws:ResourceTag/NAME",
    "aws:SecureTransport",
    "aws:SourceIp",
    "aws:TagKeys",
    "aws:UserAgent",
    "aws:userid",
    "aws:username",
];

impl Context<'_> {
    /// The values of a key, whose name is in small letters; none if the request does not have it.
    pub fn values(&self, key: &str) -> Vec<Cow<'_, str>> {
        if let Some(values) = self.more.get(key) {
            return values.iter().map(|value| value.as_str().into()).collect();
        }
        if key == "aws:tagkeys" {
            return self.request_tags.iter().map(|(name, _)| (*name).into()).collect();
        }
        self.value(key).into_iter().collect()
    }

    /// The value of a key that has exactly one: only such keys are policy variables.
    pub fn single(&self, key: &str) -> Option<Cow<'_, str>> {
        let mut values = self.values(key);
        if values.len() == 1 { values.pop() } else { None }
    }

    fn value(&self, key: &str) -> Option<Cow<'_, str>> {
        let principal = self.requester.principal();
        let text = match key {
            "aws:currenttime" => return self.time_ms.map(|ms| shown(ms).into()),
            "aws:epochtime" => return self.time_ms.map(|ms| (ms / 1000).to_string().into()),
            "aws:sourceip" => return self.source_ip.map(|ip| ip.to_canonical().to_string().into()),
            "aws:securetransport" => self.secure.map(|secure| if secure { "true" } else { "false" }),
            "aws:useragent" => self.user_agent.map(beginning),
            "aws:referer" => self.referer.map(beginning),
            "aws:requestedregion" => self.region,
            "aws:resourceaccount" => self.resource_account,
            "aws:principaltype" => Some(self.requester.kind()),
            "aws:principalaccount" => principal.map(|principal| principal.account()),
            "aws:principalarn" => return principal.map(|principal| principal.principal_arn()),
            "aws:username" => principal.and_then(|principal| principal.user_name()),
            "aws:userid" => return principal.map(|principal| principal.user_id()),
            _ => self.tag(key),
        };
        text.map(Cow::Borrowed)
    }

    /// A tag by its key, whose name has no case.
    fn tag(&self, key: &str) -> Option<&str> {
        if let Some(wanted) = key.strip_prefix(RESOURCE_TAG) {
            let is = |(name, _): &(&String, &String)| name.to_ascii_lowercase() == wanted;
            return self.resource_tags?.iter().find(is).map(|(_, value)| value.as_str());
        }
        let wanted = key.strip_prefix("aws:requesttag/")?;
        self.request_tags.iter().find(|(name, _)| name.to_ascii_lowercase() == wanted)?.1
    }
}

fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(HEADER_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_the_keys_that_the_table_names() {
        let tags = BTreeMap::from([("Team".to_owned(), "a".to_owned())]);
        let context = Context {
            requester: Requester::of("arn:aws:iam::123456789012:user/div/ann").unwrap(),
            time_ms: Some(1_767_225_600_000),
            source_ip: Some("::ffff:10.0.0.1".parse().unwrap()),
            secure: Some(false),
            user_agent: Some("ua"),
            referer: Some("r"),
            region: Some("us-east-1"),
            resource_account: Some("123456789012"),
            resource_tags: Some(&tags),
            request_tags: vec![("New", Some("1")), ("Old", None)],
            more: BTreeMap::new(),
        };
        let shown = |key: &str| {
            let key = key.replace("aws:ResourceTag/NAME", "aws:ResourceTag/team").replace("NAME", "new");
            context.values(&key.to_ascii_lowercase()).join(",")
        };
        let found: Vec<String> = KEYS.iter().map(|key| shown(key)).collect();
        let expected = [
            "2026-01-01T00:00:00Z",
            "1767225600",
            "123456789012",
            "arn:aws:iam::123456789012:user/div/ann",
            "User",
            "r",
            "us-east-1",
            "1",
            "123456789012",
            "a",
            "false",
            "10.0.0.1",
            "New,Old",
            "ua",
            "ann",
            "ann",
        ];
        assert_eq!(found, expected);
        assert!(context.values("aws:requesttag/old").is_empty() && context.values("aws:sourcearn").is_empty());
        assert_eq!(context.single("aws:tagkeys"), None);
    }
}
