"""The npm packages, by way of a registry on this machine that has nothing but them: `npm install kew-sqs` and `npx kew-sqs`."""

import contextlib
import hashlib
import http.server
import json
import os
import subprocess
import tarfile
import threading
import urllib.parse

import use

CLEAN = "empty folder, empty npm cache, a registry of these packages alone"


class Registry(http.server.BaseHTTPRequestHandler):
    """As much of npm's registry as `npm install` asks for."""

    tarballs = {}

    def do_GET(self):
        path = urllib.parse.unquote(self.path).lstrip("/")
        if path in self.tarballs:
            return self.answer(200, self.tarballs[path].read_bytes())
        versions = {}
        for file in self.tarballs.values():
            manifest = manifest_of(file)
            if manifest["name"] == path:
                digest = hashlib.sha1(file.read_bytes()).hexdigest()
                where = f"http://{self.headers['Host']}/{file.name}"
                versions[manifest["version"]] = manifest | {"dist": {"tarball": where, "shasum": digest}}
        if not versions:
            return self.answer(404, b"{}")
        latest = {"name": path, "versions": versions, "dist-tags": {"latest": list(versions)[-1]}}
        self.answer(200, json.dumps(latest).encode())

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def manifest_of(file):
    with tarfile.open(file) as archive:
        return json.load(archive.extractfile("package/package.json"))


@contextlib.contextmanager
def registry(dist):
    handler = type("Handler", (Registry,), {"tarballs": {file.name: file for file in dist.glob("*kew-sqs-*.tgz")}})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@contextlib.contextmanager
def terminal():
    """A terminal, as a person has who presses Ctrl-C in it."""
    here, there = os.openpty()
    yield there
    os.close(here)
    os.close(there)


def test(package):
    for file in package.dist.glob("*kew-sqs-*.tgz"):
        assert "scripts" not in manifest_of(file), f"{file.name} has an install script"
    project, npx = package.scratch / "project", package.scratch / "npx"
    project.mkdir()
    npx.mkdir()
    (project / "package.json").write_text('{"name": "project", "private": true}')
    with registry(package.dist) as url:
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(package.scratch), "npm_config_registry": url,
            "npm_config_update_notifier": "false", "npm_config_fund": "false", "npm_config_audit": "false",
        }
        subprocess.run(["npm", "install", "--save-dev", "kew-sqs"], cwd=project, env=environment, check=True)
        # Without a project, as a newcomer would: npm asks nobody, and fetches it.
        command = ["npx", "--yes", "kew-sqs"]
        with terminal() as stdin, use.started([*command, "--listen", "127.0.0.1:0"], ctrl_c=True, stdin=stdin, cwd=npx, env=environment) as port:
            use.healthy(command, port, cwd=npx, env=environment)
            use.send_and_receive(port)
    installed = [folder.name for folder in (project / "node_modules" / "@kew-sqs").iterdir()]
    assert installed == [{"x86_64": "linux-x64", "aarch64": "linux-arm64"}[package.machine]], installed
    assert use.use([str(project / "node_modules/.bin/kew")], env=environment) == package.version
    says = "const kew = require('kew-sqs'); console.log(kew.version, kew.binary())"
    said = subprocess.run(["node", "-e", says], cwd=project, check=True, stdout=subprocess.PIPE, text=True).stdout
    assert said.split()[0] == package.version and said.strip().endswith("/kew"), said
    fixtures(project)
    exit_code_and_missing(project)


def fixtures(project):
    """A namespace of a kew that the package starts, by both kinds of modules; what vitest and jest make of it is tested with them."""
    code = "withKew({queues: ['orders']}, async (kew) => { await kew.until('orders', {empty: true}); console.log(await kew.url('orders')) })"
    for says in (f"const {{withKew}} = require('kew-sqs'); {code}", f"import {{withKew}} from 'kew-sqs'; await {code}"):
        kind = "module" if says.startswith("import") else "commonjs"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("KEW_")}
        command = ["node", f"--input-type={kind}", "-e", says]
        said = subprocess.run(command, cwd=project, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
        assert said.endswith("/orders\n"), said


def exit_code_and_missing(project):
    """The exit code of kew is that of `kew`; and where there is no binary a sentence says why."""
    kew = project / "node_modules/.bin/kew"
    assert subprocess.run([kew, "check", "--data", "nowhere"], cwd=project, stderr=subprocess.DEVNULL).returncode == 1
    [binary] = (project / "node_modules/@kew-sqs").iterdir()
    binary.rename(project / "aside")
    failed = subprocess.run([kew], capture_output=True, text=True)
    assert failed.returncode == 1 and failed.stderr.startswith("kew-sqs: @kew-sqs/"), failed
