// The queues of the namespace at a glance, and what is done with a whole queue.

import { kew, poll, space } from "./api.js";
import { exports, snippets } from "./commands.js";
import { fill, h, keyed, setText, table } from "./dom.js";
import { ask, badge, button, count, dialog, empty, field, menu, notice, select, setCount, snippet, span, tick, trouble } from "./widgets.js";

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

/** @param {number | undefined} value */
const rate = (value) => (value === undefined ? "–" : value > 0 && value < 10 ? value.toFixed(1) : count(Math.round(value)));

/** @param {HTMLElement} main @param {View} view */
export async function queuesPage(main, view) {
  view.title("Queues");
  const search = h("input", { type: "search", placeholder: "Name or message id", "aria-label": "Search", value: view.query.get("q") ?? "" });
  const filled = h("input", { type: "checkbox" });
  const sum = h("p", { class: "sum", "aria-live": "polite" });
  const { node: frame, body } = table("Queues", ["Queue", "Visible|num", "In flight|num", "Delayed|num w2", "Oldest|num w1",
    "In /s|num w3", "Out /s|num w3", "Parked|num w2", "Dead letters|w2", "|act"]);
  const below = h("div", { class: "pager" });
  const place = h("div");
  let rows = /** @type {Json[]} */ ([]);
  let faults = /** @type {Json[]} */ ([]);
  let first = 0;
  fill(main,
    h("header", { class: "head" }, h("h1", null, "Queues"), h("span", { class: "spring" }),
      button("Connect", () => connect("orders")),
      button("Create queue", () => create(view), { class: "primary" })),
    h("div", { class: "bar" }, search, h("label", { class: "tick" }, filled, h("span", null, "Only non-empty")), h("span", { class: "spring" }), sum),
    place);

  const show = () => {
    const text = search.value.trim().toLowerCase();
    const wanted = rows.filter((row) => row.name.toLowerCase().includes(text) && (!filled.checked || row.messages > 0));
    first = Math.min(first, Math.max(0, wanted.length - 1));
    first -= first % ROWS_PER_PAGE;
    const total = (/** @type {string} */ name) => count(rows.reduce((all, row) => all + row[name], 0));
    setText(sum, `${count(rows.length)} ${rows.length === 1 ? "queue" : "queues"} · ${total("visible")} visible · ${total("inFlight")} in flight · ${total("delayed")} delayed`);
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
      return [h("p", null, isId ? h("a", { href: view.link(`messages/${text}`) }, "Open the message of this id") : "No queue is like that.")];
    }
    if (wanted.length <= ROWS_PER_PAGE) return [];
    const turn = (/** @type {number} */ by) => () => ((first += by * ROWS_PER_PAGE), show());
    return [button("Back", turn(-1), { disabled: first === 0 }),
      h("span", null, `${count(first + 1)} to ${count(Math.min(wanted.length, first + ROWS_PER_PAGE))} of ${count(wanted.length)}`),
      button("Next", turn(1), { disabled: first + ROWS_PER_PAGE >= wanted.length })];
  };
  search.addEventListener("input", () => ((first = 0), show()));
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") /** @type {HTMLElement | null} */ (place.querySelector("a"))?.click();
  });
  filled.addEventListener("change", show);
  view.keys.set("c", { text: "Create a queue", act: () => create(view) });

  let looks = 0;
  const again = poll(async () => {
    const [list, rules] = await Promise.all([kew("GET", "/queues", { signal: view.signal }),
      looks++ % 5 === 0 ? kew("GET", "/faults", { signal: view.signal }) : null]);
    rows = list.queues;
    faults = rules?.faults ?? faults;
    show();
  }, view.signal, (error) => rows.length || fill(place, trouble(error)));
}

/** @param {View} view @param {() => void} again @param {Map<string, string>} sources @param {() => Json[]} faults */
function rowOf(view, again, sources, faults) {
  const name = h("td", { class: "name" });
  const cells = ["num", "num", "num w2"].map((kind) => h("td", { class: kind }));
  const [oldest, into, out, parked, dead] = ["num w1", "num w3", "num w3", "num w2", "w2"].map((kind) => h("td", { class: kind }));
  const acts = h("td", { class: "act" });
  const node = h("tr", null, name, cells, oldest, into, out, parked, dead, acts);
  let shown = "";
  /** @param {Json} row */
  const update = (row) => {
    [row.visible, row.inFlight, row.delayed].forEach((value, at) => setCount(cells[at], value));
    setText(oldest, row.oldestAgeMs === null ? "–" : span(Math.floor(row.oldestAgeMs / 1000) * 1000 || 0));
    oldest.classList.toggle("zero", row.oldestAgeMs === null);
    const per = rates(row);
    [[into, per?.in], [out, per?.out]].forEach(([cell, value]) => {
      const c = /** @type {HTMLElement} */ (cell);
      setText(c, rate(/** @type {number | undefined} */ (value)));
      c.classList.toggle("zero", !value);
    });
    setCount(parked, row.parked);
    const hit = faults().filter((rule) => !rule.on?.queue || rule.on.queue === row.name).length;
    const now = JSON.stringify([row.deadLetterQueue, row.maxReceiveCount, sources.get(row.name), hit]);
    if (now === shown) return;
    shown = now;
    const source = sources.get(row.name);
    fill(name, h("a", { class: "row-link", href: view.link(`queues/${encodeURIComponent(row.name)}`) }, row.name), " ",
      row.type === "fifo" && badge("plain", "FIFO"), " ",
      hit > 0 && h("a", { class: "badge warn", href: view.link("faults") }, hit === 1 ? "1 fault" : `${hit} faults`));
    fill(dead, row.deadLetterQueue && ["after ", String(row.maxReceiveCount), " to ", h("a", { href: view.link(`queues/${encodeURIComponent(row.deadLetterQueue)}`) }, row.deadLetterQueue)],
      source && ["of ", h("a", { href: view.link(`queues/${encodeURIComponent(source)}`) }, source)]);
    fill(acts, menu(`What to do with ${row.name}`, [
      ["Connect a program", () => connect(row.name)],
      ["Purge…", () => purge(row, again)],
      ["Delete…", () => remove(row, again), "bad"]]));
  };
  return { node, update };
}

/** What a newcomer sees. @param {View} view */
const nothing = (view) => empty("No queues yet",
  h("p", null, "Create one here, or point your program at this server: unmodified SQS code works, with these lines before it."),
  snippet(exports(), "the environment"),
  h("p", { class: "row center" }, button("Create queue", () => create(view), { class: "primary" })));

/** @param {Json} row @param {() => void} then */
export const purge = (row, then) => ask(`Purge ${row.name}?`,
  `All ${count(row.messages)} messages of ${row.name} are deleted, those in flight too. This cannot be undone.`,
  `Purge ${row.name}`, { action: "PurgeQueue", input: {}, place: placeOf(row) }, `${row.name} is empty.`, then);

/** @param {Json} row @param {() => void} then */
export const remove = (row, then) => ask(`Delete ${row.name}?`,
  `The queue ${row.name} and its ${count(row.messages)} messages are deleted. Programs that use it get QueueDoesNotExist.`,
  `Delete ${row.name}`, { action: "DeleteQueue", input: {}, place: placeOf(row) }, `${row.name} is deleted.`, then);

/** @param {Json} row */
export const placeOf = (row) => ({ name: row.name, account: row.account, region: row.region });

/** How programs reach a queue. @param {string} queue */
export function connect(queue) {
  const shown = h("div");
  const languages = snippets(queue);
  const chooser = h("div", { class: "tabs", role: "group", "aria-label": "Language" });
  const choose = (/** @type {number} */ at) => {
    [...chooser.children].forEach((tab, i) => tab.setAttribute("aria-pressed", String(i === at)));
    fill(shown, snippet(languages[at][1], languages[at][0]));
  };
  chooser.append(...languages.map(([language], at) => button(language, () => choose(at), { class: "tab" })));
  choose(0);
  dialog({ title: "Connect a program", cancel: "Close", wide: true, content: [
    h("p", null, space.name ? `The access key leads to the namespace ${space.name}. Any secret will do.` : "SDKs read these lines; any credentials will do."),
    snippet(exports(), "the environment"), h("p", null, "A first program:"), chooser, shown] });
}

/** @param {View} view */
export function create(view) {
  const name = h("input", { required: true, maxlength: 80, pattern: "[A-Za-z0-9_\\-]+(\\.fifo)?", placeholder: "orders", autofocus: true, spellcheck: "false" });
  const kind = select([["standard", "Standard"], ["fifo", "FIFO: in order, each once"]]);
  const visibility = h("input", { type: "number", min: 0, max: 43200, value: "30" });
  const dead = h("input", { type: "checkbox", checked: true });
  const most = h("input", { type: "number", min: 1, max: 1000, value: "3" });
  const mostField = field("Receives before that", most);
  dead.addEventListener("change", () => (mostField.hidden = !dead.checked));
  const full = (/** @type {string} */ suffix) => {
    const plain = name.value.trim().replace(/\.fifo$/, "");
    return `${plain}${suffix}${kind.value === "fifo" || name.value.trim().endsWith(".fifo") ? ".fifo" : ""}`;
  };
  const attributes = () => ({
    VisibilityTimeout: visibility.value || "30",
    ...(full("").endsWith(".fifo") ? { FifoQueue: "true", ContentBasedDeduplication: "true" } : {}),
    ...(dead.checked ? { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: arn(full("-dead")), maxReceiveCount: most.value || "3" }) } : {}),
  });
  dialog({
    title: "Create queue", submit: "Create queue",
    content: [field("Name", name, "Letters, digits, - and _."), field("Type", kind),
      field("Visibility timeout, seconds", visibility, "How long a received message is hidden from other consumers."),
      tick("With a dead-letter queue", dead, "Messages that fail again and again go to a queue of their own: NAME-dead."), mostField],
    act: () => ({ action: "CreateQueue", input: { QueueName: full(""), Attributes: attributes() },
      // A dead-letter queue has to be there first.
      before: dead.checked ? [{ action: "CreateQueue", input: { QueueName: full("-dead"), Attributes: full("").endsWith(".fifo") ? { FifoQueue: "true" } : {} } }] : [] }),
    done: (_, act) => {
      notice(`${act.input?.QueueName} is created.`, { act });
      view.go(`queues/${act.input?.QueueName}`);
    },
  });
}

/** The ARN that a queue of this name has. @param {string} name */
function arn(name) {
  const env = space.described?.env ?? {};
  return `arn:aws:sqs:${env.AWS_REGION ?? "us-east-1"}:${space.described?.account}:${name}`;
}
