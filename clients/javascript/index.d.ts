/// <reference lib="esnext.disposable" />
import type { ChildProcess } from 'node:child_process'

/** The path of the `kew` binary for this platform; throws if there is none. */
export declare function binary(): string
/** The version of kew. */
export declare const version: string

/** As in `'15m'`, `'1h30m'`, `'250ms'`, or a number of seconds. */
export type Duration = string | number
/** A number, or what it is between. */
export type Bounds = number | { min?: number; max?: number }
/** The same, counted since a position of the history. */
export type BoundsSince = number | { min?: number; max?: number; since?: number }

/** A queue: its name, or its name with attributes of SQS, `DeadLetterQueue` and `MaxReceiveCount`, and tags. */
export type QueueConfig =
  | string
  | {
      name: string
      DeadLetterQueue?: string
      MaxReceiveCount?: number
      tags?: Record<string, string>
      [attribute: string]: unknown
    }

/** How the clock goes: at real pace, standing, or jumping to what is next whenever all is quiet. */
export type ClockMode = 'real' | 'running' | 'frozen' | 'auto'

/** When the clock jumps, and over what. */
export interface AutoOptions {
  /** Queues whose consumers poll again only when they are done, and how many those are. */
  consumers?: Record<string, number>
  settle?: Duration
  until?: string
  maxJumps?: number
}

export interface MessageMatcher {
  id?: string
  body?: string
  contains?: string
  json?: Record<string, unknown>
  attribute?: Record<string, unknown>
  group?: string
  dedupId?: string
  state?: MessageState
  receives?: Bounds
}

export type MessageState = 'visible' | 'inFlight' | 'delayed' | 'deleted' | 'dead' | 'expired' | 'any'

/** What has to hold of a queue. */
export interface Clause {
  queue?: string
  visible?: Bounds
  inFlight?: Bounds
  delayed?: Bounds
  messages?: Bounds
  /** Receives that wait. */
  parked?: Bounds
  empty?: boolean
  sent?: BoundsSince
  received?: BoundsSince
  deleted?: BoundsSince
  deadLettered?: BoundsSince
  expired?: BoundsSince
  emptyReceives?: BoundsSince
  deduplicated?: BoundsSince
  since?: number
  /** A message, by its id or by what it is. */
  message?: string | MessageMatcher
  state?: MessageState
  receives?: Bounds
  any?: Clause[]
  all?: Clause[]
}

/** What is awaited. */
export interface Condition extends Clause {
  /** What must not come about meanwhile. */
  not?: Clause
  /** For how long it has to stay so. */
  stable?: Duration
  /** For how long no client may have said anything. */
  quiet?: Duration
  /** After how long without anything happening it is given up. */
  failFast?: Duration
  timeout?: Duration
  /** Whether the clock jumps meanwhile. */
  auto?: boolean | AutoOptions
}

/** How an await ended. */
export interface Met {
  met: true
  waited: string
  waitedMs: number
  position: number
  counts: Record<string, Record<'visible' | 'inFlight' | 'delayed' | 'messages' | 'parked', number>>
  message?: { id: string; queue: string; body: string; state: MessageState; receives: number }
}

/** A rule about failures on purpose. */
export interface FaultRule {
  fault:
    | 'throttle'
    | 'error'
    | 'unavailable'
    | 'lostRequest'
    | 'lostAnswer'
    | 'latency'
    | 'duplicate'
    | 'resurrect'
    | 'emptyReceive'
    | 'partialBatch'
    | 'reorder'
    | 'handleExpired'
    | 'staleCounts'
    | 'corrupt'
    | 'awsLike'
  action?: string | string[]
  queue?: string
  message?: string | MessageMatcher
  caller?: { userAgent?: string; account?: string }
  nth?: number[]
  first?: number
  every?: number
  probability?: number
  times?: number
  /** The same as the members above, and `when.after`. */
  on?: Record<string, unknown>
  when?: Record<string, unknown>
  ttl?: Duration
  /** What is said of one kind of fault, as in `how: 'close'` of `lostAnswer`. */
  [member: string]: unknown
}

/** A rule that is there until it is removed, or until the block of `await using` ends. */
export declare class Fault implements AsyncDisposable, Disposable {
  readonly id: string
  /** How often it has fired, while it is there. */
  fired(): Promise<number>
  remove(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
  [Symbol.dispose](): void
}

/** A message that was looked at. */
export interface Message {
  id: string
  body: string
  state: MessageState
  [member: string]: unknown
}

/** Something that happened. */
export interface Event {
  position: number
  at: string
  real: string
  type: string
  queue?: string
  messageId?: string
  [member: string]: unknown
}

export interface Finding {
  code: string
  severity: 'info' | 'warning' | 'error'
  queue: string
  summary: string
  advice: string
  examples: string[]
  [member: string]: unknown
}

/** The consumer report. */
export interface Report {
  /** Whether there are neither errors nor warnings. */
  clean: boolean
  findings: Finding[]
  counts: Record<string, number>
  [member: string]: unknown
}

export interface Clock {
  mode: ClockMode
  now: string
  nowMs: number
  next: null | { at: string; in: string; why: string; queue: string; messageId: string | null; waiting: number }
  [member: string]: unknown
}

export interface Turn {
  now: string
  nowMs: number
  from: string
  reached: boolean
  steps: { at: string; queue: string; why: string; messages: number }[]
  handedOut: number
}

/** A namespace under a test's control: its queues, clock, faults and history. */
export declare class Kew {
  readonly name: string
  /** What its ids and faults are drawn from. */
  readonly seed: number
  /** The environment variables that lead a client of SQS here. */
  readonly env: Record<string, string>
  /** The same for `new SQSClient(kew.config)`. */
  readonly config: { endpoint: string; region: string; credentials: { accessKeyId: string; secretAccessKey: string } }
  /** Any call of test control, in this namespace. */
  call(method: string, path: string, body?: unknown): Promise<any>
  /** Creates a queue, with SQS's attributes, and gives its URL; one that is there already is left as it is. */
  queue(name: string, attributes?: Record<string, unknown>): Promise<string>
  /** The URL of a queue that is there. */
  url(name: string): Promise<string>
  /**
   * Waits until all of a condition holds, ten seconds at most unless it has a `timeout`; throws `NotMet` if it does
   * not. With `auto: true` the clock jumps meanwhile to whatever is due next, as soon as all is quiet.
   */
  until(queue: string, condition: Condition): Promise<Met>
  until(condition: Condition): Promise<Met>
  /** Turns the clock forward, by `'15m'` or seconds; or `{ to: 'next' }` to what is due next. Tells its steps. */
  advance(
    how: Duration | { by?: Duration; to?: string; queue?: string; settle?: Duration; jump?: boolean },
  ): Promise<Turn>
  /** The clock stands from now on, unless it is advanced. */
  freeze(at?: string): Promise<Clock>
  /** The clock jumps whenever all is quiet; with `consumers` over visibility timeouts too. */
  auto(options?: AutoOptions): Promise<Clock>
  /** How the clock stands, what is next, and what holds it. */
  clock(): Promise<Clock>
  /** Adds a rule, which is there until it is removed; with `run`, until that is done. */
  fault(rule: FaultRule | FaultRule['fault']): Promise<Fault>
  fault<T>(rule: FaultRule | FaultRule['fault'], run: (fault: Fault) => T | Promise<T>): Promise<T>
  /** The messages of a queue in every state, or some of them, without receiving them. */
  peek(queue: string, which?: Record<string, string>): Promise<Message[]>
  /** What happened, the oldest first: to a message by its id, or to a queue, of a type, since a position. */
  history(which?: string | Record<string, string>): Promise<Event[]>
  /** The consumer report. */
  report(options?: Record<string, string>): Promise<Report>
  /** All as at the start of the test, or only a part of it. */
  reset(...what: ('messages' | 'queues' | 'clock' | 'faults' | 'history' | 'dedup')[]): Promise<void>
  /** Ends the namespace: its queues are gone, and parked receives answer. */
  end(): Promise<{ messages: number; report: Report | null }>
  /** The last events, the clock and the seed, for a person who wants to know why a test failed. */
  story(): Promise<string>
}

/** What a namespace has from its start. */
export interface Options {
  /** Its name is made of this one. */
  name?: string
  queues?: QueueConfig[]
  clock?: ClockMode | ({ mode: ClockMode; at?: string } & AutoOptions)
  consumers?: Record<string, number>
  faults?: FaultRule[]
  seed?: number
  /** Codes that the consumer report leaves out which is printed when the test ends. */
  ignore?: string[]
}

/** What test control refused, and what would be right. */
export declare class KewError extends Error {
  readonly status: number
  readonly answer: Record<string, any>
}

/** What was awaited did not come; `answer` has all that kew says about it. */
export declare class NotMet extends Error {
  readonly answer: Record<string, any>
}

/** A running kew. */
export declare class Server implements AsyncDisposable {
  readonly url: string
  /** The process that was started, if one was. */
  readonly child?: ChildProcess
  /** How many milliseconds passed from there until it was ready. */
  readonly readyAfter?: number
  /** Any call of test control. */
  call(method: string, path: string, body?: unknown): Promise<any>
  /** A namespace: queues, clock, faults and history that nobody else has. */
  namespace(options?: Options): Promise<Kew>
  /** Ends the kew that was started; one that was running before goes on. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** The kew at `KEW_URL` if that is set; else one that is started, by `KEW_BIN` or the binary for this platform. */
export declare function start(): Promise<Server>

/**
 * Runs a test with a namespace, to which the environment leads clients of SQS. If it fails, its error tells why. What
 * its consumers and producers did wrong is printed, whether it fails or not.
 */
export declare function withKew<T>(options: Options, run: (kew: Kew) => T | Promise<T>): Promise<T>
