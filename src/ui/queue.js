// One queue: how it stands, and its messages, groups and settings below.

import { kew, poll, sqs } from "./api.js";
import { compose } from "./compose.js";
import { fill, h, keyed, messageLink, openQueue, queueLink, setText, spring, table } from "./dom.js";
import { count, perSecond, span } from "./format.js";
import { connect, placeOf, purge, remove } from "./manage.js";
import { messagesOf } from "./messages.js";
import { keyOf, rates } from "./queues.js";
import { redrive, settings } from "./settings.js";
import { badge, button, empty, menu, notice, setCount, sparkline, trouble, wrong } from "./widgets.js";

/** @typedef {import("./api.js").Json} Json */
/** @typedef {import("./app.js").View} View */

/** So many looks at the counts are drawn: fifteen minutes. */
const DRAWN_MAX = 900;

/** Depth over time, by queue, as long as the console is open. @type {Map<string, number[]>} */
const depths = new Map();

/** @param {HTMLElement} main @param {View} view */
export async function queuePage(main, view) {
  const name = view.params[0];
  view.title(name);
  let row = /** @type {Json} */ ({});
  const tab = view.query.get("tab") ?? "messages";
  const [head, line, stats, under] = [
    h("header", { class: "head" }),
    h("p", { class: "muted" }),
    h("dl"),
    h("div", { class: "content" }),
  ];
  const drawing = h("div", { class: "drawing" });
  const again = () => hurry();
  const tabs = h(
    "nav",
    { class: "tabs row", "aria-label": "Parts of the queue" },
    [
      ["messages", "Messages"],
      ["groups", "Groups"],
      ["settings", "Settings"],
    ].map(([id, text]) =>
      h(
        "a",
        {
          class: "tab",
          href: view.link(`queues/${encodeURIComponent(name)}?tab=${id}`),
          "aria-current": id === tab ? "page" : null,
        },
        text,
      ),
    ),
  );
  fill(
    main,
    h("p", { class: "crumb" }, h("a", { href: view.link("") }, "Queues"), " /"),
    head,
    line,
    h("div", { class: "stats" }, stats, drawing),
    tabs,
    under,
  );
  const part = { messages: messagesOf, groups: groupsOf, settings: settingsOf }[tab] ?? messagesOf;
  const showPart = part(under, view, () => row, again);
  const send = () => row.name && compose(view, row, { then: again });
  view.keys.set("s", { text: "Send a message", act: send });
  view.keys.set("r", { text: "Receive one message", act: () => receive(view, row, again) });

  const numbers = ["Visible", "In flight", "Delayed", "Oldest", "In /s", "Out /s", "Parked receives"].map((label) => {
    const value = h("dd", "–");
    stats.append(h("div", h("dt", label), value));
    return value;
  });

  let shown = "";
  const hurry = poll(
    async () => {
      row = await kew("GET", `/queues/${encodeURIComponent(name)}`, { signal: view.signal });
      const { visible, inFlight, delayed, oldestAgeMs, parked } = row;
      const per = rates(row);
      [visible, inFlight, delayed].forEach((value, at) => setCount(numbers[at], value));
      setText(numbers[3], oldestAgeMs === null ? "–" : span(Math.floor(oldestAgeMs / 1000) * 1000));
      [per?.in, per?.out].forEach((value, at) => setText(numbers[4 + at], perSecond(value)));
      setCount(numbers[6], parked);
      const depth = [...(depths.get(keyOf(row)) ?? []), row.messages].slice(-DRAWN_MAX);
      depths.set(keyOf(row), depth);
      if (depth.length > 2)
        fill(
          drawing,
          sparkline(depth, `Messages since the console was opened: ${count(row.messages)} now`),
          h("small", "messages"),
        );
      const now = JSON.stringify([row.deadLetterQueue, row.maxReceiveCount, row.deadLetterSources]);
      if (now !== shown) {
        shown = now;
        fill(
          head,
          h("h1", name),
          row.type === "fifo" && badge("plain", "FIFO"),
          spring(),
          button("Receive", () => receive(view, row, again), {
            title: "As a consumer does: the message is in flight then",
          }),
          button("Send message", send, { class: "primary" }),
          menu("More", [
            ["Connect a program", () => connect(name)],
            ["Send all back…", () => redrive(view, row, {}, again)],
            ["Purge…", () => purge(row, again)],
            ["Delete…", () => remove(row, () => view.go("")), "bad"],
          ]),
        );
        const to = (/** @type {string} */ queue) => queueLink(view, queue);
        const sources = /** @type {string[]} */ (row.deadLetterSources ?? []);
        fill(
          line,
          row.deadLetterQueue && [
            `A message that was received ${row.maxReceiveCount} times and not deleted goes to `,
            to(row.deadLetterQueue),
            ".",
          ],
          sources.length > 0 && [
            "Dead letters of ",
            sources.flatMap((one, at) => [at ? ", " : "", to(one)]),
            ". ",
            button("Send all back…", () => redrive(view, row, {}, again), { class: "small" }),
          ],
        );
        line.hidden = line.childNodes.length === 0;
      }
      await showPart?.();
    },
    view.signal,
    (error) => fill(main, trouble(error), h("p", { class: "row center" }, h("a", { href: view.link("") }, "Queues"))),
  );
}

/** Receives as a consumer does. @param {View} view @param {Json} row @param {() => void} then */
async function receive(view, row, then) {
  const act = {
    action: "ReceiveMessage",
    input: { MaxNumberOfMessages: 1, MessageSystemAttributeNames: ["All"] },
    place: placeOf(row),
  };
  try {
    const [message] = (await sqs(act.action, act.input, act.place)).Messages ?? [];
    const receives = message?.Attributes?.ApproximateReceiveCount;
    const dead = row.deadLetterQueue;
    if (message)
      notice(`Receive ${receives}${dead ? ` of ${row.maxReceiveCount}` : ""}: the message is in flight now.`, {
        act,
        hint: "Delete it, as a consumer that has processed it does; or let it fail: release it, or wait for its visibility timeout.",
        link: { text: "Open it", href: view.link(`messages/${message.MessageId}`) },
      });
    else
      notice("Nothing to receive.", {
        act,
        hint: dead
          ? `What was received ${row.maxReceiveCount} times goes to ${dead} instead.`
          : "Messages that are in flight or delayed are hidden.",
        ...(dead ? { link: openQueue(view, dead) } : {}),
      });
  } catch (error) {
    const { text, hint } = wrong(error);
    notice(text, { kind: "bad", hint, act });
  }
  then();
}

/** @param {Element} under @param {View} view */
function groupsOf(under, view) {
  const { node: frame, body } = table("Message groups", [
    "Group",
    "Visible|num",
    "In flight|num",
    "Delayed|num",
    "What holds it",
  ]);
  return async () => {
    const { groups, complete } = await kew("GET", `/queues/${encodeURIComponent(view.params[0])}/groups`, {
      signal: view.signal,
    });
    if (groups.length === 0)
      return fill(
        under,
        empty(
          "No message groups",
          "Messages with a MessageGroupId are listed here: in FIFO queues what locks each group, in standard queues which are noisy.",
        ),
      );
    if (frame.parentElement !== under) fill(under, frame);
    keyed(
      body,
      groups,
      (group) => group.group,
      () => {
        const cells = ["name", "num", "num", "num", ""].map((kind) => h("td", { class: kind }));
        return {
          node: h("tr", cells),
          update: (/** @type {Json} */ group) => {
            setText(cells[0], group.group);
            [group.visible, group.inFlight, group.delayed].forEach((value, at) => setCount(cells[at + 1], value));
            fill(
              cells[4],
              group.noisy && badge("warn", "noisy", "Its messages wait for those of quiet groups"),
              group.lockedBy && [
                "locked by ",
                messageLink(view, group.lockedBy),
                group.lockedUntil &&
                  ` for ${span(Math.max(0, new Date(group.lockedUntil).getTime() - new Date(group.now).getTime()))}`,
              ],
            );
          },
        };
      },
    );
    if (!complete) under.append(h("p", { class: "pager" }, "Only the first messages of the queue were looked at."));
  };
}

/** @param {Element} under @param {View} view @param {() => Json} rowOf @param {() => void} again */
function settingsOf(under, view, rowOf, again) {
  let done = false;
  return async () => {
    if (done) return;
    done = true;
    await settings(under, view, rowOf(), again);
  };
}
