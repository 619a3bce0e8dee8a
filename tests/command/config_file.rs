//! The configuration file: queues with all that belongs to them, and how each mistake is refused.

use crate::http::{self, json};
use crate::kew::*;
use serde_json::{Value, json as value};

const WHOLE: &str = r#"
# Everything that a file can say.
listen = ["127.0.0.1:0"]
mode = "dev"
namespace = "merged"
cooldowns = "off"
auto-create = false
account = "111122223333"
region = "eu-central-1"
cors = ["http://localhost:3000"]
allow-host = ["kew.example.com"]
body-limit = 16777216
connection-limit = 1000
threads = 1
log = "warn"

[[queue]]
name = "orders"
VisibilityTimeout = 45
MessageRetentionPeriod = "86400"
DeadLetterQueue = "orders-dead"
MaxReceiveCount = 3
tags = { team = "orders & co", cost = 7 }

[[queue]]
name = "orders-dead"
MessageRetentionPeriod = 1209600
"Tag.kept by" = "hand"

[[queue]]
name = "jobs.fifo"
ContentBasedDeduplication = true
DeduplicationScope = "messageGroup"
FifoThroughputLimit = "perMessageGroupId"
DeadLetterQueue = "jobs-dead.fifo"
"#;

fn attributes(kew: &Kew, queue: &str) -> Value {
    let members = value!({"QueueUrl": queue, "AttributeNames": ["All"]}).to_string();
    kew.ask(json("GetQueueAttributes", members)).ok().json()["Attributes"].clone()
}

#[test]
fn queues_of_the_file_have_all_that_it_says() {
    let file = File::new("whole", WHOLE);
    let kew = Kew::run(&mut command(&["--config", file.path()]));
    let listed = kew.ask(json("ListQueues", "{}")).ok().json();
    let names = ["jobs-dead.fifo", "jobs.fifo", "orders", "orders-dead"];
    let urls: Vec<String> = names.iter().map(|n| format!("http://door.internal:1234/111122223333/{n}")).collect();
    assert_eq!(listed["QueueUrls"], value!(urls));

    let orders = attributes(&kew, "orders");
    assert_eq!((&orders["VisibilityTimeout"], &orders["MessageRetentionPeriod"]), (&value!("45"), &value!("86400")));
    let policy: Value = serde_json::from_str(orders["RedrivePolicy"].as_str().unwrap()).unwrap();
    let dead = "arn:aws:sqs:eu-central-1:111122223333:orders-dead";
    assert_eq!(policy, value!({"deadLetterTargetArn": dead, "maxReceiveCount": 3}));
    assert_eq!(attributes(&kew, "orders-dead")["MessageRetentionPeriod"], "1209600");

    let jobs = attributes(&kew, "jobs.fifo");
    for (name, expected) in [
        ("FifoQueue", "true"),
        ("ContentBasedDeduplication", "true"),
        ("DeduplicationScope", "messageGroup"),
        ("FifoThroughputLimit", "perMessageGroupId"),
    ] {
        assert_eq!(jobs[name], expected, "{name}");
    }
    let policy: Value = serde_json::from_str(jobs["RedrivePolicy"].as_str().unwrap()).unwrap();
    assert_eq!(policy["maxReceiveCount"], 10);

    let tags = |queue: &str| {
        kew.ask(json("ListQueueTags", value!({"QueueUrl": queue}).to_string())).ok().json()["Tags"].clone()
    };
    assert_eq!(tags("orders"), value!({"team": "orders & co", "cost": "7"}));
    assert_eq!(tags("orders-dead"), value!({"kept by": "hand"}));
}

#[test]
fn a_policy_may_be_a_table() {
    let text = r#"
        [[queue]]
        name = "dead"
        RedriveAllowPolicy = { redrivePermission = "allowAll" }

        [[queue]]
        name = "q"
        Policy = '{"Statement":{"Effect":"Deny","Principal":"*","Action":"sqs:PurgeQueue","Resource":"*"}}'

        [queue.RedrivePolicy]
        deadLetterTargetArn = "arn:aws:sqs:us-east-1:000000000000:dead"
        maxReceiveCount = 3
    "#;
    let file = File::new("tables", text);
    let kew = Kew::start(&["--config", file.path()]);
    let policy = |queue: &str, name: &str| -> Value {
        serde_json::from_str(attributes(&kew, queue)[name].as_str().unwrap()).unwrap()
    };
    let target = "arn:aws:sqs:us-east-1:000000000000:dead";
    assert_eq!(policy("q", "RedrivePolicy"), value!({"deadLetterTargetArn": target, "maxReceiveCount": 3}));
    let deny = value!({"Effect": "Deny", "Principal": "*", "Action": "sqs:PurgeQueue", "Resource": "*"});
    assert_eq!(policy("q", "Policy"), value!({ "Statement": deny }));
    assert_eq!(policy("dead", "RedriveAllowPolicy"), value!({"redrivePermission": "allowAll"}));
}

#[test]
fn a_queue_of_the_command_line_replaces_the_one_of_the_file() {
    let file = File::new("replaced", WHOLE);
    let kew = Kew::start(&["--config", file.path(), "--queue", "orders,VisibilityTimeout=7", "--queue", "more"]);
    let orders = attributes(&kew, "orders");
    assert_eq!((&orders["VisibilityTimeout"], &orders["RedrivePolicy"]), (&value!("7"), &Value::Null));
    attributes(&kew, "more");
    attributes(&kew, "jobs.fifo");
}

#[test]
fn one_text_does_for_a_list_of_one() {
    let file = File::new("one-text", "listen = \"127.0.0.1:0\"\ncors = \"*\"\n");
    assert_eq!(Kew::run(&mut command(&["--config", file.path()])).addresses().len(), 1);
}

#[test]
fn an_empty_file_says_nothing() {
    let file = File::new("empty", "\n# nothing\n");
    Kew::start(&["--config", file.path()]).stop();
}

const QUEUE_NAME: &str = "a queue's name is 1 to 80 letters, digits, hyphens and underscores, with .fifo at the end for a \
                          FIFO queue; ";
const TEXTS: &str = "a text or a list of texts is wanted, as in [\"...\", \"...\"]";
const SCALAR: &str = "the value must be a text, a whole number, true or false";

/// A wrong file, the line that is wrong, and what is said about it.
const WRONG: &[(&str, usize, &str)] = &[
    ("listen = 1", 1, "listen: a text or a list of texts is wanted, as in [\"...\", \"...\"]"),
    ("\nlisten = [\"nonsense\"]", 2, "listen: `nonsense` is not HOST:PORT, as in 127.0.0.1:9324 or 0.0.0.0:9324"),
    ("mode = \"prod\"", 1, "mode: `prod` is neither dev nor aws"),
    ("mode = 1", 1, "mode: `1` is neither dev nor aws"),
    ("namespace = \"one\"", 1, "namespace: `one` is neither merged nor aws"),
    ("namespace = true", 1, "namespace: `true` is neither merged nor aws"),
    ("\n\n\ncooldowns = \"maybe\"", 4, "cooldowns: `maybe` is neither on nor off"),
    ("cooldowns = 3", 1, "cooldowns: `3` is neither on nor off"),
    ("auto-create = \"yes\"", 1, "auto-create: `yes` is neither on nor off"),
    ("account = \"12\"", 1, "account: an account is 12 digits, as in 000000000000"),
    ("account = 12", 1, "account: an account is 12 digits, as in 000000000000"),
    ("region = \"\"", 1, "region: a region is letters, digits and hyphens, as in us-east-1"),
    ("region = \"a b\"", 1, "region: a region is letters, digits and hyphens, as in us-east-1"),
    (
        "external-url = \"localhost\"",
        1,
        "external-url: a URL of scheme and host is wanted, as in http://sqs.local:9324",
    ),
    ("cors = [\"a\"]", 1, "cors: `a` is not an origin, as in http://localhost:3000, or *"),
    (
        "allow-host = [\"http://a.example\"]",
        1,
        "allow-host: `http://a.example` is not a name, as in kew.example.com or *.example.com",
    ),
    ("body-limit = -1", 1, "body-limit: `-1` is not a whole number of at least 1"),
    ("body-limit = \"1k\"", 1, "body-limit: `1k` is not a whole number of at least 1"),
    ("connection-limit = 0", 1, "connection-limit: `0` is not a whole number of at least 1"),
    ("threads = 0", 1, "threads: `0` is not a whole number from 1 to 1024"),
    ("threads = 1025", 1, "threads: `1025` is not a whole number from 1 to 1024"),
    ("data = \"\"", 1, "data: a directory is wanted, as in /var/lib/kew"),
    ("listen = \":99999\"", 1, "listen: `:99999` is not HOST:PORT, as in 127.0.0.1:9324 or 0.0.0.0:9324"),
    ("listen = \"127.0.0.1:99999\"", 1, "listen: the port of `127.0.0.1:99999` is not a number from 0 to 65535"),
    (
        "external-url = \"http://kew:99999\"",
        1,
        "external-url: a URL of scheme and host is wanted, as in http://sqs.local:9324",
    ),
    ("log = \"loud\"", 1, "log: `loud` is not error, warn, info, debug or trace"),
    ("[[queue]]", 1, "a queue needs a name, as in name = \"orders\""),
    ("[[queue]]\nname = 1", 2, "name must be a text"),
    ("[queue]\nname = \"q\"", 1, "queues are written as [[queue]] tables"),
    ("queue = [1]", 1, "queues are written as [[queue]] tables"),
    (
        "[[queue]]\nname = \"q\"\nVisibilityTimeout = 99999",
        3,
        "VisibilityTimeout must be a whole number from 0 to 43200, not `99999`",
    ),
    ("[[queue]]\nname = \"q\"\nMaxReceiveCount = 0", 3, "MaxReceiveCount must be a number from 1 to 1000"),
    ("[[queue]]\nname = \"q\"\nMaxReceiveCount = 5", 1, "MaxReceiveCount needs a DeadLetterQueue to go to"),
    ("[[queue]]\nname = \"q\"\nDeadLetterQueue = 3", 3, "DeadLetterQueue must be a text: the name of a queue"),
    (
        "[[queue]]\nname = \"q\"\nDeadLetterQueue = \"d.fifo\"",
        1,
        "DeadLetterQueue of a FIFO queue must be a FIFO queue, and of a standard queue a standard one; `d.fifo` is not",
    ),
    (
        "[[queue]]\nname = \"q\"\nDeadLetterQueue = \"d\"\nRedrivePolicy = \"{}\"",
        1,
        "DeadLetterQueue and RedrivePolicy say the same; give one of them",
    ),
    (
        "[[queue]]\nname = \"q\"\nDeadLetterQueue = \"\"",
        1,
        "DeadLetterQueue: a queue's name is 1 to 80 letters, digits, hyphens and underscores, with .fifo at the end for a \
         FIFO queue; `` is not",
    ),
    ("[[queue]]\nname = \"q.fifo\"\nFifoQueue = false", 1, "FifoQueue of `q.fifo` is true, for its name ends in .fifo"),
    ("[[queue]]\nname = \"q\"\n\"Tag.\" = 1", 3, "a tag needs a key of 1 to 128 characters, as in Tag.team=shop"),
    (
        "[[queue]]\nname = \"q\"\ntags = { \"\" = 1 }",
        3,
        "a tag needs a key of 1 to 128 characters, as in Tag.team=shop",
    ),
    (
        "[[queue]]\nname = \"q\"\nthreads = 1",
        3,
        "`threads` is a setting of the server, not of a queue; it goes before the first [[queue]]",
    ),
    (
        "[[queue]]\nname = \"q\"\nVisibilityTimeout = { a = 1 }",
        3,
        "VisibilityTimeout: the value must be a text, a whole number, true or false",
    ),
    (
        "[[queue]]\nname = \"q\"\nPolicy = { at = 2026-11-20 }",
        3,
        "Policy: JSON knows no dates; put 2026-11-20 in quotes",
    ),
    ("[[queue]]\nname = \"q\"\ntags = 3", 3, "tags must be a table, as in { team = \"orders\" }"),
    (
        "[[queue]]\nname = \"q\"\nContentBasedDeduplication = true",
        1,
        "ContentBasedDeduplication is for FIFO queues, whose names end in .fifo; `q` does not",
    ),
    (
        "[[queue]]\nname = \"q.fifo\"\nDeduplicationScope = \"all\"",
        3,
        "DeduplicationScope must be queue or messageGroup, not `all`",
    ),
    (
        "[[queue]]\nname = \"q\"\nSqsManagedSseEnabled = \"maybe\"",
        3,
        "SqsManagedSseEnabled must be true or false, not `maybe`",
    ),
    ("[[queue]]\nname = \"q\"\n\n[[queue]]\nname = \"q\"", 4, "the queue q is there twice"),
    ("account = \"111111111111\"\naccount = \"111111111111\"", 2, "duplicate key"),
];

/// The one line with which a file is refused.
pub fn refusal_of(name: &str, text: &str) -> String {
    let file = File::new(name, &format!("{text}\n"));
    let ended = refused(&["--config", file.path()]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let line = ended.errors.strip_suffix('\n').unwrap();
    assert!(!line.contains('\n'), "{line}");
    line.strip_prefix(&format!("kew: {}:", file.path())).unwrap_or_else(|| panic!("no file: {line}")).to_owned()
}

#[test]
fn a_mistake_is_named_with_its_line_and_what_would_be_right() {
    for (text, line, what) in WRONG {
        assert_eq!(refusal_of("wrong", text), format!("{line}: {what}"), "{text}");
    }
    for value in ["1", "true", "[1]", "{ a = 1 }", "1.5", "[[]]", "[2026-11-20]"] {
        assert_eq!(refusal_of("lists", &format!("cors = {value}")), format!("1: cors: {TEXTS}"));
    }
    for (key, value) in
        [("mode", "[\"dev\"]"), ("threads", "1.5"), ("account", "{}"), ("log", "2026-11-20"), ("data", "2026-11-20")]
    {
        assert_eq!(refusal_of("types", &format!("{key} = {value}")), format!("1: {key}: {SCALAR}"));
    }
    let attribute = "[[queue]]\nname = \"q\"\nVisibilityTimeout = [1]";
    assert_eq!(refusal_of("types", attribute), format!("3: VisibilityTimeout: {SCALAR}"));
    for name in ["bad name", "a.b", ".fifo", &"x".repeat(81), "q/r", "a.fifo.fifo"] {
        let text = format!("[[queue]]\nname = \"{name}\"");
        assert_eq!(refusal_of("names", &text), format!("1: {QUEUE_NAME}`{name}` is not"));
    }
}

#[test]
fn an_unknown_key_is_answered_with_all_that_there_are() {
    let said = refusal_of("unknown", "listen = []\nprot = 9324");
    assert!(said.starts_with("2: unknown field `prot`, expected one of `listen`, `port`, `tls-cert`, "), "{said}");
    for key in ["auto-create", "external-url", "connection-limit", "queue"] {
        assert!(said.contains(&format!("`{key}`")), "{key}: {said}");
    }
    let said = refusal_of("unknown", "[[queue]]\nname = \"q\"\nVisibility = 1");
    assert!(said.starts_with("3: `Visibility` is not an attribute of a queue; there are DelaySeconds, "), "{said}");
    assert!(
        said.ends_with(", DeadLetterQueue, MaxReceiveCount, and Tag.<key>; in a file also name and tags"),
        "{said}"
    );
    let said = refusal_of("unknown", "[[queue]]\nname = \"q\"\nQueueArn = \"x\"");
    assert!(said.starts_with("3: `QueueArn` is not an attribute"), "{said}");
}

#[test]
fn what_is_not_toml_is_refused_with_its_line() {
    for (text, line) in [("account = ", 1), ("\n\nx", 3), ("[[queue]]\nname = \"q", 2), ("account = \"1\" 2", 1)] {
        let said = refusal_of("syntax", text);
        assert!(said.starts_with(&format!("{line}: ")) && said.len() > 5, "{said}");
    }
}

#[test]
fn a_policy_that_sqs_would_refuse_is_refused_with_the_queue() {
    let file = File::new("policy", "[[queue]]\nname = \"q\"\nRedrivePolicy = \"{}\"\n");
    let ended = refused(&["--config", file.path()]);
    assert!(ended.errors.starts_with("kew: queue q: Value {} for parameter RedrivePolicy is invalid."), "{ended:?}");
    assert_eq!(ended.errors.lines().count(), 1);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let there_is_none = refused(&["--config", "/nowhere/kew.toml"]);
    let expected = "kew: /nowhere/kew.toml: cannot be read: No such file or directory (os error 2)\n";
    assert_eq!((there_is_none.code, there_is_none.errors.as_str()), (Some(1), expected));
    let file = File::new("binary", "");
    std::fs::write(&file.path, b"account = \"\xff\"").unwrap();
    let ended = refused(&["--config", file.path()]);
    assert!(ended.errors.starts_with(&format!("kew: {}: cannot be read: ", file.path())), "{ended:?}");
}

#[test]
fn rules_about_faults_are_tables_of_the_file() {
    let right = "[[fault]]\nfault = \"lostAnswer\"\non = { action = \"SendMessage\", queue = \"orders\" }\nwhen = { nth = [2] }";
    let text = format!("listen = \"127.0.0.1:0\"\n{right}\n\n[[queue]]\nname = \"orders\"\n");
    let file = File::new("faults", &text);
    let kew = Kew::start(&["--config", file.path()]);
    let answer = kew.ask(http::get("/_kew/faults")).ok();
    let list = answer.text();
    assert!(list.contains("\"fault\":\"lostAnswer\"") && list.contains("\"nth\":[2]"), "{list}");
    for (text, line, what) in [
        ("[fault]\n", 1, "rules about faults are written as [[fault]] tables"),
        ("\n[[fault]]\nfault = \"throtle\"", 2, "there is no fault `throtle`: did you mean `throttle`?"),
        (
            "[[fault]]\nfault = \"throttle\"\nwhen = { nth = 0 }",
            1,
            "`when` counts from 1: as in {\"nth\": [1]} for the first",
        ),
    ] {
        assert_eq!(refusal_of("wrong_fault", text), format!("{line}: {what}"), "{text}");
    }
}
