//! The ARN of a queue: read from policies and requests, and written into answers.

use super::limits::ARN_BYTES_MAX;
use std::fmt;

/// The name of a queue as an ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arn<'a> {
    /// `us-east-1`
    pub region: &'a str,
    /// 12 digits on AWS; any digits here.
    pub account: &'a str,
    /// The queue's name.
    pub name: &'a str,
}

/// Whether a text is the id of an account: 12 digits.
#[inline]
pub fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// Why a text is not the ARN of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArnError {
    /// Not `arn:partition:service:region:account:resource`.
    Malformed,
    /// An ARN of another service.
    NotSqs,
}

impl<'a> Arn<'a> {
    /// Reads an ARN.
    ///
    /// # Errors
    /// When it is malformed, too long or names another service.
    pub fn parse(text: &'a str) -> Result<Arn<'a>, ArnError> {
        if text.len() > ARN_BYTES_MAX {
            return Err(ArnError::Malformed);
        }
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let [scheme, partition, service, region, account, name] = parts[..] else { return Err(ArnError::Malformed) };
        if scheme != "arn" || [partition, service, region, account, name].contains(&"") {
            return Err(ArnError::Malformed);
        }
        if service != "sqs" { Err(ArnError::NotSqs) } else { Ok(Arn { region, account, name }) }
    }
}

impl fmt::Display for Arn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "arn:{}:sqs:{}:{}:{}", partition(self.region), self.region, self.account, self.name)
    }
}

/// The partition that a region belongs to.
pub fn partition(region: &str) -> &'static str {
    const BY_PREFIX: &[(&str, &str)] = &[
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-isof-", "aws-iso-f"),
        ("eusc-", "aws-eusc"),
    ];
    BY_PREFIX.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or("aws", |(_, partition)| partition)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_are_read_and_written() {
        let arn = Arn::parse("arn:aws:sqs:us-east-1:123456789012:q").unwrap();
        assert_eq!(arn, Arn { region: "us-east-1", account: "123456789012", name: "q" });
        assert_eq!(arn.to_string(), "arn:aws:sqs:us-east-1:123456789012:q");
        assert_eq!(Arn { region: "cn-north-1", ..arn }.to_string(), "arn:aws-cn:sqs:cn-north-1:123456789012:q");
        assert_eq!(Arn::parse("arn:aws:sns:us-east-1:123456789012:t"), Err(ArnError::NotSqs));
        for bad in
            ["", "q", "arn:aws:sqs:us-east-1:123456789012", "arn:aws:sqs:us-east-1:123456789012:", "x:a:sqs:r:1:q"]
        {
            assert_eq!(Arn::parse(bad), Err(ArnError::Malformed), "{bad}");
        }
    }
}
