// A shop takes orders, and charges for each of them, later and once. Plain AWS SDK: nothing here knows of kew.

import {
  DeleteMessageCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs'

async function open() {
  const sqs = new SQSClient({})
  const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: 'orders' }))
  return { sqs, QueueUrl }
}

/** The producer. */
export async function place(order: number, delaySeconds = 0) {
  const { sqs, QueueUrl } = await open()
  await sqs.send(
    new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify({ order }), DelaySeconds: delaySeconds }),
  )
}

/** The consumer. An order that cannot be charged is left in the queue, and comes back. */
export async function work(charge: (order: number) => void, stopped: AbortSignal) {
  const { sqs, QueueUrl } = await open()
  const charged = new Set<number>()
  while (!stopped.aborted) {
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 5 }))
    for (const { Body = '', ReceiptHandle } of Messages) {
      const { order } = JSON.parse(Body)
      try {
        // SQS may deliver twice.
        if (!charged.has(order)) charge(order)
        charged.add(order)
      } catch {
        continue
      }
      await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }))
    }
  }
}
