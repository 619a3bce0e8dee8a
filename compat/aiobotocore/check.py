"""aiobotocore, on which aioboto3, taskiq and faststream stand: the core scenario, then many calls at once."""

import asyncio
import functools

import core
from aiobotocore.session import get_session


class Blocking:
    """Lets the core scenario, which is written for boto3, call an asynchronous client from its thread."""

    def __init__(self, client, loop):
        self.client, self.loop, self.exceptions = client, loop, client.exceptions

    def __getattr__(self, operation):
        return functools.partial(self.call, getattr(self.client, operation))

    def call(self, method, **arguments):
        return asyncio.run_coroutine_threadsafe(method(**arguments), self.loop).result()


async def many_at_once(sqs):
    url = (await sqs.create_queue(QueueName="parallel"))["QueueUrl"]

    async def consume():
        bodies = []
        while messages := (await sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=3, WaitTimeSeconds=2)).get("Messages"):
            for message in messages:
                await sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                bodies.append(message["Body"])
        return bodies

    consumers = [asyncio.create_task(consume()) for _ in range(5)]
    await asyncio.sleep(0.2)
    wanted = [f"body {i}" for i in range(50)]
    await asyncio.gather(*(sqs.send_message(QueueUrl=url, MessageBody=body) for body in wanted))
    received = [body for bodies in await asyncio.gather(*consumers) for body in bodies]
    core.equal(sorted(received), sorted(wanted), "bodies received by the five consumers")
    core.ok("50 parallel sends, 5 parallel long polls, each message once")


async def main():
    async with get_session().create_client("sqs") as sqs:
        await asyncio.to_thread(core.run, Blocking(sqs, asyncio.get_running_loop()))
        await many_at_once(sqs)


asyncio.run(main())
