"""How it looks: nothing that keeps people out on any page, nothing that is cut off, and pictures of the main pages."""

import json
import os
import pathlib

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from support import ROOT, Tab, running

NARROW = 360
# All pictures together.
PICTURES_BYTES_MAX = 300 * 1024
SEVERE = ("serious", "critical")


def furnish(kew):
    """A kew with something on every page; the id of a message that has been through much."""
    kew.with_dead_letters("orders", 2)
    kew.create("emails", VisibilityTimeout=120)
    kew.create("invoices.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    kew.create("thumbnails")
    for number in range(9):
        body = {"orderId": 1001 + number, "customer": "Zoë Müller", "items": [{"sku": "ESP-01", "count": number + 1}], "total": 304.5}
        kew.send("orders", json.dumps(body, ensure_ascii=False), MessageAttributes={"tenant": {"DataType": "String", "StringValue": "acme"}})
    for _ in range(3):
        kew.sqs("ReceiveMessage", "orders", MaxNumberOfMessages=2, VisibilityTimeout=0)
    kew.sqs("ReceiveMessage", "orders", MaxNumberOfMessages=3)
    kew.send("orders", json.dumps({"orderId": 1010, "remind": True}), DelaySeconds=900)
    for number in range(4):
        kew.send("invoices.fifo", f"invoice {number}", MessageGroupId=f"customer-{number % 2}")
    kew.sqs("ReceiveMessage", "invoices.fifo")
    kew.send("emails", "welcome")
    kew.control("POST", "/faults", {"fault": "lostAnswer", "on": {"action": "SendMessage", "queue": "orders"}, "when": {"nth": [2]}})
    kew.control("POST", "/faults", {"fault": "duplicate", "on": {"queue": "emails"}, "when": {"probability": 0.1}})
    kew.ask("POST", "/", '{"QueueUrl": "order"}', {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.PurgeQueue"})
    kew.control("PUT", "/clock", {"mode": "running"})
    kew.control("POST", "/clock/advance", {"by": "5s"})
    kew.control("POST", "/ns", {"name": "test-1", "queues": [{"name": "orders"}]})
    dead = kew.control("GET", "/queues/orders-dead/messages")["messages"]
    return (dead or kew.control("GET", "/queues/orders/messages")["messages"])[0]["id"]


def pages_of(message):
    return {"queues": "", "queue": "queues/orders", "dead letters": "queues/orders-dead", "groups": "queues/invoices.fifo?tab=groups",
            "settings": "queues/orders?tab=settings", "no messages": "queues/thumbnails", "message": f"messages/{message}",
            "activity": "activity", "clock": "clock", "faults": "faults", "report": "report", "metrics": "metrics", "namespaces": "namespaces",
            "no queues": "@test-1/queues/orders", "about": "about"}


def settled(page):
    """When all that a page asks for at first is there."""
    page.locator("main").get_by_role("heading", level=1).first.wait_for()
    page.wait_for_load_state("load")
    expect(page.locator("#line-text")).to_have_text("live")
    page.locator("main .frame, main .card, main .empty").first.wait_for()


def axe_finds_nothing_severe(browser):
    wrong = []
    axe = Axe()
    with running() as kew:
        message = furnish(kew)
        for scheme in ("light", "dark"):
            tab = Tab(browser, kew, scheme)

            def check(name):
                found = axe.run(tab.page).response["violations"]
                for one in found:
                    if one["impact"] in SEVERE:
                        nodes = "; ".join(node["html"][:160] + " " + (node["any"][0]["message"][:160] if node["any"] else "") for node in one["nodes"][:3])
                        wrong.append(f"{name}, {scheme}: {one['id']}: {nodes}")

            for name, path in pages_of(message).items():
                tab.open(path)
                settled(tab.page)
                check(name)
            for name, path, key in (("create", "", "c"), ("send", "queues/orders", "s"), ("shortcuts", "", "?"), ("fault", "faults", "a")):
                page = tab.open(path)
                settled(page)
                page.keyboard.press(key)
                page.get_by_role("dialog").wait_for()
                check(f"dialog {name}")
            wrong += tab.close()
    return wrong


def nothing_is_cut_off_on_a_narrow_screen(browser):
    wrong = []
    with running() as kew:
        message = furnish(kew)
        tab = Tab(browser, kew, width=NARROW, height=700)
        for name, path in pages_of(message).items():
            tab.open(path)
            settled(tab.page)
            wide = tab.page.evaluate("document.documentElement.scrollWidth")
            if wide > NARROW:
                wrong.append(f"{name} is {wide} wide")
        page = tab.open("queues/orders")
        page.get_by_role("button", name="Send message").first.click()
        box = page.get_by_role("dialog").bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= NARROW, box
        return wrong + tab.close()


def pictures(browser):
    """Pictures of the main pages; with SCREENSHOTS=1 those in docs/images are made anew."""
    folder = ROOT / "docs/images" if os.environ.get("SCREENSHOTS") else ROOT / "target/console"
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    with running("--seed", "7") as kew:
        message = furnish(kew)
        for name, path, scheme in (("queues", "", "light"), ("queue", "queues/orders", "light"), ("message", f"messages/{message}", "dark"), ("activity", "activity", "light")):
            tab = Tab(browser, kew, scheme, width=1160, height=720)
            page = tab.open(path)
            settled(page)
            if name == "queues":
                # Rates want a second look.
                expect(page.locator("tbody tr").first.locator("td").nth(5)).not_to_have_text("–")
            picture = folder / f"console-{name}.png"
            picture.write_bytes(page.screenshot())
            small(picture)
            made.append(picture)
            complaints = tab.close()
            if complaints:
                return complaints
    total = sum(picture.stat().st_size for picture in made)
    print(f"    {len(made)} pictures, {total // 1024} KiB, in {folder.relative_to(ROOT)}")
    return [] if total <= PICTURES_BYTES_MAX else [f"{total} bytes of pictures"]


def small(picture: pathlib.Path):
    """The same picture with 256 colours, which are enough for it."""
    from PIL import Image
    with Image.open(picture) as image:
        few = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    few.save(picture, optimize=True)


TESTS = [axe_finds_nothing_severe, nothing_is_cut_off_on_a_narrow_screen, pictures]
