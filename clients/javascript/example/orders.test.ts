// Each test has queues of its own, and turns its own clock: run them with `npx vitest run`.

import type { Kew } from 'kew-sqs'
import { testWith } from 'kew-sqs/vitest'
import { expect } from 'vitest'
import { place, work } from './orders.js'

const test = testWith({ queues: ['orders'] })

/** Starts a consumer, which works beside the test and stops at its end. */
function consumer(kew: Kew, charge: (order: number) => void) {
  const stopped = new AbortController()
  const working = work(charge, stopped.signal)
  return {
    async [Symbol.asyncDispose]() {
      stopped.abort()
      await kew.reset('queues') // who waits for a message gets an empty answer
      await working
    },
  }
}

test('an order is charged', async ({ kew }) => {
  const charged: number[] = []
  await using _ = consumer(kew, (order) => charged.push(order))
  await place(1001)
  await kew.until('orders', { deleted: 1 })
  expect(charged).toEqual([1001])
})

test('an order for later waits fifteen minutes', async ({ kew }) => {
  const charged: number[] = []
  await using _ = consumer(kew, (order) => charged.push(order))
  await place(1001, 900)
  await kew.until('orders', { delayed: 1, parked: 1 })
  expect(charged).toEqual([])
  await kew.advance('15m')
  await kew.until('orders', { deleted: 1 })
  expect(charged).toEqual([1001])
})

testWith({
  queues: [{ name: 'orders', VisibilityTimeout: 30, DeadLetterQueue: 'orders-dead', MaxReceiveCount: 3 }],
  clock: 'auto',
  consumers: { orders: 1 },
})('an order that cannot be charged is put aside', async ({ kew }) => {
  await using _ = consumer(kew, () => {
    throw new Error('no money')
  })
  await place(1001)
  await kew.until('orders-dead', { visible: 1 }) // after three times 30 seconds, which pass at once
  const [dead] = await kew.peek('orders-dead')
  const events = await kew.history(dead!.id)
  expect(events.filter((event) => event.type === 'received')).toHaveLength(3)
})

test('an order that is sent twice is charged once', async ({ kew }) => {
  const charged: number[] = []
  {
    await using fault = await kew.fault({ fault: 'lostAnswer', action: 'SendMessage', nth: [1] })
    await place(1001) // the SDK gets no answer, and sends it again
    expect(await fault.fired()).toBe(1)
  }
  await using _ = consumer(kew, (order) => charged.push(order))
  await kew.until('orders', { deleted: 2 })
  expect(charged).toEqual([1001])
})
