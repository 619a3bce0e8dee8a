// Failures on purpose: presets, the rules, and how often each matched and fired.

import { carryOut, kew, poll } from "./api.js";
import { card, fill, h, heading, keyed, muted, setText, spring, table } from "./dom.js";
import { newRule } from "./fault.js";
import { ask, badge, button, empty, menu, notice, perform, setCount, trouble, wrong } from "./widgets.js";

/** @typedef {import("./api.js").Json} Json */
/** @typedef {import("./app.js").View} View */

/** @type {[string, string, Json][]} */
const PRESETS = [
  [
    "Lose the second answer",
    "The second SendMessage is done and its answer lost: does the producer send it twice?",
    { fault: "lostAnswer", on: { action: "SendMessage" }, when: { nth: [2] } },
  ],
  [
    "1 of 10 twice",
    "One of ten messages is received twice, as SQS may: is the consumer idempotent?",
    { fault: "duplicate", when: { probability: 0.1 } },
  ],
  [
    "Throttled",
    "One of five requests is answered RequestThrottled: does the client try again?",
    { fault: "throttle", when: { probability: 0.2 } },
  ],
  ["AWS-like", "Duplicates, stale counts, empty receives and disorder, as rarely as on AWS.", { fault: "awsLike" }],
];

/** Rules that are switched off are kept here, in this tab. @type {Map<string, Json>} */
const off = new Map();

/** A rule as it is added. @param {Json} rule @returns {Json} */
const written = ({ seen, fired, endsInMs, profile, ...rule }) => rule;

/** When a rule fires, in words. @param {Json | undefined} when */
function whenText(when = {}) {
  const { probability, nth, first, every, after, times } = when;
  const text =
    probability !== undefined
      ? `${Number((probability * 100).toFixed(2))} % of the time`
      : nth
        ? `match ${[nth].flat().join(", ")}`
        : first
          ? `the first ${first}`
          : every
            ? `every ${every}th`
            : after
              ? `after the first ${after}`
              : "always";
  return times ? `${text}, ${times} times at most` : text;
}

/** What a rule hits, in words. @param {Json | undefined} on */
function onText(on = {}) {
  const { action, queue, caller, message } = on;
  return (
    [
      action && [action].flat().join(", "),
      queue && `of ${queue}`,
      caller && `by ${caller.userAgent ?? caller.account}`,
      message && `with ${JSON.stringify(message)}`,
    ]
      .filter(Boolean)
      .join(" ") || "whatever it can hit"
  );
}

/** @param {HTMLElement} main @param {View} view */
export function faultsPage(main, view) {
  view.title("Faults");
  const { node: frame, body } = table("Rules", ["Fault", "Hits|w1", "When|w2", "Matched|num", "Fired|num", "|act"]);
  const [place, seed] = [h("div"), h("p", { class: "sum" })];
  const add = (/** @type {Json} */ rule, /** @type {string} */ name) =>
    perform({ method: "POST", path: "/faults", body: rule }, `${name}: the fault is on.`).then(() => hurry());
  const fresh = () => newRule(() => hurry());
  const clear = () =>
    ask(
      "Remove all faults?",
      "Every rule of this namespace is removed.",
      "Remove all faults",
      { method: "DELETE", path: "/faults" },
      "There are no faults.",
      () => (off.clear(), hurry()),
    );
  fill(
    main,
    heading("Faults", seed, button("Remove all…", clear), button("Add a fault", fresh, { class: "primary" })),
    h(
      "div",
      { class: "cards" },
      PRESETS.map(([name, text, rule]) =>
        card(
          name,
          muted(text),
          spring(),
          h(
            "div",
            button("Switch on", () => add(rule, name), { class: "small", "aria-label": `Switch on: ${name}` }),
          ),
        ),
      ),
    ),
    place,
  );
  view.keys.set("a", { text: "Add a fault", act: fresh });
  const hurry = poll(
    async () => {
      const answer = await kew("GET", "/faults", { signal: view.signal });
      setText(seed, `seed ${answer.seed}`);
      const ids = new Set(answer.faults.map((/** @type {Json} */ rule) => rule.id));
      const rules = [...answer.faults, ...[...off.values()].filter((rule) => !ids.has(rule.id))];
      if (rules.length === 0)
        return fill(
          place,
          empty(
            "No faults",
            "All goes well here, better than on AWS. Switch one on and see what your program does; each firing is an event of the message it hit.",
          ),
        );
      if (frame.parentElement !== place) fill(place, frame);
      keyed(
        body,
        rules,
        (rule) => rule.id,
        (rule) => ruleRow(rule, () => hurry()),
      );
    },
    view.signal,
    (error) => fill(main, trouble(error)),
  );
}

/** @param {Json} rule @param {() => void} again */
function ruleRow(rule, again) {
  const [seen, fired, acts] = [h("td", { class: "num" }), h("td", { class: "num" }), h("td", { class: "act" })];
  const more = Object.entries(written(rule))
    .filter(([name]) => !["fault", "id", "on", "when"].includes(name))
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
  const box = h("input", { type: "checkbox", "aria-label": `${rule.id} is on` });
  const path = `/faults/${encodeURIComponent(rule.id)}`;
  box.addEventListener("change", async () => {
    try {
      if (box.checked) await carryOut({ method: "POST", path: "/faults", body: written(off.get(rule.id) ?? rule) });
      else await carryOut({ method: "DELETE", path });
      box.checked ? off.delete(rule.id) : off.set(rule.id, rule);
    } catch (error) {
      notice(wrong(error).text, { kind: "bad", hint: wrong(error).hint });
    }
    again();
  });
  fill(
    acts,
    menu(`What to do with ${rule.id}`, [
      [
        "Remove",
        async () => {
          if (!off.delete(rule.id)) await perform({ method: "DELETE", path }, `${rule.id} is removed.`);
          again();
        },
        "bad",
      ],
    ]),
  );
  const node = h(
    "tr",
    h(
      "td",
      h(
        "label",
        { class: "tick" },
        box,
        h("span", h("strong", rule.fault), " ", badge("plain", rule.id), more && h("small", more)),
      ),
    ),
    h("td", { class: "w1" }, onText(rule.on)),
    h("td", { class: "w2" }, whenText(rule.when)),
    seen,
    fired,
    acts,
  );
  return {
    node,
    update: (/** @type {Json} */ now) => {
      box.checked = !off.has(now.id);
      setCount(seen, now.seen);
      setCount(fired, now.fired);
    },
  };
}
