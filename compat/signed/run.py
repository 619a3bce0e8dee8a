#!/usr/bin/env python3
"""SDKs with right and wrong keys against a kew that has a credentials file: each is let in, or raises its own error for what is wrong.

    compat/signed/run.py                        all
    compat/signed/run.py boto3 aws-cli-v1       some

The binary is $KEW_BIN, else the newest of target/release/kew and target/debug/kew. Each SDK is that of the folder of compat/ of its
name, set up by the folder's own setup.sh (`compat/run.py` does it too). Standard library only.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import run as compat  # noqa: E402

KEYS = """\
[[key]]
access-key = "AKIDANNA"
secret = "annas/secret+="

[[key]]
access-key = "ASIASESSION"
secret = "session"
session-token = "tok/en+=="

[[key]]
access-key = "AKIDENDED"
secret = "ended"
expires = 2020-01-01T00:00:00Z
"""

# Access key, secret, session token, and what the SDK has to say.
CASES = [
    ("AKIDANNA", "annas/secret+=", None, "ok"),
    ("ASIASESSION", "session", "tok/en+==", "ok"),
    ("AKIDANNA", "wrong", None, "SignatureDoesNotMatch"),
    ("AKIDNOBODY", "annas/secret+=", None, "InvalidClientTokenId"),
    ("ASIASESSION", "session", None, "InvalidClientTokenId"),
    ("ASIASESSION", "session", "another", "InvalidClientTokenId"),
    ("AKIDENDED", "ended", None, "ExpiredToken"),
]

# How each SDK is run in the folder of its name: set up, and a command that lists queues and prints `ok` or its error's code.
SDKS = {
    "boto3": [".venv/bin/python", HERE / "list.py"],
    "boto3-1.24": [".venv/bin/python", HERE / "list.py"],
    "aws-cli-v1": ["sh", HERE / "list.sh", ".venv/bin/aws"],
    "js-v3": ["node", HERE / "list.mjs"],
    "go-v2": [HERE / "target" / "go-v2"],
    "java-v2": ["sh", HERE / "java.sh"],
}


def set_up(name):
    folder = HERE.parent / name
    kind = compat.Client.load(folder)
    problem = compat.run_script(kind, "setup.sh", compat.clean_environment(), compat.LOGS / f"signed-{name}.log", compat.SETUP_SECONDS)
    if problem:
        sys.exit(f"{name}: {problem}; see target/compat/signed-{name}.log")
    if name == "go-v2":
        # In the folder of the client, whose modules it takes.
        command = ["go", "build", "-o", HERE / "target" / "go-v2", HERE / "list.go"]
        subprocess.run(command, cwd=folder, check=True)


def said(name, url, key, secret, token):
    environment = compat.client_environment(url) | {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_MAX_ATTEMPTS": "1"}
    if token:
        environment["AWS_SESSION_TOKEN"] = token
    result = subprocess.run(SDKS[name], cwd=HERE.parent / name, env=environment, capture_output=True, text=True, timeout=120)
    return result.stdout.strip() or result.stderr.strip()


def main():
    chosen = sys.argv[1:] or list(SDKS)
    compat.LOGS.mkdir(parents=True, exist_ok=True)
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        keys = pathlib.Path(scratch) / "keys.toml"
        with open(os.open(keys, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(KEYS)
        kew = compat.Kew(compat.find_kew(), ["--credentials", keys], pathlib.Path(scratch) / "kew.log")
        for name in chosen:
            set_up(name)
            for key, secret, token, expected in CASES:
                answer = said(name, kew.url, key, secret, token)
                right = answer == expected
                failed += not right
                shown = "" if right else f"  WRONG, expected {expected}"
                print(f"{name:12} {key:12} {json.dumps(token):12} {answer}{shown}", flush=True)
        wrong = kew.stop()
    if wrong:
        sys.exit(wrong)
    print(f"{failed} wrong" if failed else "all right")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
