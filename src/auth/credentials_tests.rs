//! Credentials files: both formats, and each wrong line by its number.

use super::*;

fn read(text: &str) -> Result<Credentials, String> {
    let read_file = |path: &str| match path {
        "send.json" => Ok(r#"{"Statement":{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"*"}}"#.to_owned()),
        "bad.json" => Ok("{}".to_owned()),
        _ => Err("No such file".to_owned()),
    };
    CredentialsFile { name: "keys", text, account: "000000000000", read_file: &read_file }.read()
}

fn principal(credentials: &Credentials, key: &str) -> Principal {
    (*credentials.get(key).unwrap().principal).clone()
}

const PROFILES: &str = "\
# a comment
[default]
aws_access_key_id = AKIAONE
aws_secret_access_key=wJalr/K7+x=
region = eu-west-1
s3 =
  max_concurrent_requests = 20

[profile other]
AWS_ACCESS_KEY_ID = ASIATWO
aws_secret_access_key = two
aws_session_token = tok/en+==
aws_account_id = 123456789012
expiration = 2026-12-31T23:59:59Z

[same]
aws_access_key_id = AKIAONE
aws_secret_access_key = wJalr/K7+x=

; another tool's
[by-role]
role_arn = arn:aws:iam::123456789012:role/x
[digits]
aws_access_key_id = 111122223333
aws_secret_access_key = three
";

#[test]
fn profiles_are_keys_of_the_roots_of_their_accounts() {
    let credentials = read(PROFILES).unwrap();
    assert_eq!(credentials.len(), 3);
    let (one, two) = (credentials.get("AKIAONE").unwrap(), credentials.get("ASIATWO").unwrap());
    assert!(one.secret.is("wJalr/K7+x=") && one.session_token.is_none() && one.expires_s.is_none());
    assert!(two.secret.is("two") && two.session_token.as_ref().unwrap().is("tok/en+=="));
    assert_eq!(two.expires_s, Some(1_798_761_599));
    for (key, account, is_session) in
        [("AKIAONE", "000000000000", false), ("ASIATWO", "123456789012", true), ("111122223333", "111122223333", false)]
    {
        let principal = principal(&credentials, key);
        assert_eq!((&*principal.account, principal.is_session), (account, is_session));
        assert_eq!(principal.arn, format!("arn:aws:iam::{account}:root"));
        assert!(principal.is_root());
    }
}

#[test]
fn a_wrong_line_of_a_profile_is_named() {
    for (text, expected) in [
        ("", "keys: no key is in it; [[key]] tables are wanted, or profiles as in ~/.aws/credentials"),
        (
            "[default]\nregion = x\n",
            "keys: no key is in it; [[key]] tables are wanted, or profiles as in ~/.aws/credentials",
        ),
        ("aws_access_key_id = A\n", "keys:1: before this a profile has to begin, as in [default], or a [[key]] table"),
        ("\n[default\n", "keys:2: a profile begins with its name in brackets, as in [default]"),
        ("[a]\nhidden\n", "keys:2: a profile has lines like aws_access_key_id = AKIAIOSFODNN7EXAMPLE"),
        ("\n[a]\naws_access_key_id = A\n", "keys:2: the profile a has no aws_secret_access_key"),
        ("[a]\naws_secret_access_key = hidden\n", "keys:1: the profile a has no aws_access_key_id"),
        (
            "[a]\naws_access_key_id = A/B\naws_secret_access_key = hidden\n",
            "keys:2: an access key is 1 to 128 letters, digits, hyphens, underscores and dots",
        ),
        (
            "[a]\naws_access_key_id = A\naws_secret_access_key = hid den\n",
            "keys:2: a secret is one word of ASCII characters without blanks",
        ),
        (
            "[a]\naws_access_key_id = A\naws_secret_access_key = hidden\naws_session_token =\n",
            "keys:2: a session token is one word of ASCII characters without blanks",
        ),
        (
            "[a]\naws_access_key_id = A\naws_secret_access_key = hidden\naws_account_id = 12\n",
            "keys:2: `12` is no account: 12 digits, as in 123456789012",
        ),
        (
            "[a]\naws_access_key_id = A\naws_secret_access_key = hidden\nexpiration = soon\n",
            "keys:4: when a key ends is a moment like 2026-12-31T23:59:59Z",
        ),
        (
            "[a]\naws_access_key_id = A\naws_secret_access_key = hidden\n[b]\naws_access_key_id = A\naws_secret_access_key = hidden2\n",
            "keys:5: the access key A is there twice",
        ),
    ] {
        assert_eq!(read(text).unwrap_err(), expected, "{text}");
    }
}

#[cfg(feature = "bin")]
mod toml {
    use super::*;

    const KEYS: &str = r#"
[[key]]
access-key = "AKIAOLD"
secret = "old"
principal = "arn:aws:iam::123456789012:user/anna"
expires = 2026-12-31T23:59:59Z
policy-file = "send.json"

[[key]]   # rotation: the same user
access-key = "AKIANEW"
secret = "new"
principal = "arn:aws:iam::123456789012:user/anna"
policy = '{"Statement":{"Effect":"Deny","Action":"sqs:*","Resource":"*"}}'

[[key]]
access-key = "AKIAROOT"
secret = "r"
account = "999988887777"
disabled = true

[[key]]
access-key = "ASIAROLE"
secret = "s"
session-token = "t"
expires = "2026-12-31"
principal = "arn:aws:sts::123456789012:assumed-role/worker/one"
policy = { Version = "2012-10-17", Statement = { Effect = "Allow", Action = "sqs:*", Resource = "*" } }
"#;

    #[test]
    fn keys_of_one_principal_share_its_policies() {
        let credentials = read(KEYS).unwrap();
        assert_eq!(credentials.len(), 4);
        let (old, new) = (principal(&credentials, "AKIAOLD"), principal(&credentials, "AKIANEW"));
        let policy = |effect: &str, action: &str, place: &str| {
            let text = format!(r#"{{"Statement":{{"Effect":"{effect}","Action":"{action}","Resource":"*"}}}}"#);
            crate::auth::policy::Policy::parse(&text, crate::auth::policy::Kind::Identity).unwrap().at(place)
        };
        let expected = [policy("Allow", "sqs:SendMessage", "send.json"), policy("Deny", "sqs:*", "keys:13")];
        assert_eq!(old.policies, expected);
        assert_eq!(old.policies, new.policies);
        assert_eq!((&*old.arn, &*old.account), ("arn:aws:iam::123456789012:user/anna", "123456789012"));
        assert!(!old.is_root());
        assert_eq!(credentials.get("AKIAOLD").unwrap().expires_s, Some(1_798_761_599));
        let root = credentials.get("AKIAROOT").unwrap();
        assert!(root.is_disabled && root.principal.is_root() && root.principal.account == "999988887777");
        let role = credentials.get("ASIAROLE").unwrap();
        assert!(role.session_token.as_ref().unwrap().is("t") && role.expires_s == Some(1_798_675_200));
        assert_eq!(role.principal.policies, [policy("Allow", "sqs:*", "keys:27")]);
    }

    #[test]
    fn a_wrong_line_of_a_key_is_named_without_its_value() {
        for (text, expected) in [
            ("[[key]]\n", "keys:1: a key needs `access-key`, as in access-key = \"...\""),
            ("[[key]]\naccess-key = \"A\"\n", "keys:1: a key needs `secret`, as in secret = \"...\""),
            ("[[key]]\naccess-key = \"A\"\nsecret = 5\n", "keys:3: secret must be a text in quotes"),
            ("x = 1\n[[key]]\n", "keys:1: `x` is not known here; keys are [[key]] tables"),
            ("[[keys]]\n", "keys:1: `keys` is not known here; keys are [[key]] tables"),
            (
                "[[key]]\naccess-key = \"A\"\nsecret = \"hidden\"\nexpires = 5\n",
                "keys:4: expires must be a moment like 2026-12-31T23:59:59Z",
            ),
            (
                "[[key]]\naccess-key = \"A\"\nsecret = \"hidden\"\nexpires = 2026-12-31T23:59:59\n",
                "keys:4: when a key ends is a moment like 2026-12-31T23:59:59Z",
            ),
            (
                "[[key]]\naccess-key = \"A\"\nsecret = \"hidden\"\naccount = 123456789012\n",
                "keys:4: account must be a text in quotes: 12 digits, as in \"123456789012\"",
            ),
            (
                "\n[[key]]\naccess-key = \"A\"\nsecret = \"hidden\"\nprincipal = \"anna\"\n",
                "keys:2: `anna` is not the ARN of a root, a user, a role or a session of one, as in arn:aws:iam::123456789012:user/anna",
            ),
            (
                "[[key]]\naccess-key = \"A\"\nsecret = \"hidden\"\naccount = \"123456789012\"\nprincipal = \"arn:aws:iam::123456789013:root\"\n",
                "keys:1: the account 123456789012 is not that of the principal arn:aws:iam::123456789013:root; leave the account out",
            ),
            (
                "[[key]]\naccess-key = \"A\"\nsecret = \"hidden\"\npolicy-file = \"none\"\n",
                "keys:4: the policy none cannot be read: No such file",
            ),
            (
                "[[key]]\naccess-key = \"A\"\nsecret = \"hidden\"\npolicy-file = \"bad.json\"\n",
                "keys:4: bad.json: there is no Statement",
            ),
            (
                "[[key]]\naccess-key = \"A\"\nsecret = \"hidden\"\npolicy = '{\"Statement\":{\"Effect\":\"Maybe\"}}'\n",
                "keys:4: Statement 1, Effect: it is Allow or Deny",
            ),
            (
                "[[key]]\naccess-key = \"A\"\nsecret = \"hidden\"\npolicy = 1\n",
                "keys:4: policy must be a policy in JSON, as a text in quotes, or as a table",
            ),
            (
                "[[key]]\naccess-key = \"A\"\nsecret = \"hidden\"\ndisabled = \"yes\"\n",
                "keys:4: disabled must be true or false",
            ),
            (
                "[[key]]\naccess-key = \"A\"\nsecrets = \"hidden\"\n",
                "keys:3: `secrets` is not known here; a [[key]] has access-key, secret, session-token, account, principal, policy, \
              policy-file, expires and disabled",
            ),
        ] {
            assert_eq!(read(text).unwrap_err(), expected, "{text}");
        }
        let broken = read("[[key]]\naccess-key = \"A\"\nsecret = \"hidden\n").unwrap_err();
        assert!(broken.starts_with("keys:3: ") && !broken.contains("hidden"), "{broken}");
    }
}
