// Sending: a new message, one like another, one from a file; and moving one to another queue.

import { kew } from "./api.js";
import { pretty } from "./body.js";
import { h, inRow, openQueue, setText } from "./dom.js";
import { bytes } from "./format.js";
import { placeOf } from "./manage.js";
import { button, dialog, field, notice, select, tick } from "./widgets.js";

/** @typedef {import("./api.js").Json} Json */
/** @typedef {import("./app.js").View} View */

/** Bytes of a message at most. */
const MESSAGE_BYTES_MAX = 1024 * 1024;

/** The path of a message in its queue. @param {string} queue @param {string} id */
export const pathOf = (queue, id) => `/queues/${encodeURIComponent(queue)}/messages/${id}`;

/** Message attributes as SQS takes them. @param {Json | undefined} attributes @returns {Json} */
export const attributesOf = (attributes) =>
  Object.fromEntries(
    Object.entries(attributes ?? {}).map(([name, { type, value }]) => [
      name,
      { DataType: type, [type.startsWith("Binary") ? "BinaryValue" : "StringValue"]: value },
    ]),
  );

/** A message as what SendMessage takes to send it again. @param {Json} message @returns {Json} */
export const inputOf = (message) => ({
  MessageBody: message.body,
  ...(message.attributes ? { MessageAttributes: attributesOf(message.attributes) } : {}),
  ...(message.group ? { MessageGroupId: message.group } : {}),
});

/**
 * Sends a message, maybe one like another, which may be deleted then.
 * @param {View} view @param {Json} queue its row @param {{ like?: Json, from?: string, then: () => void }} options
 */
export async function compose(view, queue, { like, from, then }) {
  const rows = /** @type {Json[]} */ ((await kew("GET", "/queues")).queues);
  const source = /** @type {string | undefined} */ (like?.deadLetterSource?.split(":").pop());
  const start = rows.find((row) => row.name === source) ?? rows.find((row) => row.name === queue.name) ?? queue;
  const target = select(
    rows.map((row) => [row.name, row.name]),
    { value: start.name },
  );
  const body = h("textarea", {
    id: "compose-body",
    rows: 9,
    required: true,
    spellcheck: "false",
    autofocus: true,
    placeholder: '{"orderId": 1001}',
    "aria-describedby": "body-note",
  });
  body.value =
    like?.body === undefined
      ? ""
      : (pretty(like.body)?.length ?? 0) < 20000
        ? (pretty(like.body) ?? like.body)
        : like.body;
  const note = h("small", { id: "body-note", "aria-live": "polite" });
  const file = h("input", { type: "file", class: "out", tabindex: -1, "aria-label": "Body from a file" });
  const group = h("input", { maxlength: 128, value: like?.group ?? "" });
  const dedup = h("input", { maxlength: 128 });
  const delay = h("input", { type: "number", min: 0, max: 900, value: "", placeholder: "of the queue" });
  const original = h("input", { type: "checkbox", checked: Boolean(source) });
  const attributes = h("div", { class: "content" });
  const fifoFields = h(
    "div",
    { class: "fields" },
    field("Message group", group),
    field("Deduplication id", dedup, "Needed if not made from the content."),
  );
  const delayField = field("Delay, seconds", delay);

  const look = () => {
    const size = new TextEncoder().encode(body.value).length;
    setText(
      note,
      body.value === ""
        ? "Any text; JSON is usual."
        : `${bytes(size)}${pretty(body.value) ? ", JSON" : ", text"}${size > MESSAGE_BYTES_MAX ? ": more than SQS takes" : ""}`,
    );
    const fifo = target.value.endsWith(".fifo");
    delayField.hidden = fifo;
    group.required = fifo;
    if (fifo && !group.value) group.value = "default";
  };
  body.addEventListener("input", look);
  target.addEventListener("change", look);
  file.addEventListener("change", async () => ((body.value = (await file.files?.[0]?.text()) ?? ""), look()));
  for (const [name, { type, value }] of Object.entries(like?.attributes ?? {}))
    attributes.append(attributeRow(name, type, value));
  look();

  const act = () => {
    const given = Object.fromEntries(
      [...attributes.querySelectorAll(".attribute")]
        .map((row) => {
          const [name, type, value] = [...row.querySelectorAll("input, select")].map(
            (one) => /** @type {HTMLInputElement} */ (one).value,
          );
          return [name, { type, value }];
        })
        .filter(([name]) => name),
    );
    const place = placeOf(rows.find((row) => row.name === target.value) ?? queue);
    const fifo = place.name.endsWith(".fifo");
    const send = {
      action: "SendMessage",
      place,
      input: {
        MessageBody: body.value,
        ...(Object.keys(given).length ? { MessageAttributes: attributesOf(given) } : {}),
        ...(group.value ? { MessageGroupId: group.value } : {}),
        ...(dedup.value ? { MessageDeduplicationId: dedup.value } : {}),
        ...(delay.value && !fifo ? { DelaySeconds: Number(delay.value) } : {}),
      },
    };
    return like && from && original.checked ? { method: "DELETE", path: pathOf(from, like.id), before: [send] } : send;
  };
  dialog({
    title: like ? "Edit and send" : `Send a message to ${queue.name}`,
    submit: "Send",
    wide: true,
    act,
    content: [
      like ? field("To", target) : null,
      h("div", { class: "field" }, h("label", { for: "compose-body" }, "Body"), body, note),
      inRow(
        button("From a file…", () => file.click(), { class: "small" }),
        button("Indent JSON", () => ((body.value = pretty(body.value) ?? body.value), look()), { class: "small" }),
        button("Add attribute", () => attributes.append(attributeRow()), { class: "small" }),
        file,
      ),
      attributes,
      h(
        "details",
        { open: queue.type === "fifo" },
        h("summary", "Group, deduplication, delay"),
        h("div", { class: "content inset" }, fifoFields, delayField),
      ),
      like && from ? tick(`Delete the original from ${from}`, original) : null,
    ],
    done: (_, done) => {
      notice(`Sent to ${target.value}.`, {
        act: done,
        link: openQueue(view, target.value),
      });
      then();
    },
  });
  body.focus();
}

/** @param {string} [name] @param {string} [type] @param {string} [value] */
function attributeRow(name = "", type = "String", value = "") {
  const types = ["String", "Number", "Binary"];
  if (!types.includes(type)) types.push(type);
  const row = h(
    "div",
    { class: "attribute" },
    h("input", { value: name, placeholder: "Name", "aria-label": "Attribute name" }),
    select(
      types.map((one) => [one, one === "Binary" ? "Binary, base64" : one]),
      { value: type, "aria-label": "Attribute type" },
    ),
    h("input", { value: value ?? "", placeholder: "Value", "aria-label": "Attribute value" }),
    button("×", () => row.remove(), { class: "quiet", "aria-label": "Remove the attribute" }),
  );
  return row;
}

/**
 * Moves a message to another queue. @param {View} view @param {string} from @param {Json} message @param {() => void} then
 */
export async function move(view, from, message, then) {
  const rows = /** @type {Json[]} */ ((await kew("GET", "/queues")).queues);
  const names = rows
    .map((row) => row.name)
    .filter((name) => name !== from && name.endsWith(".fifo") === from.endsWith(".fifo"));
  const source = message.deadLetterSource?.split(":").pop();
  if (names.length === 0)
    return notice("There is no other queue of this type.", { kind: "bad", hint: "Create one on the Queues page." });
  const to = select(
    names.map((name) => [name, name]),
    { value: names.includes(source) ? source : names[0] },
  );
  dialog({
    title: "Move the message",
    submit: "Move",
    content: [h("p", { class: "mono muted" }, message.id), field(`From ${from} to`, to)],
    act: () => ({ method: "POST", path: `${pathOf(from, message.id)}/move`, body: { to: to.value } }),
    done: (_, act) => {
      notice(`Moved to ${to.value}.`, {
        act,
        link: openQueue(view, to.value),
      });
      then();
    },
  });
}

/** What was sent, for a test. @param {Json} message */
export const fixture = (message) => JSON.stringify(inputOf(message), null, 2);
