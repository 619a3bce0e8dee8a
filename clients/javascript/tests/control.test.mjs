// What a test says to kew, and what it hears; in the tests of Node.js itself, which the plain API is for.

import { GetQueueAttributesCommand, ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { Kew, KewError, NotMet, Server, start, withKew } from 'kew-sqs'
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { test as base } from 'node:test'

const ORDERS = { name: 'orders', VisibilityTimeout: 30, DeadLetterQueue: 'orders-dead', MaxReceiveCount: 3 }
const LATE = { MessageBody: 'later', DelaySeconds: 900 }

/** A test with a namespace, and with a client that finds it by itself. */
const test = (name, options, run) =>
  base(name, () => withKew({ name, ...options }, (kew) => run(kew, new SQSClient({}))))

const send = async (sqs, QueueUrl, MessageBody) =>
  (await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }))).MessageId
const receive = async (sqs, QueueUrl) => (await sqs.send(new ReceiveMessageCommand({ QueueUrl }))).Messages ?? []
const codes = ({ findings }) => findings.map(({ code }) => code)

test('queues', {}, async (kew, sqs) => {
  const QueueUrl = await kew.queue('orders', { VisibilityTimeout: 45 })
  assert.equal(await kew.url('orders'), QueueUrl)
  assert.equal(await kew.queue('orders'), QueueUrl)
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }))
  assert.equal(Attributes.VisibilityTimeout, '45')
  await kew.queue('other', { RedrivePolicy: { deadLetterTargetArn: Attributes.QueueArn, maxReceiveCount: 2 } })
  await kew.queue('jobs.fifo')
  const { queues } = await kew.call('GET', '/queues')
  assert.deepEqual(queues.map(({ name, deadLetterQueue }) => [name, deadLetterQueue]).sort(), [
    ['jobs.fifo', null],
    ['orders', null],
    ['other', 'orders'],
  ])
  await assert.rejects(kew.url('order'), {
    name: 'KewError',
    message: 'there is no queue order\n  there are: jobs.fifo, orders, other',
  })
  await assert.rejects(kew.queue('wrong', { VisibilityTimeout: 'long' }), /VisibilityTimeout/)
})

test('clock', { queues: ['orders'], clock: 'frozen' }, async (kew, sqs) => {
  const QueueUrl = await kew.url('orders')
  await sqs.send(new SendMessageCommand({ QueueUrl, ...LATE }))
  assert.equal((await kew.clock()).mode, 'frozen')
  assert.deepEqual((await kew.advance('14m')).steps, [])
  assert.deepEqual(await receive(sqs, QueueUrl), [])
  assert.equal((await kew.advance({ to: 'next', queue: 'orders' })).now, (await kew.clock()).now)
  assert.equal((await receive(sqs, QueueUrl))[0].Body, 'later')
  assert.ok((await kew.advance(30.5)).reached)
  assert.equal((await receive(sqs, QueueUrl)).length, 1)
  await kew.reset()
  assert.equal((await kew.clock()).mode, 'real')
  assert.deepEqual(await kew.peek('orders'), [])
  assert.equal((await kew.freeze('2100-01-01T00:00:00Z')).now, '2100-01-01T00:00:00.000Z')
  assert.equal((await kew.auto({ consumers: { orders: 1 }, maxJumps: 7 })).auto.options.maxJumps, 7)
})

test('until', { queues: ['orders'] }, async (kew, sqs) => {
  const { MessageId } = await sqs.send(new SendMessageCommand({ QueueUrl: await kew.url('orders'), ...LATE }))
  assert.equal((await kew.until('orders', { message: { contains: 'later' }, delayed: 1 })).message.id, MessageId)
  await assert.rejects(
    kew.until('orders', { inFlight: 1, message: MessageId, state: 'inFlight', timeout: '20ms' }),
    (error) => {
      assert.ok(error instanceof NotMet && error.answer.seed === kew.seed)
      assert.match(error.message, /orders: inFlight 0, wanted 1/)
      assert.match(error.message, new RegExp(`nearest: ${MessageId} later: state delayed`))
      return true
    },
  )
  assert.equal((await kew.until('orders', { visible: 1, auto: true })).counts.orders.visible, 1)
  assert.ok((await kew.until({ all: [{ queue: 'orders', visible: 1 }] })).met)
  await assert.rejects(
    kew.until('orders', { visibel: 1 }),
    (error) => error instanceof KewError && error.status === 400,
  )
})

test('faults', { queues: ['orders'] }, async (kew, sqs) => {
  const url = await kew.url('orders')
  const rules = async () => (await kew.call('GET', '/faults')).faults
  const rule = { fault: 'lostAnswer', action: 'SendMessage', queue: 'orders', nth: [2], how: 'close' }
  const fired = await kew.fault(rule, async (fault) => {
    for (const body of ['a', 'b', 'c']) await send(sqs, url, body)
    return fault.fired()
  })
  assert.equal(fired, 1)
  assert.deepEqual(
    (await kew.peek('orders', { state: 'visible' })).map(({ body }) => body),
    ['a', 'b', 'b', 'c'],
  )
  assert.deepEqual(await rules(), [])
  const duplicate = await kew.fault({ fault: 'duplicate', while: 'inFlight', copies: 2, when: { after: 1 } })
  assert.deepEqual((await rules())[0].when, { after: 1 })
  duplicate[Symbol.dispose]()
  assert.deepEqual(await rules(), [])
  const throttle = await kew.fault('throttle')
  await throttle[Symbol.asyncDispose]()
  await kew.fault({ fault: 'awsLike', on: { queue: 'orders' } }, async (profile) => {
    assert.ok((await rules()).length > 1 && (await profile.fired()) === 0)
  })
  assert.deepEqual(await rules(), [])
  await assert.rejects(kew.fault('lostAnser'), /did you mean `lostAnswer`/)
})

test(
  'history and report',
  { queues: [ORDERS], faults: [{ fault: 'throttle', when: { first: 1 } }] },
  async (kew, sqs) => {
    const url = await kew.url('orders')
    const id = await send(sqs, url, '1001')
    await receive(sqs, url)
    assert.deepEqual(
      (await kew.history(id)).map(({ type }) => type),
      ['sent', 'received'],
    )
    assert.equal((await kew.history({ queue: 'orders', type: 'received' }))[0].messageId, id)
    assert.equal((await kew.call('GET', '/faults')).faults[0].fired, 1)
    await kew.advance('31s')
    assert.ok(codes(await kew.report()).includes('K5') && !codes(await kew.report({ ignore: 'K5' })).includes('K5'))
    assert.match(await kew.story(), new RegExp(`timeline:[^]*received[^]*clock:[^]*running[^]*seed: ${kew.seed}$`))
  },
)

base('the environment is as before afterwards, and leads nowhere else meanwhile', async () => {
  process.env.AWS_PROFILE = 'production'
  process.env.AWS_REGION = 'eu-central-1'
  const before = { ...process.env }
  await withKew({ seed: 7 }, (kew) => {
    assert.ok(kew instanceof Kew && kew.seed === 7 && process.env.AWS_PROFILE === undefined)
    for (const [name, value] of Object.entries(kew.env)) assert.equal(process.env[name], value)
  })
  assert.deepEqual({ ...process.env }, before)
  // At the same time, and the first one that began is done first.
  let done
  const first = withKew({}, () => new Promise((resolve) => (done = resolve)))
  await withKew({}, async () => {
    while (!done) await new Promise(setImmediate)
    done()
    await first
  })
  assert.deepEqual({ ...process.env }, before)
  delete process.env.AWS_PROFILE
})

base('who fails tells the story', async () => {
  await assert.rejects(
    withKew({ queues: ['orders'] }, () => {
      throw new TypeError('mine')
    }),
    (error) =>
      error instanceof TypeError &&
      /^TypeError: mine\n\ntimeline:\n[^]*queueCreated[^]*seed: \d+\n +at /.test(error.stack),
  )
  await assert.rejects(
    withKew({}, () => Promise.reject('no error')),
    /^Error: no error\n\ntimeline/,
  )
})

base('a server of one’s own', async () => {
  const server = await start()
  console.log(`one alone: ready after ${Math.round(server.readyAfter)} ms`)
  const kew = await server.namespace({ queues: ['orders'] })
  const sqs = new SQSClient(kew.config)
  await send(sqs, await kew.url('orders'), 'x')
  assert.equal((await kew.end()).messages, 1)
  await assert.rejects(kew.clock(), /there is no namespace/)
  await server.stop()
  await server.stop()
  await assert.rejects(server.call('GET', '/clock'), { code: 'ECONNREFUSED' })
})

base('a kew ends with the process that started it', async () => {
  const script = "require('kew-sqs').start().then(({ url }) => { console.log(url); setInterval(() => {}, 1000) })"
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [url] = await once(child.stdout, 'data')
  process.env.KEW_URL = `${url}`.trim()
  const kew = await (await start()).namespace({ queues: ['orders'] })
  delete process.env.KEW_URL
  // It is cut off when kew ends, and would last a minute.
  const waiting = kew.until('orders', { visible: 1, timeout: '60s' })
  child.kill('SIGKILL')
  await assert.rejects(waiting, (error) => !(error instanceof NotMet))
})

base('another server is no kew', async () => {
  await withKew({}, async ({ env }) => {
    const other = new Server(`${env.AWS_ENDPOINT_URL}/health?`)
    await assert.rejects(other.namespace(), /what answers at .* is no kew: 404 <Unknown/)
  })
})

base('what cannot be started', async (context) => {
  const { KEW_BIN } = process.env
  context.after(() => (process.env.KEW_BIN = KEW_BIN))
  process.env.KEW_BIN = '/bin/false'
  await assert.rejects(start(), /\/bin\/false did not start: exit code 1/)
  process.env.KEW_BIN = '/nowhere/kew'
  await assert.rejects(start(), /\/nowhere\/kew did not start: .*ENOENT/)
  delete process.env.KEW_BIN
  await assert.rejects(start(), /there is no binary for/)
  assert.equal(createRequire(import.meta.url)('kew-sqs').start, start)
})
