// Fixtures for vitest: `kew`, a namespace for each test of the kew that its worker has.

import { test as base } from 'vitest'
import server from './server.js'

/** A fixture whose namespaces have from their start what `options` says. */
export function kewWith(options = {}) {
  return async ({ task }, use) => {
    await server.withKew({ name: `${task.file.name} ${task.name}`, ...options }, async (kew) => {
      await use(kew)
      if (task.result?.state === 'fail') await server.explained(task.result.errors[0], kew)
    })
  }
}

/** A namespace for the test, to which the environment leads clients of SQS. */
export const kew = kewWith()

/** `test` with the fixture `kew`, whose namespaces have from their start what `options` says. */
export const testWith = (options) => base.extend({ kew: kewWith(options) })

/** `test` with the fixture `kew`. */
export const test = testWith()
