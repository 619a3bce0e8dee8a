//! The credential of a request's signature: access key, region, service. Nothing is verified here; a credential that
//! cannot be read counts as absent.
//!
//! Every request comes through here, and on texts this short `memchr` takes half as long as `str::split`.

use memchr::{memchr, memrchr};
use std::borrow::Cow;

/// The credential scope of a signature.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credential<'a> {
    /// The access key id.
    pub access_key: Option<Cow<'a, str>>,
    /// The region of the scope, for example `us-east-1`.
    pub region: Option<Cow<'a, str>>,
    /// The service of the scope: `sqs`, though a Perl client writes `s3`.
    pub service: Option<Cow<'a, str>>,
}

impl<'a> Credential<'a> {
    /// Reads an `Authorization` header of Signature Version 4; its parts come in any order, with or without spaces.
    pub fn from_header(header: Option<&'a str>) -> Option<Credential<'a>> {
        let header = header?.trim_start();
        let (algorithm, mut parts) = header.split_at(memchr(b' ', header.as_bytes())?);
        if !algorithm.starts_with("AWS4-") {
            return None;
        }
        loop {
            let end = memchr(b',', parts.as_bytes());
            let part = &parts[..end.unwrap_or(parts.len())];
            if let Some(scope) = part.trim().strip_prefix("Credential=") {
                return Credential::from_scope(Cow::Borrowed(scope));
            }
            parts = &parts[end? + 1..];
        }
    }

    /// Reads `KEY/DATE/REGION/SERVICE/aws4_request`, decoded already.
    pub fn from_scope(scope: Cow<'a, str>) -> Option<Credential<'a>> {
        let [access_key, region, service] = match scope {
            Cow::Borrowed(scope) => parts_of_scope(scope)?.map(Cow::Borrowed),
            Cow::Owned(scope) => parts_of_scope(&scope)?.map(|part| Cow::Owned(part.to_owned())),
        };
        Some(Credential { access_key: Some(access_key), region: Some(region), service: Some(service) })
    }

    /// The same without what it was read from.
    pub fn into_owned(self) -> Credential<'static> {
        let owned = |part: Option<Cow<'a, str>>| part.map(|part| Cow::Owned(part.into_owned()));
        Credential { access_key: owned(self.access_key), region: owned(self.region), service: owned(self.service) }
    }

    /// An access key id alone, as Signature Version 2 has it.
    pub fn from_access_key(key: Cow<'a, str>) -> Option<Credential<'a>> {
        (!key.is_empty()).then(|| Credential { access_key: Some(key), ..Default::default() })
    }
}

/// Access key, region and service. Read from the end, because an access key may have slashes of its own.
fn parts_of_scope(scope: &str) -> Option<[&str; 3]> {
    let mut rest = scope.strip_suffix("/aws4_request")?;
    let mut last = || {
        let (before, part) = rest.split_at(memrchr(b'/', rest.as_bytes())?);
        rest = before;
        Some(&part[1..])
    };
    let (service, region, _date) = (last()?, last()?, last()?);
    let whole = ![rest, region, service].contains(&"");
    whole.then_some([rest, region, service])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(header: &str) -> Option<(String, String, String)> {
        let credential = Credential::from_header(Some(header))?;
        Some((credential.access_key?.into_owned(), credential.region?.into_owned(), credential.service?.into_owned()))
    }

    #[test]
    fn the_scope_is_read_from_every_spelling() {
        let expected = Some(("test".to_owned(), "us-east-1".to_owned(), "sqs".to_owned()));
        let scope = "Credential=test/20261120/us-east-1/sqs/aws4_request";
        for header in [
            format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host;x-amz-date, Signature=72aa"),
            format!("AWS4-HMAC-SHA256 {scope},SignedHeaders=host,Signature=72aa"),
            format!("AWS4-HMAC-SHA256 SignedHeaders=host, Signature=72aa, {scope}"),
            format!("AWS4-HMAC-SHA256   {scope}"),
        ] {
            assert_eq!(parts(&header), expected, "{header}");
        }
    }

    #[test]
    fn a_key_may_hold_a_slash() {
        let header = "AWS4-HMAC-SHA256 Credential=a/b/20261120/eu-west-1/sqs/aws4_request";
        assert_eq!(parts(header), Some(("a/b".into(), "eu-west-1".into(), "sqs".into())));
    }

    #[test]
    fn a_credential_that_cannot_be_read_is_absent() {
        for header in [
            "",
            "Basic dGVzdDp0ZXN0",
            "Bearer x",
            "AWS4-HMAC-SHA256",
            "AWS4-HMAC-SHA256 Signature=72aa",
            "AWS4-HMAC-SHA256 Credential=",
            "AWS4-HMAC-SHA256 Credential=test",
            "AWS4-HMAC-SHA256 Credential=////",
            "AWS4-HMAC-SHA256 Credential=test/20261120/us-east-1/sqs",
            "AWS4-HMAC-SHA256 Credential=/20261120/us-east-1/sqs/aws4_request",
            "AWS4-HMAC-SHA256 Credential=test/20261120//sqs/aws4_request",
        ] {
            assert_eq!(Credential::from_header(Some(header)), None, "{header}");
        }
        assert_eq!(Credential::from_header(None), None);
        assert_eq!(Credential::from_access_key("".into()), None);
    }
}
