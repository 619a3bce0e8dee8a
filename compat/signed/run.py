#!/usr/bin/env python3
"""SDKs with right and wrong keys, denied actions and skewed clocks, against a kew that has a credentials file: each is let in, or raises
its own error for what is wrong.

    compat/signed/run.py                        all
    compat/signed/run.py boto3 aws-cli-v1       some

The binary is $KEW_BIN, else the newest of target/release/kew and target/debug/kew. Each SDK is that of the folder of compat/ of its
name, set up by the folder's own setup.sh (`compat/run.py` does it too). For the skewed clocks it is kew's clock that is wrong, by
libfaketime (Debian: faketime). Standard library only.
"""

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

[[key]]
access-key = "AKIDBOB"
secret = "bob"
principal = "arn:aws:iam::123456789012:user/bob"
policy = '{"Statement": {"Effect": "Allow", "Action": "sqs:Get*", "Resource": "*"}}'

[[key]]
access-key = "AKIDCARL"
secret = "carl"
principal = "arn:aws:iam::123456789012:user/carl"
policy = '{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": "sqs:List*", "Resource": "*"}]}'
"""

ANNA = ("AKIDANNA", "annas/secret+=", None)
INVALID = "The security token included in the request is invalid."
WRONG = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. "
    "Consult the service documentation for details."
)
DENIED = (
    "User: arn:aws:iam::123456789012:user/{} is not authorized to perform: sqs:listqueues on resource: "
    "arn:aws:sqs:us-east-1:123456789012: {}"
)
NOT_ALLOWED = DENIED.format("bob", "because no identity-based policy allows the sqs:listqueues action")
FORBIDDEN = DENIED.format("carl", "with an explicit deny in an identity-based policy")

# Access key, secret, session token, and what the SDK has to say: code, and text behind the status.
CASES = [
    (ANNA, "ok", ""),
    (("ASIASESSION", "session", "tok/en+=="), "ok", ""),
    (("AKIDANNA", "wrong", None), "SignatureDoesNotMatch", WRONG),
    (("AKIDNOBODY", "annas/secret+=", None), "InvalidClientTokenId", INVALID),
    (("ASIASESSION", "session", None), "InvalidClientTokenId", INVALID),
    (("ASIASESSION", "session", "another"), "InvalidClientTokenId", INVALID),
    (("AKIDENDED", "ended", None), "ExpiredToken", "The security token included in the request is expired"),
    (("AKIDBOB", "bob", None), "AccessDenied", NOT_ALLOWED),
    (("AKIDCARL", "carl", None), "AccessDenied", FORBIDDEN),
]

# How each SDK is run in the folder of its name: a command that lists queues, and prints `ok` or code, status and text of its error.
SDKS = {
    "boto3": [".venv/bin/python", HERE / "list.py"],  # JSON
    "boto3-1.24": [".venv/bin/python", HERE / "list.py"],  # Query
    "boto3-cbor": [".venv/bin/python", HERE / "list.py", "cbor"],
    "aws-cli-v1": ["sh", HERE / "list.sh", ".venv/bin/aws"],  # JSON
    "js-v3": ["node", HERE / "list.mjs"],  # JSON
    "js-v3-query": ["node", HERE / "list.mjs", "query"],
    "js-v3-cbor": ["node", HERE / "list.mjs", "cbor"],
    "go-v2": [HERE / "target" / "go-v2"],  # JSON
    "java-v2": ["sh", HERE / "java.sh"],  # JSON
    "rust": ["target/debug/list"],  # JSON
}

# Minutes by which the clock of kew is wrong: clients are late, or early.
SKEWS = {"+20": "expired", "-20": "not yet current"}
# SDKs that then go by the `Date` of the answer and try again; the others raise SignatureDoesNotMatch.
CORRECTING = {"js-v3", "js-v3-cbor", "go-v2", "java-v2", "rust"}


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


def said(name, url, keys, attempts):
    """What the SDK says: code, status and text, as far as it says them."""
    key, secret, token = keys
    environment = compat.client_environment(url) | {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
    environment["AWS_MAX_ATTEMPTS"] = str(attempts)
    if token:
        environment["AWS_SESSION_TOKEN"] = token
    result = subprocess.run(SDKS[name], cwd=HERE.parent / name, env=environment, capture_output=True, text=True, timeout=120)
    answer = result.stdout.strip() or result.stderr.strip()
    code, status, text = (answer.split(" ", 2) + ["", ""])[:3]
    return code, status, text


def faketime(minutes):
    """The variables by which a program's clock is wrong."""
    libraries = sorted(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not libraries:
        sys.exit("missing: libfaketime (Debian: faketime)")
    return {"LD_PRELOAD": str(libraries[0]), "FAKETIME": f"{minutes}m", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


class Results:
    """What was seen, line by line."""

    def __init__(self):
        self.failed = 0

    def judge(self, name, case, answer, expected, statuses, text):
        code, status, told = answer
        right = code == expected and (expected == "ok" or status in statuses and text in told)
        self.failed += not right
        shown = f"{code} {status}".strip() if right else f"{answer}  WRONG, expected {expected}: {text}"
        print(f"{name:12} {case:22} {shown}", flush=True)


def start(scratch, keys, minutes=None):
    log = scratch / f"kew{minutes or ''}.log"
    return compat.Kew(compat.find_kew(), ["--credentials", keys], log, faketime(minutes) if minutes else {})


def main():
    chosen = sys.argv[1:] or list(SDKS)
    compat.LOGS.mkdir(parents=True, exist_ok=True)
    results = Results()
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        keys = scratch / "keys.toml"
        with open(os.open(keys, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(KEYS)
        kew = start(scratch, keys)
        skewed = {minutes: start(scratch, keys, minutes) for minutes in SKEWS}
        for name in chosen:
            set_up(name)
            # The AWS CLI tells no status.
            statuses = ["-"] if name.startswith("aws-cli") else ["403"]
            for given, expected, text in CASES:
                case = given[0] + (f" {given[2]}" if given[2] else "")
                results.judge(name, case, said(name, kew.url, given, 1), expected, statuses, text)
            for minutes, text in SKEWS.items():
                expected = "ok" if name in CORRECTING else "SignatureDoesNotMatch"
                answer = said(name, skewed[minutes].url, ANNA, 3)
                results.judge(name, f"clock {minutes} min", answer, expected, statuses, f"Signature {text}: ")
        wrong = [problem for problem in (server.stop() for server in [kew, *skewed.values()]) if problem]
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{results.failed} wrong" if results.failed else "all right")
    return 1 if results.failed else 0


if __name__ == "__main__":
    sys.exit(main())
