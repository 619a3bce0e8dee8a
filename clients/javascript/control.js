'use strict'

// A namespace of kew under a test's control: its queues, clock, faults and history.

// What a fault hits and when it fires; what else is said about one is its own.
const ON = ['action', 'queue', 'message', 'caller']
const WHEN = ['nth', 'first', 'every', 'probability', 'times']

/** What test control refused, and what would be right. */
class KewError extends Error {
  constructor(status, answer) {
    super([answer.error, answer.message, answer.hint].filter(Boolean).join('\n  '))
    this.name = 'KewError'
    this.status = status
    this.answer = answer
  }
}

/** What was awaited did not come; `answer` has all that kew says about it. */
class NotMet extends Error {
  constructor(answer) {
    const nearest = answer.nearest.map(({ id, body = '', differs }) => `nearest: ${id} ${body}: ${differs.join(', ')}`)
    super([answer.error, ...answer.differs, ...nearest, ...answer.hints].join('\n  '))
    this.name = 'NotMet'
    this.answer = answer
  }
}

/** A rule about failures on purpose, there until it is removed: `await using` does so at the end of the block. */
class Fault {
  constructor(kew, id) {
    this.kew = kew
    this.id = id
  }

  /** How often it has fired, while it is there. */
  async fired() {
    const { faults } = await this.kew.call('GET', '/faults')
    return faults.filter((rule) => [rule.id, rule.profile].includes(this.id)).reduce((sum, rule) => sum + rule.fired, 0)
  }

  async remove() {
    await this.kew.call('DELETE', `/faults/${encodeURIComponent(this.id)}`)
  }

  [Symbol.asyncDispose]() {
    return this.remove()
  }

  /** `using` cannot wait; what is asked of kew from then on does. */
  [Symbol.dispose]() {
    const removed = this.remove()
    this.kew.before = Promise.all([this.kew.before, removed])
    this.kew.before.catch(() => {})
  }
}

/** A namespace. Members of conditions and of faults are those of the HTTP API. */
class Kew {
  constructor(server, space) {
    this.server = server
    this.name = space.name
    /** What its ids and faults are drawn from. */
    this.seed = space.seed
    /** The environment variables that lead a client of SQS here. */
    this.env = space.env
    /** The same for `new SQSClient(kew.config)`. */
    this.config = {
      endpoint: space.env.AWS_ENDPOINT_URL,
      region: space.env.AWS_REGION,
      credentials: { accessKeyId: space.env.AWS_ACCESS_KEY_ID, secretAccessKey: space.env.AWS_SECRET_ACCESS_KEY },
    }
  }

  /** Any call of test control, in this namespace. */
  async call(method, path, body) {
    await this.before
    return this.server.call(method, `/ns/${this.name}${path}`, body)
  }

  /** Creates a queue, with SQS's attributes, and gives its URL; one that is there already is left as it is. */
  async queue(name, attributes = {}) {
    const scope = `${this.env.AWS_ACCESS_KEY_ID}/20000101/${this.env.AWS_REGION}/sqs/aws4_request`
    const textOf = (value) => (typeof value === 'object' ? JSON.stringify(value) : `${value}`)
    const texts = Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, textOf(value)]))
    const wanted = { QueueName: name, Attributes: { ...(name.endsWith('.fifo') && { FifoQueue: 'true' }), ...texts } }
    const { QueueUrl } = await this.server.request('POST', '/', wanted, {
      authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0`,
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': 'AmazonSQS.CreateQueue',
    })
    return QueueUrl
  }

  /** The URL of a queue that is there. */
  async url(name) {
    const { queueUrls } = await this.call('GET', '')
    if (queueUrls[name]) return queueUrls[name]
    const hint = `there are: ${Object.keys(queueUrls).join(', ') || 'none'}`
    throw new KewError(404, { error: `there is no queue ${name}`, hint })
  }

  /**
   * Waits until all of a condition holds, ten seconds at most unless it has a `timeout`; throws `NotMet` if it does
   * not. With `auto: true` the clock jumps meanwhile to whatever is due next, as soon as all is quiet.
   */
  async until(queue, condition) {
    const wanted = typeof queue === 'string' ? { queue, ...condition } : queue
    try {
      return await this.call('POST', '/await', wanted)
    } catch (error) {
      throw error.answer?.nearest ? new NotMet(error.answer) : error
    }
  }

  /** Turns the clock forward, by `'15m'` or seconds; or `{ to: 'next' }` to what is due next. Tells its steps. */
  advance(how) {
    return this.call('POST', '/clock/advance', typeof how === 'object' ? how : { by: how })
  }

  /** The clock stands from now on, unless it is advanced. */
  freeze(at) {
    return this.call('PUT', '/clock', { mode: 'frozen', at })
  }

  /** The clock jumps whenever all is quiet; with `{ consumers: { orders: 1 } }` over visibility timeouts too. */
  auto(options) {
    return this.call('PUT', '/clock', { mode: 'auto', ...options })
  }

  /** How the clock stands, what is next, and what holds it. */
  clock() {
    return this.call('GET', '/clock')
  }

  /**
   * Adds a rule: `kew.fault({ fault: 'lostAnswer', action: 'SendMessage', nth: [2] })`. It is there until it is
   * removed; with `run`, until that is done.
   */
  async fault(rule, run) {
    const { on = {}, when = {}, ...rest } = typeof rule === 'string' ? { fault: rule } : rule
    const wanted = { on: { ...on }, when: { ...when } }
    for (const [key, value] of Object.entries(rest)) {
      const place = ON.includes(key) ? wanted.on : WHEN.includes(key) ? wanted.when : wanted
      place[key] = value
    }
    const fault = new Fault(this, (await this.call('POST', '/faults', wanted)).id)
    if (!run) return fault
    try {
      return await run(fault)
    } finally {
      await fault.remove()
    }
  }

  /** The messages of a queue, or those with `{ state: 'inFlight', contains: '1001' }`, without receiving them. */
  async peek(queue, which) {
    return (await this.call('GET', `/queues/${encodeURIComponent(queue)}/messages${query(which)}`)).messages
  }

  /** What happened: to a message by its id, or by `{ queue: 'orders', type: 'received', since: 812 }`. */
  async history(which) {
    const path = typeof which === 'string' ? `/messages/${encodeURIComponent(which)}` : `/history${query(which)}`
    return (await this.call('GET', path)).events
  }

  /** The consumer report: `clean`, `findings`, `counts`. */
  report(options) {
    return this.call('GET', `/report${query(options)}`)
  }

  /** All as at the start of the test, or only `messages`, `queues`, `clock`, `faults`, `history`, `dedup` of it. */
  async reset(...what) {
    await this.call('POST', '/reset', what.length ? { what } : undefined)
  }

  /** Ends the namespace: its queues are gone, and parked receives answer. */
  end() {
    return this.call('DELETE', '')
  }

  /** An answer for people. */
  async text(path) {
    const { text } = await this.server.ask('GET', `/_kew/ns/${this.name}${path}`, undefined, { accept: 'text/plain' })
    return text.trimEnd()
  }

  /** The last events, the clock and the seed, for a person who wants to know why a test failed. */
  async story() {
    const [timeline, clock] = [await this.text('/history?limit=50'), await this.text('/clock')]
    return `timeline:\n${timeline}\nclock:\n${clock}\nseed: ${this.seed}`
  }
}

const query = (members) => (members ? `?${new URLSearchParams(members)}` : '')

module.exports = { Fault, Kew, KewError, NotMet }
