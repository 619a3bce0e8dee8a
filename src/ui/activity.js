// What happens, as it happens: the events of the history, and requests that failed.

import { follow, kew } from "./api.js";
import { fill, h, heading, muted, queueLink, spring } from "./dom.js";
import { count, time } from "./format.js";
import { about, clientOf, EVENTS, KINDS } from "./message.js";
import { badge, button, empty, HINTS, select, trouble } from "./widgets.js";

/** @typedef {import("./api.js").Json} Json */
/** @typedef {import("./app.js").View} View */

/** Rows that are shown; and so many come in a second at most. */
const ROWS_MAX = 300;
const EVENTS_PER_SECOND = 100;
const EXPORTED_MAX = 10000;

/** What can be asked for, by what people look for. @type {[string, string][]} */
const KINDS_WANTED = [
  ["", "All events"],
  ["sent,arrived", "Came in"],
  ["received", "Received"],
  ["deleted", "Deleted"],
  ["requestFailed,entryFailed,deleteMissed", "Failed requests"],
  ["deadLettered,expired,moved", "Dead-lettered, moved, expired"],
  ["visibilityEnded,visibilityChanged,released,givenBack", "Visibility"],
  ["faultFired", "Faults"],
  ["clockAdvanced", "Clock"],
  ["queueCreated,queueDeleted,attributesSet,purged,control", "Queues and control"],
];

/** @param {HTMLElement} main @param {View} view */
export async function activityPage(main, view) {
  view.title("Activity");
  const { queues } = await kew("GET", "/queues", { signal: view.signal });
  const names = /** @type {[string, string][]} */ (queues.map((/** @type {Json} */ row) => [row.name, row.name]));
  const queue = select([["", "All queues"], ...names], { "aria-label": "Queue", value: view.query.get("queue") ?? "" });
  const kinds = select(KINDS_WANTED, { "aria-label": "Events", value: view.query.get("type") ?? "" });
  const client = h("input", { type: "search", placeholder: "Client", "aria-label": "Client" });
  const list = h("tbody");
  const frame = h(
    "div",
    { class: "frame" },
    h(
      "table",
      { "aria-label": "Events", class: "events" },
      h(
        "thead",
        h(
          "tr",
          ["Time", "Event", "Queue", "Message", "Client"].map((text, at) =>
            h("th", { scope: "col", class: ["", "", "", "w1", "w2"][at] }, text),
          ),
        ),
      ),
      list,
    ),
  );
  const [place, sum] = [h("div"), h("p", { class: "sum", role: "status" })];
  let paused = false;
  let held = /** @type {Json[]} */ ([]);
  let shown = /** @type {Json[]} */ ([]);
  const pause = button(
    "Pause",
    () => {
      paused = !paused;
      pause.textContent = paused ? "Go on" : "Pause";
      if (!paused) add(held.splice(0));
      say();
    },
    { "aria-pressed": "false" },
  );
  const query = () => ({ queue: queue.value, type: kinds.value });
  const save = async () => {
    const text = await kew("GET", "/history", {
      query: { ...query(), limit: EXPORTED_MAX, format: "jsonl" },
      text: true,
    });
    download(text, "application/x-ndjson", "kew-events.jsonl");
  };
  fill(
    main,
    heading("Activity", button("Export JSONL", save), pause),
    h("div", { class: "bar" }, queue, kinds, client, spring(), sum),
    place,
  );
  const say = () => fill(sum, paused ? `paused, ${count(held.length)} wait` : `${count(shown.length)} events`);
  const fits = (/** @type {Json} */ event) =>
    clientOf(event.by).toLowerCase().includes(client.value.trim().toLowerCase());
  const show = () => {
    const rows = shown.filter(fits);
    say();
    if (rows.length === 0)
      return fill(
        place,
        empty(
          "Nothing has happened",
          "Send a message, or run your program: each event is listed here as it happens, and each request that failed with what helps.",
        ),
      );
    if (frame.parentElement !== place) fill(place, frame);
    fill(
      list,
      rows.map((event) => rowOf(view, event)),
    );
  };
  /** @param {Json[]} events */
  const add = (events) => {
    const real = events.filter((event) => event.type);
    if (paused) held = [...held, ...real].slice(-ROWS_MAX);
    else shown = [...real.reverse(), ...shown].slice(0, ROWS_MAX);
    if (paused) return say();
    const rows = real.filter(fits);
    if (frame.parentElement !== place) return show();
    say();
    list.prepend(...rows.map((event) => rowOf(view, event)));
    while (list.children.length > ROWS_MAX) list.lastElementChild?.remove();
  };
  let leave = new AbortController();
  const begin = async () => {
    leave.abort();
    leave = new AbortController();
    const signal = AbortSignal.any([view.signal, leave.signal]);
    try {
      const { events, next } = await kew("GET", "/history", { query: { ...query(), limit: 100 }, signal });
      shown = events.reverse();
      show();
      follow({ ...query(), since: next, limit: EVENTS_PER_SECOND }, add, signal, (error) =>
        fill(place, trouble(error)),
      );
    } catch (error) {
      if (!signal.aborted) fill(place, trouble(error));
    }
  };
  [queue, kinds].forEach((one) => one.addEventListener("change", begin));
  client.addEventListener("input", show);
  view.keys.set("p", { text: "Pause, go on", act: () => pause.click() });
  await begin();
}

/** @param {View} view @param {Json} event */
function rowOf(view, event) {
  const failed = event.type === "requestFailed";
  const hint = failed ? HINTS[event.code] : "";
  return h(
    "tr",
    h("td", { class: "muted" }, time(event.at)),
    h(
      "td",
      badge(KINDS[event.type] ?? "", EVENTS[event.type] ?? event.type),
      " ",
      about(event),
      failed &&
        muted(
          event.text,
          [event.detail, hint].map((text) => text && h("span", { class: "hint" }, text)),
        ),
    ),
    h("td", event.queue && queueLink(view, event.queue)),
    h(
      "td",
      { class: "w1" },
      event.messageId &&
        h("a", { class: "mono row-link", href: view.link(`messages/${event.messageId}`) }, event.messageId.slice(0, 8)),
    ),
    h("td", { class: "w2 muted", title: clientOf(event.by) }, clientOf(event.by).split(" at ")[0]),
  );
}

/** Has the browser save a text as a file. @param {string} text @param {string} type @param {string} name */
export function download(text, type, name) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
