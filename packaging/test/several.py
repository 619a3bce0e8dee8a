"""What starts several nodes: the compose file of packaging/cluster with its balancer, and the manifests for Kubernetes.

No container engine and no Kubernetes is there to run them. What is looked at: that they are what their schemas say, that what belongs
together has the same names, and that kew takes each node's settings: with them, and a database that nobody runs, it gets as far as that.

    several.py KEW        by hand, with that binary
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import kubernetes_validate
import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
KUBERNETES = "1.30"
SECRET = "0123456789abcdef"
# A port that nobody listens at.
NO_DATABASE = "postgres://kew:kew@127.0.0.1:1/kew"


def test(kew):
    """With the command that starts kew."""
    compose(kew)
    kubernetes(kew)


def filled_in(value):
    """A value of a compose file, with its variables unset but for the secret."""
    while (found := re.search(r"\$\{(\w+)(?::([-?])((?:[^{}]|\$\{\w+\})*))?\}", value)):
        name, kind, default = found.groups()
        text = SECRET if name == "KEW_CLUSTER_SECRET" else default
        assert text is not None and (kind != "?" or name == "KEW_CLUSTER_SECRET"), found[0]
        value = value[: found.start()] + text + value[found.end() :]
    return value


def starts_with(kew, environment):
    """kew understands all of these settings, and goes on to the database."""
    done = subprocess.run(
        kew, env=environment | {"KEW_DATA": NO_DATABASE}, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60
    )
    said = done.stdout + done.stderr
    assert done.returncode == 1 and "127.0.0.1:1/kew does not answer" in said, said
    assert "is no variable of kew" not in said, said


def compose(kew):
    services = yaml.safe_load((ROOT / "packaging/cluster/compose.yaml").read_text())["services"]
    nodes = {name: service for name, service in services.items() if "KEW_PEER" in service.get("environment", {})}
    assert len(nodes) == 3, services
    primary, standby = services["primary"], services["standby"]
    for name, service in nodes.items():
        environment = {key: filled_in(value) for key, value in service["environment"].items()}
        database = re.fullmatch(r"postgres://(\w+):(\w+)@primary,standby/(\w+)", environment["KEW_DATA"])
        users = [filled_in(primary["environment"][f"POSTGRES_{of}"]) for of in ("USER", "PASSWORD", "DB")]
        assert list(database.groups()) == users, environment
        # A name that only the nodes' own network knows.
        assert environment["KEW_PEER"] == f"http://{name}:9325", environment
        starts_with(kew, environment | {"KEW_PEER": "http://127.0.0.1:9325"})
    # Under that name the stand-by follows, and for that name each commit waits.
    follows = (ROOT / "packaging/cluster/standby.sh").read_text()
    waits = (ROOT / "packaging/cluster/primary.sh").read_text()
    assert "host=primary" in follows and "application_name=standby" in follows
    assert "synchronous_standby_names = 'standby'" in waits
    for service in (primary, standby, services["balancer"]):
        for volume in service["volumes"]:
            mounted, _, _ = volume.partition(":")
            assert not mounted.startswith("./") or (ROOT / "packaging/cluster" / mounted).is_file(), volume
    for script in ("primary.sh", "standby.sh"):
        subprocess.run(["sh", "-n", ROOT / "packaging/cluster" / script], check=True)
    balancer(sorted(nodes))


def balancer(nodes):
    """Its servers are the nodes; and its own program, where it is there, understands the file."""
    file = ROOT / "packaging/cluster/haproxy.cfg"
    servers = re.findall(r"^  server (\w+) (\w+):9324$", file.read_text(), re.M)
    assert servers == [(node, node) for node in nodes], servers
    if program := shutil.which("haproxy"):
        subprocess.run([program, "-c", "-q", "-f", file], check=True)
    else:
        print("haproxy is not there: its file was only read")


def kubernetes(kew):
    manifests = list(yaml.safe_load_all((ROOT / "packaging/kubernetes/cluster.yaml").read_text()))
    for manifest in manifests:
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
    of = {manifest["kind"]: manifest["spec"] for manifest in manifests if "spec" in manifest}
    pod = of["Deployment"]["template"]
    [container] = pod["spec"]["containers"]
    labels = pod["metadata"]["labels"]
    selectors = [of["Deployment"]["selector"], of["PodDisruptionBudget"]["selector"], of["NetworkPolicy"]["podSelector"]]
    assert all(selector["matchLabels"] == labels for selector in selectors), selectors
    assert of["Service"]["selector"] == labels
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"sqs": 9324, "peer": 9325}
    assert {port["port"] for rule in of["NetworkPolicy"]["ingress"] for port in rule["ports"]} == set(ports)
    probes = {probe: container[f"{probe}Probe"]["httpGet"] for probe in ("startup", "readiness", "liveness")}
    assert {probe["port"] for probe in probes.values()} == {"sqs"}
    assert (probes["readiness"]["path"], probes["liveness"]["path"]) == ("/health", "/")
    # What kew is given there, with a pod's address and secrets in their places.
    environment = {variable["name"]: variable.get("value", SECRET) for variable in container["env"]}
    assert environment["KEW_PEER"] == f"http://$(POD_IP):{ports['peer']}"
    [configured] = [manifest["data"] for manifest in manifests if manifest["kind"] == "ConfigMap"]
    with tempfile.TemporaryDirectory() as directory:
        file = pathlib.Path(directory, pathlib.Path(environment["KEW_CONFIG"]).name)
        file.write_text(configured[file.name])
        starts_with(kew, environment | {"KEW_PEER": "http://127.0.0.1:9325", "KEW_CONFIG": str(file)})
    # The operator's manifest has no schema here; the Secret that the nodes look for has its name.
    database = yaml.safe_load((ROOT / "packaging/kubernetes/postgres.yaml").read_text())
    [secret] = [v["valueFrom"]["secretKeyRef"] for v in container["env"] if v["name"] == "KEW_DATA"]
    assert secret == {"name": database["metadata"]["name"] + "-app", "key": "uri"}, secret


if __name__ == "__main__":
    test(sys.argv[1:])
    print("ok")
