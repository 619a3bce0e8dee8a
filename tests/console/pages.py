"""Every page, and every act of it."""

import json
import re
import subprocess

from playwright.sync_api import expect


def dialog_of(page):
    return page.get_by_role("dialog")


def queues(tab):
    kew = tab.kew
    kew.with_dead_letters()
    kew.create("jobs.fifo", FifoQueue="true")
    kew.create("emails")
    kew.send("orders", "x")
    kew.control("POST", "/faults", {"fault": "throttle", "on": {"queue": "emails"}, "when": {"nth": [9999]}})
    page = tab.open()
    rows = page.get_by_role("row")
    expect(rows).to_have_count(5)
    orders = rows.filter(has=page.get_by_role("link", name="orders", exact=True)).first
    expect(rows.filter(has_text="FIFO")).to_contain_text("jobs.fifo")
    expect(rows.filter(has_text="1 fault")).to_contain_text("emails")
    expect(page.get_by_text("after 2 to")).to_be_visible()
    expect(page.get_by_text("of orders", exact=True)).to_be_visible()
    # Live: what a program does is seen.
    kew.send("orders", "y")
    expect(page.get_by_text("4 queues · 2 visible")).to_be_visible()
    page.get_by_label("Only non-empty").check()
    expect(rows).to_have_count(2)
    page.get_by_label("Only non-empty").uncheck()
    page.get_by_role("searchbox").fill("JOBS")
    expect(rows).to_have_count(2)
    page.get_by_role("searchbox").fill("")
    orders.get_by_label("What to do with orders").click()
    orders.get_by_role("button", name="Purge…").click()
    expect(dialog_of(page)).to_contain_text("All 2 messages of orders are deleted")
    dialog_of(page).get_by_role("button", name="Purge orders").click()
    expect(page.get_by_text("orders is empty.")).to_be_visible()
    assert kew.counts("orders") == (0, 0, 0)
    emails = rows.filter(has=page.get_by_role("link", name="emails", exact=True))
    emails.get_by_label("What to do with emails").click()
    emails.get_by_role("button", name="Delete…").click()
    dialog_of(page).get_by_role("button", name="Delete emails").click()
    expect(rows).to_have_count(4)
    page.get_by_role("button", name="Connect").click()
    for language, text in (("Python", "boto3"), ("JavaScript", "SQSClient"), ("Go", "sqs.NewFromConfig"), ("Java", "SqsClient"), ("Rust", "aws_sdk_sqs")):
        dialog_of(page).get_by_role("button", name=language, exact=True).click()
        expect(dialog_of(page)).to_contain_text(text)


def messages(tab):
    kew = tab.kew
    kew.create("orders")
    for number in range(120):
        kew.send("orders", json.dumps({"orderId": 1000 + number}), MessageAttributes={"tenant": {"DataType": "String", "StringValue": f"t{number % 3}"}})
    kew.send("orders", "later", DelaySeconds=600)
    page = tab.open("queues/orders")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(50)
    expect(page.get_by_text("Page 1, about 3")).to_be_visible()
    page.get_by_role("button", name="Next").click()
    expect(rows.filter(has_text="1050")).to_be_visible()
    page.get_by_role("button", name="Next").click()
    expect(rows).to_have_count(21)
    page.get_by_role("button", name="Back").click()
    expect(rows).to_have_count(50)
    search, by = page.get_by_label("Search messages"), page.get_by_label("Search by")
    search.fill("1077")
    expect(rows).to_have_count(1)
    by.select_option("JSON path")
    search.fill("$.orderId=1002")
    expect(rows.filter(has_text="1002")).to_have_count(1)
    by.select_option("Attribute")
    search.fill("tenant=t2")
    expect(rows).to_have_count(40)
    search.fill("")
    page.get_by_label("State").select_option("delayed")
    expect(rows).to_have_count(1)
    rows.first.get_by_role("button", name="Release").click()
    expect(page.get_by_text("No message is like that")).to_be_visible()
    # Looking has received nothing.
    assert kew.counts("orders") == (121, 0, 0)
    page.get_by_label("State").select_option("All states")
    first = rows.filter(has_text="1000")
    first.locator("summary").click()
    first.get_by_role("button", name="Delete…").click()
    expect(dialog_of(page)).to_contain_text("of orders")
    dialog_of(page).get_by_role("button", name="Delete the message").click()
    expect(first).to_have_count(0)
    kew.create("other")
    second = rows.filter(has_text="1001")
    second.locator("summary").click()
    second.get_by_role("button", name="Move…").click()
    dialog_of(page).get_by_role("button", name="Move").click()
    expect(second).to_have_count(0)
    third = rows.filter(has_text="1002")
    third.locator("summary").click()
    third.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("Sent again to orders.")).to_be_visible()
    assert (kew.counts("orders"), kew.counts("other")) == ((120, 0, 0), (1, 0, 0))


def sending(tab):
    kew = tab.kew
    kew.create("jobs.fifo", FifoQueue="true")
    page = tab.open("queues/jobs.fifo")
    expect(page.get_by_role("heading", name="jobs.fifo")).to_be_visible()
    page.get_by_role("button", name="Send message").first.click()
    dialog = dialog_of(page)
    with page.expect_file_chooser() as chooser:
        dialog.get_by_role("button", name="From a file…").click()
    chooser.value.set_files({"name": "body.json", "mimeType": "application/json", "buffer": b'{"a":[1,2]}'})
    expect(dialog.get_by_label("Body", exact=True)).to_have_value('{"a":[1,2]}')
    dialog.get_by_role("button", name="Indent JSON").click()
    dialog.get_by_role("button", name="Add attribute").click()
    dialog.get_by_label("Attribute name").fill("tenant")
    dialog.get_by_label("Attribute value").fill("acme")
    dialog.get_by_label("Message group").fill("g1")
    # What SQS says, and what helps.
    dialog.get_by_role("button", name="Send", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("ContentBasedDeduplication")
    dialog.get_by_label("Deduplication id").fill("d1")
    dialog.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("tbody tr")).to_contain_text("g1")
    got = kew.sqs("ReceiveMessage", "jobs.fifo", MessageAttributeNames=["All"])["Messages"][0]
    assert json.loads(got["Body"]) == {"a": [1, 2]} and got["MessageAttributes"]["tenant"]["StringValue"] == "acme"
    page.get_by_role("link", name="Groups").click()
    expect(page.locator("tbody tr")).to_contain_text("locked by")


def settings(tab):
    kew = tab.kew
    kew.with_dead_letters()
    page = tab.open("queues/orders?tab=settings")
    expect(page.get_by_text("RedrivePolicy")).to_be_visible()
    page.get_by_role("button", name="Change…").click()
    page.get_by_label("Visibility timeout, seconds").fill("45")
    dialog_of(page).get_by_role("button", name="Copy as aws").click()
    text = tab.copied("aws")
    assert "aws sqs set-queue-attributes" in text and "VisibilityTimeout" in text and "DelaySeconds" not in text, text
    dialog_of(page).get_by_role("button", name="Change", exact=True).click()
    expect(page.get_by_text("45", exact=True)).to_be_visible()
    page.get_by_role("button", name="Add…").click()
    page.get_by_label("Key").fill("team")
    page.get_by_label("Value").fill("shop")
    dialog_of(page).get_by_role("button", name="Tag", exact=True).click()
    expect(page.get_by_text("shop", exact=True)).to_be_visible()
    page.get_by_label("Remove the tag team").click()
    expect(page.get_by_text("shop", exact=True)).to_have_count(0)
    assert kew.sqs("GetQueueAttributes", "orders", AttributeNames=["All"])["Attributes"]["VisibilityTimeout"] == "45"


def sending_back(tab):
    kew = tab.kew
    kew.with_dead_letters(receives=1)
    for number in range(5):
        kew.send("orders", f"order {number}")
    kew.fail("orders", 2)
    page = tab.open("queues/orders-dead")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(5)
    # One, by its own page.
    rows.filter(has_text="order 0").get_by_role("link").click()
    page.get_by_role("button", name="Send back to orders").click()
    expect(page.locator(".timeline li")).to_have_count(6)
    # Those that a search finds.
    page = tab.open("queues/orders-dead")
    page.get_by_label("Search messages").fill("order 1")
    page.get_by_role("button", name="Send these back…").click()
    dialog_of(page).get_by_role("button", name="Send these back").click()
    expect(page.get_by_text("1 sent back.")).to_be_visible()
    assert kew.counts("orders") == (2, 0, 0)
    # All, by a message move task.
    page.get_by_label("Search messages").fill("")
    page.get_by_role("button", name="Send all back…").first.click()
    dialog_of(page).get_by_role("button", name="Send all back").click()
    expect(page.get_by_role("heading", name="No messages")).to_be_visible()
    assert kew.counts("orders") == (5, 0, 0)


def message(tab):
    kew = tab.kew
    kew.control("POST", "/faults", {"fault": "latency", "ms": 0, "on": {"action": "ReceiveMessage"}})
    kew.create("orders")
    message = kew.send("orders", '{"a": "ü"}', MessageAttributes={"n": {"DataType": "Number", "StringValue": "7"}})
    kew.control("PUT", "/clock", {"mode": "running"})
    kew.control("POST", "/clock/advance", {"by": "1h"})
    kew.sqs("ReceiveMessage", "orders")
    page = tab.open(f"messages/{message}")
    expect(page.locator("pre.body")).to_have_text('{\n  "a": "ü"\n}')
    page.get_by_role("button", name="Hex").click()
    expect(page.locator("pre.body")).to_contain_text("22 c3 bc 22")
    page.get_by_role("button", name="Text").click()
    expect(page.locator("pre.body")).to_have_text('{"a": "ü"}')
    timeline = page.locator(".timeline")
    expect(timeline).to_contain_text("Received #1, hidden for 30 s")
    expect(timeline).to_contain_text("real time")
    expect(timeline).to_contain_text("127.0.0.1:")
    page.locator(".head summary").click()
    page.get_by_role("button", name="Copy as test fixture").click()
    assert json.loads(tab.copied("the fixture"))["MessageAttributes"]["n"] == {"DataType": "Number", "StringValue": "7"}
    # The command does what it says.
    page.locator(".head summary").click()
    page.get_by_role("button", name="Copy sending it as curl").click()
    subprocess.run(["sh", "-c", tab.copied("curl")], check=True, capture_output=True)
    assert kew.counts("orders") == (1, 1, 0)
    page.get_by_role("button", name="Release now").click()
    expect(page.locator(".head .badge")).to_have_text("visible")
    page.locator(".head summary").click()
    page.get_by_role("button", name="Delete…").click()
    dialog_of(page).get_by_role("button", name="Delete the message").click()
    expect(page.locator(".head .badge")).to_have_text("removed by hand")


def activity(tab):
    kew = tab.kew
    kew.create("orders")
    kew.create("emails")
    page = tab.open("activity")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(2)
    message = kew.send("orders", "x")
    expect(rows.first).to_contain_text(message[:8])
    kew.ask("POST", "/", '{"QueueUrl": "nowhere"}', {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.PurgeQueue"})
    expect(rows.first).to_contain_text("PurgeQueue: QueueDoesNotExist")
    expect(rows.first).to_contain_text("The specified queue does not exist")
    page.get_by_label("Queue", exact=True).select_option("emails")
    expect(rows).to_have_count(1)
    page.get_by_label("Queue", exact=True).select_option("All queues")
    page.get_by_label("Events", exact=True).first.select_option("Failed requests")
    expect(rows).to_have_count(1)
    page.get_by_label("Events", exact=True).first.select_option("All events")
    page.get_by_role("button", name="Pause").click()
    kew.send("emails", "y")
    expect(page.get_by_text("paused, 1 wait")).to_be_visible()
    page.get_by_role("button", name="Go on").click()
    expect(rows).to_have_count(5)
    page.get_by_label("Client").fill("no such client")
    expect(page.get_by_text("Nothing has happened")).to_be_visible()
    page.get_by_label("Client").fill("")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export JSONL").click()
    lines = open(download.value.path(), encoding="utf-8").read().splitlines()
    assert [json.loads(line)["type"] for line in lines].count("sent") == 2, lines


def clock(tab):
    kew = tab.kew
    kew.create("orders")
    kew.send("orders", "later", DelaySeconds=900)
    page = tab.open("clock")
    expect(page.get_by_text("a delay ends in")).to_be_visible()
    page.get_by_role("button", name="Frozen").click()
    expect(page.get_by_role("button", name="Frozen")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#clock-chip")).to_contain_text("frozen")
    page.get_by_role("button", name="+1 min").click()
    expect(page.get_by_text("1 min forward")).to_be_visible()
    page.get_by_role("button", name="+15 min").click()
    expect(page.get_by_text("15 min forward").first).to_be_visible()
    assert kew.counts("orders") == (1, 0, 0)
    kew.sqs("ReceiveMessage", "orders")
    expect(page.get_by_text("a visibility timeout ends in")).to_be_visible()
    page.get_by_role("button", name="To what is next").click()
    expect(page.get_by_text("30 s forward")).to_be_visible()
    assert kew.counts("orders") == (1, 0, 0)
    page.get_by_role("button", name="Turn…").click()
    page.get_by_label("By so much").fill("soon")
    dialog_of(page).get_by_role("button", name="Turn", exact=True).click()
    expect(dialog_of(page).get_by_role("alert")).to_be_visible()
    page.get_by_label("By so much").fill("2h")
    dialog_of(page).get_by_role("button", name="Turn", exact=True).click()
    expect(page.get_by_text("2 h forward")).to_be_visible()
    kew.sqs("ReceiveMessage", "orders")
    page.get_by_role("button", name="Auto").click()
    dialog_of(page).get_by_role("button", name="Have it jump").click()
    expect(page.get_by_text("held: inFlight")).to_be_visible()
    expect(page.get_by_text("declare consumers")).to_be_visible()
    page.get_by_role("button", name="Real").click()
    dialog_of(page).get_by_role("button", name="Reset clock and queues").click()
    expect(page.get_by_role("button", name="Real")).to_have_attribute("aria-pressed", "true")
    assert kew.control("GET", "/queues")["queues"] == []


def faults(tab):
    kew = tab.kew
    kew.create("orders")
    page = tab.open("faults")
    expect(page.get_by_role("heading", name="No faults")).to_be_visible()
    for preset in ("Lose the second answer", "1 of 10 twice", "Throttled", "AWS-like"):
        page.get_by_label(f"Switch on: {preset}").click()
        expect(page.get_by_text(f"{preset}: the fault is on.")).to_be_visible()
    page.get_by_role("button", name="Remove all…").click()
    dialog_of(page).get_by_role("button", name="Remove all faults").click()
    expect(page.get_by_role("heading", name="No faults")).to_be_visible()
    page.get_by_role("button", name="Add a fault").click()
    dialog = dialog_of(page)
    dialog.get_by_label("Fault", exact=True).select_option("error")
    dialog.get_by_label("Error").fill("OverLimit")
    dialog.get_by_label("Queue").select_option("orders")
    dialog.get_by_label("Action").select_option("SendMessage")
    dialog.get_by_label("When").select_option("nth")
    dialog.get_by_label("Value", exact=True).fill("1, 3")
    dialog.get_by_role("button", name="Add the fault").click()
    row = page.locator("tbody tr")
    expect(row).to_contain_text("SendMessage of orders")
    expect(row).to_contain_text("match 1, 3")
    status, text = kew.ask("POST", "/", json.dumps({"QueueUrl": "orders", "MessageBody": "x"}), {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.SendMessage"})
    assert status == 403 and "OverLimit" in text, text
    expect(row.locator(".num").last).to_have_text("1")
    row.get_by_role("checkbox").uncheck()
    expect(row.get_by_role("checkbox")).not_to_be_checked()
    assert kew.control("GET", "/faults")["faults"] == []
    row.get_by_role("checkbox").check()
    expect(row.get_by_role("checkbox")).to_be_checked()
    assert len(kew.control("GET", "/faults")["faults"]) == 1
    row.locator("summary").click()
    row.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("heading", name="No faults")).to_be_visible()


def report(tab):
    kew = tab.kew
    page = tab.open("report")
    expect(page.get_by_text("Nothing to complain about")).to_be_visible()
    kew.with_dead_letters(receives=1)
    kew.send("orders", "x")
    kew.fail("orders", 2)
    page = tab.open("report")
    page.reload()
    expect(page.locator(".finding").first).to_be_visible()
    for name, text in (("JUnit", "<testsuite"), ("SARIF", '"runs"'), ("Text", "K")):
        with page.expect_download() as download:
            page.get_by_role("button", name=name).click()
        assert text in open(download.value.path(), encoding="utf-8").read()


def metrics(tab):
    kew = tab.kew
    kew.with_dead_letters()
    kew.create("emails")
    page = tab.open("metrics")
    card = lambda name: page.locator("section").filter(has=page.get_by_role("heading", name=name))
    for name in ("In /s", "Received /s", "Deleted /s", "Depth", "Oldest", "Dead letters"):
        expect(card(name).get_by_role("img")).to_be_visible()
    expect(page.get_by_text("The lines begin when this page was first opened")).to_be_visible()
    for number in range(3):
        kew.send("orders", f"order {number}")
    kew.send("emails", "welcome")
    expect(card("Depth").locator(".figure")).to_have_text("4")
    expect(card("In /s")).to_contain_text(re.compile(r"most: (0\.)?[1-9]"))
    kew.fail("orders", 3)
    expect(card("Dead letters").locator(".figure")).to_have_text("3")
    expect(card("Received /s")).to_contain_text(re.compile(r"most: (0\.)?[1-9]"))
    got = kew.sqs("ReceiveMessage", "emails")["Messages"][0]
    kew.sqs("DeleteMessage", "emails", ReceiptHandle=got["ReceiptHandle"])
    expect(card("Deleted /s")).to_contain_text(re.compile(r"most: (0\.)?[1-9]"))
    # One queue alone; and what was read before is still there when the page is.
    page.get_by_label("Queue", exact=True).select_option("orders")
    expect(card("Depth").locator(".figure")).to_have_text("0")
    page.get_by_label("Queue", exact=True).select_option("")
    expect(card("Depth")).to_contain_text("most: 4")
    page.get_by_role("link", name="About").click()
    page.get_by_role("heading", name="kew ").wait_for()
    page.get_by_role("link", name="Metrics", exact=True).click()
    expect(card("Depth")).to_contain_text("most: 4")


def namespaces(tab):
    kew = tab.kew
    kew.create("orders")
    page = tab.open("namespaces")
    expect(page.get_by_text("Only the default namespace")).to_be_visible()
    page.get_by_role("button", name="Create namespace").first.click()
    page.get_by_label("Name", exact=True).fill("test-1")
    page.get_by_label("Queues").fill("mine, jobs.fifo")
    dialog_of(page).get_by_role("button", name="Create namespace").click()
    expect(page.locator("tbody tr")).to_contain_text("test-1")
    page.get_by_label("Namespace", exact=True).select_option("test-1")
    expect(page.get_by_role("link", name="mine")).to_be_visible()
    expect(page.get_by_role("link", name="orders")).to_have_count(0)
    page.get_by_role("link", name="mine").click()
    page.get_by_role("button", name="Send message").first.click()
    page.get_by_label("Body", exact=True).fill("only here")
    dialog_of(page).get_by_role("button", name="Copy as aws").click()
    key = kew.control("GET", "/ns/test-1")["account"]
    assert f"AWS_ACCESS_KEY_ID={key}" in tab.copied("aws")
    dialog_of(page).get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_role("row").filter(has_text="only here")).to_be_visible()
    assert kew.sqs("ReceiveMessage", key=key, QueueUrl="mine")["Messages"][0]["Body"] == "only here"
    page.get_by_role("link", name="Namespaces").click()
    row = page.locator("tbody tr")
    row.locator("summary").click()
    row.get_by_role("button", name="Delete…").click()
    dialog_of(page).get_by_role("button", name="Delete test-1").click()
    expect(page.get_by_text("Only the default namespace")).to_be_visible()
    assert kew.control("GET", "/ns")["namespaces"] == []


def about(tab):
    page = tab.open("about")
    expect(page.get_by_role("heading", level=1)).to_contain_text("kew ")
    expect(page.get_by_text("120,000 messages of a queue")).to_be_visible()
    expect(page.locator("tbody tr").filter(has_text="/_kew/clock/advance")).to_be_visible()


TESTS = [queues, messages, sending, settings, sending_back, message, activity, clock, faults, report, metrics, namespaces, about]
