// The last quarter of an hour in lines: what came and went a second, how much waits, how old the oldest is, what was dead-lettered.

import { kew, poll, space } from "./api.js";
import { fill, h, heading, muted, setText, spring } from "./dom.js";
import { count, perSecond, span } from "./format.js";
import { select, sparkline, trouble } from "./widgets.js";

/** @typedef {import("./api.js").Json} Json */
/** @typedef {import("./app.js").View} View */
/** What was read at one time. @typedef {{ at: number, in: number, out: number, deleted: number, dead: number, depth: number,
 *   oldest: number }} Sample */

const KEPT_MS = 15 * 60_000;
/** A rate is of so much time. */
const RATE_MS = 5000;

/** Samples by namespace and queue, as long as the console is open. @type {Map<string, Sample[]>} */
const kept = new Map();

/** Messages a second. @param {"in" | "out" | "deleted"} name @returns {(samples: Sample[], at: number) => number} */
const rate = (name) => (samples, at) => {
  let from = at;
  while (from > 0 && samples[at].at - samples[from].at < RATE_MS) from--;
  const ms = samples[at].at - samples[from].at;
  return ms === 0 ? 0 : (Math.max(0, samples[at][name] - samples[from][name]) * 1000) / ms;
};

/**
 * What is drawn: its name, what it is, its value at a sample, and how that is written.
 * @type {[string, string, (samples: Sample[], at: number) => number, (value: number) => string][]}
 */
const DRAWN = [
  ["In /s", "sent, or arrived from elsewhere", rate("in"), perSecond],
  ["Received /s", "handed to consumers, each time", rate("out"), perSecond],
  ["Deleted /s", "processed, as far as SQS knows", rate("deleted"), perSecond],
  ["Depth", "visible, in flight and delayed", (samples, at) => samples[at].depth, count],
  ["Oldest", "age of the oldest message", (samples, at) => samples[at].oldest, (ms) => (ms ? span(ms) : "–")],
  ["Dead letters", "since the line begins", (samples, at) => Math.max(0, samples[at].dead - samples[0].dead), count],
];

/** @param {Json[]} rows @returns {Sample} */
function sampleOf(rows) {
  const sum = (/** @type {(row: Json) => number | undefined} */ of) =>
    rows.reduce((all, row) => all + (of(row) ?? 0), 0);
  return {
    at: performance.now(),
    in: sum((row) => row.totals && row.totals.sent + row.totals.arrived),
    out: sum((row) => row.totals?.received),
    deleted: sum((row) => row.totals?.deleted),
    dead: sum((row) => row.totals?.deadLettered),
    depth: sum((row) => row.messages),
    oldest: rows.reduce((most, row) => Math.max(most, Math.floor((row.oldestAgeMs ?? 0) / 1000) * 1000), 0),
  };
}

/** @param {HTMLElement} main @param {View} view */
export async function metricsPage(main, view) {
  view.title("Metrics");
  const { queues } = await kew("GET", "/queues", { signal: view.signal });
  const names = /** @type {[string, string][]} */ (queues.map((/** @type {Json} */ row) => [row.name, row.name]));
  const queue = select([["", "All queues"], ...names], { "aria-label": "Queue", value: view.query.get("queue") ?? "" });
  const since = h("p", { class: "sum" });
  const cards = DRAWN.map(([name, what]) => {
    const [now, drawing, most] = [h("p", { class: "figure" }), h("div"), h("small")];
    const card = h("section", { class: "card metric" }, h("h2", name), h("small", what), now, drawing, most);
    return { card, now, drawing, most };
  });
  const place = h(
    "div",
    { class: "cards" },
    cards.map(({ card }) => card),
  );
  fill(
    main,
    heading("Metrics"),
    h("div", { class: "bar" }, queue, spring(), since),
    place,
    muted(
      "The lines begin when this page was first opened and are of fifteen minutes at most; nothing is read while it is not looked at. ",
      h("a", { href: "/metrics" }, "/metrics"),
      " has all of it for Prometheus, under CloudWatch's names too; ",
      h("code", "kew alerts"),
      " prints rules that go with it.",
    ),
  );

  const look = async () => {
    const wanted = queue.value;
    const path = wanted ? `/queues/${encodeURIComponent(wanted)}` : "/queues";
    const answer = await kew("GET", path, { signal: view.signal });
    if (wanted !== queue.value) return;
    const rows = /** @type {Json[]} */ (wanted ? [answer] : answer.queues);
    const sample = sampleOf(rows);
    const key = `${space.name}/${wanted}`;
    const samples = [...(kept.get(key) ?? []), sample].filter(({ at }) => sample.at - at <= KEPT_MS);
    kept.set(key, samples);
    const counted = rows.every((row) => row.totals);
    setText(
      since,
      counted
        ? `the last ${span(sample.at - samples[0].at)}`
        : "what comes and goes is not counted: the history is off",
    );
    DRAWN.forEach(([name, , valueAt, text], index) => {
      const values = samples.map((_, at) => valueAt(samples, at));
      const [now, most] = [text(values[values.length - 1]), text(Math.max(...values))];
      setText(cards[index].now, now);
      setText(cards[index].most, `most: ${most}`);
      fill(cards[index].drawing, sparkline(values, `${name}: ${now} now, ${most} at most`));
    });
  };
  const again = poll(look, view.signal, (error) => fill(place, trouble(error)));
  queue.addEventListener("change", again);
}
