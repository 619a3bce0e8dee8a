//! What is refused, with AWS's codes and texts.

use crate::keys::{DATE, KEY, NOW_S, SECRET, SQS, Signing, keys, profiles};
use kew::internals::auth::{Credentials, Identity, Scope, identify};

const WRONG: &str = "SignatureDoesNotMatch: The request signature we calculated does not match the signature you provided. Check your \
                     AWS Secret Access Key and signing method. Consult the service documentation for details.";
const UNKNOWN: &str = "InvalidClientTokenId: The security token included in the request is invalid.";
const SKEW_S: u64 = 15 * 60;

fn known() -> Credentials {
    keys(&profiles(&[(KEY, SECRET, None), ("ASIASESSION", SECRET, Some("tok/en+=="))]))
}

/// What is answered at a moment: nobody, a key, or code and text.
fn outcome_at(request: &Signing, scope: Scope<'_>, now_s: u64) -> String {
    match request.with(|request| identify(&known(), request, scope, now_s)) {
        Ok(Identity::Anonymous) => "nobody".to_owned(),
        Ok(Identity::Signed(principal)) => principal.access_key.clone(),
        Err(error) => format!("{}: {}", error.kind.code(), error.message),
    }
}

fn outcome(request: &Signing) -> String {
    outcome_at(request, SQS, NOW_S)
}

fn signed(change: impl FnOnce(&mut Signing)) -> Signing {
    let mut request = Signing::list_queues();
    change(&mut request);
    request.sign();
    request
}

fn set(request: &mut Signing, name: &str, value: &str) {
    request.headers.retain(|(other, _)| other != name);
    request.headers.push((name.to_owned(), value.to_owned()));
}

#[test]
fn a_request_without_a_signature_is_of_nobody() {
    assert_eq!(outcome(&Signing::list_queues()), "nobody");
    let mut with_query = Signing::list_queues();
    with_query.query = Some("Action=ListQueues&AWSAccessKeyId=test".to_owned());
    assert_eq!(outcome(&with_query), "nobody");
}

#[test]
fn a_key_that_is_not_known_and_a_wrong_secret_are_told_apart() {
    assert_eq!(outcome(&signed(|_| {})), KEY);
    assert_eq!(outcome(&signed(|request| request.key = "AKIDOTHER".to_owned())), UNKNOWN);
    assert_eq!(outcome(&signed(|request| request.secret = SECRET.to_lowercase())), WRONG);
    let mut changed = signed(|_| {});
    changed.body = b"{} ".to_vec();
    assert_eq!(outcome(&changed), WRONG);
}

#[test]
fn a_session_needs_its_token_and_no_other_key_has_one() {
    let with_token = |key: &str, token: Option<&str>| {
        outcome(&signed(|request| {
            request.key = key.to_owned();
            if let Some(token) = token {
                set(request, "x-amz-security-token", token);
            }
        }))
    };
    assert_eq!(with_token("ASIASESSION", Some("tok/en+==")), "ASIASESSION");
    for (key, token) in
        [("ASIASESSION", None), ("ASIASESSION", Some("tok/en+=")), ("ASIASESSION", Some("")), (KEY, Some("x"))]
    {
        assert_eq!(with_token(key, token), UNKNOWN, "{key} {token:?}");
    }
}

#[test]
fn a_clock_may_differ_by_fifteen_minutes() {
    let request = signed(|_| {});
    for now_s in [NOW_S - SKEW_S, NOW_S, NOW_S + SKEW_S] {
        assert_eq!(outcome_at(&request, SQS, now_s), KEY);
    }
    assert_eq!(
        outcome_at(&request, SQS, NOW_S + SKEW_S + 1),
        "SignatureDoesNotMatch: Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T125101Z - 15 min.)"
    );
    assert_eq!(
        outcome_at(&request, SQS, NOW_S - SKEW_S - 1),
        "SignatureDoesNotMatch: Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z \
         (20150830T122059Z + 15 min.)"
    );
}

#[test]
fn the_date_may_stand_in_either_header() {
    let dated = |name: &str, value: &str| {
        outcome(&signed(|request| {
            request.headers.retain(|(name, _)| name != "x-amz-date");
            set(request, name, value);
        }))
    };
    assert_eq!(dated("date", "Sun, 30 Aug 2015 12:36:00 GMT"), KEY);
    assert_eq!(dated("date", DATE), KEY);
    for text in ["2015-08-30T12:36:00Z", "1440938160", "20150830", "20150830T123600.000+0000"] {
        assert_eq!(
            dated("x-amz-date", text),
            format!(
                "IncompleteSignature: Date must be in ISO-8601 'basic format'. Got '{text}'. See http://en.wikipedia.org/wiki/ISO_8601"
            )
        );
    }
}

#[test]
fn a_scope_is_for_this_service_and_the_region_of_the_host() {
    let scoped = |scope: &str, wanted: Option<&str>| {
        let request = signed(|request| request.scope = scope.to_owned());
        outcome_at(&request, Scope { region: wanted, ..SQS }, NOW_S)
    };
    assert_eq!(scoped("20150830/eu-west-1/sqs/aws4_request", Some("eu-west-1")), KEY);
    assert_eq!(scoped("20150830/anything/sqs/aws4_request", None), KEY);
    for (scope, wanted, expected) in [
        (
            "20150830/us-east-1/sqs/aws4_request",
            Some("eu-west-1"),
            "Credential should be scoped to a valid region, not 'us-east-1'. ",
        ),
        ("20150830//sqs/aws4_request", None, "Credential should be scoped to a valid region, not ''. "),
        ("20150830/us-east-1/s3/aws4_request", None, "Credential should be scoped to correct service: 'sqs'. "),
        (
            "20150830/us-east-1/sqs/aws3",
            None,
            "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws3'. ",
        ),
        (
            "20150829/us-east-1/sqs/aws4_request",
            None,
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20150829' != '20150830', \
             from '20150830T123600Z'. ",
        ),
        (
            "20150830/us-east-1/sns/aws4_request",
            Some("eu-west-1"),
            "Credential should be scoped to a valid region, not 'us-east-1'. Credential should be scoped to correct service: 'sqs'. ",
        ),
    ] {
        assert_eq!(scoped(scope, wanted), format!("SignatureDoesNotMatch: {expected}"));
    }
    for scope in ["", "20150830/us-east-1/sqs", "20150830/us-east-1/sqs/aws4_request/more"] {
        assert_eq!(
            scoped(scope, None),
            format!(
                "IncompleteSignature: Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, \
                 got '{KEY}/{scope}'"
            )
        );
    }
}

/// A request with a header of its own making.
fn with_authorization(value: &str) -> String {
    let mut request = Signing::list_queues();
    set(&mut request, "authorization", value);
    outcome(&request)
}

#[test]
fn a_header_that_cannot_be_read_is_incomplete() {
    const SCOPE: &str = "AKIDEXAMPLE/20150830/us-east-1/sqs/aws4_request";
    let hashed = |value: &str| {
        use base64::Engine;
        use sha2::Digest;
        base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(value))
    };
    for (value, missing) in [
        ("AWS4-HMAC-SHA256".to_owned(), &["Credential", "Signature", "SignedHeaders"][..]),
        (format!("AWS4-HMAC-SHA256 Credential={SCOPE}"), &["Signature", "SignedHeaders"]),
        (format!("AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=host, Signature="), &["Signature"]),
        (format!("AWS4-HMAC-SHA256 credential={SCOPE},SignedHeaders=host,Signature=0"), &["Credential"]),
    ] {
        let missing: String =
            missing.iter().map(|name| format!("Authorization header requires '{name}' parameter. ")).collect();
        let expected =
            format!("{missing}(Hashed with SHA-256 and encoded with Base64) Authorization={}", hashed(&value));
        assert_eq!(with_authorization(&value), format!("IncompleteSignature: {expected}"));
    }
    let split =
        "AWS4-HMAC-SHA256 Credential=AKID EXAMPLE/20150830/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0";
    let expected = "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with Base64)";
    assert_eq!(with_authorization(split), format!("IncompleteSignature: {expected}: '{}'.", hashed(split)));
    let mut undated = signed(|_| {});
    undated.headers.retain(|(name, _)| name != "x-amz-date");
    let text = outcome(&undated);
    let expected = "IncompleteSignature: Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. (Hashed";
    assert!(text.starts_with(expected), "{text}");
}

#[test]
fn the_host_must_be_signed_and_signed_headers_are_few() {
    const SCOPE: &str = "Credential=AKIDEXAMPLE/20150830/us-east-1/sqs/aws4_request";
    let listed =
        |names: &str| with_authorization(&format!("AWS4-HMAC-SHA256 {SCOPE}, SignedHeaders={names}, Signature=00"));
    assert_eq!(
        listed("content-type;x-amz-date"),
        "SignatureDoesNotMatch: 'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
    );
    assert_eq!(listed("host"), WRONG);
    assert_eq!(listed(&["host"; 100].join(";")), WRONG);
    assert_eq!(listed(&["host"; 101].join(";")), "IncompleteSignature: The request has more than 100 signed headers.");
}

#[test]
fn other_signatures_are_refused_by_their_names() {
    for (value, expected) in [
        (
            "AWS AKIDEXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg=",
            "InvalidSecurity: The request was not signed with Signature Version 4.",
        ),
        ("AWS3-HTTPS AWSAccessKeyId=x", "InvalidSecurity: The request was not signed with Signature Version 4."),
        (
            "AWS4-ECDSA-P256-SHA256 Credential=x, SignedHeaders=host, Signature=0",
            "IncompleteSignature: Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'. Signature Version 4a is not supported; sign \
             with AWS4-HMAC-SHA256.",
        ),
        ("AWS4-HMAC-SHA512 Credential=x", "IncompleteSignature: Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512'. "),
        ("Bearer x", "IncompleteSignature: Unsupported AWS 'algorithm': 'Bearer'. "),
        ("", "IncompleteSignature: Unsupported AWS 'algorithm': ''. "),
    ] {
        assert_eq!(with_authorization(value), expected, "{value}");
    }
    let mut older = Signing::list_queues();
    older.query = Some("Action=ListQueues&AWSAccessKeyId=x&SignatureVersion=2&Signature=y".to_owned());
    assert_eq!(outcome(&older), "InvalidSecurity: The request was not signed with Signature Version 4.");
}

fn presigned(expires: &str) -> Signing {
    let mut request = Signing { method: "GET".to_owned(), body: Vec::new(), ..Signing::list_queues() };
    request.query = Some("Action=ListQueues".to_owned());
    request.presign(expires);
    request
}

#[test]
fn a_presigned_request_holds_from_a_second_to_a_week() {
    assert_eq!(outcome(&presigned("1")), KEY);
    assert_eq!(outcome_at(&presigned("604800"), SQS, NOW_S + 604_800), KEY);
    assert_eq!(
        outcome_at(&presigned("3600"), SQS, NOW_S + 3601),
        "SignatureDoesNotMatch: Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T133601Z - 60 min.)"
    );
    let text = outcome_at(&presigned("604800"), SQS, NOW_S - SKEW_S - 1);
    assert!(text.contains("Signature not yet current"), "{text}");
    let too_long = "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds";
    for (expires, expected) in [
        ("0", "X-Amz-Expires must be at least 1 second."),
        ("604801", too_long),
        ("99999999999999999999999", too_long),
        ("-1", "X-Amz-Expires should be a number"),
        ("%2B5", "X-Amz-Expires should be a number"),
        ("", "X-Amz-Expires should be a number"),
    ] {
        assert_eq!(outcome(&presigned(expires)), format!("IncompleteSignature: {expected}"), "{expires}");
    }
}

#[test]
fn a_presigned_request_names_all_that_it_needs() {
    for name in
        ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date", "X-Amz-Expires"]
    {
        let mut request = presigned("60");
        let query = request.query.unwrap();
        request.query = Some(query.split('&').filter(|pair| !pair.starts_with(name)).collect::<Vec<_>>().join("&"));
        assert_eq!(
            outcome(&request),
            format!(
                "IncompleteSignature: AWS query-string parameters must include '{name}'. Re-examine the query-string parameters."
            ),
        );
    }
}

#[test]
fn an_ended_key_and_a_disabled_one_are_refused() {
    let key = |more: &str| keys(&format!("[[key]]\naccess-key = \"{KEY}\"\nsecret = \"{SECRET}\"\n{more}\n"));
    let outcome = |credentials: &Credentials| {
        let outcome = signed(|_| {}).with(|request| identify(credentials, request, SQS, NOW_S));
        outcome.map_or_else(|error| format!("{}: {}", error.kind.code(), error.message), |_| "known".to_owned())
    };
    assert_eq!(outcome(&key("expires = 2015-08-30T12:36:01Z")), "known");
    assert_eq!(
        outcome(&key("expires = 2015-08-30T12:36:00Z")),
        "ExpiredToken: The security token included in the request is expired"
    );
    assert_eq!(outcome(&key("disabled = false")), "known");
    assert_eq!(outcome(&key("disabled = true")), UNKNOWN);
}

#[test]
fn the_log_shows_the_canonical_request_without_the_session_token() {
    let mut request = signed(|request| {
        request.key = "ASIASESSION".to_owned();
        set(request, "x-amz-security-token", "tok/en+==");
        request.query = Some("X-Amz-Security-Token=tok%2Fen%2B%3D%3D".to_owned());
    });
    request.body = b"changed".to_vec();
    let error = request.with(|request| identify(&known(), request, SQS, NOW_S)).unwrap_err();
    let detail = error.detail.unwrap();
    assert!(detail.contains("host:localhost:9324") && detail.contains("x-amz-security-token:***"), "{detail}");
    assert!(!detail.contains("tok/en") && !detail.contains("tok%2Fen") && !detail.contains(SECRET), "{detail}");
}
