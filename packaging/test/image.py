"""The container image without a container engine: its layers unpacked, its configuration read, its command run in a chroot as its user.

And what starts it elsewhere: the compose file and the manifests for Kubernetes.
"""

import json
import os
import pathlib
import subprocess
import sys
import tarfile

import kubernetes_validate
import several
import use
import yaml

CLEAN = "the image's layers, in a chroot"
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SIZE_MAX = 10_000_000
KUBERNETES = "1.30"


def unpack(file, to):
    """The configuration of the image; its layers are laid into `to`, as root with their owners."""
    with tarfile.open(file) as archive:
        [manifest] = json.load(archive.extractfile("manifest.json"))
        for layer in manifest["Layers"]:
            with tarfile.open(fileobj=archive.extractfile(layer)) as files:
                files.extractall(to, filter="tar", numeric_owner=True)
        return json.load(archive.extractfile(manifest["Config"]))


def test(package):
    assert package.file.stat().st_size < SIZE_MAX, "the image is larger than 10 MB"
    root = package.scratch / "root"
    root.mkdir()
    image = unpack(package.file, root)
    config = image["config"]
    says_what_it_is(image, package)
    assert {entry.name for entry in root.iterdir()} == {"kew", "data", "licences"}
    user = config["User"]
    assert os.geteuid() == 0, "needs root, for a chroot as another user"
    data = (root / "data").stat()
    assert (data.st_uid, oct(data.st_mode)) == (int(user.split(":")[0]), "0o40700") and (root / "kew").stat().st_uid == 0
    environment = dict(entry.split("=", 1) for entry in config["Env"])
    # The port that others use might be taken here.
    environment["KEW_LISTEN"] = environment["KEW_LISTEN"].replace(":9324", ":0")
    environment["KEW_DATA"] = "/data"
    into = ["/usr/sbin/chroot", f"--userspec={user}", str(root)]
    command = [*into, *config["Entrypoint"], *(config.get("Cmd") or [])]
    with use.started([*command, "--queue", "OrderQueue"], env=environment) as port:
        check = config["Healthcheck"]["Test"]
        assert check[0] == "CMD", check
        subprocess.run([*into, *check[1:]], check=True, env=dict(environment, KEW_LISTEN=f"0.0.0.0:{port}"))
        use.send_and_receive(port)
        compose(port)
    assert (root / "data" / "kew.sqlite3").stat().st_uid == int(user.split(":")[0])
    kubernetes(config)
    several.test([root / "kew"])


def says_what_it_is(image, package):
    config = image["config"]
    labels = {name.rpartition(".")[2]: text for name, text in config["Labels"].items()}
    assert labels["version"] == package.version and labels["licenses"] and labels["source"], labels
    assert image["architecture"] == package.architecture and image["os"] == "linux", image
    assert list(config["ExposedPorts"]) == ["9324/tcp"] and list(config["Volumes"]) == ["/data"], config
    assert config["User"] == "65532:65532" and config["WorkingDir"] == "/data", config


def compose(port):
    """The applications of the compose file, with its environment, against the kew of the image in place of the service `kew`."""
    services = yaml.safe_load((ROOT / "examples/article/compose.yaml").read_text())["services"]
    assert services["kew"]["command"] == ["--queue", "OrderQueue"], services["kew"]
    said = []
    for name in ("producer", "consumer"):
        service = services[name]
        assert service["depends_on"] == {"kew": {"condition": "service_healthy"}}, service
        script = service["command"].rsplit("python ", 1)[1].rstrip('"')
        environment = dict(service["environment"])
        assert environment["AWS_ENDPOINT_URL"] == "http://kew:9324", environment
        environment["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{port}"
        said.append(subprocess.run(
            [sys.executable, ROOT / "examples/article" / script], env=environment | {"PYTHONIOENCODING": "utf-8"}, check=True,
            stdout=subprocess.PIPE, encoding="utf-8",
        ).stdout)
    assert "Order 1001 sent" in said[0] and "Order 1001 for Zoë Müller: 304.50 in total" in said[1], said


def kubernetes(image):
    """Against the schemas of Kubernetes; and what belongs together has the same names."""
    manifests = list(yaml.safe_load_all((ROOT / "packaging/kubernetes/kew.yaml").read_text()))
    for manifest in manifests:
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
    of = {manifest["kind"]: manifest for manifest in manifests}
    pod = of["StatefulSet"]["spec"]["template"]
    [container] = pod["spec"]["containers"]
    assert of["Service"]["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    assert of["StatefulSet"]["spec"]["serviceName"] == of["Service"]["metadata"]["name"]
    volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
    volumes |= {claim["metadata"]["name"] for claim in of["StatefulSet"]["spec"]["volumeClaimTemplates"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    assert pod["spec"]["securityContext"]["runAsUser"] == int(image["User"].split(":")[0])
    assert f"{container['ports'][0]['containerPort']}/tcp" in image["ExposedPorts"]
    data = {variable["name"]: variable["value"] for variable in container["env"]}["KEW_DATA"]
    assert any(data.startswith(mount["mountPath"]) for mount in container["volumeMounts"])
