//! Any request: what does not matter to a signature changes nothing, and no bytes make it panic.

use crate::keys::{KEY, NOW_S, SECRET, SQS, Signing, keys, profiles};
use kew::internals::auth::{Carrier, HttpRequest, Identity, canonical_request, identify};
use proptest::collection::vec;
use proptest::prelude::*;

const NAME: &str = "[a-z][a-z0-9-]{0,12}";
const VALUE: &str = "[!-~]{1,8}( [!-~]{1,8}){0,3}";

/// Writes a value with more blanks than it needs.
fn blanks(value: &str, before: usize, between: usize) -> String {
    format!("{}{}{}", " ".repeat(before), value.replace(' ', &" ".repeat(between + 1)), " \t".repeat(before))
}

proptest! {
    #[test]
    fn the_order_of_headers_and_blanks_in_them_do_not_matter(
        extra in vec((NAME, VALUE), 0..6),
        seed in any::<u64>(),
        before in 0..3_usize,
        between in 0..3_usize,
    ) {
        let credentials = keys(&profiles(&[(KEY, SECRET, None)]));
        let mut request = Signing::list_queues();
        let names: Vec<String> = request.headers.iter().map(|(name, _)| name.clone()).collect();
        for (name, value) in extra {
            // Of one name each: the order of several is signed.
            let is_new = !names.contains(&name) && !request.headers.iter().any(|(other, _)| *other == name);
            if is_new && name != "authorization" && name != "x-amz-security-token" && name != "x-amz-content-sha256" {
                request.headers.push((name, value));
            }
        }
        request.sign();
        for (name, value) in &mut request.headers {
            if name != "authorization" && name != "x-amz-date" {
                *value = blanks(value, before, between);
            }
        }
        let length = request.headers.len();
        request.headers.rotate_left(usize::try_from(seed % length as u64).unwrap());
        request.headers.swap(0, length / 2);
        let outcome = request.with(|request| identify(&credentials, request, SQS, NOW_S));
        prop_assert!(matches!(outcome, Ok(Identity::Signed(_))), "{outcome:?} {request:?}");
    }

    #[test]
    fn the_order_of_several_headers_of_a_name_matters(one in VALUE, other in VALUE) {
        prop_assume!(one != other);
        let credentials = keys(&profiles(&[(KEY, SECRET, None)]));
        let mut request = Signing::list_queues();
        request.headers.extend([("my-header".to_owned(), one), ("my-header".to_owned(), other)]);
        request.sign();
        let judged = |request: &Signing| request.with(|request| identify(&credentials, request, SQS, NOW_S)).is_ok();
        prop_assert!(judged(&request));
        let at = request.headers.len() - 3;
        request.headers.swap(at, at + 1);
        prop_assert!(!judged(&request));
    }

    #[test]
    fn the_order_of_a_query_string_does_not_matter(pairs in vec(("[A-Za-z0-9.~_-]{1,8}", "[A-Za-z0-9.~_-]{0,8}"), 0..6), by in 0..6_usize) {
        let credentials = keys(&profiles(&[(KEY, SECRET, None)]));
        let mut request = Signing::list_queues();
        let mut pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        request.query = Some(pairs.join("&"));
        request.sign();
        if !pairs.is_empty() {
            let by = by % pairs.len();
            pairs.rotate_left(by);
        }
        request.query = Some(pairs.join("&"));
        let outcome = request.with(|request| identify(&credentials, request, SQS, NOW_S));
        prop_assert!(outcome.is_ok(), "{outcome:?} {request:?}");
    }

    #[test]
    fn no_bytes_make_it_panic_or_let_anybody_in(
        method in ".{0,8}",
        path in ".{0,30}",
        query in proptest::option::of(".{0,60}"),
        headers in vec((prop_oneof![
            Just("authorization".to_owned()), Just("x-amz-date".to_owned()), Just("date".to_owned()), Just("host".to_owned()),
            Just("x-amz-security-token".to_owned()), Just("x-amz-content-sha256".to_owned()), NAME.prop_map(String::from)
        ], prop_oneof![
            vec(any::<u8>(), 0..40),
            "AWS4-HMAC-SHA256 [ -~]{0,80}".prop_map(String::into_bytes),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/[0-9a-z/-]{0,40}, SignedHeaders=host[a-z;-]{0,20}, Signature=[0-9a-f]{0,70}".prop_map(String::into_bytes),
            "[0-9]{8}T[0-9]{6}Z".prop_map(String::into_bytes),
        ]), 0..8),
        body in vec(any::<u8>(), 0..40),
        now_s in any::<u64>(),
    ) {
        let credentials = keys(&profiles(&[(KEY, SECRET, None)]));
        let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        let request = HttpRequest { method: &method, path: &path, query: query.as_deref(), headers: &headers, body: &body };
        let now_s = now_s % (1 << 40);
        prop_assert!(!matches!(identify(&credentials, &request, SQS, now_s), Ok(Identity::Signed(_))));
        let names: Vec<String> = headers.iter().map(|(name, _)| (*name).to_owned()).collect();
        canonical_request(&request, &names, Carrier::Query { expires_s: 1 });
    }

    #[test]
    fn no_query_string_of_a_presigned_request_makes_it_panic(
        values in vec((prop_oneof![
            Just("X-Amz-Algorithm"), Just("X-Amz-Credential"), Just("X-Amz-Date"), Just("X-Amz-Expires"), Just("X-Amz-Signature"),
            Just("X-Amz-SignedHeaders"), Just("X-Amz-Security-Token"), Just("Action"),
        ], prop_oneof![
            ".{0,20}", Just("AWS4-HMAC-SHA256".to_owned()), Just("20150830T123600Z".to_owned()), Just("host".to_owned()),
            Just("AKIDEXAMPLE/20150830/us-east-1/sqs/aws4_request".to_owned()), "[0-9]{1,25}", "[0-9a-f]{64}",
        ]), 0..10),
        now_s in 0..10_000_000_000_u64,
    ) {
        let credentials = keys(&profiles(&[(KEY, SECRET, None)]));
        let query = values.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        let headers: [(&str, &[u8]); 1] = [("host", b"h")];
        let request = HttpRequest { method: "GET", path: "/", query: Some(&query), headers: &headers, body: b"" };
        prop_assert!(!matches!(identify(&credentials, &request, SQS, now_s), Ok(Identity::Signed(_))));
    }
}
