#!/usr/bin/env python3
"""The web console in a real Chromium, against a real kew: every page and act, and who gets nothing.

The binary is $KEW_BIN, else target/release/kew. Names of tests as arguments run only those. Needs Debian's chromium, and the
packages of requirements.txt; Playwright's own browser is not downloaded. A complaint of a page, be it by its policy or about a
script, fails a test, and so does whatever is missing.
"""

import pathlib
import sys
import traceback

from playwright.sync_api import sync_playwright

import guards
import look
import pages
import scale
import story
from support import KEW, Tab, launch, running

# Answers of the server to what a test does wrong on purpose; the browser reports them by itself.
WRONG_ON_PURPOSE = {"sending": ["400"], "clock": ["400"], "faults": ["403"]}


def on_one_page(test):
    """A test of the console of an empty kew."""
    def run(browser):
        with running() as kew:
            tab = Tab(browser, kew)
            try:
                test(tab)
            except Exception:
                for text in tab.complaints:
                    print(f"    the page: {text}")
                raise
            return tab.close(WRONG_ON_PURPOSE.get(test.__name__, []))
    run.__name__ = test.__name__
    return run


def main():
    if not pathlib.Path(KEW).exists():
        sys.exit(f"missing: {KEW} (make build)")
    tests = [on_one_page(test) for test in story.TESTS + pages.TESTS] + guards.TESTS + look.TESTS + scale.TESTS
    wanted = sys.argv[1:]
    unknown = set(wanted) - {test.__name__ for test in tests}
    if unknown:
        sys.exit(f"no such test: {', '.join(sorted(unknown))}")
    failed = []
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for test in tests:
            if wanted and test.__name__ not in wanted:
                continue
            try:
                wrong = test(browser)
            except Exception:
                wrong = [traceback.format_exc()]
            print(f"{'FAILED' if wrong else 'ok':6} {test.__name__}", flush=True)
            for text in wrong:
                print(f"    {text}", flush=True)
            failed += [test.__name__] if wrong else []
        browser.close()
    print(f"\n{'failed: ' + ', '.join(failed) if failed else 'All is well.'}")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
