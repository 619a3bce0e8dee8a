#!/usr/bin/env python3
"""Rows of the matrix over TLS, against a kew with a certificate of its own: all of a row passes where the client is told to trust
it, in the way of its language; where it is not told, the client refuses the certificate and nothing passes.

    compat/tls/run.py                    all
    compat/tls/run.py boto3 aws-cli-v1   some

The binary is $KEW_BIN, else the newest of target/release/kew and target/debug/kew. Logs are in target/compat/tls-<id>/. Standard
library only.
"""

import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import run as compat  # noqa: E402


def trust_store(ca, folder):
    """The variables with which a program in Java trusts a certificate."""
    store = folder / "trust.p12"
    store.unlink(missing_ok=True)
    command = ["keytool", "-importcert", "-noprompt", "-alias", "kew", "-file", ca, "-keystore", store, "-storepass", "password"]
    subprocess.run(command, check=True, capture_output=True)
    options = {"trustStore": store, "trustStorePassword": "password"}
    return {"JAVA_TOOL_OPTIONS": " ".join(f"-Djavax.net.ssl.{name}={value}" for name, value in options.items())}


def variable(name):
    return lambda ca, _: {name: str(ca)}


# How each client is told whom to trust, and what it says where it is not.
CLIENTS = {
    "boto3": (variable("AWS_CA_BUNDLE"), "CERTIFICATE_VERIFY_FAILED"),
    "boto3-1.24": (variable("AWS_CA_BUNDLE"), "CERTIFICATE_VERIFY_FAILED"),
    "aws-cli-v1": (variable("AWS_CA_BUNDLE"), "CERTIFICATE_VERIFY_FAILED"),
    "go-v2": (variable("AWS_CA_BUNDLE"), "x509: certificate signed by unknown authority"),
    "java-v2": (trust_store, "PKIX path building failed"),
    "js-v3": (variable("NODE_EXTRA_CA_CERTS"), "unable to verify the first certificate"),
    "rust": (variable("SSL_CERT_FILE"), "UnknownIssuer"),
}


def row(client, binary, logs, trust):
    """Runs the row against a fresh kew; what went wrong, and where that can be read."""
    log = logs / ("run.log" if trust else "refused.log")
    data = logs / "data"
    shutil.rmtree(data, ignore_errors=True)
    kew = compat.Kew(binary, [*client.kew, "--data", data, "--tls-self-signed"], logs / "kew.log")
    if not kew.url.startswith("https://"):
        sys.exit(f"kew says it is at {kew.url}")
    environment = compat.client_environment(kew.url) | (trust(data / "tls" / "ca.pem", logs) if trust else {"AWS_MAX_ATTEMPTS": "1"})
    problem = compat.run_script(client, "run.sh", environment, log, client.timeout_seconds)
    return problem, kew.stop(), log


def check(name, binary):
    """What is wrong with a client, or nothing."""
    trust, refusal = CLIENTS[name]
    client = compat.Client.load(HERE.parent / name)
    logs = compat.LOGS / f"tls-{name}"
    logs.mkdir(parents=True, exist_ok=True)
    problem = compat.run_script(client, "setup.sh", compat.clean_environment(), logs / "setup.log", compat.SETUP_SECONDS)
    if problem:
        return f"{problem}; see {logs}/setup.log"
    problem, stopped, log = row(client, binary, logs, trust)
    if problem or stopped:
        return f"with the certificate: {problem or stopped}; see {log}"
    problem, stopped, log = row(client, binary, logs, None)
    if not problem or refusal not in log.read_text(errors="replace"):
        return f"without the certificate it does not say {refusal!r}: {problem or 'it passed'}; see {log}"
    return stopped


def main():
    binary = compat.find_kew()
    failed = 0
    for name in sys.argv[1:] or CLIENTS:
        wrong = check(name, binary)
        failed += bool(wrong)
        print(f"{name:12} {wrong or 'passes with the certificate, refuses one that it was not told of'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
