// A new rule about faults: what happens, to whom, when.

import { kew } from "./api.js";
import { h } from "./dom.js";
import { dialog, field, notice, select } from "./widgets.js";

/** @typedef {import("./api.js").Json} Json */

/** All faults, and what each does. @type {[string, string][]} */
const FAULTS = [
  ["throttle", "throttle: RequestThrottled, nothing done"],
  ["error", "error: any error of SQS, nothing done"],
  ["unavailable", "unavailable: 503, nothing done"],
  ["lostRequest", "lostRequest: connection reset, nothing done"],
  ["lostAnswer", "lostAnswer: done, and the answer is lost"],
  ["latency", "latency: a late answer"],
  ["duplicate", "duplicate: received once more by others"],
  ["resurrect", "resurrect: a deleted message comes back"],
  ["emptyReceive", "emptyReceive: nothing found though messages are there"],
  ["partialBatch", "partialBatch: some entries fail"],
  ["reorder", "reorder: another order"],
  ["handleExpired", "handleExpired: a receipt handle is not valid any more"],
  ["staleCounts", "staleCounts: counts of a while ago"],
  ["corrupt", "corrupt: a body that is not that of its MD5"],
  ["awsLike", "awsLike: several of these, rarely"],
];

const ACTIONS = [
  "SendMessage",
  "SendMessageBatch",
  "ReceiveMessage",
  "DeleteMessage",
  "DeleteMessageBatch",
  "ChangeMessageVisibility",
  "ChangeMessageVisibilityBatch",
  "GetQueueAttributes",
  "GetQueueUrl",
  "ListQueues",
  "CreateQueue",
  "PurgeQueue",
];

/** @param {() => void} then */
export async function newRule(then) {
  const { queues } = await kew("GET", "/queues");
  const kind = select(FAULTS);
  const action = select([["", "any"], ...ACTIONS.map((name) => /** @type {[string, string]} */ ([name, name]))]);
  const queue = select([["", "any"], ...queues.map((/** @type {Json} */ row) => [row.name, row.name])]);
  const when = select([
    ["", "always"],
    ["probability", "by chance: 0 to 1"],
    ["nth", "the nth matches: 2, 5"],
    ["first", "the first n"],
    ["every", "every nth"],
    ["after", "after the first n"],
  ]);
  const value = h("input", { placeholder: "0.1", disabled: true });
  const times = h("input", { type: "number", min: 1 });
  const code = h("input", { placeholder: "OverLimit", spellcheck: "false" });
  const ms = h("input", { type: "number", min: 0, value: "1000" });
  const how = select([
    ["", "reset"],
    ["close", "close"],
    ["truncate", "truncate"],
    ["never", "never"],
  ]);
  /** Fields that some faults have. @type {[string[], string, HTMLElement][]} */
  const own = [
    [["error", "partialBatch"], "code", field("Error", code)],
    [["latency"], "ms", field("Milliseconds", ms)],
    [["lostAnswer"], "how", field("How the connection ends", how)],
  ];
  const look = () => {
    for (const [kinds, , node] of own) node.hidden = !kinds.includes(kind.value);
    value.disabled = !when.value;
  };
  [kind, when].forEach((one) => one.addEventListener("change", look));
  look();
  dialog({
    title: "Add a fault",
    submit: "Add the fault",
    content: [
      field("Fault", kind),
      own.map(([, , node]) => node),
      h("div", { class: "fields" }, field("Action", action), field("Queue", queue)),
      h("div", { class: "fields" }, field("When", when), field("Value", value), field("Times at most", times)),
    ],
    act: () => {
      const is = (/** @type {string} */ name) =>
        own.some(([kinds, known]) => known === name && kinds.includes(kind.value));
      const number = when.value === "nth" ? value.value.split(",").map(Number) : Number(value.value);
      const on = { ...(action.value ? { action: action.value } : {}), ...(queue.value ? { queue: queue.value } : {}) };
      const at = {
        ...(when.value ? { [when.value]: number } : {}),
        ...(times.value ? { times: Number(times.value) } : {}),
      };
      return {
        method: "POST",
        path: "/faults",
        body: {
          fault: kind.value,
          ...(Object.keys(on).length ? { on } : {}),
          ...(Object.keys(at).length ? { when: at } : {}),
          ...(is("code") && code.value ? { code: code.value } : {}),
          ...(is("ms") ? { ms: Number(ms.value) } : {}),
          ...(is("how") && how.value ? { how: how.value } : {}),
        },
      };
    },
    done: (_, act) => (notice("The fault is on.", { act }), then()),
  });
}
