//! What LocalStack's environment variables say in kew's settings, for those who come from there with their compose
//! files.

use super::settings::Settings;
use super::values::{ExternalUrl, Listen, LogFilter, Port};
use std::collections::BTreeMap;
use std::fmt::Display;

/// Where LocalStack listens.
const PORT_DEFAULT: u16 = 4566;
/// What LocalStack calls itself in queue URLs.
const HOST_DEFAULT: &str = "localhost.localstack.cloud";
const GATEWAY_LISTEN: &str = "GATEWAY_LISTEN";
const LOCALSTACK_HOST: &str = "LOCALSTACK_HOST";
const STRATEGY: &str = "SQS_ENDPOINT_STRATEGY";
/// Variables that nothing but LocalStack has.
const UNMISTAKABLE: [&str; 3] = [GATEWAY_LISTEN, STRATEGY, "LOCALSTACK_AUTH_TOKEN"];

/// Variables of LocalStack that kew does not go by, and what does the same here.
const WITHOUT_MEANING: &[(&str, &str)] = &[
    ("DATA_DIR", "--data DIR"),
    ("DISABLE_CORS_CHECKS", "--cors '*'"),
    ("EAGER_SERVICE_LOADING", ""),
    ("EDGE_PORT", "GATEWAY_LISTEN"),
    ("EXTRA_CORS_ALLOWED_ORIGINS", "--cors ORIGIN"),
    ("FORCE_NONINTERACTIVE", ""),
    ("HOSTNAME_EXTERNAL", "LOCALSTACK_HOST"),
    ("PERSISTENCE", "--data DIR"),
    ("SERVICES", ""),
    ("SKIP_SSL_CERT_DOWNLOAD", ""),
    ("SQS_CLOUDWATCH_METRICS_REPORT_INTERVAL", "--metrics-period SECONDS"),
    ("SQS_DELAY_PURGE_RETRY", "--cooldowns on"),
    ("SQS_DELAY_RECENTLY_DELETED", "--cooldowns on"),
    ("SQS_DISABLE_CLOUDWATCH_METRICS", "--metrics off"),
    ("SQS_DISABLE_MAX_NUMBER_OF_MESSAGE_LIMIT", ""),
    ("SQS_ENABLE_MESSAGE_RETENTION_PERIOD", "nothing: messages always end with the retention period"),
    ("SQS_PORT_EXTERNAL", "LOCALSTACK_HOST"),
    ("SQS_PROVIDER", ""),
    ("USE_SSL", ""),
];

/// What the names of variables begin with that are for the rest of LocalStack.
const OF_THE_REST: [&str; 14] = [
    "LOCALSTACK_",
    "SQS_",
    "LAMBDA_",
    "DYNAMODB_",
    "KINESIS_",
    "OPENSEARCH_",
    "PROVIDER_OVERRIDE_",
    "SNS_",
    "S3_",
    "CFN_",
    "DNS_",
    "SNAPSHOT_",
    "SFN_",
    "APIGW_",
];

/// What was understood of the variables, in sentences for the log.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Understood {
    /// What kew goes by, in one line; empty if there is nothing to say.
    pub gone_by: String,
    /// Variables that are set and mean nothing here, in one line.
    pub without_meaning: String,
}

/// Goes by the variables, if that is asked for: what they say is added to where kew listens, and stands in for settings
/// that were not said. If it is not asked for, but one is set that only LocalStack has, a sentence tells how to ask.
///
/// # Errors
/// The name of a variable, and what would be right.
pub fn go_by_localstack(settings: &mut Settings, variables: &BTreeMap<String, String>) -> Result<Understood, String> {
    let value = |name: &str| variables.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
    if !settings.localstack.is_some_and(|switch| switch.0) {
        let set: Vec<_> = UNMISTAKABLE.into_iter().filter(|name| value(name).is_some()).collect();
        let is_decided = settings.localstack.is_some();
        let gone_by = match set[..] {
            [] => String::new(),
            _ if is_decided => String::new(),
            _ => format!(
                "{} of LocalStack is set; kew goes by it with --localstack or KEW_LOCALSTACK=on",
                set.join(", ")
            ),
        };
        return Ok(Understood { gone_by, without_meaning: String::new() });
    }
    let mut said = Vec::new();
    let port = listen(settings, value(GATEWAY_LISTEN), &mut said)?;
    queue_urls(settings, value(LOCALSTACK_HOST), value(STRATEGY), port, &mut said)?;
    if settings.log.is_none()
        && let Some((name, level)) = level(&value)
    {
        settings.log = Some(LogFilter(level.clone()));
        said.push(format!("{name}: --log {level}"));
    }
    Ok(Understood { gone_by: format!("LocalStack's variables: {}", said.join("; ")), without_meaning: rest(variables) })
}

fn wrong(name: &str, value: &str, right: impl Display) -> String {
    format!("{name}: `{value}` {right}")
}

/// Adds the addresses of `GATEWAY_LISTEN`; gives the port of the first.
fn listen(settings: &mut Settings, value: Option<&str>, said: &mut Vec<String>) -> Result<u16, String> {
    let mut first = None;
    for address in value.unwrap_or_default().split(',').map(str::trim) {
        // An address of IPv6 stands in brackets.
        let after_host = address.rfind(']').map_or(0, |end| end + 1);
        let (host, port) = match address[after_host..].rfind(':') {
            Some(at) => (&address[..after_host + at], &address[after_host + at + 1..]),
            None => (address, ""),
        };
        let right = "is not HOST:PORT, as in 0.0.0.0:4566";
        let port = match port {
            "" => PORT_DEFAULT,
            port => port.parse().map_err(|_| wrong(GATEWAY_LISTEN, address, right))?,
        };
        match host {
            "" => settings.port.get_or_insert_default().push(Port(port)),
            host => {
                let place: Listen =
                    format!("{host}:{port}").parse().map_err(|error| wrong(GATEWAY_LISTEN, address, error))?;
                settings.listen.get_or_insert_default().push(place);
            }
        }
        first.get_or_insert(port);
    }
    match value {
        Some(value) => said.push(format!("{GATEWAY_LISTEN}={value}: listens there")),
        None => said.push(format!("no {GATEWAY_LISTEN}: listens on port {PORT_DEFAULT}")),
    }
    Ok(first.unwrap_or(PORT_DEFAULT))
}

/// Sets what queue URLs begin with.
fn queue_urls(
    settings: &mut Settings,
    host: Option<&str>,
    strategy: Option<&str>,
    port: u16,
    said: &mut Vec<String>,
) -> Result<(), String> {
    let named: Vec<String> = [(LOCALSTACK_HOST, host), (STRATEGY, strategy)]
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", value?)))
        .collect();
    if named.is_empty() {
        return Ok(());
    }
    let named = named.join(" ");
    if strategy == Some("dynamic") {
        said.push(format!("{named}: queue URLs follow the request"));
        return Ok(());
    }
    if let Some(url) = &settings.external_url {
        said.push(format!("{named}: not gone by, for queue URLs begin with {}", url.0));
        return Ok(());
    }
    let host = host.unwrap_or(HOST_DEFAULT);
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if !has_port && port == 0 {
        said.push(format!("{named}: queue URLs follow the request, for the port is not known before"));
        return Ok(());
    }
    let host = if has_port { host.to_owned() } else { format!("{}:{port}", host.trim_end_matches(':')) };
    let url = match strategy {
        Some("standard") => format!("http://sqs.{{region}}.{host}"),
        Some("domain") => format!("http://{{region}}.queue.{host}"),
        Some("path") => format!("http://{host}/queue/{{region}}"),
        // Without a strategy LocalStack puts `sqs.REGION.` before the name, and answers for such names as a name
        // server.
        Some("off") | None => format!("http://{host}"),
        Some(other) => return Err(wrong(STRATEGY, other, "is none of standard, domain, path, off and dynamic")),
    };
    let url: ExternalUrl = url.parse().map_err(|error| wrong(LOCALSTACK_HOST, &host, error))?;
    said.push(format!("{named}: queue URLs begin with {}", url.0));
    settings.external_url = Some(url);
    Ok(())
}

/// The level of the log, and the variable that says it.
fn level<'a>(value: &impl Fn(&str) -> Option<&'a str>) -> Option<(String, String)> {
    if let Some(level) = value("LS_LOG") {
        let level = match level.to_ascii_lowercase().as_str() {
            "trace" | "trace-internal" => "trace",
            "debug" => "debug",
            "info" => "info",
            "warn" | "warning" => "warn",
            "error" => "error",
            _ => return None,
        };
        return Some(("LS_LOG".to_owned(), level.to_owned()));
    }
    let is_on = value("DEBUG").is_some_and(|value| matches!(value.to_ascii_lowercase().as_str(), "1" | "true"));
    is_on.then(|| ("DEBUG".to_owned(), "debug".to_owned()))
}

/// The variables that are set and mean nothing here.
fn rest(variables: &BTreeMap<String, String>) -> String {
    let known = [GATEWAY_LISTEN, LOCALSTACK_HOST, STRATEGY];
    let mut seen = Vec::new();
    for (name, value) in variables.iter().filter(|(_, value)| !value.trim().is_empty()) {
        let row = WITHOUT_MEANING.iter().find(|(other, _)| other == name);
        let only_sqs = name == "SERVICES" && value.trim() == "sqs";
        match row {
            _ if known.contains(&name.as_str()) || only_sqs => {}
            Some((_, "")) => seen.push(name.clone()),
            Some((_, instead)) => seen.push(format!("{name} (instead: {instead})")),
            None if OF_THE_REST.iter().any(|begin| name.starts_with(begin)) => seen.push(name.clone()),
            None => {}
        }
    }
    match seen.is_empty() {
        true => String::new(),
        false => format!("without meaning here: {}", seen.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Switch;
    use super::*;

    /// What becomes of settings that ask for LocalStack's variables.
    fn with(settings: Settings, variables: &[(&str, &str)]) -> Result<(Settings, Understood), String> {
        let mut settings = Settings { localstack: Some(Switch(true)), ..settings };
        let variables = variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let understood = go_by_localstack(&mut settings, &variables)?;
        Ok((settings, understood))
    }

    fn url(variables: &[(&str, &str)]) -> Option<String> {
        with(Settings::default(), variables).unwrap().0.into_config().external_url
    }

    fn places(settings: Settings, gateway: &str) -> Vec<String> {
        let config = with(settings, &[(GATEWAY_LISTEN, gateway)]).unwrap().0.into_config();
        config.listen.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn gateway_listen_adds_to_where_kew_listens() {
        assert_eq!(places(Settings::default(), ""), ["127.0.0.1:4566"]);
        assert_eq!(places(Settings::default(), "0.0.0.0:4566,127.0.0.1:443"), ["0.0.0.0:4566", "127.0.0.1:443"]);
        assert_eq!(places(Settings::default(), "127.0.0.1, :4567"), ["127.0.0.1:4566", "127.0.0.1:4567"]);
        assert_eq!(places(Settings::default(), "[::1]:4566,[::1]"), ["[::1]:4566"]);
        let listen = Some(vec!["0.0.0.0:9324".parse().unwrap()]);
        assert_eq!(places(Settings { listen, ..Settings::default() }, ""), ["0.0.0.0:9324", "0.0.0.0:4566"]);
        let wrong = with(Settings::default(), &[(GATEWAY_LISTEN, "0.0.0.0:http")]).unwrap_err();
        assert_eq!(wrong, "GATEWAY_LISTEN: `0.0.0.0:http` is not HOST:PORT, as in 0.0.0.0:4566");
    }

    #[test]
    fn each_strategy_is_a_form_of_queue_urls() {
        let strategy = |name: &str| url(&[(STRATEGY, name)]);
        assert_eq!(strategy("standard").unwrap(), "http://sqs.{region}.localhost.localstack.cloud:4566");
        assert_eq!(strategy("domain").unwrap(), "http://{region}.queue.localhost.localstack.cloud:4566");
        assert_eq!(strategy("path").unwrap(), "http://localhost.localstack.cloud:4566/queue/{region}");
        assert_eq!(strategy("off").unwrap(), "http://localhost.localstack.cloud:4566");
        assert_eq!(strategy("dynamic"), None);
        assert_eq!(url(&[]), None);
        assert_eq!(url(&[(LOCALSTACK_HOST, "sqs")]).unwrap(), "http://sqs:4566");
        assert_eq!(url(&[(LOCALSTACK_HOST, "sqs:80"), (STRATEGY, "path")]).unwrap(), "http://sqs:80/queue/{region}");
        assert_eq!(url(&[(LOCALSTACK_HOST, "sqs"), (GATEWAY_LISTEN, ":9000")]).unwrap(), "http://sqs:9000");
        assert_eq!(url(&[(LOCALSTACK_HOST, "sqs"), (GATEWAY_LISTEN, ":0")]), None);
        let wrong = with(Settings::default(), &[(STRATEGY, "paht")]).unwrap_err();
        assert_eq!(wrong, "SQS_ENDPOINT_STRATEGY: `paht` is none of standard, domain, path, off and dynamic");
    }

    #[test]
    fn what_kew_says_itself_goes_before() {
        let own = Settings {
            external_url: Some("http://q".parse().unwrap()),
            log: Some("warn".parse().unwrap()),
            ..Settings::default()
        };
        let (settings, understood) = with(own, &[(LOCALSTACK_HOST, "sqs"), ("DEBUG", "1")]).unwrap();
        assert_eq!((settings.external_url.unwrap().0, settings.log.unwrap().0), ("http://q".into(), "warn".into()));
        assert!(understood.gone_by.contains("not gone by, for queue URLs begin with http://q"), "{understood:?}");
    }

    #[test]
    fn what_means_nothing_here_is_named_once() {
        let variables =
            [("SERVICES", "sqs,s3"), ("PERSISTENCE", "1"), ("LAMBDA_EXECUTOR", "x"), ("PATH", "/bin"), ("DEBUG", "1")];
        let (settings, understood) = with(Settings::default(), &variables).unwrap();
        let expected = "without meaning here: LAMBDA_EXECUTOR, PERSISTENCE (instead: --data DIR), SERVICES";
        assert_eq!(understood.without_meaning, expected);
        let gone_by = "LocalStack's variables: no GATEWAY_LISTEN: listens on port 4566; DEBUG: --log debug";
        assert_eq!((understood.gone_by.as_str(), settings.log.unwrap().0.as_str()), (gone_by, "debug"));
    }

    #[test]
    fn without_being_asked_it_only_tells_how_to_ask() {
        let variables: BTreeMap<String, String> = [(GATEWAY_LISTEN, "0.0.0.0:4566"), (LOCALSTACK_HOST, "x")]
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .into();
        let mut settings = Settings::default();
        let understood = go_by_localstack(&mut settings, &variables).unwrap();
        assert_eq!(
            understood.gone_by,
            "GATEWAY_LISTEN of LocalStack is set; kew goes by it with --localstack or KEW_LOCALSTACK=on"
        );
        assert!(settings.listen.is_none() && settings.external_url.is_none());
        settings.localstack = Some(Switch(false));
        assert_eq!(go_by_localstack(&mut settings, &variables).unwrap(), Understood::default());
    }
}
