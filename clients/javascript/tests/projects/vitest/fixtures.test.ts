// The fixtures of vitest, as tests use them.

import { ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { kew, kewWith, test, testWith } from 'kew-sqs/vitest'
import { describe, expect, test as base } from 'vitest'

async function send(QueueUrl: string) {
  return (await new SQSClient({}).send(new SendMessageCommand({ QueueUrl, MessageBody: '1001' }))).MessageId
}

describe('each test has queues of its own', () => {
  const test = base.extend({ kew })
  for (const n of [1, 2]) {
    test(`number ${n}`, async ({ kew }) => {
      await send(await kew.queue('orders'))
      await kew.until('orders', { visible: 1, sent: 1 })
    })
  }
})

test('a fault is there until its block ends', async ({ kew }) => {
  const url = await kew.queue('orders')
  {
    await using fault = await kew.fault({ fault: 'lostAnswer', action: 'SendMessage', nth: [1] })
    await send(url)
    expect(await fault.fired()).toBe(1)
  }
  {
    using _ = await kew.fault('emptyReceive')
  }
  expect((await kew.call('GET', '/faults')).faults).toEqual([])
})

testWith({ queues: ['orders'], clock: 'frozen' })('what a test has from its start', async ({ kew }) => {
  await send(await kew.url('orders'))
  expect((await kew.clock()).mode).toBe('frozen')
})

base.extend({ kew: kewWith({ seed: 7 }) })('a seed', async ({ kew }) => {
  console.log('id:', await send(await kew.queue('orders')))
  expect(kew.seed).toBe(7)
})

base.extend({ kew: kewWith({}) }).for([1, 2])('row %i', async (row, { kew }) => {
  await send(await kew.queue(`orders-${row}`))
})

for (const ignore of [[], ['K12']]) {
  testWith({ ignore })(`who leaks a message, and ignores ${ignore}`, async ({ kew }) => {
    const QueueUrl = await kew.queue('orders')
    await send(QueueUrl)
    await new SQSClient({}).send(new ReceiveMessageCommand({ QueueUrl }))
  })
}

describe.concurrent('tests at the same time are told where to go', () => {
  for (const n of [1, 2, 3]) {
    test(`number ${n}`, async ({ kew }) => {
      const QueueUrl = await kew.queue('orders')
      await new SQSClient(kew.config).send(new SendMessageCommand({ QueueUrl, MessageBody: '1001' }))
      await kew.until('orders', { visible: 1, sent: 1 })
    })
  }
})

base('without the fixture nothing is set', () => {
  expect(process.env.AWS_ENDPOINT_URL).toBeUndefined()
})
