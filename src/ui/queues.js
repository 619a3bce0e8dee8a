// The queues of the namespace at a glance.

import { kew, poll } from "./api.js";
import { exports } from "./commands.js";
import { fill, h, heading, keyed, queueLink, setText, spring, table } from "./dom.js";
import { count, perSecond, span } from "./format.js";
import { connect, create, purge, remove } from "./manage.js";
import { badge, button, empty, menu, setCount, snippet, trouble } from "./widgets.js";

/** @typedef {import("./api.js").Json} Json */
/** @typedef {import("./app.js").View} View */

const ROWS_PER_PAGE = 100;
/** Rates are of so much time. */
const RATE_MS = 5000;

/** Counts of before, from which rates are told. @type {Map<string, { at: number, sent: number, gone: number }[]>} */
const samples = new Map();

/** What tells a queue from others of its name. @param {Json} row */
export const keyOf = (row) => `${row.account}/${row.region}/${row.name}`;

/** Messages a second that came and went lately; none before a second look. @param {Json} row */
export function rates(row) {
  if (!row.totals) return null;
  const now = performance.now();
  const kept = (samples.get(keyOf(row)) ?? []).filter((sample) => now - sample.at < RATE_MS);
  const first = kept[0];
  const sample = { at: now, sent: row.totals.sent + row.totals.arrived, gone: row.totals.deleted };
  samples.set(keyOf(row), [...kept, sample]);
  if (!first || now - first.at < 500) return null;
  const each = 1000 / (now - first.at);
  return { in: Math.max(0, sample.sent - first.sent) * each, out: Math.max(0, sample.gone - first.gone) * each };
}

/** @param {HTMLElement} main @param {View} view */
export async function queuesPage(main, view) {
  view.title("Queues");
  const search = h("input", {
    type: "search",
    placeholder: "Name or message id",
    "aria-label": "Search",
    value: view.query.get("q") ?? "",
  });
  const filled = h("input", { type: "checkbox" });
  const sum = h("p", { class: "sum", "aria-live": "polite" });
  const { node: frame, body } = table("Queues", [
    "Queue",
    "Visible|num",
    "In flight|num",
    "Delayed|num w2",
    "Oldest|num w1",
    "In /s|num w3",
    "Out /s|num w3",
    "Parked|num w2",
    "Dead letters|w2",
    "|act",
  ]);
  const below = h("div", { class: "pager" });
  const place = h("div");
  let rows = /** @type {Json[]} */ ([]);
  let faults = /** @type {Json[]} */ ([]);
  let first = 0;
  fill(
    main,
    heading(
      "Queues",
      button("Connect", () => connect("orders")),
      button("Create queue", () => create(view), { class: "primary" }),
    ),
    h(
      "div",
      { class: "bar" },
      search,
      h("label", { class: "tick" }, filled, h("span", "Only non-empty")),
      spring(),
      sum,
    ),
    place,
  );

  const show = () => {
    const text = search.value.trim().toLowerCase();
    const wanted = rows.filter((row) => row.name.toLowerCase().includes(text) && (!filled.checked || row.messages > 0));
    first = Math.min(first, Math.max(0, wanted.length - 1));
    first -= first % ROWS_PER_PAGE;
    const total = (/** @type {string} */ name) => count(rows.reduce((all, row) => all + row[name], 0));
    setText(
      sum,
      `${count(rows.length)} ${rows.length === 1 ? "queue" : "queues"} · ${total("visible")} visible · ${total("inFlight")} in flight · ${total("delayed")} delayed`,
    );
    if (rows.length === 0) return fill(place, nothing(view));
    const sources = new Map(rows.filter((row) => row.deadLetterQueue).map((row) => [row.deadLetterQueue, row.name]));
    if (frame.parentElement !== place) fill(place, frame, below);
    keyed(body, wanted.slice(first, first + ROWS_PER_PAGE), keyOf, () => rowOf(view, again, sources, () => faults));
    frame.hidden = wanted.length === 0;
    fill(below, ...pager(wanted, text));
  };
  /** @param {Json[]} wanted @param {string} text */
  const pager = (wanted, text) => {
    if (wanted.length === 0) {
      const isId = /^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(text);
      return [
        h(
          "p",
          isId
            ? h("a", { href: view.link(`messages/${text}`) }, "Open the message of this id")
            : "No queue is like that.",
        ),
      ];
    }
    if (wanted.length <= ROWS_PER_PAGE) return [];
    const turn = (/** @type {number} */ by) => () => ((first += by * ROWS_PER_PAGE), show());
    return [
      button("Back", turn(-1), { disabled: first === 0 }),
      h(
        "span",
        `${count(first + 1)} to ${count(Math.min(wanted.length, first + ROWS_PER_PAGE))} of ${count(wanted.length)}`,
      ),
      button("Next", turn(1), { disabled: first + ROWS_PER_PAGE >= wanted.length }),
    ];
  };
  search.addEventListener("input", () => ((first = 0), show()));
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") /** @type {HTMLElement | null} */ (place.querySelector("a"))?.click();
  });
  filled.addEventListener("change", show);
  view.keys.set("c", { text: "Create a queue", act: () => create(view) });

  let looks = 0;
  const again = poll(
    async () => {
      const [list, rules] = await Promise.all([
        kew("GET", "/queues", { signal: view.signal }),
        looks++ % 5 === 0 ? kew("GET", "/faults", { signal: view.signal }) : null,
      ]);
      rows = list.queues;
      faults = rules?.faults ?? faults;
      show();
    },
    view.signal,
    (error) => rows.length || fill(place, trouble(error)),
  );
}

/** @param {View} view @param {() => void} again @param {Map<string, string>} sources @param {() => Json[]} faults */
function rowOf(view, again, sources, faults) {
  const name = h("td", { class: "name" });
  const cells = ["num", "num", "num w2"].map((kind) => h("td", { class: kind }));
  const [oldest, into, out, parked, dead] = ["num w1", "num w3", "num w3", "num w2", "w2"].map((kind) =>
    h("td", { class: kind }),
  );
  const acts = h("td", { class: "act" });
  const node = h("tr", name, cells, oldest, into, out, parked, dead, acts);
  let shown = "";
  /** @param {Json} row */
  const update = (row) => {
    [row.visible, row.inFlight, row.delayed].forEach((value, at) => setCount(cells[at], value));
    setText(oldest, row.oldestAgeMs === null ? "–" : span(Math.floor(row.oldestAgeMs / 1000) * 1000 || 0));
    oldest.classList.toggle("zero", row.oldestAgeMs === null);
    const per = rates(row);
    [
      [into, per?.in],
      [out, per?.out],
    ].forEach(([cell, value]) => {
      const c = /** @type {HTMLElement} */ (cell);
      setText(c, perSecond(/** @type {number | undefined} */ (value)));
      c.classList.toggle("zero", !value);
    });
    setCount(parked, row.parked);
    const hit = faults().filter((rule) => !rule.on?.queue || rule.on.queue === row.name).length;
    const now = JSON.stringify([row.deadLetterQueue, row.maxReceiveCount, sources.get(row.name), hit]);
    if (now === shown) return;
    shown = now;
    const source = sources.get(row.name);
    fill(
      name,
      h("a", { class: "row-link", href: view.link(`queues/${encodeURIComponent(row.name)}`) }, row.name),
      " ",
      row.type === "fifo" && badge("plain", "FIFO"),
      " ",
      hit > 0 && h("a", { class: "badge warn", href: view.link("faults") }, hit === 1 ? "1 fault" : `${hit} faults`),
    );
    fill(
      dead,
      row.deadLetterQueue && ["after ", String(row.maxReceiveCount), " to ", queueLink(view, row.deadLetterQueue)],
      source && ["of ", queueLink(view, source)],
    );
    fill(
      acts,
      menu(`What to do with ${row.name}`, [
        ["Connect a program", () => connect(row.name)],
        ["Purge…", () => purge(row, again)],
        ["Delete…", () => remove(row, again), "bad"],
      ]),
    );
  };
  return { node, update };
}

/** What a newcomer sees. @param {View} view */
const nothing = (view) =>
  empty(
    "No queues yet",
    "Create one here, or point your program at this server: unmodified SQS code works, with these lines before it.",
    snippet(exports(), "the environment"),
    h(
      "p",
      { class: "row center" },
      button("Create queue", () => create(view), { class: "primary" }),
    ),
  );
