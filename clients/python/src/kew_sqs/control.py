"""A namespace of kew under a test's control: its queues, clock, faults and history."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Mapping
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from kew_sqs.server import Server

# Tracebacks of pytest end where the test calls.
__tracebackhide__ = True
# What a fault hits and when it fires; what else is said about one is its own.
_ON = ("action", "queue", "message", "caller")
_WHEN = ("nth", "first", "every", "probability", "times")


class KewError(Exception):
    """What test control refused, and what would be right."""

    def __init__(self, status: int, answer: Mapping[str, Any]) -> None:
        super().__init__("\n  ".join(answer[name] for name in ("error", "message", "hint") if answer.get(name)))
        self.status, self.answer = status, answer


class NotMet(AssertionError):
    """What was awaited did not come; `answer` has all that kew says about it."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        nearest = [
            f"nearest: {near['id']} {near.get('body', '')!r}: {', '.join(near['differs'])}"
            for near in answer["nearest"]
        ]
        super().__init__("\n  ".join([answer["error"], *answer["differs"], *nearest, *answer["hints"]]))
        self.answer = answer


class Fault:
    """A rule about failures on purpose. As a context manager it is removed at the end of the block."""

    def __init__(self, kew: Kew, id: str) -> None:
        self._kew, self.id = kew, id

    def __enter__(self) -> Fault:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    @property
    def fired(self) -> int:
        """How often it has fired, while it is there."""
        rules = self._kew.call("GET", "/faults")["faults"]
        return sum(rule["fired"] for rule in rules if self.id in (rule["id"], rule.get("profile")))

    def remove(self) -> None:
        self._kew.call("DELETE", f"/faults/{quote(self.id)}")


class Kew:
    """A namespace. Members of conditions and of faults are those of the HTTP API, `in_flight` for `inFlight`."""

    def __init__(self, server: Server, space: dict[str, Any]) -> None:
        self._server = server
        self.name: str = space["name"]
        #: What its ids and faults are drawn from.
        self.seed: int = space["seed"]
        #: The environment variables that lead a client of SQS here.
        self.env: dict[str, str] = space["env"]
        #: The same for `boto3.client("sqs", **kew.client_options)`.
        self.client_options: dict[str, Any] = {
            "endpoint_url": self.env["AWS_ENDPOINT_URL"],
            "region_name": self.env["AWS_REGION"],
            "aws_access_key_id": self.env["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": self.env["AWS_SECRET_ACCESS_KEY"],
        }

    def __enter__(self) -> Kew:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Any call of test control, in this namespace."""
        return self._server.call(method, f"/ns/{self.name}{path}", body)

    def queue(self, name: str, **attributes: object) -> str:
        """Creates a queue, with SQS's attributes, and gives its URL; one that is there already is left as it is."""
        scope = f"{self.env['AWS_ACCESS_KEY_ID']}/20000101/{self.env['AWS_REGION']}/sqs/aws4_request"
        headers = {
            "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": "AmazonSQS.CreateQueue",
        }
        texts = {
            key: json.dumps(value) if isinstance(value, Mapping) else str(value) for key, value in attributes.items()
        }
        if name.endswith(".fifo"):
            texts.setdefault("FifoQueue", "true")
        return str(self._server.request("POST", "/", {"QueueName": name, "Attributes": texts}, headers)["QueueUrl"])

    def url(self, name: str) -> str:
        """The URL of a queue that is there."""
        urls: dict[str, str] = self._server.call("GET", f"/ns/{self.name}")["queueUrls"]
        if name not in urls:
            raise KewError(
                404, {"error": f"there is no queue {name}", "hint": f"there are: {', '.join(urls) or 'none'}"}
            )
        return urls[name]

    def await_(self, queue: str | None = None, **condition: object) -> dict[str, Any]:
        """Waits until all of `condition` holds, ten seconds at most unless it has a `timeout`; else raises `NotMet`.

        With `auto=True` the clock jumps meanwhile to whatever is due next, as soon as all is quiet.
        """
        wanted = {**({"queue": queue} if queue else {}), **_camel(condition)}
        try:
            return dict(self.call("POST", "/await", wanted))
        except KewError as error:
            if "nearest" in error.answer:
                raise NotMet(error.answer) from None
            raise

    async def until(self, queue: str | None = None, **condition: object) -> dict[str, Any]:
        """`await_` for asynchronous tests, whose own tasks go on meanwhile."""
        return await asyncio.to_thread(self.await_, queue, **condition)

    def advance(self, by: str | float | None = None, **how: object) -> dict[str, Any]:
        """Turns the clock forward, by `"15m"` or seconds; or with `to="next"` to what is due next. Tells its steps."""
        return dict(self.call("POST", "/clock/advance", {**({} if by is None else {"by": by}), **_camel(how)}))

    def freeze(self, at: str | None = None) -> None:
        """The clock stands from now on, unless it is advanced."""
        self.call("PUT", "/clock", {"mode": "frozen", **({"at": at} if at else {})})

    def auto(self, **options: object) -> None:
        """The clock jumps whenever all is quiet; with `consumers={"orders": 1}` over visibility timeouts too."""
        self.call("PUT", "/clock", {"mode": "auto", **_camel(options)})

    def clock(self) -> dict[str, Any]:
        """How the clock stands, what is next, and what holds it."""
        return dict(self.call("GET", "/clock"))

    def fault(self, fault: str, **rule: Any) -> Fault:
        """Adds a rule: `kew.fault("lostAnswer", action="SendMessage", nth=[2])`. It is there until it is removed."""
        rule = _camel(rule)
        on = {**rule.pop("on", {}), **{key: rule.pop(key) for key in _ON if key in rule}}
        when = {**rule.pop("when", {}), **{key: rule.pop(key) for key in _WHEN if key in rule}}
        return Fault(self, self.call("POST", "/faults", {"fault": fault, "on": on, "when": when, **rule})["id"])

    def peek(self, queue: str, **which: object) -> list[dict[str, Any]]:
        """The messages of a queue, or those with `state="inFlight"`, `contains="1001"`, without receiving them."""
        return list(self.call("GET", f"/queues/{quote(queue)}/messages{_query(which)}")["messages"])

    def history(self, message_id: str | None = None, **which: object) -> list[dict[str, Any]]:
        """What happened: to a message, or by `queue="orders"`, `type="received"`, `since` a position."""
        path = f"/messages/{quote(message_id)}" if message_id else f"/history{_query(which)}"
        return list(self.call("GET", path)["events"])

    def report(self, **options: object) -> dict[str, Any]:
        """The consumer report: `clean`, `findings`, `counts`."""
        return dict(self.call("GET", f"/report{_query(options)}"))

    def reset(self, *what: str) -> None:
        """All as at the start, or only `messages`, `queues`, `clock`, `faults`, `history`, `dedup` of it."""
        self.call("POST", "/reset", {"what": what} if what else None)

    def end(self) -> dict[str, Any]:
        """Ends the namespace: its queues are gone, and parked receives answer."""
        return dict(self._server.call("DELETE", f"/ns/{self.name}"))

    def story(self) -> str:
        """The last events, the clock and the seed, for a person who wants to know why a test failed."""

        def text(path: str) -> str:
            return self._server.ask("GET", f"/_kew/ns/{self.name}{path}", None, {"Accept": "text/plain"})[1].rstrip()

        return f"timeline:\n{text('/history?limit=50')}\nclock:\n{text('/clock')}\nseed: {self.seed}"


def _camel(members: Mapping[str, Any]) -> dict[str, Any]:
    """Names as the API has them: `fail_fast` is `failFast`, and `while_` is `while`."""
    words = ((key.rstrip("_").split("_"), value) for key, value in members.items())
    return {first + "".join(word.capitalize() for word in rest): value for (first, *rest), value in words}


def _query(members: Mapping[str, object]) -> str:
    return "?" + urlencode(_camel(members)) if members else ""
