//! What is taken over from files of each format, and what is said of the rest.

use super::{Format, import};
use crate::config::{QueueConfig, read_text};
use proptest::prelude::*;
use std::path::Path;

fn variable(name: &str) -> Option<String> {
    (name == "PORT").then(|| "4566".to_owned())
}

/// The settings before the first queue, and the queues as `--config` reads them.
fn taken(name: &str, text: &str) -> (String, Vec<QueueConfig>) {
    let imported = import(name, text, None, &variable).unwrap_or_else(|error| panic!("{error}"));
    let (_, settings) = imported.toml.split_once('\n').unwrap();
    let settings = settings.split("\n[[queue]]").next().unwrap().to_owned();
    let layer = read_text(Path::new("written"), &imported.toml).unwrap_or_else(|error| panic!("{error}"));
    let queues = layer.into_config().queues;
    assert_eq!(queues.len(), imported.queues);
    (settings, queues)
}

fn queues(name: &str, text: &str) -> Vec<QueueConfig> {
    taken(name, text).1
}

/// What is not taken over: lines and text.
fn remarks(name: &str, text: &str) -> Vec<String> {
    let imported = import(name, text, None, &variable).unwrap_or_else(|error| panic!("{error}"));
    imported.remarks.into_iter().map(|(lines, what)| format!("{lines:?} {what}")).collect()
}

fn wrong(name: &str, text: &str) -> String {
    import(name, text, None, &variable).unwrap_err().to_string()
}

#[test]
fn all_that_elasticmq_says_of_a_queue_is_taken_over() {
    let text = r#"
        include classpath("application.conf")
        queues {
          orders {
            defaultVisibilityTimeout = 10 seconds
            delay = 5s
            receiveMessageWait = 0 seconds
            deadLettersQueue { name = "orders-dead", maxReceiveCount = 3 }
            fifo = false
            contentBasedDeduplication = false
            tags { team = shop, "cost center" = 7 }
          }
          orders-dead { }
          jobs { fifo = true, contentBasedDeduplication = true, deadLettersQueue { name = jobs-dead, maxReceiveCount = 5 } }
          jobs-dead { fifo = true }
          "plain.fifo" { fifo = true, copyTo = "" }
        }"#;
    let orders = QueueConfig::new("orders").attribute("VisibilityTimeout", 10).attribute("DelaySeconds", 5);
    let orders = orders.attribute("ReceiveMessageWaitTimeSeconds", 0).dead_letter("orders-dead", 3);
    let jobs = QueueConfig::new("jobs.fifo").attribute("ContentBasedDeduplication", true);
    // A dead-letter queue stands before those that need it.
    let expected = [
        QueueConfig::new("orders-dead"),
        orders.tag("team", "shop").tag("cost center", "7"),
        QueueConfig::new("jobs-dead.fifo"),
        jobs.dead_letter("jobs-dead.fifo", 5),
        QueueConfig::new("plain.fifo"),
    ];
    assert_eq!(taken("elasticmq.conf", text), ("".to_owned(), expected.into()));
    assert_eq!(remarks("elasticmq.conf", text), [""; 0]);
}

#[test]
fn the_addresses_of_elasticmq_are_settings_of_kew() {
    let settings = |text: &str| taken("e.conf", text).0;
    assert_eq!(settings("rest-sqs.bind-port = ${PORT}"), "port = 4566\n");
    assert_eq!(settings("rest-sqs { bind-port = 1, bind-hostname = \"0.0.0.0\" }"), "listen = \"0.0.0.0:1\"\n");
    assert_eq!(settings("rest-sqs { bind-hostname = \"::1\" }"), "listen = \"[::1]:9324\"\n");
    let address = "node-address { protocol = https, host = q.local, port = 443, context-path = \"/sqs/\" }";
    assert_eq!(settings(address), "external-url = \"https://q.local:443/sqs\"\n");
    assert_eq!(settings("node-address.port = 9325"), "external-url = \"http://localhost:9325\"\n");
    assert_eq!(settings("node-address.host = \"*\""), "");
    assert_eq!(settings("node-address.host = x\ngenerate-node-address = true"), "");
    let aws = "aws { region = eu-west-1, accountId = 000000000000 }\nauto-create-queues.enabled = true";
    assert_eq!(settings(aws), "region = \"eu-west-1\"\naccount = \"000000000000\"\nauto-create = true\n");
}

#[test]
fn what_kew_does_not_take_over_of_elasticmq_is_named() {
    let text = "include \"more.conf\"
rest-sqs { enabled = false, sqs-limits = relaxed, x = 1 }
queues {
  a { copyTo = b, colour = blue, created = 1, delay = 1500 ms }
  b { moveTo = a, created = 2, maxReceiveCount = 3 }
}
queues-storage { enabled = true, path = \"/data/q.conf\" }
messages-storage { enabled = true, uri = \"jdbc:h2:/data/x\" }
auto-create-queues { enabled = false, template { delay = 1 s } }
pekko.loglevel = DEBUG
nonsense = ${sense}
elasticmq.debug = true
node-address { host = a, hosts = b }
sense = 1";
    let found = remarks("e.conf", text);
    for (at, expected) in [
        "[1] include \"more.conf\": other files are not read; import that one by itself",
        "[2] rest-sqs.enabled: kew always answers SQS requests",
        "[2] rest-sqs.sqs-limits = relaxed: kew keeps to the limits of SQS, as strict does",
        "[2] rest-sqs.x: unknown, and not taken over",
        "[4] copyTo: kew copies no messages; `kew history` and `kew events` show what was sent, without a second queue",
        "[4] queues.a.colour: unknown, and not taken over",
        "[4, 5] created: kew's queues are created when it starts",
        "[4] delay = 1500 ms: SQS knows whole seconds; 1 are taken",
        "[5] moveTo: kew redirects no messages; send to the other queue, or point the consumer at this one",
        "[5] maxReceiveCount: belongs into deadLettersQueue, and is not taken over",
        "[7] queues-storage: kew keeps queues and messages with --data DIR; `kew import /data/q.conf` reads the \
         queues that ElasticMQ kept",
        "[8] messages-storage: kew keeps queues and messages with --data DIR; what ElasticMQ's database holds is not \
         taken over",
        "[9] auto-create-queues.template: queues that kew creates by itself have the defaults of SQS; list those \
         that need others under queues",
        "[10] pekko: of ElasticMQ's runtime; kew needs nothing like it",
        "[11] nonsense: unknown, and not taken over",
        "[12] elasticmq: not taken over; kew logs each request with --log debug",
        "[13] node-address.hosts: unknown, and not taken over",
    ]
    .iter()
    .enumerate()
    {
        assert_eq!(found.get(at).map(String::as_str), Some(*expected));
    }
    assert_eq!(found.len(), 17, "{found:?}");
}

#[test]
fn wrong_values_of_elasticmq_are_told_what_would_be_right() {
    for (text, expected) in [
        (
            "queues {\n a {\n delay = soon } }",
            "3: delay must be a duration, as in 10 seconds, 10s or 500 ms, not `soon`",
        ),
        ("queues.a.delay = 16 minutes", "1: queue a: DelaySeconds must be a whole number from 0 to 900, not `960`"),
        ("queues.a = 1", "1: a must be an object in braces, not `1`"),
        ("queues.a.fifo = maybe", "1: fifo must be true or false, not `maybe`"),
        ("queues.\"a.fifo\".fifo = false", "1: fifo of a.fifo must be true, for its name ends in .fifo"),
        ("queues.a.deadLettersQueue.name = b", "1: deadLettersQueue of a needs a name and a maxReceiveCount"),
        (
            "queues.a.deadLettersQueue { name = b, maxReceiveCount = 0 }",
            "1: queue a: MaxReceiveCount must be a number from 1 to 1000",
        ),
        ("rest-sqs.bind-port = http", "1: bind-port must be a number from 0 to 65535, not `http`"),
        ("rest-sqs.sqs-limits = lax", "1: sqs-limits must be strict or relaxed, not `lax`"),
        ("node-address.protocol = ftp", "1: protocol must be http or https, not `ftp`"),
    ] {
        assert_eq!(wrong("e.conf", text), expected, "{text}");
    }
    assert!(wrong("e.conf", "\nqueues.\"a b\" { }").starts_with("2: queue a b: a queue's name is 1 to 80 letters"));
}

#[test]
fn answers_of_the_aws_command_are_taken_over() {
    let text = r#"
        {"Attributes": {"QueueArn": "arn:aws:sqs:eu-west-1:123456789012:orders", "VisibilityTimeout": "45",
          "ApproximateNumberOfMessages": "7", "CreatedTimestamp": "1", "KmsMasterKeyId": "alias/aws/sqs",
          "RedrivePolicy": "{\"deadLetterTargetArn\":\"arn:aws:sqs:eu-west-1:123456789012:dead\",\"maxReceiveCount\":\"5\"}",
          "Policy": "{\"Version\": \"2012-10-17\"}"}}
        {"Attributes": {"QueueArn": "arn:aws:sqs:eu-west-1:123456789012:j.fifo", "FifoQueue": "true",
          "DeduplicationScope": "queue", "Brandnew": "1"}}
        [{"QueueUrls": ["https://sqs.eu-west-1.amazonaws.com/123456789012/dead"]},
         {"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/tagged", "Tags": {"team": "a"}}]"#;
    let orders = QueueConfig::new("orders").attribute("VisibilityTimeout", 45).dead_letter("dead", 5);
    let orders = orders.attribute("KmsMasterKeyId", "alias/aws/sqs").attribute("Policy", r#"{"Version":"2012-10-17"}"#);
    let jobs = QueueConfig::new("j.fifo").attribute("DeduplicationScope", "queue");
    let expected = [QueueConfig::new("dead"), orders, jobs, QueueConfig::new("tagged").tag("team", "a")];
    let settings = "account = \"123456789012\"\nregion = \"eu-west-1\"\n".to_owned();
    assert_eq!(taken("export", text), (settings, expected.into()));
    assert_eq!(remarks("export", text), ["[7] Brandnew: unknown, and not taken over"]);

    let two =
        r#"{"QueueUrls": ["https://sqs.eu-west-1.amazonaws.com/1/a", "https://sqs.eu-west-2.amazonaws.com/1/b"]}"#;
    let expected = "[1] the queues are of several regions (eu-west-1, eu-west-2); all of them will be in one of kew's";
    assert_eq!(remarks("export.json", two), [expected]);
    let nameless = "{\"Attributes\":\n{\"DelaySeconds\": \"1\"}}";
    let expected = "2: nothing says of which queue these attributes are; ask for them with --attribute-names All";
    assert_eq!(wrong("x.json", nameless), expected);
    assert_eq!(wrong("x.json", r#"{"QueueUrl": "orders"}"#), "1: `orders` is not the URL of a queue");
    assert_eq!(wrong("x.json", r#"{"QueueArn": "orders"}"#), "1: `orders` is not the ARN of a queue");
}

const TEMPLATE: &str = "
Parameters:
  Env: {Type: String, Default: dev}
  Secret: {Type: String}
Resources:
  Orders:
    Type: AWS::SQS::Queue
    Condition: IsProd
    Properties:
      QueueName: !Sub '${Env}-orders-${AWS::Region}'
      VisibilityTimeout: 45
      FifoQueue: false
      RedrivePolicy:
        deadLetterTargetArn: !GetAtt [Dead, Arn]
        maxReceiveCount: 3
      KmsMasterKeyId: !If [IsProd, a, b]
      Tags: [{Key: team, Value: !Ref Env}]
      Colour: blue
  Dead:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Join ['-', [!Ref Env, dead]]
      RedriveAllowPolicy:
        redrivePermission: byQueue
        sourceQueueArns: [!Sub 'arn:aws:sqs:${AWS::Region}:${AWS::AccountId}:${Env}-orders-us-east-1']
  Jobs:
    Type: AWS::SQS::Queue
    Properties: {FifoQueue: true, DelaySeconds: !Ref Secret}
  Work: {Type: AWS::Lambda::Function}
  More: {Type: AWS::Lambda::Function}
  Rights: {Type: AWS::SQS::QueuePolicy}
";

#[test]
fn a_template_of_cloudformation_is_taken_over() {
    let orders = QueueConfig::new("dev-orders-us-east-1").attribute("VisibilityTimeout", 45).tag("team", "dev");
    let allow = r#"{"redrivePermission":"byQueue","sourceQueueArns":["arn:aws:sqs:us-east-1:000000000000:dev-orders-us-east-1"]}"#;
    let expected = [
        QueueConfig::new("dev-dead").attribute("RedriveAllowPolicy", allow),
        orders.dead_letter("dev-dead", 3),
        QueueConfig::new("Jobs.fifo"),
    ];
    assert_eq!(taken("t.yaml", TEMPLATE), ("".to_owned(), expected.into()));
    assert_eq!(
        remarks("t.yaml", TEMPLATE),
        [
            "[6] Orders: taken over whatever its Condition says",
            "[16] KmsMasterKeyId: not taken over: Fn::If is for AWS to answer; write the value out",
            "[18] Colour: unknown, and not taken over",
            "[26] Jobs: named Jobs.fifo, for it has no QueueName",
            "[28] DelaySeconds: not taken over: the parameter Secret has no Default",
            "[29] AWS::Lambda::Function: 2 of them, no queues, not taken over",
            "[31] AWS::SQS::QueuePolicy: 1 of them, kew asks for no permissions, not taken over",
        ]
    );
}

#[test]
fn a_template_in_json_is_the_same() {
    let text = r#"{"Resources": {"A": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Fn::Sub": ["${x}-${!y}", {"x": {"Ref": "AWS::StackName"}}]}}}}}"#;
    assert!(wrong("t.json", text).starts_with("1: queue kew-${y}: a queue's name is"));
    let text = r#"{"Resources": {"A": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "a", "MessageRetentionPeriod": 60,
        "KmsMasterKeyId": {"Ref": "AWS::NoValue"}}}}}"#;
    assert_eq!(queues("t.template", text), [QueueConfig::new("a").attribute("MessageRetentionPeriod", 60)]);
    let circle = r#"{"Parameters": {"A": {"Default": {"Ref": "A"}}}, "Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "A"}}}}}"#;
    assert_eq!(remarks("t.json", circle), ["[1] Q: named Q, for its functions lead into one another too deeply"]);
    assert_eq!(
        wrong("t.yml", "Resources:\n A: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: long}}"),
        "2: queue A: VisibilityTimeout must be a whole number from 0 to 43200, not `long`"
    );
}

const STATE: &str = r#"{"version": 4, "terraform_version": "1.9.0", "resources": [
  {"mode": "managed", "type": "aws_sqs_queue", "name": "q", "instances": [{"attributes": {
    "arn": "arn:aws:sqs:eu-west-1:123456789012:orders", "name": "orders", "delay_seconds": 0, "fifo_queue": false,
    "content_based_deduplication": false, "deduplication_scope": "", "kms_data_key_reuse_period_seconds": 300,
    "kms_master_key_id": "", "policy": "", "redrive_policy": "", "tags": null, "tags_all": {"a": "b"}, "region": "eu-west-1",
    "visibility_timeout_seconds": 45, "max_message_size": 262144, "sqs_managed_sse_enabled": true, "brand_new": 1}}]},
  {"mode": "managed", "type": "aws_sqs_queue", "name": "dead", "instances": [{"attributes": {
    "arn": "arn:aws:sqs:eu-west-1:123456789012:dead", "name": "dead", "tags": {"team": "shop"}}}]},
  {"mode": "managed", "type": "aws_sqs_queue_redrive_policy", "name": "r", "instances": [{"attributes": {
    "queue_url": "https://sqs.eu-west-1.amazonaws.com/123456789012/orders",
    "redrive_policy": "{\"deadLetterTargetArn\":\"arn:aws:sqs:eu-west-1:123456789012:dead\",\"maxReceiveCount\":4}"}}]},
  {"mode": "data", "type": "aws_sqs_queue", "name": "other", "instances": [{"attributes": {"name": "other"}}]},
  {"mode": "managed", "type": "aws_s3_bucket", "name": "b", "instances": [{"attributes": {}}]}]}"#;

#[test]
fn a_state_of_terraform_is_taken_over() {
    let orders = QueueConfig::new("orders").attribute("VisibilityTimeout", 45).attribute("DelaySeconds", 0);
    let orders = orders.attribute("MaximumMessageSize", 262_144).attribute("SqsManagedSseEnabled", true);
    let expected = [QueueConfig::new("dead").tag("team", "shop"), orders.dead_letter("dead", 4)];
    let settings = "account = \"123456789012\"\nregion = \"eu-west-1\"\n".to_owned();
    assert_eq!(taken("terraform.tfstate", STATE), (settings, expected.into()));
    let expected = [
        "[6] aws_sqs_queue.brand_new: unknown, and not taken over",
        "[13] aws_s3_bucket: 1 of them, no queues, not taken over",
    ];
    assert_eq!(remarks("terraform.tfstate", STATE), expected);
    let shown = r#"{"format_version": "1.0", "terraform_version": "1.9.0", "values": {"root_module": {"child_modules": [
        {"resources": [{"mode": "managed", "type": "aws_sqs_queue", "values": {"name": "q"}}]}]}}}"#;
    assert_eq!(queues("shown", shown), [QueueConfig::new("q")]);
    let old = "{\n\"version\": 3, \"resources\": []}";
    assert!(wrong("t.tfstate", old).starts_with("2: only states of version 4 are read"));
}

#[test]
fn a_format_is_recognised_or_asked_for() {
    let format = |name: &str, text: &str| import(name, text, None, &variable).map(|imported| imported.format.name());
    assert_eq!(format("x", "queues { a { } }"), Ok("elasticmq"));
    assert_eq!(format("x.json", "{\"queues\": {\"a\": {}}}"), Ok("elasticmq"));
    assert_eq!(format("x", TEMPLATE), Ok("cloudformation"));
    assert_eq!(format("x", STATE), Ok("terraform"));
    assert_eq!(format("x", "{\"QueueUrls\": []}"), Ok("aws"));
    let unknown =
        "1: which format this is cannot be told; say it with --format: elasticmq, aws, cloudformation, terraform";
    for text in ["", "{}", "[1]", "hello", "a = 1"] {
        assert_eq!(format("x", text).unwrap_err().to_string(), unknown, "{text}");
    }
    for format in Format::ALL {
        assert_eq!(format.name().parse(), Ok(format));
        assert!(import("x", "", Some(format), &variable).is_ok() || format != Format::ElasticMq);
    }
}

/// Names that tell a format, and one that tells none.
const NAMES: [&str; 5] = ["a.conf", "a.yaml", "a.json", "a.tfstate", "a"];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Any text ends in queues that can be read again, or in one line of what is wrong.
    #[test]
    fn no_text_makes_it_panic(text in "\\PC*", name in prop::sample::select(&NAMES)) {
        check(name, &text);
    }

    #[test]
    fn no_text_of_such_words_makes_it_panic(
        words in prop::collection::vec(prop_oneof![
            "[{}\\[\\]:=,\"$?#/.\n +!&*|>'-]", "(queues|Resources|Attributes|QueueArn|Type|a|fifo|delay|include|tags|true|5 s)",
            "(\\$\\{a\\}|\\$\\{\\?a\\.b\\}|!Ref a|!GetAtt a.Arn|!Sub '\\$\\{a\\}'|AWS::SQS::Queue|\"\"\")"
        ], 0..60),
        name in prop::sample::select(&NAMES),
    ) {
        check(name, &words.concat());
    }

    /// A right file with one place overwritten.
    #[test]
    fn no_change_of_a_right_file_makes_it_panic(at in 0usize..2000, with in "[{}\\[\\]:=,\"$\n!x0 ]{0,3}", of in 0usize..2) {
        let (name, text) = [("t.yaml", TEMPLATE), ("s.tfstate", STATE)][of];
        let at = at % text.len();
        check(name, &format!("{}{with}{}", &text[..at], &text[(at + 1).min(text.len())..]));
    }
}

fn check(name: &str, text: &str) {
    for format in Format::ALL.into_iter().map(Some).chain([None]) {
        match import(name, text, format, &variable) {
            Ok(imported) => drop(read_text(Path::new("written"), &imported.toml)),
            Err(error) => assert!(error.line >= 1 && !error.what.contains('\n'), "{error}"),
        }
    }
}
