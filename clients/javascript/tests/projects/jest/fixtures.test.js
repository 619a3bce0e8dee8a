// The fixtures of jest, as tests use them.

const { ReceiveMessageCommand, SendMessageCommand, SQSClient } = require('@aws-sdk/client-sqs')
const { test, testWith } = require('kew-sqs/jest')

async function send(QueueUrl) {
  return (await new SQSClient({}).send(new SendMessageCommand({ QueueUrl, MessageBody: '1001' }))).MessageId
}

describe('each test has queues of its own', () => {
  for (const n of [1, 2]) {
    test(`number ${n}`, async ({ kew }) => {
      await send(await kew.queue('orders'))
      await kew.until('orders', { visible: 1, sent: 1 })
    })
  }
})

test('a fault is there until its function ends', async ({ kew }) => {
  const url = await kew.queue('orders')
  const fired = await kew.fault({ fault: 'lostAnswer', action: 'SendMessage', nth: [1] }, async (fault) => {
    await send(url)
    return fault.fired()
  })
  expect(fired).toBe(1)
  await kew.until('orders', { visible: 2 })
})

testWith({ queues: ['orders'], clock: 'frozen' })('what a test has from its start', async ({ kew }) => {
  await send(await kew.url('orders'))
  expect((await kew.clock()).mode).toBe('frozen')
})

testWith({ seed: 7 })('a seed', async ({ kew }) => {
  console.log('id:', await send(await kew.queue('orders')))
  expect(kew.seed).toBe(7)
})

for (const ignore of [[], ['K12']]) {
  testWith({ ignore })(`who leaks a message, and ignores ${ignore}`, async ({ kew }) => {
    const QueueUrl = await kew.queue('orders')
    await send(QueueUrl)
    await new SQSClient({}).send(new ReceiveMessageCommand({ QueueUrl }))
  })
}

test.failing('who is to fail', async ({ kew }) => {
  await kew.url('orders')
})

test.skip('who is left out', () => {
  throw new Error('it was run')
})

globalThis.test('without the fixture nothing is set', () => {
  expect(process.env.AWS_ENDPOINT_URL).toBeUndefined()
})
