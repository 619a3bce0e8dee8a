// The messages of a queue, looked at without receiving them: searched, page by page, each with what can be done with it.

import { kew } from "./api.js";
import { compose, inputOf, move, pathOf } from "./compose.js";
import { fill, h, keyed, setText, spring, table } from "./dom.js";
import { count, span } from "./format.js";
import { connect, placeOf } from "./manage.js";
import { redrive } from "./settings.js";
import { ask, badge, button, empty, menu, perform, select, STATES, trouble } from "./widgets.js";

/** @typedef {import("./api.js").Json} Json */
/** @typedef {import("./app.js").View} View */

const MESSAGES_PER_PAGE = 50;
/** Bytes of a body that a row shows the beginning of. */
const ROW_BODY_BYTES = 240;
/** How searches are written. @type {[string, string, string][]} */
const SEARCHES = [
  ["contains", "Text", "In the body"],
  ["json", "JSON path", "$.orderId=1001"],
  ["attribute", "Attribute", "tenant=acme"],
  ["group", "Group", "Message group"],
  ["id", "Id", "Message id"],
];

/** @param {Element} under @param {View} view @param {() => Json} rowOf @param {() => void} again */
export function messagesOf(under, view, rowOf, again) {
  const name = view.params[0];
  const state = select([["", "All states"], ...Object.entries(STATES)], { "aria-label": "State" });
  const kind = select(
    SEARCHES.map(([value, text]) => [value, text]),
    { "aria-label": "Search by" },
  );
  const text = h("input", { type: "search", placeholder: SEARCHES[0][2], "aria-label": "Search messages" });
  const { node: frame, body } = table("Messages", [
    "Message",
    "State",
    "Received|num w1",
    ...(name.endsWith(".fifo") ? ["Group|w1"] : []),
    "Sent|num w1",
    "|act",
  ]);
  const [place, below, found] = [h("div"), h("div", { class: "pager" }), h("span", { class: "row" })];
  fill(under, h("div", { class: "bar" }, state, kind, text, spring(), found), place);
  /** Where the pages before this one began. @type {number[]} */
  let pages = [0];
  let next = /** @type {number | null} */ (null);
  const fresh = () => ((pages = [0]), again());
  [state, text].forEach((one) => one.addEventListener("input", fresh));
  kind.addEventListener(
    "change",
    () => ((text.placeholder = SEARCHES.find(([value]) => value === kind.value)?.[2] ?? ""), fresh()),
  );

  /** What is searched for, as the control API takes it. @returns {Json} */
  const filter = () => {
    const value = text.value.trim();
    const query = /** @type {Json} */ (state.value ? { state: state.value } : {});
    if (!value) return query;
    if (kind.value !== "json" && kind.value !== "attribute") return { ...query, [kind.value]: value };
    const at = value.indexOf("=");
    return at < 1 ? query : { ...query, [`${kind.value}.${value.slice(0, at)}`]: value.slice(at + 1) };
  };
  return async () => {
    let answer;
    try {
      const query = {
        ...filter(),
        limit: MESSAGES_PER_PAGE,
        bodyLimit: ROW_BODY_BYTES,
        after: pages.at(-1) || undefined,
      };
      answer = await kew("GET", `/queues/${encodeURIComponent(name)}/messages`, { query, signal: view.signal });
    } catch (error) {
      if (/** @type {any} */ (error).status === 400) return fill(place, trouble(error));
      throw error;
    }
    next = answer.next;
    const searched = Object.keys(filter()).length > 0;
    const row = rowOf();
    fill(
      found,
      searched &&
        (row.deadLetterSources ?? []).length > 0 &&
        button("Send these back…", () => redrive(view, row, filter(), again), { class: "small" }),
    );
    if (answer.messages.length === 0) {
      const turn = next && button("Look further", () => (pages.push(/** @type {number} */ (next)), again()));
      return fill(
        place,
        searched || pages.length > 1
          ? empty(
              "No message is like that",
              "Looking receives nothing: what is in flight or delayed is found too.",
              turn,
            )
          : empty(
              "No messages",
              "Send one here, or with a program.",
              h(
                "p",
                { class: "row center" },
                button("Send message", () => compose(view, row, { then: again }), { class: "primary" }),
                button("Connect a program", () => connect(name)),
              ),
            ),
      );
    }
    if (frame.parentElement !== place) fill(place, frame, below);
    keyed(
      body,
      answer.messages,
      (message) => message.id,
      (message) => messageRow(view, name, message, rowOf, again),
    );
    fill(
      below,
      (pages.length > 1 || next) && [
        button("Back", () => (pages.pop(), again()), { disabled: pages.length < 2 }),
        h("span", `Page ${pages.length}, about ${count(Math.max(1, Math.ceil(row.messages / MESSAGES_PER_PAGE)))}`),
        button("Next", () => (pages.push(/** @type {number} */ (next)), again()), { disabled: !next }),
      ],
    );
  };
}

/** @param {View} view @param {string} queue @param {Json} first @param {() => Json} rowOf @param {() => void} again */
function messageRow(view, queue, first, rowOf, again) {
  const [state, received, group, sent, acts] = ["", "num w1", "w1", "num w1", "act"].map((kind) =>
    h("td", { class: kind }),
  );
  const text = first.body.replace(/\s+/g, " ").slice(0, 160);
  const node = h(
    "tr",
    h(
      "td",
      { class: "message" },
      h(
        "a",
        { class: "row-link", href: view.link(`messages/${first.id}`) },
        h("span", { class: "mono" }, text || "(empty)", first.bodyBytes > first.body.length && "…"),
      ),
    ),
    state,
    received,
    queue.endsWith(".fifo") && group,
    sent,
    acts,
  );
  setText(group, first.group ?? "–");
  let shown = "";
  const update = (/** @type {Json} */ message) => {
    const ends = message.visibilityEnds ?? message.delayEnds;
    const left = ends ? Math.max(0, new Date(ends).getTime() - (rowOf().nowMs ?? Date.now())) : 0;
    const label = STATES[message.state] + (ends ? `, ${span(Math.ceil(left / 1000) * 1000)}` : "");
    if (state.textContent !== label) fill(state, badge(message.state, label));
    const most = rowOf().maxReceiveCount;
    setText(received, most ? `${message.receiveCount} of ${most}` : message.receiveCount);
    setText(
      sent,
      `${span(Math.floor(((rowOf().nowMs ?? Date.now()) - new Date(message.sent).getTime()) / 1000) * 1000)} ago`,
    );
    if (shown === message.state) return;
    shown = message.state;
    const release = [
      "Release now",
      () =>
        void perform(
          { method: "POST", path: `${pathOf(queue, message.id)}/release` },
          `${message.id} is visible.`,
        ).then(again),
    ];
    const whole = async () => (await kew("GET", `/messages/${message.id}`)).message;
    fill(
      acts,
      message.state !== "visible" &&
        button("Release", /** @type {() => void} */ (release[1]), { class: "small w1", title: "Make it visible now" }),
      menu(
        `What to do with ${message.id}`,
        /** @type {any} */ (
          [
            ["Open", () => view.go(`messages/${message.id}`)],
            message.state === "visible" ? null : release,
            ["Edit and send…", async () => compose(view, rowOf(), { like: await whole(), from: queue, then: again })],
            [
              "Send again",
              async () =>
                perform(
                  { action: "SendMessage", input: inputOf(await whole()), place: placeOf(rowOf()) },
                  `Sent again to ${queue}.`,
                ).then(again),
            ],
            ["Move…", () => move(view, queue, message, again)],
            ["Delete…", () => deleteOne(queue, message.id, again), "bad"],
          ].filter(Boolean)
        ),
      ),
    );
  };
  return { node, update };
}

/** @param {string} queue @param {string} id @param {() => void} then */
export const deleteOne = (queue, id, then) =>
  ask(
    `Delete a message of ${queue}?`,
    `${id} is deleted from ${queue}, in whatever state it is. This cannot be undone.`,
    "Delete the message",
    { method: "DELETE", path: pathOf(queue, id) },
    `${id} is deleted from ${queue}.`,
    then,
  );
