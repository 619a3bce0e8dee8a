"""A kew of its own for each test, a browser that tells on the page, and requests that any program can send."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

from playwright.sync_api import expect

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
KEW = os.environ.get("KEW_BIN") or str(ROOT / "target/release/kew")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

# Names that the browser finds at this machine: a page from elsewhere, and one that is pointed at kew.
ATTACKER, REBOUND = "attacker.example", "evil.example"
ACCOUNT = "000000000000"


class Kew:
    """A running kew."""

    def __init__(self, *flags, listen="127.0.0.1:0"):
        self.process = subprocess.Popen([KEW, "--listen", listen, "--log", "info", *flags],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.token = None
        self.url = None
        for line in self.process.stdout:
            found = re.search(r"http://(?:127\.0\.0\.1|0\.0\.0\.0):(\d+)", line)
            self.url = self.url or (found and f"http://127.0.0.1:{found[1]}")
            if "Ready." in line:
                break
        else:
            sys.exit("kew did not start")
        self.port = int(self.url.rsplit(":", 1)[1])
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port)

    def end(self):
        self.connection.close()
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()

    def ask(self, method, path, body=None, headers=None):
        """Any request; its status and its text."""
        self.connection.request(method, path, body, headers or {})
        answer = self.connection.getresponse()
        return answer.status, answer.read().decode()

    def sqs(self, action, queue=None, key="test", **members):
        """An action of SQS."""
        if queue:
            members["QueueUrl"] = f"{self.url}/{ACCOUNT}/{queue}"
        headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"AmazonSQS.{action}", "User-Agent": "shop/2.1",
                   "Authorization":
                   f"AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0"}
        status, text = self.ask("POST", "/", json.dumps(members), headers)
        assert status == 200, text
        return json.loads(text or "{}")

    def control(self, method, path, body=None):
        """A call of the control API."""
        text = None if body is None else json.dumps(body)
        status, answer = self.ask(method, f"/_kew{path}", text, {"Content-Type": "application/json"})
        assert status < 300, answer
        return json.loads(answer)

    def create(self, name, **attributes):
        self.sqs("CreateQueue", QueueName=name, Attributes={name: str(value) for name, value in attributes.items()})

    def with_dead_letters(self, name="orders", receives=2):
        """A queue with a dead-letter queue."""
        self.create(f"{name}-dead")
        policy = {"deadLetterTargetArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}-dead", "maxReceiveCount": receives}
        self.create(name, RedrivePolicy=json.dumps(policy))

    def send(self, queue, body, **members):
        return self.sqs("SendMessage", queue, MessageBody=body, **members)["MessageId"]

    def fail(self, queue, times):
        """Receives everything again and again, and processes nothing."""
        for _ in range(times):
            self.sqs("ReceiveMessage", queue, MaxNumberOfMessages=10, VisibilityTimeout=0)

    def counts(self, queue):
        row = self.control("GET", f"/queues/{queue}")
        return row["visible"], row["inFlight"], row["delayed"]


@contextlib.contextmanager
def running(*flags, **options):
    kew = Kew(*flags, **options)
    try:
        yield kew
    finally:
        kew.end()


# Run in each page before anything else of it: what the policy had to stop.
WATCH = "addEventListener('securitypolicyviolation', e => console.error('POLICY ' + e.violatedDirective + ' ' + e.blockedURI))"


class Tab:
    """A tab of the browser; it remembers all that the page complained about."""

    def __init__(self, browser, kew, scheme="light", width=1280, height=860):
        self.kew = kew
        self.context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": height},
                                           reduced_motion="reduce", accept_downloads=True,
                                           permissions=["clipboard-read", "clipboard-write"])
        self.context.add_init_script(WATCH)
        self.page = self.context.new_page()
        self.complaints = []
        self.page.on("console", lambda message: message.type in ("error", "warning") and self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(f"not caught: {error}"))
        self.page.set_default_timeout(20_000)

    def open(self, path=""):
        """A page of the console, loaded anew: of an address that differs in its fragment alone the page before is still there for a while."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.kew.url}/_kew/ui/#/{path}")
        self.page.locator("main h1").first.wait_for()
        return self.page

    def copied(self, what):
        """What is in the clipboard, once it is told that this was put there."""
        expect(self.page.get_by_text(f"Copied {what}.").last).to_be_visible()
        return self.page.evaluate("navigator.clipboard.readText()")

    def close(self, expected=()):
        """Ends it. What it complained about, but for what the test wanted to go wrong."""
        self.context.close()
        return [text for text in self.complaints if not any(part in text for part in expected)]


def launch(playwright):
    """The browser."""
    if CHROMIUM is None:
        sys.exit("missing: chromium (apt-get install chromium)")
    rules = ", ".join(f"MAP {name} 127.0.0.1" for name in (ATTACKER, REBOUND))
    return playwright.chromium.launch(executable_path=CHROMIUM, args=[
        "--no-sandbox", "--disable-dev-shm-usage", f"--host-resolver-rules={rules}",
        # Chromium's own prompt before requests to local networks is not what is tested, and others lack it.
        "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests,HttpsUpgrades"])
