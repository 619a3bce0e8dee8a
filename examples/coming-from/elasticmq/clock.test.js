// What could not be tested before: an order that fails comes back, without waiting for its visibility timeout.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { place, work } from './shop.js'

// For a browser would not let a page send it.
const JSON_ALONE = { 'Content-Type': 'application/json' }
const kew = async (method, path) => {
  const answer = await fetch(`http://localhost:9324/_kew${path}`, { method, headers: JSON_ALONE })
  assert.ok(answer.ok, await answer.text())
}

test('an order that fails three times is put aside', async () => {
  await kew('POST', '/reset')
  await place('1001')
  for (let attempt = 0; attempt < 3; attempt++) {
    await assert.rejects(work(() => Promise.reject(new Error('not now'))))
    await kew('POST', '/clock/advance?by=45s')
  }
  await work(() => assert.fail('there is a fourth attempt'))
  await kew('GET', '/await?queue=orders-dead&visible=1')
})
