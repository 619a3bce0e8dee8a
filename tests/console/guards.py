"""Bodies that are markup, pages of others, tokens, and a server that is not there."""

import http.server
import json
import threading

from playwright.sync_api import expect

from support import ACCOUNT, ATTACKER, REBOUND, Kew, Tab, running

HOSTILE = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>'


def markup_stays_text(browser):
    with running() as kew:
        tab = Tab(browser, kew)
        kew.create("orders")
        member = {"DataType": "String", "StringValue": HOSTILE}
        message = kew.send("orders", HOSTILE, MessageAttributes={"a": member})
        headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.ReceiveMessage", "User-Agent": HOSTILE}
        kew.ask("POST", "/", json.dumps({"QueueUrl": "orders", "VisibilityTimeout": 0}), headers)
        headers["X-Amz-Target"] = "AmazonSQS.SendMessage"
        kew.ask("POST", "/", json.dumps({"QueueUrl": HOSTILE, "MessageBody": HOSTILE}), headers)
        for path in ("queues/orders", f"messages/{message}", "activity"):
            page = tab.open(path)
            expect(page.get_by_text("<img").first).to_be_visible()
            assert page.locator("main img, main script").count() == 0, path
            assert page.title() != "owned", path
        page = tab.open(f"messages/{message}")
        expect(page.locator("pre.body")).to_have_text(HOSTILE)
        page.get_by_role("button", name="Edit and send…").click()
        expect(page.get_by_role("dialog").get_by_label("Body", exact=True)).to_have_value(HOSTILE)
        return tab.close()


def a_long_body_is_folded_and_whole(browser):
    with running() as kew:
        tab = Tab(browser, kew)
        kew.create("orders")
        body = '{"items": [' + ",".join(f'"{"x" * 90} {n}"' for n in range(10_000)) + "]}"
        assert len(body) < 1024 * 1024
        message = kew.send("orders", body)
        most = kew.send("orders", "y" * 1024 * 1024)
        page = tab.open("queues/orders")
        expect(page.locator("tbody tr")).to_have_count(2)
        page = tab.open(f"messages/{most}")
        expect(page.get_by_text("1 MiB; the beginning is shown.")).to_be_visible()
        assert len(page.locator("pre.body").inner_text()) < 10_000
        page.get_by_role("button", name="Show all").click()
        assert page.locator("pre.body").evaluate("node => node.textContent.length") == 1024 * 1024
        page.get_by_role("button", name="Hex").click()
        expect(page.locator("pre.body")).to_contain_text("000000  79 79")
        page = tab.open(f"messages/{message}")
        page.get_by_role("button", name="Show all").click()
        shown = page.locator("pre.body").evaluate("node => node.textContent")
        assert json.loads(shown) == json.loads(body)
        return tab.close()


def a_token_is_asked_for_and_kept_out_of_addresses(browser):
    with running("--control-token", "s3cret", "--queue", "orders") as kew:
        tab = Tab(browser, kew)
        page = tab.page
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{kew.url}/_kew/ui/")
        page.get_by_label("Token", exact=True).fill("wrong")
        page.get_by_role("button", name="Use it").click()
        expect(page.get_by_label("Token", exact=True)).to_have_value("")
        page.get_by_label("Token", exact=True).fill("s3cret")
        page.get_by_role("button", name="Use it").click()
        expect(page.get_by_role("link", name="orders", exact=True)).to_be_visible()
        page.goto(f"{kew.url}/_kew/ui/#/activity")
        kew.send("orders", "x")
        expect(page.locator("tbody tr").first).to_contain_text("Sent")
        assert not [url for url in asked if "s3cret" in url] and "s3cret" not in page.url
        assert page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
        page.goto(f"{kew.url}/_kew/ui/#/clock")
        page.get_by_role("button", name="Frozen").click()
        page.get_by_role("button", name="Copy as curl").first.click()
        command = tab.copied("curl")
        assert "$KEW_CONTROL_TOKEN" in command and "s3cret" not in command
        # The first answers, to who had no token, and a wrong one.
        return tab.close(["403"])


class Pages(http.server.BaseHTTPRequestHandler):
    """Serves a page of somebody else."""

    def do_GET(self):
        body = b"<!doctype html><title>elsewhere</title><p>elsewhere"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


# All that a page may try at the console and what is behind it. What it could read is told.
ATTEMPT = """async ([base, url]) => {
  const read = [];
  const target = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AmazonSQS.PurgeQueue"};
  const ways = [
    ["/_kew/ui/", {}], ["/_kew/ui/app.js", {}], ["/_kew/queues", {}], ["/_kew/events", {}], ["/_kew", {}],
    ["/_kew/queues", {mode: "no-cors"}], ["/_kew/queues", {referrerPolicy: "no-referrer"}],
    ["/_kew/reset", {method: "POST", mode: "no-cors"}],
    ["/_kew/reset", {method: "POST", headers: {"Content-Type": "application/json"}, body: "{}"}],
    ["/_kew/reset", {method: "POST", mode: "no-cors", body: "{}"}],
    ["/_kew/queues/orders", {method: "DELETE"}],
    ["/", {method: "POST", headers: target, body: JSON.stringify({QueueUrl: url})}],
    ["/?Action=PurgeQueue&QueueUrl=orders", {mode: "no-cors"}],
    ["/?Action=PurgeQueue&QueueUrl=orders", {mode: "no-cors", method: "POST"}],
  ];
  for (const [path, init] of ways) {
    try {
      const answer = await fetch(base + path, init);
      // Events go on without end.
      if (answer.ok) read.push(path + " " + (path.endsWith("events") ? "" : (await answer.text()).slice(0, 80)));
    } catch {}
  }
  const framed = document.createElement("iframe");
  framed.src = base + "/_kew/ui/";
  await new Promise(done => { framed.onload = framed.onerror = done; document.body.append(framed); });
  try { if (framed.contentDocument && framed.contentDocument.querySelector("#side")) read.push("frame"); } catch {}
  const loaded = await new Promise(done => {
    const script = document.createElement("script");
    script.type = "module"; script.src = base + "/_kew/ui/dom.js";
    script.onload = () => done(true); script.onerror = () => done(false);
    document.body.append(script);
  });
  if (loaded) read.push("script");
  const opened = open(base + "/_kew/ui/");
  await new Promise(done => setTimeout(done, 0));
  try { if (opened && opened.document.querySelector("#side")) read.push("window"); } catch {}
  return read;
}"""


def pages_of_others_get_nothing(browser):
    """A page of a foreign origin; and one by a foreign name that is pointed at kew, which to the browser is one origin with it."""
    complaints = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with running("--queue", "orders") as kew:
        kew.send("orders", "secret")
        url = f"{kew.url}/{ACCOUNT}/orders"
        position = kew.control("GET", "/history")["next"]
        for base in (kew.url, f"http://localhost:{kew.port}"):
            page = browser.new_context().new_page()
            page.goto(f"http://{ATTACKER}:{server.server_port}/")
            read = page.evaluate(ATTEMPT, [base, url])
            complaints += [f"a page of {ATTACKER} got {what} of {base}" for what in read]
            page.context.close()
        # The name of the page means kew: what it loads from there is refused by the name.
        rebound = f"http://{REBOUND}:{kew.port}"
        page = browser.new_context().new_page()
        page.goto(rebound + "/_kew/ui/")
        assert "--allow-host" in page.content() and page.locator("#side").count() == 0, page.content()
        complaints += [f"a page of {REBOUND} got {what}" for what in page.evaluate(ATTEMPT, [rebound, url])]
        page.context.close()
        assert kew.counts("orders") == (1, 0, 0), "something was done"
        # Nobody did anything but fail.
        events = kew.control("GET", f"/history?since={position}")["events"]
        complaints += [f"it happened: {event}" for event in events]
    # That the ways are ways: where the page is allowed they work.
    allowed = f"http://{ATTACKER}:{server.server_port}"
    with running("--queue", "orders", "--cors", allowed, "--cors-control", allowed) as kew:
        page = browser.new_context().new_page()
        page.goto(allowed)
        read = page.evaluate(ATTEMPT, [kew.url, f"{kew.url}/{ACCOUNT}/orders"])
        assert any(what.startswith("/_kew/queues ") for what in read), read
        page.context.close()
    server.shutdown()
    return complaints


def without_a_history_the_rest_works(browser):
    with running("--history", "0", "--queue", "orders") as kew:
        tab = Tab(browser, kew)
        message = kew.send("orders", "x")
        page = tab.open()
        expect(page.get_by_text("1 queue · 1 visible")).to_be_visible()
        page = tab.open(f"messages/{message}")
        expect(page.get_by_text("Nothing is known of its life")).to_be_visible()
        page = tab.open("activity")
        expect(page.get_by_text("the history is off")).to_be_visible()
        expect(page.get_by_text("--history")).to_be_visible()
        page = tab.open("report")
        expect(page.get_by_role("alert")).to_contain_text("there is no history to report on")
        page = tab.open("about")
        expect(page.get_by_text("off; start kew with --history 100000")).to_be_visible()
        return tab.close(["409"])


def a_server_that_goes_is_missed_and_found_again(browser):
    kew = Kew("--queue", "orders")
    tab = Tab(browser, kew)
    page = tab.open()
    expect(page.locator("#line-text")).to_have_text("live")
    kew.end()
    expect(page.locator("#line-text")).to_have_text("no connection")
    with running("--queue", "others", listen=f"127.0.0.1:{kew.port}"):
        expect(page.get_by_role("link", name="others", exact=True)).to_be_visible()
        expect(page.locator("#line-text")).to_have_text("live")
        return tab.close(["ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE", "ERR_INCOMPLETE"])


def errors_are_told_in_the_words_of_sqs(browser):
    with running("--cooldowns", "on", "--queue", "orders") as kew:
        tab = Tab(browser, kew)
        page = tab.page
        page.goto(f"{kew.url}/_kew/ui/#/queues/order")
        expect(page.get_by_role("alert")).to_contain_text("did you mean `orders`?")
        page.goto(f"{kew.url}/_kew/ui/#/nowhere")
        expect(page.get_by_text("There is no such page")).to_be_visible()
        for last in (False, True):
            page = tab.open("queues/orders")
            page.locator(".head summary").click()
            page.get_by_role("button", name="Purge…").click()
            page.get_by_role("button", name="Purge orders").click()
            if last:
                expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("PurgeQueueInProgress")
                expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("--cooldowns")
            else:
                expect(page.get_by_text("orders is empty.")).to_be_visible()
        return tab.close(["400", "403", "404"])


TESTS = [markup_stays_text, a_long_body_is_folded_and_whole, a_token_is_asked_for_and_kept_out_of_addresses,
         pages_of_others_get_nothing, without_a_history_the_rest_works, a_server_that_goes_is_missed_and_found_again,
         errors_are_told_in_the_words_of_sqs]
