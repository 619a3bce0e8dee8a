// The server: calls of the control API and of SQS, events as they come, and polling that costs next to nothing.

/** @typedef {Record<string, any>} Json */
/** @typedef {{ name: string, account: string, region: string }} Place what says where a queue is */
/**
 * Something that can be done: a call of the control API (`method`, `path`, `body`), or an action of SQS (`action`, `input`).
 * @typedef {{ method?: string, path?: string, query?: Json, body?: any, action?: string, input?: Json, place?: Place | null,
 *   before?: Act[] }} Act
 */

const TOKEN = "kew-control-token";
/** So much of the time a poll may take of the server: a fiftieth. */
const POLL_SHARE = 50;
const POLL_MS_MIN = 1000;
const POLL_MS_MAX = 10_000;
const AGAIN_MS = 2000;
/** What the document is told when something was done. */
export const DONE = "kew-done";

/**
 * The namespace that all pages are about: none is the default one. Set by the router.
 * @type {{ name: string, described: Record<string, any> | null }}
 */
export const space = { name: "", described: null };

/** What a call was answered that did not do what was wanted. */
export class Refused extends Error {
  /** @param {number} status @param {string} code @param {string} message @param {string} hint */
  constructor(status, code, message, hint) {
    super(message);
    this.status = status;
    this.code = code;
    this.hint = hint;
  }
}

/** Asks for the token; set by the page. @type {{ ask: () => Promise<string | null> }} */
export const keeper = { ask: async () => null };

/** @type {Promise<string | null> | null} */
let asking = null;

/** @returns {Record<string, string>} */
function bearer() {
  const token = sessionStorage.getItem(TOKEN);
  return token ? { Authorization: `Bearer ${token}` } : {};
}

/** The path of an endpoint of the namespace. @param {string} path @param {Json} [query] */
export function kewPath(path, query) {
  const named = space.name && !path.startsWith("/ns") ? `/ns/${encodeURIComponent(space.name)}` : "";
  const members = Object.entries(query ?? {}).filter(
    ([, value]) => value !== "" && value !== undefined && value !== null,
  );
  const search = new URLSearchParams(members.map(([name, value]) => [name, String(value)])).toString();
  return `/_kew${named}${path}${search ? `?${search}` : ""}`;
}

/**
 * @param {string} url @param {RequestInit} init @returns {Promise<Response>}
 */
async function request(url, init) {
  for (;;) {
    let answer;
    const headers = { ...bearer(), .../** @type {any} */ (init.headers) };
    try {
      answer = await fetch(url, { ...init, headers, cache: "no-store" });
    } catch (error) {
      if (init.signal?.aborted) throw error;
      throw new Refused(0, "", "kew does not answer", "is it still running? This page goes on when it is back");
    }
    if (answer.status !== 403 || !url.startsWith("/_kew")) return answer;
    const said = await answer
      .clone()
      .json()
      .catch(() => ({}));
    if (!String(said.error).includes("token")) return answer;
    sessionStorage.removeItem(TOKEN);
    asking ??= keeper.ask().finally(() => (asking = null));
    const token = await asking;
    if (!token) return answer;
    sessionStorage.setItem(TOKEN, token);
  }
}

/**
 * Calls the control API.
 * @param {string} method @param {string} path @param {{ query?: Json, body?: any, signal?: AbortSignal, text?: boolean }} [options]
 * @returns {Promise<any>}
 */
export async function kew(method, path, options = {}) {
  /** @type {Record<string, string>} */
  const headers = method === "GET" ? {} : { "Content-Type": "application/json" };
  const body = options.body === undefined ? undefined : JSON.stringify(options.body);
  const answer = await request(kewPath(path, options.query), { method, headers, body, signal: options.signal });
  if (answer.ok && options.text) return answer.text();
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok)
    throw new Refused(
      answer.status,
      said.__type ?? "",
      said.error ?? said.message ?? answer.statusText,
      said.hint ?? "",
    );
  return said;
}

/** The account and the region as which SQS is asked about a queue, or about none. @param {Place | null} [place] */
export function credential(place) {
  const env = space.described?.env ?? {};
  const key = space.name ? space.described?.account : place?.account;
  return { key: key ?? env.AWS_ACCESS_KEY_ID ?? "test", region: place?.region ?? env.AWS_REGION ?? "us-east-1" };
}

/** The URL of a queue. @param {Place} place */
export const queueUrl = (place) => `${location.origin}/${place.account}/${place.name}`;

/**
 * Asks SQS for an action.
 * @param {string} action @param {Json} input @param {Place | null} [place] @param {AbortSignal} [signal]
 * @returns {Promise<Json>}
 */
export async function sqs(action, input, place, signal) {
  const { key, region } = credential(place);
  const members = place ? { QueueUrl: queueUrl(place), ...input } : input;
  const headers = {
    "Content-Type": "application/x-amz-json-1.0",
    "X-Amz-Target": `AmazonSQS.${action}`,
    Authorization: `AWS4-HMAC-SHA256 Credential=${key}/20260101/${region}/sqs/aws4_request, SignedHeaders=host, Signature=0`,
  };
  const answer = await request("/", { method: "POST", headers, body: JSON.stringify(members), signal });
  const text = await answer.text();
  const said = text ? JSON.parse(text) : {};
  if (!answer.ok)
    throw new Refused(
      answer.status,
      String(said.__type ?? "")
        .split("#")
        .pop() ?? "",
      said.message ?? "",
      "",
    );
  return said;
}

/** Does it. @param {Act} act @returns {Promise<any>} */
export async function carryOut(act) {
  for (const one of act.before ?? []) await carryOut(one);
  const answer = act.action
    ? await sqs(act.action, act.input ?? {}, act.place)
    : await kew(act.method ?? "GET", act.path ?? "", { query: act.query, body: act.body });
  // Whoever waits for the answer gets it first: the namespace may be gone.
  setTimeout(() => document.dispatchEvent(new Event(DONE)));
  return answer;
}

/** @param {number} ms @param {AbortSignal} signal @returns {Promise<void>} */
const pause = (ms, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });

/** Ends when the page can be seen, or is left. @param {AbortSignal} signal @returns {Promise<void>} */
const seen = (signal) =>
  new Promise((resolve) => {
    if (!document.hidden || signal.aborted) return resolve();
    const look = () => (document.hidden ? undefined : resolve());
    document.addEventListener("visibilitychange", look, { signal });
    signal.addEventListener("abort", () => resolve(), { once: true });
  });

/** What is told when the server is reached, or is not; set by the page. @type {{ reached: (reached: boolean) => void }} */
export const line = { reached: () => {} };

/**
 * Does something now and again while the page can be seen, each second at most, and more rarely if it takes long. The answer asks
 * for it at once.
 * @param {() => Promise<void>} look @param {AbortSignal} signal @param {(error: any) => void} failed @param {number} [ms]
 */
export function poll(look, signal, failed, ms = POLL_MS_MIN) {
  let hurry = new AbortController();
  // One look that takes long, the first one maybe, says nothing.
  let before = 0;
  (async () => {
    while (!signal.aborted) {
      const began = performance.now();
      hurry = new AbortController();
      try {
        await look();
        line.reached(true);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Refused && error.status === 0) line.reached(false);
        failed(error);
      }
      const took = performance.now() - began;
      const wait = Math.min(POLL_MS_MAX, Math.max(ms, Math.min(took, before) * POLL_SHARE));
      before = took;
      await Promise.race([pause(wait, signal), ended(hurry.signal)]);
      await seen(signal);
    }
  })();
  return () => hurry.abort();
}

/** @param {AbortSignal} signal @returns {Promise<void>} */
const ended = (signal) =>
  new Promise((resolve) =>
    signal.aborted ? resolve() : signal.addEventListener("abort", () => resolve(), { once: true }),
  );

/**
 * Follows the events of the history while the page can be seen, from a position on.
 * @param {Json} query @param {(events: Json[]) => void} tell @param {AbortSignal} signal @param {(error: any) => void} failed
 */
export async function follow(query, tell, signal, failed) {
  let since = query.since;
  let lost = false;
  while (!signal.aborted) {
    await seen(signal);
    // A server that was started anew counts anew.
    const now = lost ? await kew("GET", "", { signal }).catch(() => null) : null;
    if (now && now.position < since) since = undefined;
    const hidden = new AbortController();
    const stop = () => document.hidden && hidden.abort();
    document.addEventListener("visibilitychange", stop, { signal: hidden.signal });
    try {
      const both = AbortSignal.any([signal, hidden.signal]);
      const answer = await request(kewPath("/events", { ...query, since }), { signal: both });
      if (!answer.ok || !answer.body) {
        const said = await answer.json().catch(() => ({}));
        return failed(new Refused(answer.status, "", said.error ?? answer.statusText, said.hint ?? ""));
      }
      line.reached(true);
      lost = false;
      let rest = "";
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
        const blocks = (rest + piece.value).split("\n\n");
        rest = blocks.pop() ?? "";
        const events = blocks.flatMap(eventOf);
        since = events.reduce((last, event) => Math.max(last ?? 0, event.position ?? 0), since) || since;
        if (events.length) tell(events);
      }
    } catch (error) {
      lost = true;
      if (!signal.aborted && !hidden.signal.aborted) line.reached(false);
    }
    hidden.abort();
    if (!document.hidden) await pause(AGAIN_MS, signal);
  }
}

/** @param {string} block @returns {Json[]} */
function eventOf(block) {
  const fields = block.split("\n");
  const data = fields.find((field) => field.startsWith("data: "));
  const named = fields.find((field) => field.startsWith("event: "));
  return data ? [{ ...JSON.parse(data.slice(6)), ...(named ? { named: named.slice(7) } : {}) }] : [];
}
