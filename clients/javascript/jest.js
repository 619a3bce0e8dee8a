'use strict'

// Fixtures for jest: `test`, whose functions are given `{ kew }`, a namespace for each test.

const { afterAll, expect, test: base } = require('@jest/globals')
const { basename } = require('node:path')
const { stop, withKew } = require('./server')

// Each file with tests has its own copy of this one, and its own kew, unless they share one by the global set-up.
afterAll(stop)

/** `test` with `kew`, whose namespaces have from their start what `options` says. */
function testWith(options) {
  const inside = (run) => {
    const { currentTestName, testPath } = expect.getState()
    return withKew({ name: `${basename(testPath)} ${currentTestName}`, ...options }, (kew) => run({ kew }))
  }
  const wrap = (test) => (name, run, timeout) => test(name, () => inside(run), timeout)
  return Object.assign(wrap(base), { only: wrap(base.only), skip: wrap(base.skip), failing: wrap(base.failing) })
}

exports.testWith = testWith
/** `test` with `kew`. */
exports.test = testWith()
