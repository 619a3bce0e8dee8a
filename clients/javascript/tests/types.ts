// What the types allow, and what they do not; compiled, and never run.

import { binary, Kew, NotMet, start, version, withKew, type Condition, type Options } from 'kew-sqs'
import globalSetup from 'kew-sqs/global-setup'
import { test as jest, testWith as jestWith } from 'kew-sqs/jest'
import { kew, kewWith, test, testWith } from 'kew-sqs/vitest'
import { test as base } from 'vitest'

const options: Options = {
  queues: [
    'orders',
    { name: 'jobs.fifo', ContentBasedDeduplication: true, DeadLetterQueue: 'dead.fifo', MaxReceiveCount: 3 },
  ],
  clock: 'auto',
  consumers: { orders: 1 },
  faults: [{ fault: 'throttle', when: { first: 1 } }],
  seed: 42,
}
// @ts-expect-error: there is no such mode
const wrong: Options = { clock: 'fast' }
const condition: Condition = {
  visible: 1,
  deleted: { min: 3, since: 812 },
  message: { json: { '$.order': 1 }, state: 'deleted' },
  stable: '300ms',
}

async function all(kew: Kew) {
  const url: string = await kew.queue('orders', { VisibilityTimeout: 30 })
  const seen: number | undefined = (await kew.until('orders', condition)).counts.orders?.visible
  await kew.until({ all: [{ queue: 'orders', empty: true }] })
  // @ts-expect-error: a misspelt member
  await kew.until('orders', { visibel: 1 })
  // @ts-expect-error: there is no such fault
  await kew.fault('lostAnser')
  await using fault = await kew.fault({ fault: 'lostAnswer', action: 'SendMessage', nth: [2], how: 'close' })
  using other = await kew.fault('throttle')
  const fired: number = await kew.fault('throttle', (fault) => fault.fired())
  await kew.advance('15m')
  await kew.advance({ to: 'next', queue: 'orders' })
  const clean: boolean = (await kew.report()).clean
  return [
    url,
    seen,
    fault,
    other,
    fired,
    clean,
    kew.config.credentials.accessKeyId,
    (await kew.peek('orders'))[0]?.body,
  ]
}

for (const declare of [test, testWith(options), base.extend({ kew }), base.extend({ kew: kewWith(options) })]) {
  declare('a test', async ({ kew }) => void (await all(kew)))
}
jest('a test', async ({ kew }) => void (await all(kew)), 1000)
jestWith(options).only('a test', async ({ kew }) => void (await all(kew)))

export async function plain() {
  await using server = await start()
  const kew = await server.namespace(options)
  const stop: () => Promise<void> = await globalSetup()
  await stop()
  const ready: number | undefined = server.readyAfter
  return [binary(), version, wrong, ready, await withKew(options, all), new NotMet().answer, kew.env]
}
