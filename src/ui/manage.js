// What is done with whole queues: creating, purging, deleting, and how programs reach them.

import { space } from "./api.js";
import { exports, snippets } from "./commands.js";
import { fill, h } from "./dom.js";
import { count } from "./format.js";
import { ask, button, dialog, field, notice, select, snippet, tick } from "./widgets.js";

/** @typedef {import("./api.js").Json} Json */
/** @typedef {import("./app.js").View} View */

/** @param {Json} row @param {() => void} then */
export const purge = (row, then) =>
  ask(
    `Purge ${row.name}?`,
    `All ${count(row.messages)} messages of ${row.name} are deleted, those in flight too. This cannot be undone.`,
    `Purge ${row.name}`,
    { action: "PurgeQueue", input: {}, place: placeOf(row) },
    `${row.name} is empty.`,
    then,
  );

/** @param {Json} row @param {() => void} then */
export const remove = (row, then) =>
  ask(
    `Delete ${row.name}?`,
    `The queue ${row.name} and its ${count(row.messages)} messages are deleted. Programs that use it get QueueDoesNotExist.`,
    `Delete ${row.name}`,
    { action: "DeleteQueue", input: {}, place: placeOf(row) },
    `${row.name} is deleted.`,
    then,
  );

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
  dialog({
    title: "Connect a program",
    cancel: "Close",
    wide: true,
    content: [
      h(
        "p",
        space.name
          ? `The access key leads to the namespace ${space.name}. Any secret will do.`
          : "SDKs read these lines; any credentials will do.",
      ),
      snippet(exports(), "the environment"),
      h("p", "A first program:"),
      chooser,
      shown,
    ],
  });
}

/** @param {View} view */
export function create(view) {
  const name = h("input", {
    required: true,
    maxlength: 80,
    pattern: "[A-Za-z0-9_\\-]+(\\.fifo)?",
    placeholder: "orders",
    autofocus: true,
    spellcheck: "false",
  });
  const kind = select([
    ["standard", "Standard"],
    ["fifo", "FIFO: in order, each once"],
  ]);
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
    ...(dead.checked
      ? {
          RedrivePolicy: JSON.stringify({
            deadLetterTargetArn: arn(full("-dead")),
            maxReceiveCount: most.value || "3",
          }),
        }
      : {}),
  });
  dialog({
    title: "Create queue",
    submit: "Create queue",
    content: [
      field("Name", name, "Letters, digits, - and _."),
      field("Type", kind),
      field("Visibility timeout, seconds", visibility, "How long a received message is hidden from other consumers."),
      tick(
        "With a dead-letter queue",
        dead,
        "Messages that fail again and again go to a queue of their own: NAME-dead.",
      ),
      mostField,
    ],
    act: () => ({
      action: "CreateQueue",
      input: { QueueName: full(""), Attributes: attributes() },
      // A dead-letter queue has to be there first.
      before: dead.checked
        ? [
            {
              action: "CreateQueue",
              input: { QueueName: full("-dead"), Attributes: full("").endsWith(".fifo") ? { FifoQueue: "true" } : {} },
            },
          ]
        : [],
    }),
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
