"""A thousand queues and a hundred thousand messages: still usable, and what it costs."""

import json
import os
import statistics
import time

from playwright.sync_api import expect

from support import Tab, running

QUEUES, MESSAGES = 1_000, 100_000
# Short enough to be batches of ten in one request each.
BATCH = 10
LOADS = 20


def fill(kew):
    for number in range(QUEUES - 1):
        kew.create(f"queue-{number:04}")
    kew.create("many")
    for first in range(0, MESSAGES, BATCH):
        entries = [{"Id": str(n), "MessageBody": json.dumps({"n": n})} for n in range(first, first + BATCH)]
        kew.sqs("SendMessageBatch", "many", Entries=entries)


def first_paints(page, shown):
    """Milliseconds from the beginning of a navigation to the first paint with content, as the browser measures them, of many."""
    times = []
    for _ in range(LOADS):
        page.reload()
        page.locator(shown).first.wait_for()
        # It is told a moment after it took place.
        page.wait_for_timeout(100)
        entries = page.evaluate("performance.getEntriesByType('paint').map(e => [e.name, e.startTime])")
        times.append(dict(entries)["first-contentful-paint"])
    return times


def floor(browser):
    """The same of a page that is one word: what browser and machine take for themselves."""
    page = browser.new_page()
    # Only a page that came over HTTP paints as one; nobody listens there, the browser answers itself.
    page.route("**", lambda route: route.fulfill(content_type="text/html", body="<!doctype html><p>hello"))
    page.goto("http://127.0.0.1:1/")
    times = first_paints(page, "p")
    page.close()
    return times


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat", encoding="ascii").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def much_stays_usable(browser):
    with running() as kew:
        fill(kew)
        tab = Tab(browser, kew)
        page = tab.open()
        rows = page.locator("tbody tr")
        expect(page.get_by_text("1,000 queues · 100,000 visible")).to_be_visible()
        expect(rows).to_have_count(100)
        expect(page.get_by_text("1 to 100 of 1,000")).to_be_visible()
        page.get_by_role("button", name="Next").click()
        expect(page.get_by_text("101 to 200 of 1,000")).to_be_visible()
        page.get_by_role("searchbox").fill("0999")
        expect(page.get_by_text("No queue is like that.")).to_be_visible()
        page.get_by_role("searchbox").fill("0998")
        expect(rows).to_have_count(1)
        painted = first_paints(page, "tbody tr")
        expect(rows).to_have_count(100)
        # What an open console costs the server: processor time over ten looks. Shown, and not asserted.
        began, before = time.monotonic(), cpu_seconds(kew.process.pid)
        asked = []
        page.on("response", lambda answer: answer.url.endswith("/_kew/queues") and asked.append(answer))
        while len(asked) < 10:
            page.wait_for_event("response")
        share = (cpu_seconds(kew.process.pid) - before) / (time.monotonic() - began)
        page = tab.open("queues/many")
        expect(rows).to_have_count(50)
        expect(page.get_by_text("Page 1, about 2,000")).to_be_visible()
        for number in (2, 3, 4):
            page.get_by_role("button", name="Next").click()
            expect(page.get_by_text(f"Page {number}, about 2,000")).to_be_visible()
        page.get_by_label("Search messages").fill('"n": 99999')
        expect(rows).to_have_count(1)
        print(f"    first paint {statistics.median(painted):.0f} ms, {max(painted):.0f} ms at worst, with {QUEUES:,} queues and "
              f"{MESSAGES:,} messages (an empty page: {statistics.median(floor(browser)):.0f} ms); an open console takes "
              f"{share:.1%} of a core of the server")
        return tab.close()


TESTS = [much_stays_usable]
