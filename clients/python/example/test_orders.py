"""Each test has queues of its own, and turns its own clock: run them with `pytest`, or with `pytest -n 8`."""

from threading import Event, Thread
from typing import Callable, Iterator

import orders
import pytest
from kew_sqs import Kew

ORDERS = {"name": "orders", "VisibilityTimeout": 30, "DeadLetterQueue": "orders-dead", "MaxReceiveCount": 3}
Consumer = Callable[[Callable[[int], None]], None]


@pytest.fixture
def consumer(kew: Kew) -> Iterator[Consumer]:
    """Starts consumers, which work beside the test and stop at its end."""
    stopped = Event()
    threads: list[Thread] = []

    def start(charge: Callable[[int], None]) -> None:
        threads.append(Thread(target=orders.work, args=(charge, stopped)))
        threads[-1].start()

    yield start
    stopped.set()
    kew.reset("queues")  # who waits for a message gets an empty answer
    for thread in threads:
        thread.join()


@pytest.mark.kew(queues=["orders"])
def test_an_order_is_charged(kew: Kew, consumer: Consumer) -> None:
    charged: list[int] = []
    consumer(charged.append)
    orders.place(1001)
    kew.await_("orders", deleted=1)
    assert charged == [1001]


@pytest.mark.kew(queues=["orders"])
def test_an_order_for_later_waits_fifteen_minutes(kew: Kew, consumer: Consumer) -> None:
    charged: list[int] = []
    consumer(charged.append)
    orders.place(1001, delay_seconds=900)
    kew.await_("orders", delayed=1, parked=1)
    assert charged == []
    kew.advance("15m")
    kew.await_("orders", deleted=1)
    assert charged == [1001]


@pytest.mark.kew(queues=[ORDERS], clock="auto", consumers={"orders": 1})
def test_an_order_that_cannot_be_charged_is_put_aside(kew: Kew, consumer: Consumer) -> None:
    def fail(order: int) -> None:
        raise ConnectionError

    consumer(fail)
    orders.place(1001)
    kew.await_("orders-dead", visible=1)  # after three times 30 seconds, which pass at once
    [dead] = kew.peek("orders-dead")
    assert len([event for event in kew.history(dead["id"]) if event["type"] == "received"]) == 3


@pytest.mark.kew(queues=["orders"], ignore=["K11"])
def test_an_order_that_is_sent_twice_is_charged_once(kew: Kew, consumer: Consumer) -> None:
    charged: list[int] = []
    with kew.fault("lostAnswer", action="SendMessage", nth=[1]) as fault:
        orders.place(1001)  # boto3 gets no answer, and sends it again
        assert fault.fired == 1
    consumer(charged.append)
    kew.await_("orders", deleted=2)
    assert charged == [1001]
