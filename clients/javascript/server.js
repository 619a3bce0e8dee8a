'use strict'

// A kew to test against: one that is started here, or one that runs already; and a namespace of it for a test.

const { spawn } = require('node:child_process')
const { createHash, randomUUID } = require('node:crypto')
const http = require('node:http')
const readline = require('node:readline')
const { binary } = require('./binary')
const { Kew, KewError } = require('./control')

// What a started kew takes over from the environment; the rest, such as a data directory, is not meant for it.
const KEPT = ['KEW_LOG', 'KEW_SEED', 'KEW_TIMEOUT_FACTOR']
// Runs beside kew, tells where that listens, and ends with standard input: when this process does, however it does.
const BESIDE = ['sh', '-c', 'echo $KEW_URL; exec cat > /dev/null']
// What would lead a client past kew.
const MISLEADING = [
  ...['AWS_ENDPOINT_URL_SQS', 'AWS_IGNORE_CONFIGURED_ENDPOINT_URLS'],
  ...['AWS_PROFILE', 'AWS_DEFAULT_PROFILE', 'AWS_SESSION_TOKEN'],
]

/** A running kew. */
class Server {
  constructor(url, child, readyAfter) {
    this.url = url.replace(/\/$/, '')
    /** The process that was started, if one was. */
    this.child = child
    /** How many milliseconds passed from there until it was ready. */
    this.readyAfter = readyAfter
  }

  /** Ends the kew that was started; one that was running before goes on. */
  async stop() {
    if (!this.child || this.child.exitCode !== null || this.child.signalCode !== null) return
    const ended = new Promise((resolve) => this.child.once('exit', resolve))
    this.child.ref()
    this.child.stdin.end()
    await ended
  }

  [Symbol.asyncDispose]() {
    return this.stop()
  }

  /** The status and the text of an answer. */
  ask(method, path, body, headers) {
    const token = process.env.KEW_CONTROL_TOKEN
    const own = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) }
    return new Promise((resolve, reject) => {
      // Without an agent, whose open connections would outlive the test.
      const options = { method, agent: false, headers: { ...own, ...headers } }
      const request = http.request(this.url + path, options, (answer) => {
        const parts = []
        answer.on('data', (part) => parts.push(part)).on('error', reject)
        answer.on('end', () => resolve({ status: answer.statusCode, text: Buffer.concat(parts).toString() }))
      })
      request.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body))
    })
  }

  /** The JSON of an answer; throws a `KewError` if it says no. */
  async request(method, path, body, headers) {
    const { status, text } = await this.ask(method, path, body, headers)
    let answer
    try {
      answer = JSON.parse(text)
    } catch {
      throw new KewError(status, { error: `what answers at ${this.url} is no kew: ${status} ${text.slice(0, 200)}` })
    }
    if (status >= 400) throw new KewError(status, answer)
    return answer
  }

  /** An answer of test control, whose `path` is below `/_kew`. */
  call(method, path, body) {
    return this.request(method, `/_kew${path}`, body)
  }

  /** A namespace: queues, clock, faults and history that nobody else has. */
  async namespace({ name = 'test', queues = [], clock, consumers, faults = [], seed } = {}) {
    // Other ones each time; with a seed always the same for a test.
    const digest = createHash('sha256').update(`${seed ?? process.env.KEW_SEED ?? randomUUID()} ${name}`).digest()
    const mode = typeof clock === 'string' ? { mode: clock } : clock
    const space = await this.call('POST', '/ns', {
      name: `${name.replace(/[^\w.-]+/g, '-').slice(-60)}-${digest.toString('hex', 4, 8)}`,
      queues,
      clock: mode || consumers ? { ...mode, ...(consumers && { consumers }) } : undefined,
      faults,
      seed: seed ?? digest.readUInt32BE(0),
    })
    return new Kew(this, space)
  }
}

/** The kew at `KEW_URL` if that is set; else one that is started, by `KEW_BIN` or the binary for this platform. */
async function start() {
  if (process.env.KEW_URL) return new Server(process.env.KEW_URL)
  const path = process.env.KEW_BIN || binary()
  const meant = ([name]) => !name.startsWith('KEW_') || KEPT.includes(name)
  const env = Object.fromEntries(Object.entries(process.env).filter(meant))
  const began = performance.now()
  // In a process group of its own, so that Ctrl-C does not end it before the tests that are still being torn down.
  const child = spawn(path, ['run', '--listen', '127.0.0.1:0', '--', ...BESIDE], { env, detached: true })
  let log = ''
  child.stderr.on('data', (part) => (log = (log + part).slice(-10_000)))
  const url = await new Promise((resolve, reject) => {
    const failed = (why) => reject(new Error(`${path} did not start: ${why}\n${log}`))
    child.on('error', (error) => failed(error.message))
    child.on('close', (code, signal) => failed(code === null ? signal : `exit code ${code}`))
    readline.createInterface({ input: child.stdout }).once('line', resolve)
  })
  // It keeps no process from ending, and ends with it.
  for (const part of [child, child.stdin, child.stdout, child.stderr]) part.unref()
  return new Server(url, child, performance.now() - began)
}

let shared

/** The kew that all tests of this process use. */
const server = () => (shared ??= start())

/** Ends it, if there is one. */
async function stop() {
  const ending = shared
  shared = undefined
  await (await ending)?.stop()
}

// Tests may run at the same time: the last one that is done leaves the environment as the first one found it.
let inside = 0
let outside

/**
 * Runs a test with a namespace, to which the environment leads clients of SQS. If it fails, its error tells why. What
 * its consumers and producers did wrong is printed, whether it fails or not.
 */
async function withKew(options, run) {
  const kew = await (await server()).namespace(options)
  if (inside++ === 0) outside = { ...process.env }
  for (const name of MISLEADING) delete process.env[name]
  Object.assign(process.env, kew.env)
  try {
    return await run(kew)
  } catch (error) {
    throw await explained(error, kew)
  } finally {
    if (--inside === 0) restore([...MISLEADING, ...Object.keys(kew.env)])
    tell((await kew.end()).report, options)
  }
}

/** What is wrong by the report with which a namespace ended. */
function tell(report, { name, ignore = [] }) {
  const worth = (report?.findings ?? []).filter(({ code, severity }) => severity !== 'info' && !ignore.includes(code))
  for (const { severity, code, queue, summary, advice } of worth) {
    process.stderr.write(`kew, ${name}: ${severity} ${code} ${queue}: ${summary}\n    change: ${advice}\n`)
  }
}

function restore(names) {
  for (const name of names) {
    if (outside[name] === undefined) delete process.env[name]
    else process.env[name] = outside[name]
  }
}

/** An error whose message goes on with the story of a namespace. */
async function explained(error, kew) {
  // Errors of another realm are no instances of this one's.
  const told = typeof error?.message === 'string' ? error : new Error(String(error))
  const { message, stack } = told
  told.message += `\n\n${await kew.story().catch((cause) => `kew does not answer: ${cause.message}`)}`
  if (stack?.includes(message)) told.stack = stack.replace(message, () => told.message)
  return told
}

module.exports = { Server, explained, server, start, stop, withKew }
