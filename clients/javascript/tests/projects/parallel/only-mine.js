// What each of the two hundred tests does, in vitest and in jest; and which kew it did so with.

const { DeleteMessageCommand, ReceiveMessageCommand, SendMessageCommand, SQSClient } = require('@aws-sdk/client-sqs')
const assert = require('node:assert/strict')
const { appendFileSync } = require('node:fs')

const FILES = 8
const TESTS = 200

async function onlyMine(kew, n) {
  const { url, readyAfter = 0 } = kew.server
  appendFileSync(process.env.STARTED, `${url} ${readyAfter}\n`)
  const sqs = new SQSClient({})
  const [QueueUrl] = await Promise.all([kew.url('orders'), kew.url('bills')])
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: `now ${n}` }))
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: `later ${n}`, DelaySeconds: 60 + n }))
  await kew.until('orders', { visible: 1, delayed: 1, sent: 2 })
  await kew.advance(60 + n)
  await kew.until('orders', { visible: 2, delayed: 0 })
  const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }))
  assert.deepEqual(Messages.map(({ Body }) => Body).sort(), [`later ${n}`, `now ${n}`])
  for (const { ReceiptHandle } of Messages) await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }))
  await kew.until('orders', { empty: true, deleted: 2 })
  await kew.until('bills', { empty: true, sent: 0 })
  sqs.destroy()
}

/** Declares a file's part of the tests. */
exports.declare = (testWith, file) => {
  const test = testWith({ queues: ['orders', 'bills'] })
  for (let n = file; n < TESTS; n += FILES) test(`number ${n}`, ({ kew }) => onlyMine(kew, n))
}
