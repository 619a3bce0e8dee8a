"""Fixtures for pytest: `kew_server`, a kew for each worker, and `kew`, a namespace of it for each test."""

from __future__ import annotations

import os
import random
import re
import sys
import uuid
import zlib
from collections import Counter
from functools import lru_cache
from typing import Any, Generator, Iterator

import pytest

from kew_sqs.control import Kew
from kew_sqs.server import Server, start

LEVELS = ("info", "warning", "error")
_KEW = pytest.StashKey[Kew]()
# What would lead a client past kew.
_MISLEADING = (
    "AWS_ENDPOINT_URL_SQS",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    text = "a test fails whose consumer report has a finding that is so bad: info, warning or error"
    parser.getgroup("kew").addoption("--kew-fail-on", metavar="LEVEL", choices=LEVELS, help=text)
    parser.addini("kew_fail_on", text)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "kew(queues=[...], clock='auto', consumers={'orders': 1}, faults=[...], seed=42, ignore=['K6']): "
        "what the namespace of the test has from its start, and codes that its report leaves out",
    )


@pytest.fixture(scope="session")
def kew_server() -> Iterator[Server]:
    """A kew for all tests of this process: that of KEW_URL, else one that is started, by KEW_BIN or the package."""
    with start() as server:
        yield server


@pytest.fixture
def kew(request: pytest.FixtureRequest, kew_server: Server) -> Iterator[Kew]:
    """A namespace for the test, to which the environment leads clients of SQS: unmodified boto3 code finds it."""
    item = request.node
    options = _options(item)
    ignore = ",".join(options.pop("ignore", []))
    options.setdefault("seed", _seed(item.nodeid))
    space = kew_server.namespace(name=_name(item, kew_server), **options)
    item.stash[_KEW] = space
    with pytest.MonkeyPatch.context() as patch:
        for name in _MISLEADING:
            patch.delenv(name, raising=False)
        for name, value in space.env.items():
            patch.setenv(name, value)
        if "boto3" in sys.modules:
            patch.setattr("boto3.DEFAULT_SESSION", _boto3_session())
        yield space
    del item.stash[_KEW]
    report = space.report(ignore=ignore) if ignore else space.report()
    space.end()
    _judge(item, report)


def _options(item: pytest.Item) -> dict[str, Any]:
    """What the markers say; what the test's own says goes before that of its class and its module."""
    options: dict[str, Any] = {}
    for mark in reversed(list(item.iter_markers("kew"))):
        if mark.args:
            raise pytest.UsageError('what pytest.mark.kew says has names: pytest.mark.kew(queues=["orders"])')
        options.update(mark.kwargs)
    return options


def _boto3_session() -> Any:
    """A default session that does not remember the access key of the test before, and reads no service model again."""
    import boto3
    from botocore.session import get_session

    session = get_session()
    session.register_component("data_loader", _boto3_loader())
    return boto3.Session(botocore_session=session)


@lru_cache(None)
def _boto3_loader() -> Any:
    from botocore.session import get_session

    return get_session().get_component("data_loader")


def _seed(nodeid: str) -> int:
    """Another one each time; with KEW_SEED always the same for a test."""
    seed = os.environ.get("KEW_SEED")
    return zlib.crc32(f"{seed} {nodeid}".encode()) if seed else random.SystemRandom().getrandbits(32)


def _name(item: pytest.Item, server: Server) -> str:
    """As the test is called; tests of others may use the same running kew."""
    number = f"{zlib.crc32(item.nodeid.encode()):08x}" if server.process else uuid.uuid4().hex[:8]
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", item.name)[:60] + "-" + number


def _judge(item: pytest.Item, report: dict[str, Any]) -> None:
    """Keeps findings for the end of the run; fails the test if they are as bad as --kew-fail-on says."""
    fail_on = item.config.getoption("--kew-fail-on") or item.config.getini("kew_fail_on")
    shown = LEVELS.index(fail_on if fail_on == "info" else "warning")
    findings = [finding for finding in report["findings"] if LEVELS.index(finding["severity"]) >= shown]
    lines = ["{severity} {code} {queue}: {summary}\n    change: {advice}".format(**finding) for finding in findings]
    item.user_properties.extend(("kew", line) for line in lines)
    if fail_on and any(LEVELS.index(finding["severity"]) >= LEVELS.index(fail_on) for finding in findings):
        pytest.fail("\n".join(["the consumer report of kew:", *lines, f"seed: {report['seed']}"]), pytrace=False)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """A test that failed tells what happened in its namespace."""
    report = (yield).get_result()
    space = item.stash.get(_KEW, None)
    if report.failed and space:
        try:
            report.sections.append(("kew", space.story()))
        except OSError as error:
            report.sections.append(("kew", f"kew does not answer: {error}"))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What the consumer reports of all tests found."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    ended = [report for report in reports if getattr(report, "when", "") == "teardown"]
    findings = [(text, report.nodeid) for report in ended for name, text in report.user_properties if name == "kew"]
    if not findings:
        return
    terminalreporter.section("consumer report of kew")
    first = {text: nodeid for text, nodeid in reversed(findings)}
    for text, count in Counter(text for text, _ in findings).most_common():
        terminalreporter.line(f"{text}\n    in {first[text]}" + (f" and {count - 1} more" if count > 1 else ""))
