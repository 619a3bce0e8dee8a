"""A kew to test against: one that is started here, or one that runs already."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from typing import Any, Iterable, Mapping

from kew_sqs.binary import binary
from kew_sqs.control import Kew, KewError

# Tracebacks of pytest end where the test calls.
__tracebackhide__ = True
# What a started kew takes over from the environment; the rest, such as a data directory, is not meant for it.
_KEPT = ("KEW_LOG", "KEW_SEED", "KEW_TIMEOUT_FACTOR")
# Runs beside kew, tells where that listens, and ends with standard input: when this process does, however it does.
_BESIDE = ("sh", "-c", "echo $KEW_URL; exec cat > /dev/null")


class Server:
    """A running kew. `start` gives one; as a context manager it is stopped at the end of the block."""

    def __init__(self, url: str, process: subprocess.Popen[str] | None = None, ready_after: float = 0.0) -> None:
        self.url = url.rstrip("/")
        #: The process that was started, if one was.
        self.process = process
        #: How many seconds passed from there until it was ready.
        self.ready_after = ready_after
        # A proxy has no business here.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the kew that was started; one that was running before goes on."""
        if self.process:
            # Its standard input may be open in processes that were forked from this one.
            self.process.terminate()
            self.process.communicate()

    def ask(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """The status and the text of an answer."""
        token = os.environ.get("KEW_CONTROL_TOKEN")
        own = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {**own, **(headers or {})}, method=method)
        try:
            with self._opener.open(request) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def request(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Any:
        """The JSON of an answer; raises `KewError` if it says no."""
        status, text = self.ask(method, path, body, headers)
        try:
            answer = json.loads(text)
        except ValueError:
            raise KewError(status, {"error": f"what answers at {self.url} is no kew: {status} {text[:200]}"}) from None
        if status >= 400:
            raise KewError(status, answer)
        return answer

    def call(self, method: str, path: str, body: object = None) -> Any:
        """An answer of test control, whose `path` is below `/_kew`."""
        return self.request(method, f"/_kew{path}", body)

    def namespace(
        self,
        queues: Iterable[str | Mapping[str, object]] = (),
        *,
        name: str | None = None,
        clock: str | Mapping[str, object] | None = None,
        consumers: Mapping[str, int] | None = None,
        faults: Iterable[Mapping[str, object]] = (),
        seed: int | None = None,
    ) -> Kew:
        """A namespace: queues, clock, faults and history that nobody else has. It can be a context manager."""
        mode: dict[str, object] = {"mode": clock} if isinstance(clock, str) else dict(clock or {})
        mode.update({"consumers": consumers} if consumers else {})
        wanted = {"name": name, "queues": list(queues), "clock": mode or None, "faults": list(faults), "seed": seed}
        return Kew(self, self.call("POST", "/ns", {key: value for key, value in wanted.items() if value is not None}))


def start() -> Server:
    """The kew at `KEW_URL` if that is set; else one that is started, by `KEW_BIN` or the binary of this package."""
    if os.environ.get("KEW_URL"):
        return Server(os.environ["KEW_URL"])
    command = [os.environ.get("KEW_BIN") or binary(), "run", "--listen", "127.0.0.1:0", "--", *_BESIDE]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("KEW_") or key in _KEPT}
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as log:
        # In a session of its own, so that Ctrl-C does not end it before the tests that are still being torn down.
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": log}
        process = subprocess.Popen(command, **pipes, text=True, env=environment, start_new_session=True)
        assert process.stdout
        url = process.stdout.readline().strip()
        if not url:
            log.seek(0)
            raise RuntimeError(f"{command[0]} did not start: exit code {process.wait()}\n{log.read()}")
    return Server(url, process, time.perf_counter() - began)
