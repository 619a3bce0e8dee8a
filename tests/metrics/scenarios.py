"""What happens in the scenarios, minute by minute, and which alerts fire when.

A scenario is a generator: it does what is done in a minute, and yields; then the clock is turned to the next minute and the metrics
are read. `FIRING` says for some minutes which alerts fire, and no others may: (alert, severity, queue).
"""

from kew import Kew

WARNING, CRITICAL, INFO = "warning", "critical", "info"
DAY = 43_200


def in_time(kew):
    """Messages are received and deleted within the minute."""
    for _ in range(40):
        kew.send("orders", 3)
        kew.delete("orders", kew.receive("orders", 3))
        yield


def stuck(kew):
    """A consumer took a message and does nothing with it."""
    kew.send("orders")
    kew.receive("orders", VisibilityTimeout=DAY)
    for _ in range(67):
        yield


def soon_lost(kew):
    """The same where messages are kept for ten minutes."""
    kew.send("short")
    kew.receive("short", VisibilityTimeout=DAY)
    for _ in range(12):
        yield


def dead(kew):
    """A message fails, and goes to the dead-letter queue in the third minute."""
    kew.send("orders")
    yield
    kew.receive("orders")
    yield
    kew.receive("orders")
    for _ in range(10):
        yield


def flood(kew):
    """More is sent than is received, from the first minute on."""
    for _ in range(35):
        kew.send("orders", 150)
        kew.delete("orders", kew.receive("orders", 10))
        yield


def deserted(kew):
    """Nobody receives."""
    kew.send("orders")
    for _ in range(12):
        yield


def hoarded(kew):
    """A consumer takes more and more, and deletes nothing."""
    for minute in range(9):
        kew.send("orders", 50 if minute < 2 else 0)
        kew.receive("orders", 50, VisibilityTimeout=DAY)
        yield


def slow(kew):
    """Work takes 45 seconds of a visibility timeout of 30."""
    for _ in range(20):
        kew.send("orders", 2)
        handles = kew.receive("orders", 2)
        kew.advance(45)
        kew.delete("orders", handles)
        yield 15


def again(kew):
    """Each message has to be received twice."""
    for _ in range(20):
        kew.send("orders", 2)
        kew.receive("orders", 2)
        kew.advance(30)
        kew.delete("orders", kew.receive("orders", 2))
        yield 30


def hasty(kew):
    """A consumer asks all the time for messages that are not there."""
    for _ in range(45):
        kew.receive_nothing("orders", 75)
        yield


def killed(kew):
    """kew is there for three minutes."""
    for _ in range(3):
        yield
    kew.process.kill()
    kew.process.wait()
    for _ in range(3):
        yield


def many(kew):
    """A thousand and one messages, and a long time."""
    kew.send("orders", 1001)
    for _ in range(75):
        yield


TOO_OLD, TOO_OLD_CRITICAL = ("SqsOldestMessageTooOld", WARNING), ("SqsOldestMessageTooOld", CRITICAL)


def of(queue, *alerts):
    return {(name, severity, queue) for name, severity in alerts}


# What fires in which minute.
FIRING = {
    in_time: {minute: set() for minute in (1, 10, 39)},
    stuck: {
        10: set(),
        11: of("orders", TOO_OLD),
        65: of("orders", TOO_OLD),
        66: of("orders", TOO_OLD, TOO_OLD_CRITICAL),
    },
    soon_lost: {8: set(), 9: of("short", ("SqsMessageNearRetention", CRITICAL)), 10: set()},
    dead: {
        2: set(),
        3: of("orders", ("SqsDeadLetters", CRITICAL)),
        7: of("orders", ("SqsDeadLetters", CRITICAL)),
        # It was a while ago; now nobody receives it from there.
        9: of("orders-dead", ("SqsNoConsumer", CRITICAL)),
    },
    flood: {
        10: set(),
        35: of("orders", TOO_OLD, ("SqsBacklogGrows", WARNING)),
    },
    deserted: {
        5: set(),
        6: of("orders", ("SqsNoConsumer", CRITICAL)),
        11: of("orders", ("SqsNoConsumer", CRITICAL), TOO_OLD),
    },
    hoarded: {6: set(), 7: of("orders", ("SqsInFlightNearLimit", CRITICAL))},
    slow: {10: set(), 20: of("orders", ("SqsVisibilityTooShort", WARNING))},
    again: {10: set(), 20: of("orders", ("SqsRedeliveries", WARNING))},
    # A rate over 15 minutes takes 12 to come up.
    hasty: {41: set(), 43: of("orders", ("SqsEmptyReceives", INFO))},
    killed: {4: set(), 5: {("KewDown", CRITICAL, "")}},
}

# The same of AWS's queues by the exporters, whose metrics are ten minutes late. What is said of other scenarios they cannot tell.
EXPORTERS_FIRING = {
    in_time: {minute: set() for minute in (11, 20, 49)},
    stuck: {
        20: set(),
        21: of("orders", TOO_OLD),
        75: of("orders", TOO_OLD),
        76: of("orders", TOO_OLD, TOO_OLD_CRITICAL),
    },
    dead: {12: set(), 13: of("orders-dead", ("SqsDeadLetters", CRITICAL))},
    flood: {20: set(), 45: of("orders", TOO_OLD, ("SqsBacklogGrows", WARNING))},
    deserted: {15: set(), 16: of("orders", ("SqsNoConsumer", CRITICAL))},
    hasty: {40: set(), 41: of("orders", ("SqsEmptyReceives", INFO))},
}

# Two rules that the public collection awesome-prometheus-alerts has for SQS: their names, expressions without an offset, and times.
PUBLIC_RULES = [
    ("AwsSqsQueueMessagesVisible", "aws_sqs_approximate_number_of_messages_visible_average{offset} > 1000", "10m"),
    ("AwsSqsMessageAgeTooOld", "aws_sqs_approximate_age_of_oldest_message_maximum{offset} > 3600", "0m"),
]
VISIBLE, AGE = ("AwsSqsQueueMessagesVisible", WARNING), ("AwsSqsMessageAgeTooOld", WARNING)
PUBLIC_FIRING = {many: {10: set(), 11: of("orders", VISIBLE), 60: of("orders", VISIBLE), 61: of("orders", VISIBLE, AGE)}}

QUEUES = ["orders,DeadLetterQueue=orders-dead,MaxReceiveCount=1000,VisibilityTimeout=30", "short,MessageRetentionPeriod=600"]
STRICT = ["orders,DeadLetterQueue=orders-dead,MaxReceiveCount=1,VisibilityTimeout=30"]


def start(scenario):
    """The kew of a scenario."""
    return Kew(*(STRICT if scenario is dead else QUEUES))


def everything(kew):
    """Something of all that the dashboard shows."""
    fault = {"fault": "throttle", "id": "busy", "on": {"action": "TagQueue"}}
    kew.ask("/_kew/faults", fault)
    for minute in range(12):
        kew.send("orders", 12)
        kew.delete("orders", kew.receive("orders", 8))
        kew.receive("orders", 2)
        kew.send("short", DelaySeconds=90)
        kew.send("brief")
        kew.send("polled")
        kew.receive("polled", VisibilityTimeout=DAY)
        kew.receive_nothing("polled", 3)
        kew.send("bad")
        kew.receive("bad", VisibilityTimeout=1)
        kew.send("jobs.fifo", 3, MessageGroupId="a")
        kew.send("jobs.fifo", 1, MessageGroupId="b", MessageDeduplicationId=f"same-{minute // 4}")
        kew.receive("jobs.fifo", 1, VisibilityTimeout=90)
        kew.send("tenants", 40, MessageGroupId="loud")
        kew.receive("tenants", 35, VisibilityTimeout=60)
        kew.sqs("TagQueue", "orders", Tags={"a": "b"})
        kew.sqs("SendMessage", "nowhere", MessageBody="lost")
        if minute == 11:
            kew.park("polled")
        yield


EVERYTHING_QUEUES = QUEUES + [
    "bad,DeadLetterQueue=bad-dead,MaxReceiveCount=1",
    "brief,MessageRetentionPeriod=60",
    "jobs.fifo,ContentBasedDeduplication=true",
    "polled",
    "tenants",
]
