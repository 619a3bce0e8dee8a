"""What a newcomer does: sends a message, sees it in flight, lets it fail, finds it dead, reads its life, edits it, sends it back."""

from playwright.sync_api import expect


def with_the_mouse(tab):
    page = tab.open()
    expect(page.get_by_text("No queues yet")).to_be_visible()
    expect(page.locator("main pre")).to_contain_text(f"AWS_ENDPOINT_URL={tab.kew.url}")
    page.get_by_role("button", name="Create queue").first.click()
    page.get_by_label("Name", exact=True).fill("orders")
    page.get_by_label("Receives before that").fill("2")
    page.get_by_role("dialog").get_by_role("button", name="Create queue").click()
    # It leads to the queue.
    expect(page.get_by_role("heading", name="orders", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name="No messages")).to_be_visible()
    page.get_by_role("button", name="Send message").last.click()
    page.get_by_label("Body", exact=True).fill('{"orderId": 1001, "total": -5}')
    expect(page.get_by_role("dialog").get_by_text("JSON", exact=False).first).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", name="Send", exact=True).click()
    row = page.get_by_role("row").filter(has_text="1001")
    expect(row).to_contain_text("visible")
    for receive in (1, 2):
        page.get_by_role("button", name="Receive", exact=True).click()
        expect(row).to_contain_text("in flight")
        expect(row).to_contain_text(f"{receive} of 2")
        row.get_by_role("button", name="Release").click()
        expect(row).to_contain_text("visible")
    page.get_by_role("button", name="Receive", exact=True).click()
    expect(page.get_by_text("Nothing to receive.")).to_be_visible()
    page.get_by_role("link", name="Open orders-dead").click()
    expect(page.get_by_role("heading", name="orders-dead", exact=True)).to_be_visible()
    page.get_by_role("row").filter(has_text="1001").get_by_role("link").click()
    timeline = page.locator(".timeline")
    for text in ("Sent", "Received #1", "Released by hand", "Received #2", "Dead-lettered after 2 receives", "Arrived"):
        expect(timeline).to_contain_text(text)
    page.get_by_role("button", name="Edit and send…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("To", exact=True)).to_have_value("orders")
    expect(dialog.get_by_label("Delete the original from orders-dead")).to_be_checked()
    dialog.get_by_label("Body", exact=True).fill('{"orderId": 1001, "total": 5}')
    dialog.get_by_role("button", name="Send", exact=True).click()
    page.get_by_role("link", name="Open orders", exact=True).click()
    expect(page.get_by_role("row").filter(has_text='"total": 5')).to_contain_text("visible")
    assert (tab.kew.counts("orders"), tab.kew.counts("orders-dead")) == ((1, 0, 0), (0, 0, 0))


def with_the_keyboard_alone(tab):
    page = tab.open()
    keys = page.keyboard
    focused = page.locator(":focus")
    expect(page.get_by_text("No queues yet")).to_be_visible()
    keys.press("c")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    keys.type("orders")
    keys.press("Control+Enter")
    expect(page.get_by_role("heading", name="orders", exact=True)).to_be_visible()
    keys.press("s")
    expect(page.get_by_role("dialog").get_by_label("Body", exact=True)).to_be_focused()
    keys.type("hello")
    keys.press("Control+Enter")
    row = page.get_by_role("row").filter(has_text="hello")
    for receive in (1, 2, 3):
        expect(row).to_contain_text("visible")
        keys.press("r")
        expect(row).to_contain_text(f"{receive} of 3")
        keys.press("j")
        expect(row.get_by_role("link")).to_be_focused()
        keys.press("Tab")
        expect(focused).to_have_text("Release")
        keys.press("Enter")
        expect(row).to_contain_text("visible")
        # The button has gone; who pressed it goes on where it was.
        expect(row.get_by_role("link")).to_be_focused()
    keys.press("r")
    expect(page.get_by_role("heading", name="No messages")).to_be_visible()
    keys.press("g")
    keys.press("q")
    expect(page.get_by_role("heading", name="Queues")).to_be_visible()
    keys.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    keys.type("dead")
    expect(page.get_by_role("row")).to_have_count(2)
    keys.press("Enter")
    expect(page.get_by_role("heading", name="orders-dead", exact=True)).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="hello")).to_be_visible()
    keys.press("j")
    keys.press("Enter")
    expect(page.locator(".timeline")).to_contain_text("Dead-lettered after 3 receives")
    send = page.get_by_role("button", name="Edit and send…")
    for _ in range(60):
        keys.press("Tab")
        if send.evaluate("node => node === document.activeElement"):
            break
    keys.press("Enter")
    expect(page.get_by_role("dialog").get_by_label("Body", exact=True)).to_be_focused()
    keys.press("Control+A")
    keys.type("mended")
    keys.press("Control+Enter")
    expect(page.get_by_text("Sent to orders.")).to_be_visible()
    # The message has gone from here and its buttons with it; the page has the focus, not the top of the document.
    expect(send).to_have_count(0)
    expect(page.get_by_role("main")).to_be_focused()
    # Where the focus is can be seen, and what there is to press can be read.
    keys.press("Tab")
    expect(focused).to_have_text("Queues")
    expect(focused).to_have_css("outline-style", "solid")
    keys.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Copy what was done last as curl")
    keys.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert tab.kew.counts("orders") == (1, 0, 0)


TESTS = [with_the_mouse, with_the_keyboard_alone]
