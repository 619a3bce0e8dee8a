//! Keys that requests have to be signed with: read at the start and at SIGHUP, and never printed.

use crate::http::json_with;
use crate::kew::*;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

const SECRET: &str = "hidden-secret";
const TOKEN: &str = "hidden-token";

fn profile(key: &str) -> String {
    format!("[a]\naws_access_key_id = {key}\naws_secret_access_key = {SECRET}\naws_session_token = {TOKEN}\n")
}

fn write(file: &File, text: &str) {
    std::fs::write(&file.path, text).unwrap();
    std::fs::set_permissions(&file.path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

pub fn keys(name: &str, text: &str) -> File {
    let file = File::new(name, "");
    write(&file, text);
    file
}

/// What is answered to a request with a wrong signature of this key.
fn refusal(kew: &Kew, key: &str) -> String {
    let date = kew::internals::auth::basic_date(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs());
    let scope = format!("{key}/{}/us-east-1/sqs/aws4_request", &date[..8]);
    let signature =
        format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-security-token, Signature=00");
    let headers = [("Authorization", &*signature), ("X-Amz-Date", &date), ("X-Amz-Security-Token", TOKEN)];
    kew.ask(json_with("ListQueues", &headers, "{}")).header("x-amzn-query-error").unwrap_or("none").to_owned()
}

const KNOWN: &str = "SignatureDoesNotMatch;Sender";
const UNKNOWN: &str = "InvalidClientTokenId;Sender";

#[test]
fn the_file_is_read_again_at_sighup_and_nothing_of_it_is_ever_printed() {
    let file = keys("hangup", &profile("AKIDONE"));
    let kew = Kew::start(&["--credentials", file.path(), "--log", "trace"]);
    let expected = format!("  # requests are signed with the keys of {}\n", file.path());
    assert!(kew.greeting.contains(&expected) && !kew.greeting.contains("AWS_ACCESS_KEY_ID"), "{}", kew.greeting);
    assert_eq!((&*refusal(&kew, "AKIDONE"), &*refusal(&kew, "AKIDTWO")), (KNOWN, UNKNOWN));
    let mut log = vec![kew.line_with("the canonical request is")];

    write(&file, &profile("AKIDTWO"));
    kew.signal("HUP");
    log.push(kew.line_with("read again: the credentials"));
    assert_eq!((&*refusal(&kew, "AKIDONE"), &*refusal(&kew, "AKIDTWO")), (UNKNOWN, KNOWN));

    write(&file, &format!("[a]\naws_secret_access_key = {SECRET}\n"));
    kew.signal("HUP");
    let line = kew.line_with("the credentials stay as they were");
    assert!(line.ends_with(&format!("{}:1: the profile a has no aws_access_key_id", file.path())), "{line}");
    log.push(line);
    assert_eq!((&*refusal(&kew, "AKIDONE"), &*refusal(&kew, "AKIDTWO")), (UNKNOWN, KNOWN));

    log.extend(kew.stop());
    let all = log.join("\n");
    assert!(all.contains("x-amz-security-token:***") && !all.contains("hidden"), "{all}");
}

#[test]
fn without_keys_sighup_ends_it_as_ever() {
    // Who runs the tests may ignore the signal, as nohup does, and what is started then does too.
    let program = command(&[]);
    let mut env = std::process::Command::new("env");
    env.args(["--default-signal=HUP".as_ref(), program.get_program()]).args(["--listen", "127.0.0.1:0"]);
    let kew = Kew::run(env.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()));
    kew.signal("HUP");
    let (status, _) = kew.end();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(1));
}

#[test]
fn policies_without_keys_are_refused() {
    let text = "kew: policies are asked only where it is known who asks: --policies needs --credentials FILE\n";
    for mode in ["enforce", "warn"] {
        let ended = finish(&mut command(&["--listen", "127.0.0.1:0", "--policies", mode]));
        assert_eq!((ended.code, ended.errors.as_str()), (Some(1), text), "{mode}");
        let ended = finish(&mut command(&["run", "--policies", mode, "--", "true"]));
        assert_eq!(ended.errors, text, "{mode}");
    }
    let file = File::new("policies", "policies = \"enforce\"\n");
    assert_eq!(finish(&mut command(&["--listen", "127.0.0.1:0", "--config", file.path()])).errors, text);
    Kew::start(&["--policies", "off"]);
}

#[test]
fn a_file_that_is_wrong_is_named_with_its_line() {
    let file = keys("wrong", "[a]\naws_access_key_id\n");
    let ended = refused(&["--credentials", file.path()]);
    let what = "a profile has lines like aws_access_key_id = AKIAIOSFODNN7EXAMPLE";
    assert_eq!(ended.errors, format!("kew: credentials: {}:2: {what}\n", file.path()));
    write(&file, &profile("A"));
    std::fs::set_permissions(&file.path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let ended = refused(&["--credentials", file.path()]);
    let what = format!("holds secrets, and its mode 644 lets others use it; chmod 600 {}", file.path());
    assert_eq!(ended.errors, format!("kew: credentials: {}: {what}\n", file.path()));
}
