// What a queue is set to, changing it, and sending dead letters back.

import { kew, sqs } from "./api.js";
import { card, facts, fill, h, inRow, muted, spring } from "./dom.js";
import { count, time } from "./format.js";
import { placeOf } from "./manage.js";
import { button, dialog, field, notice, perform, select } from "./widgets.js";

/** @typedef {import("./api.js").Json} Json */
/** @typedef {import("./app.js").View} View */

/** What can be changed, in the words of SQS, with what each is for. @type {[string, string, string?][]} */
const SETTABLE = [
  ["VisibilityTimeout", "Visibility timeout, seconds", "0 to 43200: how long a received message is hidden."],
  ["DelaySeconds", "Delay, seconds", "0 to 900: how long a sent message is hidden."],
  ["ReceiveMessageWaitTimeSeconds", "Wait time of receives, seconds", "0 to 20: more than 0 is long polling."],
  ["MessageRetentionPeriod", "Retention, seconds", "60 to 1209600: after it a message expires."],
  ["MaximumMessageSize", "Message size at most, bytes", "1024 to 1048576."],
  ["ContentBasedDeduplication", "Content-based deduplication", "FIFO queues: true or false."],
  ["RedrivePolicy", "Redrive policy", '{"deadLetterTargetArn":"arn:aws:sqs:…","maxReceiveCount":"3"}; empty for none.'],
  [
    "RedriveAllowPolicy",
    "Redrive allow policy",
    'Which queues may use this one for dead letters: {"redrivePermission":"allowAll"}.',
  ],
  ["Policy", "Policy", "Kept and shown; not enforced."],
];

/** @param {Element} under @param {View} view @param {Json} row @param {() => void} again */
export async function settings(under, view, row, again) {
  const place = placeOf(row);
  const [{ Attributes: attributes = {} }, { Tags: tags = {} }, tasks] = await Promise.all([
    sqs("GetQueueAttributes", { AttributeNames: ["All"] }, place, view.signal),
    sqs("ListQueueTags", {}, place, view.signal),
    sqs("ListMessageMoveTasks", { SourceArn: arnOf(row), MaxResults: 10 }, null, view.signal).catch(() => ({
      Results: [],
    })),
  ]);
  const reload = () => (settings(under, view, row, again), again());
  const at = (/** @type {string} */ name, /** @type {any} */ value) =>
    name.endsWith("Timestamp") ? time(Number(value) * 1000, true) : String(value);
  const list = (/** @type {[string, any][]} */ pairs) =>
    facts(pairs.map(([name, value]) => [name, h("span", { class: /[{]/.test(value) ? "mono" : "" }, at(name, value))]));
  fill(
    under,
    h(
      "section",
      { class: "card" },
      inRow(
        h("h2", "Attributes"),
        spring(),
        button("Change…", () => change(row, attributes, reload), { class: "small" }),
      ),
      list(Object.entries(attributes).filter(([name]) => !name.startsWith("Approximate"))),
    ),
    h(
      "section",
      { class: "card" },
      inRow(
        h("h2", "Tags"),
        spring(),
        button("Add…", () => tag(row, reload), { class: "small" }),
      ),
      Object.keys(tags).length
        ? facts(
            Object.entries(tags).map(([name, value]) => [
              name,
              inRow(
                h("span", String(value)),
                button(
                  "×",
                  () =>
                    perform(
                      { action: "UntagQueue", input: { TagKeys: [name] }, place },
                      `The tag ${name} is gone.`,
                    ).then(reload),
                  { class: "quiet small", "aria-label": `Remove the tag ${name}` },
                ),
              ),
            ]),
          )
        : muted("None."),
    ),
    (tasks.Results ?? []).length > 0 &&
      card(
        "Message move tasks",
        tasks.Results.map((/** @type {Json} */ task) =>
          h(
            "p",
            { class: "row" },
            `${task.Status}: ${count(task.ApproximateNumberOfMessagesMoved)} of ${count(task.ApproximateNumberOfMessagesToMove ?? 0)} moved`,
            task.TaskHandle &&
              button(
                "Cancel",
                () =>
                  perform(
                    { action: "CancelMessageMoveTask", input: { TaskHandle: task.TaskHandle } },
                    "The task is cancelled.",
                  ).then(reload),
                { class: "small" },
              ),
          ),
        ),
      ),
  );
}

/** The ARN of a queue. @param {Json} row */
export const arnOf = (row) => `arn:aws:sqs:${row.region}:${row.account}:${row.name}`;

/** @param {Json} row @param {Json} attributes @param {() => void} then */
function change(row, attributes, then) {
  const fields = SETTABLE.filter(([name]) => name !== "ContentBasedDeduplication" || row.type === "fifo").map(
    ([name, label, hint]) => {
      const input = name.endsWith("Policy")
        ? h("textarea", { rows: 3, spellcheck: "false" })
        : h("input", { spellcheck: "false" });
      input.value = attributes[name] ?? "";
      return { name, input, node: field(label, input, hint) };
    },
  );
  dialog({
    title: `Change ${row.name}`,
    submit: "Change",
    wide: true,
    content: [
      h(
        "div",
        { class: "fields wide" },
        fields.map(({ node }) => node),
      ),
    ],
    act: () => {
      const changed = fields.filter(({ name, input }) => input.value !== (attributes[name] ?? ""));
      return {
        action: "SetQueueAttributes",
        place: placeOf(row),
        input: { Attributes: Object.fromEntries(changed.map(({ name, input }) => [name, input.value])) },
      };
    },
    done: (_, act) => (notice(`${row.name} is changed.`, { act }), then()),
  });
}

/** @param {Json} row @param {() => void} then */
function tag(row, then) {
  const [key, value] = [
    h("input", { required: true, maxlength: 128, autofocus: true }),
    h("input", { maxlength: 256 }),
  ];
  dialog({
    title: `Tag ${row.name}`,
    submit: "Tag",
    content: [field("Key", key), field("Value", value)],
    act: () => ({ action: "TagQueue", place: placeOf(row), input: { Tags: { [key.value]: value.value } } }),
    done: (_, act) => (notice(`${row.name} is tagged.`, { act }), then()),
  });
}

/**
 * Sends the messages of a dead-letter queue back: all by a message move task, or those that a search finds.
 * @param {View} view @param {Json} row @param {Json} filter @param {() => void} then
 */
export async function redrive(view, row, filter, then) {
  const searched = Object.keys(filter).length > 0;
  const rows = /** @type {Json[]} */ ((await kew("GET", "/queues")).queues);
  const others = rows.filter((one) => one.name !== row.name && one.type === row.type);
  const to = select([
    ["", "where each came from"],
    ...others.map((one) => /** @type {[string, string]} */ ([one.name, one.name])),
  ]);
  const perSecond = h("input", { type: "number", min: 1, max: 500, placeholder: "as fast as it goes" });
  dialog({
    title: `Send messages of ${row.name} back`,
    submit: searched ? "Send these back" : "Send all back",
    content: [
      h(
        "p",
        searched
          ? "Only messages that the search finds, in whatever state."
          : `All ${count(row.visible)} visible messages, by a message move task of SQS. They get new ids.`,
      ),
      field("To", to),
      searched ? null : field("Messages a second at most", perSecond),
    ],
    act: () => {
      if (searched)
        return {
          method: "POST",
          path: `/queues/${encodeURIComponent(row.name)}/redrive`,
          query: filter,
          body: to.value ? { to: to.value } : {},
        };
      const target = others.find((one) => one.name === to.value);
      return {
        action: "StartMessageMoveTask",
        input: {
          SourceArn: arnOf(row),
          ...(target ? { DestinationArn: arnOf(target) } : {}),
          ...(perSecond.value ? { MaxNumberOfMessagesPerSecond: Number(perSecond.value) } : {}),
        },
      };
    },
    done: (answer, act) => {
      notice(searched ? `${count(answer.moved)} sent back.` : `Sending the messages of ${row.name} back.`, { act });
      then();
    },
  });
}
