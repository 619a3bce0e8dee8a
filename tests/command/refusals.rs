//! A start that fails: one clear line on standard error, nothing on standard output, and an exit code that is not zero.

use crate::kew::*;
use std::net::TcpListener;

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = refused(&["--listen", &address]);
    let expected =
        format!("kew: cannot listen on {address}: the port is in use; choose another with --listen HOST:PORT\n");
    assert_eq!((ended.code, ended.errors), (Some(1), expected));
    // One of several is enough, and the others are let go.
    let ended = refused(&["--listen", "127.0.0.1:0", "--listen", &address]);
    assert_eq!(ended.errors.lines().count(), 1);
}

#[test]
fn a_port_in_use_by_another_kew_is_named() {
    let kew = Kew::start(&[]);
    let address = kew.addresses()[0].to_string();
    let ended = refused(&["--listen", &address]);
    assert!(ended.errors.contains("the port is in use"), "{ended:?}");
}

#[test]
fn an_address_that_is_not_here_is_named() {
    // An address of a network that is for documentation only.
    let ended = refused(&["--listen", "192.0.2.1:9324"]);
    assert!(ended.errors.starts_with("kew: cannot listen on 192.0.2.1:9324: "), "{ended:?}");
    assert!(ended.errors.ends_with("; no network interface of this machine has that address\n"), "{ended:?}");
    assert_eq!((ended.code, ended.errors.lines().count()), (Some(1), 1));
}

/// Wrong flags, and what the first line says after `error: `.
const WRONG: &[(&str, &str, &str)] = &[
    ("--listen", "nonsense", "`nonsense` is not HOST:PORT, as in 127.0.0.1:9324 or 0.0.0.0:9324"),
    ("--listen", "http://127.0.0.1:1", "`http://127.0.0.1:1` is not HOST:PORT, as in 127.0.0.1:9324 or 0.0.0.0:9324"),
    ("--listen", ":9324", "`:9324` is not HOST:PORT, as in 127.0.0.1:9324 or 0.0.0.0:9324"),
    ("--listen", "127.0.0.1:99999", "the port of `127.0.0.1:99999` is not a number from 0 to 65535"),
    ("--listen", "99999", "the port of `99999` is not a number from 0 to 65535"),
    ("--queue", "q,x", "`x` is not Attribute=value, as in orders,VisibilityTimeout=45"),
    ("--queue", "q,VisibilityTimeout=x", "VisibilityTimeout must be a whole number from 0 to 43200, not `x`"),
    ("--queue", "q,MaxReceiveCount=0", "MaxReceiveCount must be a number from 1 to 1000"),
    ("--queue", "q,MaxReceiveCount=3", "MaxReceiveCount needs a DeadLetterQueue to go to"),
    (
        "--queue",
        "bad!",
        "a queue's name is 1 to 80 letters, digits, hyphens and underscores, with .fifo at the end for a FIFO queue; \
         `bad!` is not",
    ),
    ("--queue", ",x=1", "a queue needs a name: NAME or NAME,Attribute=value,..."),
    ("--queue", "q,", "after a comma comes Attribute=value, as in orders,VisibilityTimeout=45"),
    ("--queue", "q,DelaySeconds=1,DelaySeconds=2", "DelaySeconds is there twice"),
    ("--queue", "q,Tag.=x", "a tag needs a key of 1 to 128 characters, as in Tag.team=shop"),
    ("--queue", "q.fifo,FifoQueue=false", "FifoQueue of `q.fifo` is true, for its name ends in .fifo"),
    (
        "--queue",
        "q,Policy={\"a\":1",
        "Policy begins like JSON, but is not: EOF while parsing an object at line 1 column 6; a text that only begins so \
         goes in double quotes",
    ),
    ("--queue", "q,Policy={}x", "after the value of Policy a comma is wanted, not `x`"),
    (
        "--queue",
        "q,DeadLetterQueue=bad name",
        "DeadLetterQueue: a queue's name is 1 to 80 letters, digits, hyphens and underscores, with .fifo at the end for a \
         FIFO queue; `bad name` is not",
    ),
    ("--mode", "prod", "`prod` is neither dev nor aws"),
    ("--cors", "localhost:3000", "`localhost:3000` is not an origin, as in http://localhost:3000, or *"),
    ("--allow-host", "a.example:9324", "`a.example:9324` is not a name, as in kew.example.com or *.example.com"),
    ("--namespace", "x", "`x` is neither merged nor aws"),
    ("--cooldowns", "x", "`x` is neither on nor off"),
    ("--account", "12", "an account is 12 digits, as in 000000000000"),
    ("--region", "a b", "a region is letters, digits and hyphens, as in us-east-1"),
    ("--external-url", "http://x:99999", "a URL of scheme and host is wanted, as in http://sqs.local:9324"),
    ("--external-url", "x", "a URL of scheme and host is wanted, as in http://sqs.local:9324"),
    (
        "--peer",
        "https://kew-0:9325",
        "TLS is not spoken between nodes, only plain HTTP, which is for a private network; nodes reach each other by a URL \
         such as http://10.0.0.7:9325",
    ),
    (
        "--peer",
        "kew-0:9325",
        "it does not begin with http://; nodes reach each other by a URL such as http://10.0.0.7:9325",
    ),
    ("--peer", "http://kew-0", "it names no port; nodes reach each other by a URL such as http://10.0.0.7:9325"),
    (
        "--peer",
        "http://kew-0:9325/kew",
        "it has a path, and there is none; nodes reach each other by a URL such as http://10.0.0.7:9325",
    ),
    ("--threads", "-1", "`-1` is not a whole number from 1 to 1024"),
    ("--body-limit", "-1", "`-1` is not a whole number of at least 1"),
    ("--body-limit", "0", "`0` is not a whole number of at least 1"),
    ("--connection-limit", "x", "`x` is not a whole number of at least 1"),
    ("--threads", "1025", "`1025` is not a whole number from 1 to 1024"),
    ("--metrics", "x", "`x` is neither on nor off"),
    ("--metrics-period", "0", "`0` is not a whole number of seconds from 1 to 86400"),
    ("--metrics-period", "1m", "`1m` is not a whole number of seconds from 1 to 86400"),
    ("--durability", "x", "`x` is neither full nor process"),
    ("--log", "loud", "`loud` is not error, warn, info, debug or trace"),
];

#[test]
fn a_wrong_value_is_told_what_would_be_right() {
    for (flag, value, what) in WRONG {
        let ended = refused(&[flag, value]);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        let first = ended.errors.lines().next().unwrap();
        assert!(first.starts_with(&format!("error: invalid value '{value}' for '{flag}")), "{first}");
        assert!(first.ends_with(what), "{first}, not {what}");
    }
}

#[test]
fn a_wrong_variable_is_refused_like_the_flag_and_by_its_own_name() {
    // Blanks part queues, and an empty variable is none.
    for (flag, value, what) in WRONG.iter().filter(|(_, value, _)| !value.contains(' ')) {
        let variable = format!("KEW_{}", flag.trim_start_matches("--").to_uppercase().replace('-', "_"));
        let ended = finish(command(&[]).env(&variable, value));
        assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""), "{ended:?}");
        let first = ended.errors.lines().next().unwrap();
        assert!(first.starts_with(&format!("error: invalid value '{value}' for '{variable}': ")), "{first}");
        assert!(first.ends_with(what), "{first}, not {what}");
    }
    // A flag beats a wrong variable; and one that the command does not use is not looked at.
    let kew = Kew::start_with(&["--threads", "1"], &[("KEW_THREADS", "x")]);
    let address = kew.addresses()[0].to_string();
    let probe = finish(command(&["healthcheck", "--listen", &address]).env("KEW_THREADS", "x"));
    assert_eq!((probe.code, probe.errors.as_str()), (Some(0), ""));
}

#[test]
fn a_name_that_cannot_be_resolved_is_no_matter_of_form() {
    let ended = refused(&["--listen", "nohost.invalid:7120"]);
    let expected = "error: invalid value 'nohost.invalid:7120' for '--listen <HOST:PORT>': the host name \
                    `nohost.invalid` cannot be resolved: ";
    assert!(ended.errors.starts_with(expected), "{ended:?}");
}

#[test]
fn a_queue_given_twice_is_refused() {
    let expected = "kew: the queue q is given twice\n";
    assert_eq!(refused(&["--queue", "q", "--queue", "q,DelaySeconds=1"]).errors, expected);
    let twice = finish(command(&["--listen", "127.0.0.1:0"]).env("KEW_QUEUE", "q q"));
    assert_eq!((twice.code, twice.errors.as_str()), (Some(1), expected));
}

#[test]
fn an_unknown_flag_or_word_is_refused() {
    let first = |args: &[&str]| refused(args).errors.lines().next().unwrap().to_owned();
    assert_eq!(first(&["--nope"]), "error: unexpected argument '--nope' found");
    let word = finish(&mut command(&["server"]));
    assert_eq!(word.code, Some(2));
    assert!(word.errors.starts_with("error: unrecognized subcommand 'server'"), "{word:?}");
}
