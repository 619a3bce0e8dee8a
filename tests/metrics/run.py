#!/usr/bin/env python3
"""Alerts and dashboard against a real kew, with promtool and a real Prometheus.

    tests/metrics/run.py            all of it
    tests/metrics/run.py alerts     one part: formats, alerts, dashboard or compose

The kew is $KEW_BIN, else target/release/kew; its clock is turned, so nothing is waited for. promtool and prometheus have to be
there: without them this fails, it never passes over anything. Standard library only, but for PyYAML.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request

import scenarios
from kew import BEGIN, BINARY, ROOT, Kew, Series, written

SCRATCH = tempfile.TemporaryDirectory()
FLAVORS = {
    "kew": lambda own: (("job", "kew"), ("instance", "kew:9324"), *own.items()),
    # As prometheus/cloudwatch_exporter and YACE have them.
    "cloudwatch-exporter": lambda own: (
        ("job", "cloudwatch"), ("instance", "exporter:9106"), ("exported_job", "aws_sqs"),
        ("queue_name", own.get("queue_name", "")),
    ),
    "yace": lambda own: (
        ("job", "yace"), ("instance", "yace:5000"),
        *((label, own.get(label, "")) for label in ("dimension_QueueName", "name", "account_id", "region")),
    ),
}
# Alerts that no scenario of one kew brings about.
BY_HAND = {
    False: {"SqsMessageNearRetention", "SqsInFlightNearLimit"},
    True: {
        "KewStoreFailing", "KewStoreSlow", "KewNodeGone", "KewNodeWithoutLease", "KewPeersUnreachable", "KewForwardsFail",
        "KewQueuesUneven", "KewCommitsSlow",
    },
}
NAMES = re.compile(r"\b(?:aws_sqs|kew)_\w+")
FAILURES = []


def check(what, passed, detail=""):
    print(f"{'ok  ' if passed else 'FAIL'} {what}")
    if not passed:
        FAILURES.append(what)
        print(detail)


def tool(*words, stdin=None):
    """Runs a program; whether it succeeded, and what it said."""
    done = subprocess.run(words, input=stdin, capture_output=True, text=True, cwd=SCRATCH.name)
    return done.returncode, done.stdout + done.stderr


def scratch(name, text):
    path = pathlib.Path(SCRATCH.name) / name
    path.write_text(text)
    return str(path)


def kew_says(*words):
    return subprocess.run([str(BINARY), *words], check=True, capture_output=True, text=True).stdout


# --- formats


def formats():
    """What promtool says of the metrics themselves."""
    with Kew(*scenarios.QUEUES) as kew:
        kew.send("orders", 2)
        code, said = tool("promtool", "check", "metrics", stdin=kew.ask("/metrics?family=kew"))
        check("promtool check metrics finds nothing in kew's own", code == 0 and not said.strip(), said)
        # The exporters' names and labels are not what promtool advises: gauges that end in _sum, and dimension_QueueName.
        _, said = tool("promtool", "check", "metrics", stdin=kew.ask("/metrics?family=aws"))
        known = re.compile(
            r'^aws_sqs_\w+ (non-histogram and non-summary metrics should not have "_(sum|count)" suffix'
            r"|label names should be written in 'snake_case' not 'camelCase')$"
        )
        unknown = [line for line in said.splitlines() if not known.match(line)]
        check("promtool check metrics finds only the exporters' names in CloudWatch's", not unknown, "\n".join(unknown))


# --- alerts


def play(scenario):
    """Plays a scenario; what the metrics were at each minute."""
    series = Series()
    with scenarios.start(scenario) as kew:
        kew.freeze()
        series.read(kew)
        for rest in scenario(kew):
            with contextlib.suppress(OSError):
                kew.advance(rest or 60)
            series.read(kew)
    return series


def rule_test(name, rules, series, firing, queue_label):
    """Has promtool judge which alerts fire at which minutes."""
    inputs = [{"series": written(*key), "values": " ".join(values)} for key, values in series.items()]
    tests = []
    for minute, expected in firing.items():
        samples = [
            {"labels": written("", [label for label in labels if label[1]]), "value": 1}
            for alert, severity, queue in sorted(expected)
            for labels in [[("alertname", alert), (queue_label, queue), ("severity", severity)]]
        ]
        firing_now = f'count by (alertname, {queue_label}, severity) (ALERTS{{alertstate="firing"}})'
        tests.append({"expr": firing_now, "eval_time": f"{minute}m", "exp_samples": samples})
    # JSON is YAML.
    document = {
        "rule_files": [scratch(f"{name}.rules.yml", rules)],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": inputs, "promql_expr_test": tests}],
    }
    code, said = tool("promtool", "test", "rules", scratch(f"{name}.test.yml", json.dumps(document)))
    check(f"{name}: {len(firing)} minutes", code == 0, said)


def alerts():
    played = {}

    def series_of(scenario):
        if scenario not in played:
            played[scenario] = play(scenario)
        return played[scenario]

    repository = (ROOT / "alerts/kew.yml").read_text()
    check("alerts/kew.yml is what kew alerts prints", kew_says("alerts") == repository)
    for flavor, labels in FLAVORS.items():
        rules = kew_says("alerts", "--flavor", flavor, "--in-flight", "90")
        code, said = tool("promtool", "check", "rules", scratch(f"{flavor}.yml", rules))
        check(f"promtool check rules: {flavor}", code == 0, said)
        firing = scenarios.FIRING if flavor == "kew" else scenarios.EXPORTERS_FIRING
        queue_label = "dimension_QueueName" if flavor == "yace" else "queue_name"
        for scenario, minutes in firing.items():
            series = series_of(scenario).of(set(NAMES.findall(rules)), labels)
            rule_test(f"{flavor} {scenario.__name__}", rules, series, minutes, queue_label)
        of_rules = set(re.findall(r"alert: (\w+)", rules))
        seen = {alert for minutes in firing.values() for fired in minutes.values() for alert, _, _ in fired}
        # A store that has failed ends its kew, and the exporters' retention is that of the flag: series by hand.
        by_hand = BY_HAND[flavor == "kew"]
        check(f"every alert fires in some scenario: {flavor}", seen | by_hand == of_rules, str(of_rules ^ (seen | by_hand)))
    alerts_by_hand()
    public_rules(series_of)


def alerts_by_hand():
    """Alerts on what no scenario brings about."""
    age = ("aws_sqs_approximate_age_of_oldest_message_maximum", (("queue_name", "orders"),))
    rules = kew_says("alerts", "--flavor", "cloudwatch-exporter", "--retention", "100", "--retention-percent", "85")
    firing = {9: set(), 12: scenarios.of("orders", ("SqsMessageNearRetention", "critical"))}
    rule_test("cloudwatch-exporter near retention", rules, {age: ["84", "84", "86"]}, firing, "queue_name")
    in_flight = ("aws_sqs_approximate_number_of_messages_not_visible_average", (("queue_name", "orders"),))
    firing = {14: set(), 15: scenarios.of("orders", ("SqsInFlightNearLimit", "critical"))}
    rule_test("cloudwatch-exporter near the limit", rules, {in_flight: ["108001x9"]}, firing, "queue_name")
    poisoned = ("kew_store_poisoned", (("job", "kew"),))
    firing = {1: set(), 2: {("KewStoreFailing", "critical", "")}}
    rule_test("kew failed store", kew_says("alerts"), {poisoned: ["0", "0", "1"]}, firing, "queue_name")
    nodes_by_hand(kew_says("alerts"))


def nodes_by_hand(rules):
    """Alerts on several nodes: three of them, of which one is in trouble, minute by minute."""

    def of(name, node="a", **labels):
        return (f"kew_{name}", (("job", "kew"), ("instance", node), *sorted(labels.items())))

    def nodes(name, a, b, c):
        return {of(name, node): [values] for node, values in (("a", a), ("b", b), ("c", c))}

    def fires(name, severity="warning"):
        return {(name, severity, "")}

    forwarded = "cluster_forwarded_total"
    answered, unreachable = of(forwarded, outcome="answered"), of(forwarded, outcome="unreachable")
    unknown = of(forwarded, outcome="unknown")
    bucket = lambda le: of("store_commit_seconds_bucket", le=le)
    for what, series, firing in (
        ("waits", {of("store_pending_seconds"): ["0 4 9 11 0"]}, {2: set(), 3: fires("KewStoreSlow", "critical"), 4: set()}),
        # One of the others tells of it.
        ("gone", nodes("cluster_fences_total", "0x30", "0x4 1x25", "0x30"), {4: set(), 6: fires("KewNodeGone"), 16: set()}),
        # Shorter than half a minute it is nobody's business.
        ("lease", nodes("cluster_lease", "1x9", "1 1 0 0 1 1 1 1 1", "1x9"),
         {2: set(), 3: fires("KewNodeWithoutLease", "critical"), 4: set()}),
        ("cut", {answered: ["0+100x30"], unreachable: ["0x9 0+3x10 30x10"]},
         {9: set(), 11: set(), 14: fires("KewPeersUnreachable", "critical"), 22: set()}),
        ("fails", {answered: ["0+94x30"], unknown: ["0+6x30"]}, {4: set(), 8: fires("KewForwardsFail")}),
        ("fails little", {answered: ["0+96x30"], unknown: ["0+4x30"]}, {8: set(), 30: set()}),
        ("uneven", nodes("cluster_queues", "100x30", "20x30", "20x30"), {14: set(), 16: fires("KewQueuesUneven")}),
        ("even enough", nodes("cluster_queues", "60x30", "20x30", "60x30"), {16: set(), 30: set()}),
        ("few", nodes("cluster_queues", "12x30", "0x30", "0x30"), {16: set(), 30: set()}),
        ("slow", {bucket("0.5"): ["0+90x30"], bucket("1"): ["0+100x30"], bucket("+Inf"): ["0+100x30"], of("cluster_lease"): ["1x30"]},
         {9: set(), 13: fires("KewCommitsSlow")}),
        # A disk has its own alerts.
        ("slow alone", {bucket("0.5"): ["0+90x30"], bucket("1"): ["0+100x30"], bucket("+Inf"): ["0+100x30"]}, {13: set(), 30: set()}),
    ):
        rule_test(f"kew nodes {what}", rules, series, firing, "queue_name")


def public_rules(series_of):
    """Rules that others have written, as they stand and without their offset."""
    series = series_of(scenarios.many)
    for offset, late in (("", 0), (" offset 10m", 10)):
        rules = [
            {"alert": name, "expr": expr.replace("{offset}", offset), "for": lasts, "labels": {"severity": "warning"}}
            for name, expr, lasts in scenarios.PUBLIC_RULES
        ]
        text = json.dumps({"groups": [{"name": "public", "rules": rules}]})
        minutes = {minute + late: fired for minute, fired in scenarios.PUBLIC_FIRING[scenarios.many].items()}
        used = series.of(set(NAMES.findall(text)), FLAVORS["kew"])
        rule_test(f"public rules{offset}", text, used, minutes, "queue_name")


# --- dashboard


def dashboard():
    """Every query of the dashboard, asked of a real Prometheus that was fed what real kews said."""
    text = (ROOT / "dashboards/sqs.json").read_text()
    check("dashboards/sqs.json is what kew dashboard prints", kew_says("dashboard") == text)
    board = json.loads(text)
    targets = [(panel["title"], target["expr"]) for panel in board["panels"] for target in panel.get("targets", [])]
    check("the dashboard has queries", len(targets) > 40, str(len(targets)))
    names = [variable["name"] for variable in board["templating"]["list"]]
    check("its variables", names == ["datasource", "flavour", "queue"], str(names))
    with tempfile.TemporaryDirectory() as data:
        data = pathlib.Path(data)
        feed(data / "tsdb")
        with prometheus(data) as url:
            at = BEGIN + 12 * 60
            flavours = [option["value"] for option in board["templating"]["list"][1]["options"]]
            for flavour in flavours:
                values = query(url, f"group by ({flavour}) (aws_sqs_approximate_number_of_messages_visible_average)", at)
                check(f"queues by {flavour}", len(values) == 9, str(values))
                for title, expression in targets:
                    filled = expression.replace("$flavour", flavour).replace("$queue", ".+").replace("$__rate_interval", "5m")
                    values = query(url, filled, at)
                    # What is played leaves nothing at 0.
                    told = [value for value in values if value != "NaN" and float(value) > 0]
                    check(f"{flavour}: {title}: {expression}", told, f"{filled}: {values}")


def feed(tsdb):
    """Plays what the dashboard shows on a kew in memory and on one with a data directory, and writes the blocks of a TSDB."""
    lines = []
    with tempfile.TemporaryDirectory() as data:
        for job, arguments in (("kew", ()), ("kew-data", ("--data", data, "--history", "0"))):
            with Kew(*scenarios.EVERYTHING_QUEUES, arguments=arguments) as kew:
                series = Series()
                if not arguments:
                    kew.freeze()
                series.read(kew)
                playing = scenarios.everything(kew) if not arguments else busy(kew)
                for _ in playing:
                    if not arguments:
                        kew.advance(60)
                    series.read(kew)
            for (name, labels), values in series.values.items():
                labels = (("job", "kew"), ("instance", job), *labels)
                key = written(name, labels)
                told = ((minute, value) for minute, value in enumerate(values) if value != "_")
                lines += [f"{key} {value} {BEGIN + minute * 60}\n" for minute, value in told]
    path = scratch("metrics.txt", "".join(lines) + "# EOF\n")
    code, said = tool("promtool", "tsdb", "create-blocks-from", "openmetrics", path, str(tsdb))
    check("promtool makes blocks of what was read", code == 0, said)


def busy(kew):
    """A kew with a data directory has something to commit."""
    for _ in range(12):
        kew.send("orders", 3)
        yield


@contextlib.contextmanager
def prometheus(data):
    """A Prometheus on a free port that reads nothing but what is there."""
    config = data / "prometheus.yml"
    config.write_text("scrape_configs: []\n")
    words = [
        "prometheus", f"--config.file={config}", f"--storage.tsdb.path={data / 'tsdb'}",
        "--storage.tsdb.retention.time=100y", "--web.listen-address=127.0.0.1:0", "--log.level=info",
    ]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield address(process)
    finally:
        process.kill()
        process.wait()


def address(process):
    """Where it listens, once it says that it is ready."""
    log = ""
    for line in process.stdout:
        log += line
        if "Server is ready" in line:
            threading.Thread(target=process.stdout.read, daemon=True).start()
            return "http://" + re.search(r"Listening on.*address=(127\.0\.0\.1:\d+)", log)[1]
    sys.exit(f"prometheus did not start\n{log}")


def query(url, expression, at):
    """The values of an instant query."""
    asked = urllib.parse.urlencode({"query": expression, "time": at})
    try:
        with urllib.request.urlopen(f"{url}/api/v1/query?{asked}", timeout=60) as answer:
            return [sample["value"][1] for sample in json.load(answer)["data"]["result"]]
    except urllib.error.HTTPError as error:
        check(expression, False, error.read().decode())
        return []


# --- compose


def compose():
    """The parts of the compose file, one by one: no container is started."""
    import yaml

    where = ROOT / "packaging/metrics"
    services = yaml.safe_load((where / "compose.yaml").read_text())["services"]
    check("it starts kew, Prometheus and Grafana", set(services) == {"kew", "prometheus", "grafana"}, str(set(services)))
    for name, service in services.items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                check(f"{name}: {source} is there", (where / source).exists())
    # Paths in the container are those of the volumes.
    config = (where / "prometheus.yml").read_text()
    volumes = dict(volume.split(":")[1::-1] for volume in services["prometheus"]["volumes"])
    for inside, source in volumes.items():
        config = config.replace(inside, str((where / source).resolve()))
    code, said = tool("promtool", "check", "config", scratch("prometheus.yml", config))
    check("promtool check config", code == 0 and "rules found" in said, said)
    job = yaml.safe_load(config)["scrape_configs"][0]
    port = services["kew"]["environment"]["KEW_LISTEN"].rsplit(":", 1)[1]
    check("Prometheus reads the kew of the file", (job["job_name"], job["static_configs"][0]["targets"]) == ("kew", [f"kew:{port}"]))
    sources = yaml.safe_load((where / "grafana/datasources.yaml").read_text())
    source = sources["datasources"][0]
    check("Grafana asks the Prometheus of the file", (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090"))
    provider = yaml.safe_load((where / "grafana/dashboards.yaml").read_text())["providers"][0]
    inside = [volume.split(":")[1] for volume in services["grafana"]["volumes"]]
    folder = provider["options"]["path"]
    check("Grafana finds the dashboard", any(path.startswith(folder) and path.endswith(".json") for path in inside), str(inside))


PARTS = {part.__name__: part for part in (formats, alerts, dashboard, compose)}


def main():
    for name in ("promtool", "prometheus"):
        if not shutil.which(name):
            sys.exit(f"missing: {name} (Debian: apt-get install prometheus)")
    if not BINARY.exists():
        sys.exit(f"missing: {BINARY} (make build, or KEW_BIN)")
    wanted = sys.argv[1:] or list(PARTS)
    for part in wanted:
        PARTS[part]()
    print(f"{len(FAILURES)} failed" if FAILURES else "all is well")
    sys.exit(1 if FAILURES else 0)


if __name__ == "__main__":
    main()
