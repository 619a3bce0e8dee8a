//! Every setting that can be observed: its default, the file, the variable over the file, and the flag over both.

use crate::config_file::refusal_of;
use crate::http::{Answer, Peer, get, json, json_with, request, send};
use crate::kew::*;
use clap::{Args, FromArgMatches};
use kew::Config;
use kew::internals::config::Settings;
use std::io::Write;
use std::process::Command;

/// How a setting is given in each place, and what is then seen.
struct Setting {
    flag: &'static str,
    flag_value: &'static str,
    variable_value: &'static str,
    in_file: &'static str,
    see: fn(&Kew) -> String,
    /// What is seen by default, and with file, variable and flag.
    seen: [&'static str; 4],
}

fn created_url(kew: &Kew) -> String {
    kew.ask(json("CreateQueue", r#"{"QueueName":"seen"}"#)).ok().json()["QueueUrl"].as_str().unwrap().to_owned()
}

fn account(kew: &Kew) -> String {
    created_url(kew).rsplit('/').nth(1).unwrap().to_owned()
}

fn base_url(kew: &Kew) -> String {
    created_url(kew).strip_suffix("/000000000000/seen").unwrap().to_owned()
}

fn region(kew: &Kew) -> String {
    created_url(kew);
    let all = kew.ask(json("GetQueueAttributes", r#"{"QueueUrl":"seen","AttributeNames":["QueueArn"]}"#)).ok().json();
    all["Attributes"]["QueueArn"].as_str().unwrap().split(':').nth(3).unwrap().to_owned()
}

fn auto_creates(kew: &Kew) -> String {
    let answer = kew.ask(json("SendMessage", r#"{"QueueUrl":"new","MessageBody":"x"}"#));
    if answer.status == 200 { "creates" } else { "refuses" }.to_owned()
}

/// Asks as someone who signs for a region.
fn in_region(kew: &Kew, region: &str, action: &str, body: &str) -> Answer {
    let credential = format!("AWS4-HMAC-SHA256 Credential=k/20261120/{region}/sqs/aws4_request, Signature=x");
    kew.ask(json_with(action, &[("Authorization", &credential)], body))
}

fn separates_regions(kew: &Kew) -> String {
    in_region(kew, "eu-west-1", "CreateQueue", r#"{"QueueName":"seen"}"#).ok();
    let elsewhere = in_region(kew, "us-west-2", "GetQueueUrl", r#"{"QueueName":"seen"}"#);
    if elsewhere.status == 200 { "merged" } else { "separate" }.to_owned()
}

fn makes_wait(kew: &Kew) -> String {
    created_url(kew);
    let purge = || kew.ask(json("PurgeQueue", r#"{"QueueUrl":"seen"}"#));
    purge().ok();
    if purge().status == 200 { "at once" } else { "a minute" }.to_owned()
}

fn mode(kew: &Kew) -> String {
    format!("{}, {}", separates_regions(kew), makes_wait(kew))
}

/// Credentials files with one key each, named by the last letter, relative to the folder of the package.
const KEYS: [&str; 3] = ["target/settings-keys-a", "target/settings-keys-b", "target/settings-keys-c"];

fn write_keys() {
    for path in KEYS {
        let name = &path[path.len() - 1..];
        let _ = std::fs::remove_file(path);
        let mut options = std::fs::OpenOptions::new();
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.write(true).create(true).truncate(true).open(path).unwrap();
        write!(file, "[{name}]\naws_access_key_id = {name}\naws_secret_access_key = {name}\n").unwrap();
    }
}

/// The key that is known: signed long ago and wrongly, its request is refused in another way than that of an unknown one.
fn known_key(kew: &Kew) -> String {
    let status = |key: &str| {
        let date = kew::internals::auth::basic_date(now_s());
        let scope = format!("{key}/{}/us-east-1/sqs/aws4_request", &date[..8]);
        let signature = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00");
        let answer = kew.ask(json_with("ListQueues", &[("Authorization", &signature), ("X-Amz-Date", &date)], "{}"));
        answer.header("x-amzn-query-error").unwrap_or("ok").to_owned()
    };
    let known = ["a", "b", "c"].into_iter().filter(|key| status(key) == "SignatureDoesNotMatch;Sender");
    let known: String = known.collect();
    if status("a") == "ok" { "all".to_owned() } else { known }
}

/// What is done with a denial.
fn policies(kew: &Kew) -> String {
    kew.ask(get("/_kew/policies")).ok().json()["mode"].as_str().unwrap().to_owned()
}

fn now_s() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

fn allowed_pages(kew: &Kew) -> String {
    let may = |page: &&str| kew.ask(json_with("ListQueues", &[("Origin", page)], "{}")).status == 200;
    ["http://a", "http://b", "http://c"].iter().filter(|page| may(page)).copied().collect::<Vec<_>>().join(" ")
}

fn allowed_names(kew: &Kew) -> String {
    let may = |name: &&str| kew.ask(format!("GET /health HTTP/1.1\r\nHost: {name}\r\n\r\n")).status == 200;
    ["a.example", "b.example", "c.example"].iter().filter(|name| may(name)).copied().collect::<Vec<_>>().join(" ")
}

fn body_limit(kew: &Kew) -> String {
    // Declared, and never sent.
    let headers = [("Content-Type", crate::http::AMZ_JSON)];
    let mut head = String::from_utf8(request("POST", "/", &headers, "")).unwrap();
    head = head.replace("Content-Length: 0", "Content-Length: 99999999999");
    kew.ask(head).json()["message"].as_str().unwrap().to_owned()
}

fn connections(kew: &Kew) -> String {
    let mut peers: Vec<Peer> = Vec::new();
    for _ in 0..6 {
        let mut peer = kew.peer();
        peer.send_what_goes(get("/health"));
        if peer.answer().status != 200 {
            break;
        }
        peers.push(peer);
    }
    peers.len().to_string()
}

/// Who may use the control API.
fn control(kew: &Kew) -> String {
    let with = |token: &str| {
        let token = format!("Bearer {token}");
        kew.ask(request("GET", "/_kew", &[("Authorization", &token)], "")).status
    };
    let tokens = ["a", "b", "c"].iter().filter(|token| with(token) == 200).copied().collect::<Vec<_>>();
    match kew.ask(get("/_kew")).status {
        200 => "everyone".to_owned(),
        _ if tokens.is_empty() => "nobody".to_owned(),
        _ => tokens.join(" "),
    }
}

fn controlling_pages(kew: &Kew) -> String {
    let may = |page: &&str| kew.ask(request("GET", "/_kew", &[("Origin", page)], "")).status == 200;
    ["http://a", "http://b", "http://c"].iter().filter(|page| may(page)).copied().collect::<Vec<_>>().join(" ")
}

fn has_history(kew: &Kew) -> String {
    let about = kew.ask(get("/_kew")).ok().json();
    if about["position"].is_u64() { "kept" } else { "none" }.to_owned()
}

fn metrics(kew: &Kew) -> String {
    let told = kew.ask(get("/metrics")).text().contains("kew_build_info{");
    if told { "told" } else { "not told" }.to_owned()
}

/// After how many seconds a message that is sent at the beginning of a period is in a sum.
fn metrics_period(kew: &Kew) -> String {
    let control = |method, path, body: &str| kew.ask(request(method, path, &[], body)).ok();
    control("PUT", "/_kew/clock", r#"{"mode": "frozen", "at": "2100-01-01T00:00:00Z"}"#);
    kew.ask(json("CreateQueue", r#"{"QueueName": "q"}"#)).ok();
    kew.ask(send("a")).ok();
    let second = |_: &u32| {
        control("POST", "/_kew/clock/advance", r#"{"by": "1s"}"#);
        let metrics = kew.ask(get("/metrics?family=aws&queue=q"));
        metrics
            .text()
            .lines()
            .any(|line| line.starts_with("aws_sqs_number_of_messages_sent_sum{") && line.ends_with(" 1"))
    };
    (1..=100).find(second).unwrap().to_string()
}

fn seed(kew: &Kew) -> String {
    let about = kew.ask(get("/_kew")).ok().json();
    let seed = about["seed"].as_u64().unwrap();
    // One that is made up is hardly below this.
    if seed < 100 { seed.to_string() } else { "random".to_owned() }
}

fn addresses(kew: &Kew) -> String {
    kew.addresses().len().to_string()
}

const SETTINGS: &[Setting] = &[
    Setting {
        flag: "--account",
        flag_value: "333333333333",
        variable_value: "222222222222",
        in_file: r#"account = "111111111111""#,
        see: account,
        seen: ["000000000000", "111111111111", "222222222222", "333333333333"],
    },
    Setting {
        flag: "--region",
        flag_value: "eu-west-3",
        variable_value: "eu-west-2",
        in_file: r#"region = "eu-west-1""#,
        see: region,
        seen: ["us-east-1", "eu-west-1", "eu-west-2", "eu-west-3"],
    },
    Setting {
        flag: "--external-url",
        flag_value: "http://c.example",
        variable_value: "http://b.example",
        in_file: r#"external-url = "http://a.example""#,
        see: base_url,
        seen: ["http://door.internal:1234", "http://a.example", "http://b.example", "http://c.example"],
    },
    Setting {
        flag: "--auto-create",
        flag_value: "on",
        variable_value: "off",
        in_file: "auto-create = true",
        see: auto_creates,
        seen: ["refuses", "creates", "refuses", "creates"],
    },
    Setting {
        flag: "--namespace",
        flag_value: "aws",
        variable_value: "merged",
        in_file: r#"namespace = "aws""#,
        see: separates_regions,
        seen: ["merged", "separate", "merged", "separate"],
    },
    Setting {
        flag: "--cooldowns",
        flag_value: "on",
        variable_value: "off",
        in_file: "cooldowns = true",
        see: makes_wait,
        seen: ["at once", "a minute", "at once", "a minute"],
    },
    Setting {
        flag: "--mode",
        flag_value: "aws",
        variable_value: "dev",
        in_file: r#"mode = "aws""#,
        see: mode,
        seen: ["merged, at once", "separate, a minute", "merged, at once", "separate, a minute"],
    },
    Setting {
        flag: "--credentials",
        flag_value: KEYS[2],
        variable_value: KEYS[1],
        in_file: r#"credentials = "target/settings-keys-a""#,
        see: known_key,
        seen: ["all", "a", "b", "c"],
    },
    Setting {
        flag: "--policies",
        flag_value: "warn",
        variable_value: "off",
        in_file: r#"policies = "warn""#,
        see: policies,
        seen: ["enforce", "warn", "off", "warn"],
    },
    Setting {
        flag: "--cors",
        flag_value: "http://c",
        variable_value: "http://a,http://b",
        in_file: r#"cors = ["http://a"]"#,
        see: allowed_pages,
        seen: ["", "http://a", "http://a http://b", "http://c"],
    },
    Setting {
        flag: "--allow-host",
        flag_value: "c.example",
        variable_value: "a.example,b.example",
        in_file: r#"allow-host = ["a.example"]"#,
        see: allowed_names,
        seen: ["", "a.example", "a.example b.example", "c.example"],
    },
    Setting {
        flag: "--control",
        flag_value: "off",
        variable_value: "on",
        in_file: r#"control = "off""#,
        see: control,
        seen: ["everyone", "nobody", "everyone", "nobody"],
    },
    Setting {
        flag: "--control-token",
        flag_value: "c",
        variable_value: "b",
        in_file: r#"control-token = "a""#,
        see: control,
        seen: ["everyone", "a", "b", "c"],
    },
    Setting {
        flag: "--cors-control",
        flag_value: "http://c",
        variable_value: "http://a,http://b",
        in_file: r#"cors-control = ["http://a"]"#,
        see: controlling_pages,
        seen: ["", "http://a", "http://a http://b", "http://c"],
    },
    Setting {
        flag: "--history",
        flag_value: "7",
        variable_value: "0",
        in_file: "history = 0",
        see: has_history,
        seen: ["kept", "none", "none", "kept"],
    },
    Setting {
        flag: "--metrics",
        flag_value: "on",
        variable_value: "off",
        in_file: "metrics = false",
        see: metrics,
        seen: ["told", "not told", "not told", "told"],
    },
    Setting {
        flag: "--metrics-period",
        flag_value: "30",
        variable_value: "20",
        in_file: "metrics-period = 10",
        see: metrics_period,
        seen: ["60", "10", "20", "30"],
    },
    Setting {
        flag: "--seed",
        flag_value: "3",
        variable_value: "2",
        in_file: "seed = 1",
        see: seed,
        seen: ["random", "1", "2", "3"],
    },
    Setting {
        flag: "--body-limit",
        flag_value: "3000",
        variable_value: "2000",
        in_file: "body-limit = 1000",
        see: body_limit,
        seen: [
            "The request body is longer than 16777216 bytes.",
            "The request body is longer than 1000 bytes.",
            "The request body is longer than 2000 bytes.",
            "The request body is longer than 3000 bytes.",
        ],
    },
    Setting {
        flag: "--connection-limit",
        flag_value: "4",
        variable_value: "3",
        in_file: "connection-limit = 2",
        see: connections,
        seen: ["6", "2", "3", "4"],
    },
];

#[test]
fn a_flag_beats_a_variable_beats_the_file_beats_the_default() {
    write_keys();
    for setting in SETTINGS {
        let flag = setting.flag;
        let variable = format!("KEW_{}", flag.trim_start_matches("--").to_uppercase().replace('-', "_"));
        let file = File::new(flag, &format!("{}\n", setting.in_file));
        let variables = [(variable.as_str(), setting.variable_value)];
        // Policies are for those who are known.
        let always: &[&str] = if flag == "--policies" { &["--credentials", KEYS[0]] } else { &[] };
        let from_file = [always, &["--config", file.path()]].concat();
        let all = [&from_file[..], &[flag, setting.flag_value]].concat();
        let started = [
            Kew::start(always),
            Kew::start(&from_file),
            Kew::start_with(&from_file, &variables),
            Kew::start_with(&all, &variables),
        ];
        let seen: Vec<String> = started.iter().map(setting.see).collect();
        assert_eq!(seen, setting.seen, "{flag}");
    }
}

#[test]
fn where_to_listen_is_taken_whole_from_one_place() {
    let file = File::new("listen", r#"listen = ["127.0.0.1:0", "127.0.0.1:0"]"#);
    let variable = [("KEW_LISTEN", "127.0.0.1:0,127.0.0.1:0,127.0.0.1:0")];
    let of_file = ["--config", file.path()];
    assert_eq!(addresses(&Kew::run(&mut command(&of_file))), "2");
    assert_eq!(addresses(&Kew::run(command(&of_file).envs(variable))), "3");
    let flag = [&of_file[..], &["--listen", "127.0.0.1:0"]].concat();
    assert_eq!(addresses(&Kew::run(command(&flag).envs(variable))), "1");
}

#[test]
fn the_file_may_be_named_by_a_variable_and_a_flag_beats_that() {
    let one = File::new("one", "account = \"111111111111\"\n");
    let two = File::new("two", "account = \"222222222222\"\n");
    assert_eq!(account(&Kew::start_with(&[], &[("KEW_CONFIG", one.path())])), "111111111111");
    assert_eq!(account(&Kew::start_with(&["--config", two.path()], &[("KEW_CONFIG", one.path())])), "222222222222");
}

#[test]
fn namespace_and_cooldowns_refine_the_mode() {
    assert_eq!(mode(&Kew::start(&["--mode", "aws", "--namespace", "merged"])), "merged, a minute");
    assert_eq!(mode(&Kew::start(&["--mode", "aws", "--cooldowns", "off"])), "separate, at once");
    assert_eq!(mode(&Kew::start(&["--mode", "dev", "--namespace", "aws", "--cooldowns", "on"])), "separate, a minute");
}

#[test]
fn auto_create_needs_no_value() {
    assert_eq!(auto_creates(&Kew::start(&["--auto-create"])), "creates");
    assert_eq!(auto_creates(&Kew::start(&["--auto-create=off"])), "refuses");
    assert_eq!(auto_creates(&Kew::start_with(&[], &[("KEW_AUTO_CREATE", "true")])), "creates");
}

#[cfg(target_os = "linux")]
#[test]
fn worker_threads_are_as_many_as_was_said() {
    let workers = |kew: &Kew| {
        // Connections are dealt out in turn: after as many as this each worker has run, and so has its name.
        for mut peer in (0..16).map(|_| kew.peer()).collect::<Vec<_>>() {
            peer.assert_open();
        }
        let tasks = std::fs::read_dir(format!("/proc/{}/task", kew.pid())).unwrap();
        let names = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).unwrap());
        names.filter(|name| name.trim().strip_prefix("kew-").is_some_and(|n| n.parse::<u32>().is_ok())).count()
    };
    let file = File::new("threads", "threads = 2\n");
    let from_file = ["--config", file.path()];
    assert_eq!(workers(&Kew::start(&from_file)), 2);
    assert_eq!(workers(&Kew::start_with(&from_file, &[("KEW_THREADS", "3")])), 3);
    let flag = [&from_file[..], &["--threads", "5"]].concat();
    assert_eq!(workers(&Kew::start_with(&flag, &[("KEW_THREADS", "3")])), 5);
}

#[test]
fn what_is_logged_is_set_in_the_same_way() {
    let level = |kew: Kew| {
        kew.ask(get("/?Action=ListQueues")).ok();
        let log = kew.stop().join("\n");
        match (log.contains("stopping"), log.contains("ListQueues")) {
            (true, true) => "debug",
            (true, false) => "info",
            _ => "quiet",
        }
    };
    let file = File::new("log", "log = \"error\"\n");
    let from_file = ["--config", file.path()];
    assert_eq!(level(Kew::start(&[])), "info");
    assert_eq!(level(Kew::start(&from_file)), "quiet");
    assert_eq!(level(Kew::start_with(&from_file, &[("KEW_LOG", "debug")])), "debug");
    let flag = [&from_file[..], &["--log", "warn"]].concat();
    assert_eq!(level(Kew::start_with(&flag, &[("KEW_LOG", "debug")])), "quiet");
}

const SECRET: &str = "0123456789abcdef-not-shown";

/// What was told of a start that was refused, in which the secret is not.
fn refused_without_the_secret(command: &mut Command) -> (Option<i32>, String) {
    let ended = finish(command);
    assert!(ended.out.is_empty() && !ended.errors.contains("not-shown"), "{ended:?}");
    (ended.code, ended.errors)
}

#[test]
fn what_makes_a_server_one_of_several_goes_together() {
    let peer: &[&str] = &["--peer", "http://127.0.0.1:9325"];
    let secret: &[&str] = &["--cluster-secret", SECRET];
    let data: &[&str] = &["--data", "postgres://kew@127.0.0.1:1/kew"];
    for (args, says) in [
        (
            peer.to_vec(),
            "kew: peer: nodes know each other by a secret that all of them are given: --cluster-secret TEXT",
        ),
        ([peer, data].concat(), "kew: peer: nodes know each other by a secret"),
        ([secret, data].concat(), "kew: cluster_secret: a secret is of no use without other nodes: --peer URL"),
        ([peer, secret].concat(), "kew: peer: several nodes share a database: --data postgres://... names it"),
        ([peer, secret, &["--data", "target/no-such-directory"]].concat(), "kew: peer: several nodes share a database"),
        ([peer, secret, data, &["--auto-create"]].concat(), "leave out one of --auto-create and --peer"),
        ([peer, secret, data, &["--seed", "7"]].concat(), "leave out one of --seed and --peer"),
    ] {
        let (code, errors) =
            refused_without_the_secret(&mut command(&[&["--listen", "127.0.0.1:0"], &args[..]].concat()));
        assert!(code == Some(1) && errors.contains(says), "{args:?}: {errors}");
    }
}

#[test]
fn a_wrong_secret_of_nodes_is_refused_and_shown_nowhere() {
    let too_short = "not-shown";
    let what = "a secret is 16 to 256 letters, digits and signs without blanks";
    let file = File::new("short-secret", &format!("cluster-secret = \"{too_short}\"\n"));
    for (mut command, code) in [
        (command(&["--cluster-secret", too_short]), 2),
        (command(&["--cluster-secret=not-shown, for it has blanks"]), 2),
        (command(&["--config", file.path()]), 1),
    ] {
        let (ended, errors) = refused_without_the_secret(&mut command);
        assert!(ended == Some(code) && errors.contains(what), "{errors}");
    }
    let (code, errors) = refused_without_the_secret(command(&[]).env("KEW_CLUSTER_SECRET", too_short));
    assert!(code == Some(2) && errors.starts_with("error: invalid value '***' for 'KEW_CLUSTER_SECRET'"), "{errors}");
    let (code, errors) = refused_without_the_secret(&mut command(&["--control-token", "not-shown, with blanks"]));
    assert!(code == Some(2) && errors.contains("'***' for '--control-token <TOKEN>'"), "{errors}");
    let help = finish(command(&["--help"]).env("KEW_CLUSTER_SECRET", SECRET));
    assert!(help.out.contains("KEW_CLUSTER_SECRET") && !help.out.contains("not-shown"));
    let mut config = Config::default();
    config.cluster_secret = Some(SECRET.parse().unwrap());
    assert!(!format!("{config:?}").contains("not-shown"));
}

/// The first four columns of the table of settings in docs/settings.md: flag, variable, key and default.
fn rows_of_the_document() -> Vec<Vec<String>> {
    let document = include_str!("../../docs/settings.md").replace("\\|", "/");
    let rows = document.lines().filter(|line| line.starts_with("| `--"));
    rows.map(|row| row.split('|').skip(1).take(4).map(|cell| cell.trim().to_owned()).collect()).collect()
}

#[test]
fn the_document_lists_every_setting_as_it_is_defined() {
    let command = Settings::augment_args(clap::Command::new("kew"));
    let defaults: std::collections::BTreeMap<_, _> = Settings::defaults().into_iter().collect();
    // Where the settings are is none that a file could have.
    let settings = command.get_arguments().filter(|arg| !["config", "import"].contains(&arg.get_id().as_str()));
    let defined: Vec<Vec<String>> = settings
        .map(|arg| {
            let name = arg.get_long().unwrap();
            let value = arg.get_value_names().unwrap().join(" ").replace('|', "/");
            let is_optional = arg.get_num_args().is_some_and(|range| range.min_values() == 0);
            let value = if is_optional { format!("[{value}]") } else { value };
            let variable = arg.get_env().unwrap().to_str().unwrap();
            assert_eq!(variable, format!("KEW_{}", name.to_uppercase().replace('-', "_")));
            let key = if name == "queue" { "[[queue]]" } else { name };
            let default = defaults[arg.get_id().as_str()].clone();
            vec![format!("`--{name} {value}`"), format!("`{variable}`"), format!("`{key}`"), default]
        })
        .collect();
    let listed = rows_of_the_document();
    let without_marks = |mut row: Vec<String>| {
        row[3] = row[3].trim_matches('`').to_owned();
        row
    };
    assert_eq!(listed.clone().into_iter().map(without_marks).collect::<Vec<_>>(), defined);

    let known = refusal_of("known", "prot = 1");
    let keys = known.split_once("expected one of ").unwrap().1.replace("`queue`", "`[[queue]]`");
    assert_eq!(keys.split(", ").collect::<Vec<_>>(), listed.iter().map(|row| &row[2]).collect::<Vec<_>>());

    // What stands in marks is a value; given, it changes nothing.
    let is_value = |row: &&Vec<String>| row[3].starts_with('`');
    let given = listed.iter().filter(is_value).map(|row| {
        let flag = row[0].trim_matches('`').split(' ').next().unwrap();
        format!("{flag}={}", row[3].trim_matches('`'))
    });
    let matches = command.mut_args(|arg| arg.env(None::<&str>)).no_binary_name(true).get_matches_from(given);
    let config = Settings::from_arg_matches(&matches).unwrap().into_config();
    let mut expected = Config::default();
    expected.listen = vec!["127.0.0.1:9324".parse().unwrap()];
    assert_eq!(config, expected);
}
