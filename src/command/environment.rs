//! `kew env`: the variables that point a client at a kew, in the words of several shells.

use super::client::Target;
use super::control;
use super::output;
use super::request::Request;
use clap::{Args, ValueEnum};
use kew::Server;
use serde_json::{Map, Value};
use std::fmt::Write;
use std::process::ExitCode;

/// Variables of clients, in the order in which they are shown.
pub type Variables = Vec<(String, String)>;

/// How variables are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// export NAME='value'
    #[default]
    Sh,
    /// set -gx NAME 'value'
    Fish,
    /// $env:NAME = 'value'
    Powershell,
    /// NAME=value, for Docker, make and editors
    Dotenv,
    /// One object
    Json,
}

/// Flags of `kew env`.
#[derive(Args, Debug)]
pub struct EnvArgs {
    /// The shell or the file that they are for
    #[arg(long)]
    format: Option<Format>,
}

/// Prints the variables of a kew, or of a namespace of it; and for a person what to do with them.
pub fn show(target: &Target, args: &EnvArgs, json: bool) -> Result<ExitCode, String> {
    let format = args.format.or(json.then_some(Format::Json)).unwrap_or_default();
    control::run(async {
        let answer = target.send(&Request::get(&[], &()), control::accept(true)).await?;
        let status = answer.status;
        let about: Value = serde_json::from_str(&answer.text().await?).unwrap_or_default();
        let Some(variables) = about["env"].as_object().filter(|_| status == 200) else {
            let text = |name: &str| about[name].as_str().unwrap_or_default();
            output::tell(&format!("{}\n  {}\n", text("error"), text("hint")));
            return Ok(ExitCode::from(control::refusal_code(status)));
        };
        let variables = in_order(variables);
        output::print(&written(&variables, format));
        if args.format.is_none() && !json && output::is_read_by_a_person() {
            output::print(&snippets(&variables));
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Variables that would lead a client past kew.
pub const MISLEADING: [&str; 5] = [
    "AWS_ENDPOINT_URL_SQS",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
];

/// The variables that point any SDK at an endpoint. Python reads `AWS_DEFAULT_REGION`, most other SDKs `AWS_REGION`.
pub fn variables(endpoint: &str, access_key: &str, region: &str) -> Variables {
    let pairs = [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ACCESS_KEY_ID", access_key),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_REGION", region),
        ("AWS_DEFAULT_REGION", region),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// The variables that have SDKs trust a certificate that a server has made: most SDKs, and Node.
pub fn trust(server: &Server) -> Variables {
    let ca = server.ca_certificate().map(|ca| ca.display().to_string());
    ca.into_iter()
        .flat_map(|ca| ["AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"].map(|name| (name.to_owned(), ca.clone())))
        .collect()
}

/// The variables that the control API tells, in the order in which they are shown.
fn in_order(told: &Map<String, Value>) -> Variables {
    let known = variables("", "", "").into_iter().map(|(name, _)| name);
    let names = known.filter(|name| told.contains_key(name));
    names
        .map(|name| (told[&name].as_str().unwrap_or_default().to_owned(), name))
        .map(|(value, name)| (name, value))
        .collect()
}

/// Variables in a format, each on a line.
pub fn written(variables: &Variables, format: Format) -> String {
    let mut text = String::new();
    for (name, value) in variables {
        // Writing to a String cannot fail.
        let _ = match format {
            Format::Sh => writeln!(text, "export {name}={}", sh(value)),
            Format::Fish => writeln!(text, "set -gx {name} {}", fish(value)),
            Format::Powershell => writeln!(text, "$env:{name} = '{}'", value.replace('\'', "''")),
            Format::Dotenv => writeln!(text, "{name}={value}"),
            Format::Json => Ok(()),
        };
    }
    if format == Format::Json {
        let members: Map<_, _> = variables.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
        let _ = writeln!(text, "{:#}", Value::Object(members));
    }
    text
}

/// A word of a shell: quoted if it holds more than what every shell leaves alone.
fn sh(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}

/// Inside of single quotes fish knows two escapes.
fn fish(value: &str) -> String {
    format!("'{}'", value.replace('\\', r"\\").replace('\'', r"\'"))
}

/// What a person may want to know beside the variables, as comments of a shell.
pub fn snippets(variables: &Variables) -> String {
    let value =
        |wanted: &str| variables.iter().find(|(name, _)| name == wanted).map_or("", |(_, value)| value.as_str());
    let (endpoint, key, region) = (value("AWS_ENDPOINT_URL"), value("AWS_ACCESS_KEY_ID"), value("AWS_REGION"));
    format!(
        r#"
# In this shell:   eval "$(kew env)"
# Current SDKs need no more than that. In code, or for older ones:
#
# Python      boto3.client("sqs", endpoint_url="{endpoint}", region_name="{region}",
#                 aws_access_key_id="{key}", aws_secret_access_key="test")
# JavaScript  new SQSClient({{ endpoint: "{endpoint}", region: "{region}",
#                 credentials: {{ accessKeyId: "{key}", secretAccessKey: "test" }} }})
# Java        SqsClient.builder().endpointOverride(URI.create("{endpoint}")).region(Region.of("{region}"))
#                 .credentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create("{key}", "test"))).build()
# Go          sqs.NewFromConfig(cfg, func(o *sqs.Options) {{ o.BaseEndpoint = aws.String("{endpoint}") }})
"#
    )
}
