"""Every Python snippet of the documentation is a test that passes."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent.parent
PAGES = ("docs/python.md", "clients/python/README.md")


def test_snippets(pytester: pytest.Pytester) -> None:
    snippets = [
        code for page in PAGES for code in re.findall(r"^```python\n(.*?)^```$", (ROOT / page).read_text(), re.M | re.S)
    ]
    assert len(snippets) == 7
    pytester.makepyfile(**{f"test_{number}": code for number, code in enumerate(snippets)})
    pytester.runpytest_subprocess("-p", "no:cacheprovider", "-W", "ignore").assert_outcomes(passed=len(snippets))


def test_the_page_names_what_there_is() -> None:
    from kew_sqs import Kew

    page = (ROOT / PAGES[0]).read_text()
    named = set(re.findall(r"\bkew\.([a-z_]+)", page))
    public = {name for name in vars(Kew) if not name.startswith("_")}
    assert public - named == {"end", "story"} and named - public == {"client_options", "env"}
