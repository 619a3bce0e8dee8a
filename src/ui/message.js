// One message: its body, what is known of it, and its life from queue to queue.

import { kew, poll } from "./api.js";
import { bodyView } from "./body.js";
import { asAws, asCurl } from "./commands.js";
import { compose, fixture, inputOf, move, pathOf } from "./compose.js";
import { fill, h, inRow, keyed, muted, queueLink, spring } from "./dom.js";
import { span, time } from "./format.js";
import { deleteOne } from "./messages.js";
import { placeOf } from "./manage.js";
import { badge, button, copy, empty, menu, perform, STATES, trouble } from "./widgets.js";

/** @typedef {import("./api.js").Json} Json */
/** @typedef {import("./app.js").View} View */

/** What happened, in words. @type {Record<string, string>} */
export const EVENTS = {
  sent: "Sent",
  deduplicated: "Sent again, a duplicate",
  delayed: "Delayed",
  available: "Available",
  received: "Received",
  visibilityChanged: "Visibility changed",
  visibilityEnded: "Visibility timeout ended",
  givenBack: "Given back",
  released: "Released by hand",
  removed: "Removed by hand",
  deleted: "Deleted",
  deleteMissed: "Delete came too late",
  entryFailed: "Entry of a batch failed",
  deadLettered: "Dead-lettered",
  moved: "Moved by a task",
  arrived: "Arrived",
  expired: "Expired",
  purged: "Purged",
  queueCreated: "Queue created",
  queueDeleted: "Queue deleted",
  attributesSet: "Attributes set",
  clockAdvanced: "Clock turned",
  faultFired: "Fault fired",
  control: "Test control",
  requestFailed: "Request failed",
};

/** How much an event should stand out. @type {Record<string, string>} */
export const KINDS = {
  sent: "good",
  arrived: "good",
  received: "warn",
  deleted: "good",
  deadLettered: "bad",
  expired: "bad",
  deleteMissed: "bad",
  faultFired: "bad",
  entryFailed: "bad",
  requestFailed: "bad",
  visibilityEnded: "warn",
  clockAdvanced: "info",
  delayed: "info",
};

/** Who did it. @param {Json | undefined} by */
export function clientOf(by) {
  if (!by) return "";
  if (by.control) return "by hand, with test control";
  const agent = String(by.userAgent ?? "").startsWith("Mozilla/")
    ? "this console or a browser"
    : (by.userAgent ?? "").split(" ")[0];
  return [agent, by.peer].filter(Boolean).join(" at ");
}

/** What there is to say of an event beside its type. @param {Json} event */
export function about(event) {
  const lasts = event.deadline
    ? `hidden for ${span(new Date(event.deadline).getTime() - new Date(event.at).getTime())}`
    : "";
  switch (event.type) {
    case "received":
      return [`#${event.receiveCount}`, lasts].filter(Boolean).join(", ");
    case "delayed":
    case "visibilityChanged":
      return event.state === "visible" ? "to 0: visible at once" : lasts;
    case "deadLettered":
    case "expired":
      return `after ${event.receiveCount} receives`;
    case "deleted":
      return event.receive && event.receive < event.receiveCount
        ? `by the handle of receive ${event.receive} of ${event.receiveCount}`
        : "";
    case "clockAdvanced":
      return `${span(new Date(event.to).getTime() - new Date(event.from).getTime())} forward: ${event.why}`;
    case "faultFired":
      return `${event.fault}, rule ${event.rule}`;
    case "entryFailed":
      return `${event.action}: ${event.code}`;
    case "requestFailed":
      return `${event.action}: ${event.code}`;
    case "control":
      return event.what;
    case "arrived":
      return event.renewedFrom ? `under a new id; it was ${event.renewedFrom}` : "";
    default:
      return "";
  }
}

/** @param {HTMLElement} main @param {View} view */
export async function messagePage(main, view) {
  const id = view.params[0];
  view.title("Message");
  let life = /** @type {Json} */ (await kew("GET", `/messages/${id}`, { signal: view.signal }));
  const message = life.message ?? { id, body: life.body ?? "", bodyBytes: life.bodyBytes ?? 0 };
  const [crumb, head, facts, timeline, story] = [
    h("p", { class: "crumb" }),
    h("header", { class: "head" }),
    h("dl", { class: "facts" }),
    h("ol", { class: "timeline" }),
    h("section", { class: "card" }),
  ];
  const again = () => hurry();
  fill(
    main,
    crumb,
    head,
    h(
      "div",
      { class: "two" },
      bodyView(message.body, message.bodyBytes),
      h("section", { class: "card", "aria-label": "What is known" }, h("h2", "Message"), facts),
    ),
    story,
  );
  fill(story, inRow(h("h2", "Timeline")), timeline);
  let shown = "";

  const show = () => {
    const { queue, state } = life;
    const living = life.message;
    const now = JSON.stringify([queue, state, living?.receiveCount, life.events?.length]);
    if (now === shown) return;
    shown = now;
    const to = () => queue && queueLink(view, queue);
    fill(crumb, h("a", { href: view.link("") }, "Queues"), queue && " / ", to(), " /");
    const row = async () => /** @type {Json} */ (await kew("GET", `/queues/${encodeURIComponent(queue)}`));
    const source = living?.deadLetterSource?.split(":").pop();
    const send = () => ({
      action: "SendMessage",
      input: inputOf(message),
      place: { name: queue, account: view.space().account, region: view.space().region },
    });
    fill(
      head,
      h("h1", "Message"),
      badge(living ? state : "plain", living ? STATES[state] : (EVENTS[state]?.toLowerCase() ?? "gone")),
      spring(),
      living &&
        state !== "visible" &&
        button("Release now", () =>
          perform({ method: "POST", path: `${pathOf(queue, id)}/release` }, "It is visible.").then(again),
        ),
      source &&
        button(`Send back to ${source}`, () =>
          perform(
            { method: "POST", path: `${pathOf(queue, id)}/move`, body: { to: source } },
            `Sent back to ${source}.`,
          ).then(again),
        ),
      living &&
        button("Edit and send…", async () => compose(view, await row(), { like: living, from: queue, then: again }), {
          class: "primary",
        }),
      menu(
        "More",
        /** @type {any} */ (
          [
            living && [
              "Send again",
              async () =>
                perform(
                  { action: "SendMessage", input: inputOf(living), place: placeOf(await row()) },
                  `Sent again to ${queue}.`,
                ),
            ],
            living && ["Move…", () => move(view, queue, living, again)],
            ["Copy as test fixture", () => copy(fixture(message), "the fixture")],
            queue && ["Copy sending it as curl", () => copy(asCurl(send()), "curl")],
            queue && ["Copy sending it as aws", () => copy(asAws(send()) ?? "", "aws")],
            living && ["Delete…", () => deleteOne(queue, id, again), "bad"],
          ].filter(Boolean)
        ),
      ),
    );
    const attributes = Object.entries(living?.attributes ?? {});
    /** @type {[string, any][]} */
    const known = [
      ["Id", h("span", { class: "mono" }, id)],
      ["Queue", to()],
      ["Sent", living?.sent && time(living.sent, true)],
      ["Received", living && (living.receiveCount === 1 ? "once" : `${living.receiveCount} times`)],
      ["First received", living?.firstReceived && time(living.firstReceived, true)],
      ["Visible again", living?.visibilityEnds && time(living.visibilityEnds, true)],
      ["Available", living?.delayEnds && time(living.delayEnds, true)],
      ["Group", living?.group],
      ["Deduplication id", living?.dedupId],
      ["Sequence number", living?.sequenceNumber],
      ["Dead letter of", source],
      ["Trace header", living?.traceHeader],
      ["MD5 of body", living && h("span", { class: "mono" }, living.md5OfBody)],
      ...attributes.map(
        ([name, one]) => /** @type {[string, any]} */ ([name, [`${one.value} `, badge("plain", one.type)]]),
      ),
    ];
    fill(
      facts,
      known
        .filter(([, value]) => value !== undefined && value !== null && value !== false && value !== "")
        .map(([name, value]) => [h("dt", name), h("dd", value)]),
    );
    const events = /** @type {Json[]} */ (life.events ?? []);
    if (events.length === 0)
      return fill(
        timeline,
        h(
          "li",
          empty(
            "Nothing is known of its life",
            "The history is off, or its events were dropped. Start kew with --history 100000.",
          ),
        ),
      );
    keyed(
      timeline,
      events,
      (event) => String(event.position),
      (event) => ({ node: entry(view, event, events[0]) }),
    );
    if (life.complete === false) timeline.prepend(h("li", { class: "muted" }, "What happened before is not known."));
  };
  show();
  const hurry = poll(
    async () => {
      life = await kew("GET", `/messages/${id}`, { query: { bodyLimit: 0 }, signal: view.signal });
      if (life.message) life.message.body = message.body;
      show();
    },
    view.signal,
    (error) => fill(main, trouble(error)),
  );
}

/** @param {View} view @param {Json} event @param {Json} first */
function entry(view, event, first) {
  const [at, real] = [new Date(event.at).getTime(), new Date(event.real).getTime()];
  const turned = Math.abs(real - at) >= 1000;
  const who = clientOf(event.by);
  return h(
    "li",
    { class: KINDS[event.type] ?? "" },
    h("span", { class: "when" }, event === first ? time(event.at) : `+${span(at - new Date(first.at).getTime())}`),
    h(
      "div",
      h(
        "p",
        h("strong", EVENTS[event.type] ?? event.type),
        " ",
        h("span", about(event)),
        event.queue && [" in ", queueLink(view, event.queue)],
      ),
      muted(
        [
          who,
          turned ? ["real time ", time(event.real)] : "",
          event.by?.requestId && h("span", { class: "mono" }, `request ${event.by.requestId.slice(0, 8)}`),
        ]
          .filter(Boolean)
          .flatMap((one, i) => (i ? [" · ", one].flat() : [one].flat())),
      ),
    ),
  );
}
