// The fixtures in runs of vitest and of jest, each in a process of its own.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { start } from 'kew-sqs'

const HERE = import.meta.dirname ?? new URL('.', import.meta.url).pathname
const ROOT = join(HERE, '..')
const REPOSITORY = process.env.KEW_REPOSITORY
const WORKERS = 8
// Without what tells a process that it is a part of these tests.
const { NODE_TEST_CONTEXT: _, ...withoutRunner } = process.env
const SETUP = 'kew-sqs/global-setup'
/** The commands, in a folder; `shared` is whether one kew is there for all workers. */
const RUNNERS = {
  vitest: ({ folder, workers, shared }) => {
    if (shared) writeFileSync(join(folder, 'vitest.config.mjs'), `export default { test: { globalSetup: '${SETUP}' } }`)
    return ['node_modules/vitest/vitest.mjs', 'run', '--root', folder, `--maxWorkers=${workers}`]
  },
  jest: ({ folder, workers, shared }) => [
    'node_modules/jest/bin/jest.js',
    `--rootDir=${folder}`,
    `--maxWorkers=${workers}`,
    ...(shared ? [`--globalSetup=${SETUP}`] : []),
  ],
}
/** Files with a part of the two hundred tests each. */
const FILES = {
  vitest: [
    'part-N.test.ts',
    "import { createRequire } from 'node:module'\nimport { testWith } from 'kew-sqs/vitest'\n" +
      "createRequire(import.meta.url)('./only-mine.js').declare(testWith, N)\n",
  ],
  jest: ['part-N.test.js', "require('./only-mine').declare(require('kew-sqs/jest').testWith, N)\n"],
}

/** Runs the tests of a folder; its exit code and what it printed. */
async function run(runner, folder, { env, workers = 2, shared = false } = {}) {
  const child = spawn(process.execPath, RUNNERS[runner]({ folder, workers, shared }), {
    cwd: ROOT,
    env: { ...withoutRunner, NO_COLOR: '1', CI: 'true', NODE_NO_WARNINGS: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (output += part))
  const code = await new Promise((resolve) => child.on('close', resolve))
  return { code, output }
}

const passed = ({ code, output }, tests) => {
  assert.equal(code, 0, output)
  assert.match(output, new RegExp(`Tests: .*\\b${tests} passed|Tests +${tests} passed`), output)
}

for (const [runner, tests] of [
  ['vitest', 13],
  ['jest', 9],
]) {
  test(`${runner}: fixtures`, async () => {
    const outcome = await run(runner, join(HERE, 'projects', runner))
    passed(outcome, tests)
    assert.doesNotMatch(outcome.output, /timeline:|did not exit/)
    assert.match(outcome.output, /kew, \S+ who leaks a message, and ignores : warning K12 orders: .*\n +change: /)
    assert.equal(outcome.output.match(/kew, .* who leaks a message/g).length, 1, outcome.output)
  })

  test(`${runner}: the same seed gives the same ids`, async () => {
    const ids = async () => (await run(runner, join(HERE, 'projects', runner))).output.match(/id: \S+/)[0]
    assert.equal(await ids(), await ids())
  })

  test(`${runner}: who fails tells the timeline, the clock and the seed`, async () => {
    const { code, output } = await run(runner, join(HERE, 'projects', `${runner}-fails`))
    assert.equal(code, 1, output)
    assert.match(
      output,
      /NotMet: await not met[^]*visible 0, wanted 1[^]*timeline:[^]*queueCreated[^]*clock:[^]*frozen[^]*seed: 99/,
    )
    assert.match(output, /fails\.test\.[jt]s:4/)
    assert.equal(output.match(/timeline:/g).length, 1, output)
  })

  for (const shared of [false, true]) {
    test(`${runner}: two hundred tests on ${WORKERS} workers${shared ? ', with one kew for all' : ''}`, async () => {
      const folder = mkdtempSync(join(ROOT, `parallel-${runner}-`))
      cpSync(join(HERE, 'projects', 'parallel'), folder, { recursive: true })
      for (let n = 0; n < WORKERS; n++) {
        const [name, text] = FILES[runner].map((text) => text.replace('N', n))
        writeFileSync(join(folder, name), text)
      }
      const STARTED = join(folder, 'started')
      passed(await run(runner, folder, { shared, workers: WORKERS, env: { STARTED } }), 200)
      const started = new Map(
        readFileSync(STARTED, 'utf8')
          .trim()
          .split('\n')
          .map((line) => line.split(' ')),
      )
      assert.equal(started.size, shared ? 1 : WORKERS)
      const ready = [...started.values()].map((ms) => Math.round(ms)).sort((a, b) => a - b)
      if (!shared)
        console.log(`${runner}: 200 tests on ${WORKERS} workers; each kew ready after ${ready.join(', ')} ms`)
    })
  }

  test(`${runner}: a kew that runs already`, async () => {
    const server = await start()
    after(() => server.stop())
    passed(
      await run(runner, join(HERE, 'projects', runner), { env: { KEW_URL: server.url, KEW_BIN: '/bin/false' } }),
      tests,
    )
    assert.deepEqual((await server.call('GET', '/ns')).namespaces, [])
    assert.equal((await server.call('GET', '/history')).events.length, 0)
  })
}

test('the snippets of the documentation', async () => {
  const folder = mkdtempSync(join(ROOT, 'docs-'))
  const pages = ['docs/javascript.md', 'clients/javascript/README.md'].map((page) =>
    readFileSync(join(REPOSITORY, page), 'utf8'),
  )
  const snippets = pages.flatMap((page) => [...page.matchAll(/^```([jt]s)\n(.*?)^```$/gms)])
  for (const [n, [, language, code]] of snippets.entries()) {
    const runner =
      ['vitest', 'jest'].find((name) => code.includes(`kew-sqs/${name}'\n`) || code.includes(`kew-sqs/${name}')\n`)) ??
      'node'
    mkdirSync(join(folder, runner), { recursive: true })
    writeFileSync(join(folder, runner, `snippet-${n}.test.${language}`), code)
  }
  const [own, ...others] = readdirSync(join(folder, 'node'))
  assert.deepEqual(others, [])
  const child = spawn(process.execPath, ['--test', join(folder, 'node', own)], { cwd: ROOT, env: withoutRunner })
  assert.equal(await new Promise((resolve) => child.on('close', resolve)), 0)
  passed(await run('jest', join(folder, 'jest')), 2)
  passed(await run('vitest', join(folder, 'vitest')), 6)
})

test('the example', async () => {
  passed(await run('vitest', join(ROOT, 'example')), 4)
})
