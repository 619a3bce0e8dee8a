//! TLS at the command: what a start says of it, SIGHUP, and the subcommands that ask such a kew.

use crate::http::get;
use crate::kew::*;
use std::path::{Path, PathBuf};

/// A certificate and its key, as `--tls-self-signed` makes them, and what to trust.
struct Made {
    dir: tempfile::TempDir,
}

impl Made {
    fn new() -> Made {
        let dir = tempfile::tempdir().unwrap();
        Kew::start(&["--data", dir.path().to_str().unwrap(), "--tls-self-signed"]).stop();
        Made { dir }
    }

    fn file(&self, name: &str) -> String {
        self.dir.path().join("tls").join(name).to_str().unwrap().to_owned()
    }
}

/// What a greeting says of a variable.
fn exported(kew: &Kew, name: &str) -> String {
    let line = kew.greeting.lines().find_map(|line| line.trim().strip_prefix(&format!("export {name}=")));
    line.unwrap_or_else(|| panic!("no {name}: {}", kew.greeting)).to_owned()
}

fn asked(url: &str, ca: Option<&str>, args: &[&str]) -> Ended {
    let mut command = command(args);
    command.env("KEW_URL", url).env_remove("AWS_CA_BUNDLE");
    finish(match ca {
        Some(ca) => command.env("AWS_CA_BUNDLE", ca),
        None => &mut command,
    })
}

#[test]
fn a_kew_with_a_certificate_of_its_own_says_how_to_trust_it() {
    let kew = Kew::start(&["--tls-self-signed", "--queue", "orders"]);
    let url = exported(&kew, "AWS_ENDPOINT_URL");
    assert!(
        kew.greeting.starts_with(&format!("kew {} on {url}. Ready.\n", env!("CARGO_PKG_VERSION"))),
        "{}",
        kew.greeting
    );
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    let ca = exported(&kew, "AWS_CA_BUNDLE");
    assert_eq!(exported(&kew, "NODE_EXTRA_CA_CERTS"), ca);
    let well = asked(&url, Some(&ca), &["queues"]);
    assert_eq!((well.code, well.errors.as_str()), (Some(0), ""), "{well:?}");
    assert!(well.out.contains("orders"), "{well:?}");
    let text = asked(&url, None, &["queues"]).errors;
    assert!(text.starts_with(&format!("kew: {url}: name the certificates to trust with --ca FILE")), "{text}");
    let other = Made::new();
    let ended = asked(&url, Some(&other.file("ca.pem")), &["queues"]);
    assert!(ended.code != Some(0) && ended.errors.contains("certificate"), "{ended:?}");
    let ended = asked(&url, Some(&other.file("key.pem")), &["queues"]);
    assert!(ended.errors.contains("it has no certificate"), "{ended:?}");
    kew.stop();
    assert!(!Path::new(&ca).exists());
}

#[test]
fn plain_and_tls_are_both_said() {
    let kew = Kew::start(&["--tls-self-signed", "--tls-listen", "127.0.0.1:0"]);
    assert_eq!(kew.ask(get("/health")).status, 200);
    assert!(exported(&kew, "AWS_ENDPOINT_URL").starts_with("http://127.0.0.1:"));
    let tls = kew.greeting.lines().find_map(|line| line.trim().strip_prefix("# by TLS: export AWS_ENDPOINT_URL="));
    let well = asked(tls.unwrap(), Some(&exported(&kew, "AWS_CA_BUNDLE")), &["queues"]);
    assert_eq!((well.code, well.errors.as_str()), (Some(0), ""), "{well:?}");
}

#[test]
fn the_certificate_is_read_again_at_sighup_and_a_wrong_one_changes_nothing() {
    let (one, two) = (Made::new(), Made::new());
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| one.file(name));
    let kew = Kew::start(&["--tls-cert", &cert, "--tls-key", &key]);
    let url = exported(&kew, "AWS_ENDPOINT_URL");
    assert!(!kew.greeting.contains("AWS_CA_BUNDLE"), "{}", kew.greeting);
    let trusts = |made: &Made| asked(&url, Some(&made.file("ca.pem")), &["queues"]).code == Some(0);
    let swap = |from: &str, to: &str| std::fs::copy(from, to).unwrap();
    // What clients have trusted is not touched by what the server shows next.
    let first = Made { dir: tempfile::tempdir().unwrap() };
    std::fs::create_dir(first.dir.path().join("tls")).unwrap();
    swap(&one.file("ca.pem"), &first.file("ca.pem"));
    assert_eq!((trusts(&first), trusts(&two)), (true, false));
    std::fs::write(&cert, "no PEM").unwrap();
    kew.signal("HUP");
    let line = kew.line_with("certificate and key stay as they were");
    assert!(line.contains(&cert), "{line}");
    assert_eq!((trusts(&first), trusts(&two)), (true, false));
    swap(&two.file("cert.pem"), &cert);
    swap(&two.file("key.pem"), &key);
    kew.signal("HUP");
    kew.line_with("read again: certificate and key");
    assert_eq!((trusts(&first), trusts(&two)), (false, true));
}

#[test]
fn a_health_check_speaks_tls_where_kew_does() {
    let made = Made::new();
    let files = [("KEW_TLS_CERT", made.file("cert.pem")), ("KEW_TLS_KEY", made.file("key.pem"))];
    let variables = files.each_ref().map(|(name, file)| (*name, file.as_str()));
    let kew = Kew::start_with(&[], &variables);
    let address = exported(&kew, "AWS_ENDPOINT_URL").replace("https://", "");
    // The variables of the server are there in its container.
    let probe = finish(command(&["healthcheck", "--listen", &address]).envs(variables));
    assert_eq!((probe.code, probe.errors.as_str()), (Some(0), ""));
    let probe = finish(command(&["healthcheck", "--listen", &address, "--tls-self-signed"]).envs([("KEW_LOG", "")]));
    assert_eq!((probe.code, probe.errors.as_str()), (Some(0), ""));
    let probe = finish(&mut command(&["healthcheck", "--listen", &address]));
    assert_eq!(probe.code, Some(1), "{probe:?}");
    let plain = Kew::start(&["--tls-self-signed", "--tls-listen", "127.0.0.1:0"]);
    let address = plain.addresses()[0].to_string();
    let args = ["healthcheck", "--listen", &address, "--tls-self-signed", "--tls-listen", "127.0.0.1:1"];
    assert_eq!(finish(&mut command(&args)).code, Some(0));
}

#[test]
fn a_command_is_run_beside_a_kew_that_speaks_only_tls() {
    let script = r#"echo $AWS_ENDPOINT_URL $AWS_CA_BUNDLE $NODE_EXTRA_CA_CERTS; "$KEW" queues"#;
    let mut command = command(&["run", "--tls-self-signed", "--queue", "orders", "--", "sh", "-c", script]);
    let ended = finish(command.env("KEW", env!("CARGO_BIN_EXE_kew")));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let words: Vec<&str> = ended.out.lines().next().unwrap().split(' ').collect();
    assert!(words[0].starts_with("https://127.0.0.1:") && words[1] == words[2], "{words:?}");
    assert!(ended.out.contains("orders"), "{ended:?}");
}

#[test]
fn the_command_of_the_guide_serves_signed_requests_by_tls_and_nothing_else() {
    let guide = include_str!("../../docs/network.md");
    let line = guide.lines().find_map(|line| line.strip_prefix("$ kew ")).unwrap();
    let made = Made::new();
    let keys = crate::credentials::keys("guide", "[a]\naws_access_key_id = AKIDA\naws_secret_access_key = secret\n");
    let of = |word: &str| match word {
        "0.0.0.0:9324" => "127.0.0.1:0".to_owned(),
        "cert.pem" | "key.pem" => made.file(word),
        "keys.toml" => keys.path().to_owned(),
        "/var/lib/kew" => made.dir.path().join("data").to_str().unwrap().to_owned(),
        word => word.to_owned(),
    };
    let words: Vec<String> = line.split(' ').map(of).collect();
    let kew = Kew::start(&words.iter().map(String::as_str).collect::<Vec<_>>());
    let ended = asked(&exported(&kew, "AWS_ENDPOINT_URL"), Some(&made.file("ca.pem")), &["queues"]);
    assert!(ended.errors.contains("the control API is off"), "{ended:?}");
    assert!(kew.greeting.contains("requests are signed with the keys of"), "{}", kew.greeting);
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_served() {
    let made = Made::new();
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| made.file(name));
    let missing = PathBuf::from(&cert).with_file_name("missing.pem").to_str().unwrap().to_owned();
    for (args, expected) in [
        (&["--tls-cert", &cert][..], "a certificate is of no use without its key"),
        (&["--tls-key", &key], "a key is of no use without its certificate"),
        (&["--tls-cert", &missing, "--tls-key", &key], "missing.pem cannot be read"),
        (&["--tls-cert", &key, "--tls-key", &key], "it has no certificate"),
        (&["--tls-listen", "127.0.0.1:0"], "TLS needs a certificate"),
    ] {
        let ended = refused(args);
        assert!(ended.errors.contains(expected), "{args:?} {ended:?}");
    }
}
