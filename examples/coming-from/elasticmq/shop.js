// Places orders, and works through them, with ElasticMQ's address, region and queue URL written into it.

import { DeleteMessageCommand, ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'

export const sqs = new SQSClient({
  endpoint: 'http://localhost:9324',
  region: 'elasticmq',
  credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
})
export const ORDERS = 'http://localhost:9324/000000000000/orders'

export const place = (order) => sqs.send(new SendMessageCommand({ QueueUrl: ORDERS, MessageBody: order }))

/** Hands the orders that are there to `handle`; one that fails stays in the queue, and comes back. */
export async function work(handle) {
  const { Messages = [] } = await sqs.send(
    new ReceiveMessageCommand({ QueueUrl: ORDERS, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }),
  )
  for (const { Body, ReceiptHandle } of Messages) {
    await handle(Body)
    await sqs.send(new DeleteMessageCommand({ QueueUrl: ORDERS, ReceiptHandle }))
  }
}
