// The clock of the namespace: how it stands, what is next, what holds auto-advance, and turning it.

import { kew, poll, space } from "./api.js";
import { card, fill, h, heading, messageLink, muted, queueLink, setText } from "./dom.js";
import { span, time } from "./format.js";
import { about } from "./message.js";
import { badge, button, dialog, field, notice, perform, trouble } from "./widgets.js";

/** @typedef {import("./api.js").Json} Json */
/** @typedef {import("./app.js").View} View */

/** @type {[string, string, string][]} */
const MODES = [
  ["real", "Real", "The time of this machine."],
  ["running", "Running", "Real pace; it can be turned forward."],
  ["frozen", "Frozen", "It stands until it is turned."],
  ["auto", "Auto", "It jumps to what is next when all is quiet."],
];

/** What comes next, in words. @type {Record<string, string>} */
const WHY = {
  delayEnds: "a delay ends",
  visibilityEnds: "a visibility timeout ends",
  moveTask: "a message move task goes on",
};

/** @param {HTMLElement} main @param {View} view */
export function clockPage(main, view) {
  view.title("Clock");
  const [now, day, next, auto, modes, jumps] = [
    h("p", { class: "now" }),
    h("p", { class: "muted" }),
    h("p"),
    h("div", { class: "content" }),
    h("div", { class: "tabs", role: "group", "aria-label": "Mode" }),
    h("section", { class: "card" }),
  ];
  let state = /** @type {Json} */ ({});
  const turn = (/** @type {Json} */ body, /** @type {string} */ done) =>
    perform({ method: "POST", path: "/clock/advance", body }, done).then((answer) => {
      if (answer?.steps?.length)
        notice(
          `${answer.steps.length} ${answer.steps.length === 1 ? "thing" : "things"} took place on the way, ${answer.handedOut} handed out.`,
        );
      hurry();
    });
  const turns = h(
    "div",
    { class: "row", role: "group", "aria-label": "Turn the clock" },
    button("+1 min", () => turn({ by: "1m" }, "A minute later.")),
    button("+15 min", () => turn({ by: "15m" }, "Fifteen minutes later.")),
    button("+1 h", () => turn({ by: "1h" }, "An hour later.")),
    button("To what is next", () => turn({ to: "next" }, "At what was next."), { class: "primary" }),
    button("Turn…", () => turnTo(() => hurry())),
  );
  fill(main, heading("Clock"), h("section", { class: "card" }, now, day, modes, turns, next), auto, jumps);
  modes.append(...MODES.map(([mode, text, title]) => button(text, () => setMode(mode), { class: "tab", title })));
  const setMode = async (/** @type {string} */ mode) => {
    if (mode === "auto") return autoDialog(() => hurry());
    const real = mode === "real" && Math.abs(state.offsetMs) > 0;
    if (real)
      return dialog({
        title: "Reset the clock and all queues?",
        submit: "Reset clock and queues",
        danger: true,
        content: [
          h(
            "p",
            `Time does not go back by itself. The clock of the namespace ${space.name || "default"} is real again, and all its
            queues and messages are deleted, for their times are ahead; queues that kew was started with come back empty.`,
          ),
        ],
        act: () => ({ method: "POST", path: "/reset", body: { what: ["clock", "queues"] } }),
        done: (_, act) => (notice("The clock is real, and the queues are as at the start.", { act }), hurry()),
      });
    await perform({ method: "PUT", path: "/clock", body: { mode } }, `The clock is ${mode}.`);
    hurry();
  };
  view.keys.set("n", {
    text: "Turn the clock to what is next",
    act: () => void turn({ to: "next" }, "At what was next."),
  });
  let shown = "";
  const hurry = poll(
    async () => {
      state = await kew("GET", "/clock", { signal: view.signal });
      const fresh = JSON.stringify(state.now);
      if (fresh !== now.dataset.at) fill(now, time(state.now).textContent?.slice(0, 8) ?? "");
      now.dataset.at = fresh;
      setText(
        day,
        `${state.now}${state.offsetMs ? `, ${span(Math.abs(state.offsetMs))} ${state.offsetMs < 0 ? "behind" : "ahead of"} real time` : ", real time"}`,
      );
      [...modes.children].forEach((tab, at) => tab.setAttribute("aria-pressed", String(MODES[at][0] === state.mode)));
      const ahead = state.next;
      fill(
        next,
        ahead
          ? [
              "Next, in ",
              h("strong", ahead.in),
              `: ${WHY[ahead.why] ?? ahead.why} in `,
              queueLink(view, ahead.queue),
              ahead.messageId && [" for ", messageLink(view, ahead.messageId)],
              ahead.waiting ? `; ${ahead.waiting} waiting.` : "; nobody waits there.",
            ]
          : "Nothing is ahead: no message is delayed or in flight.",
      );
      showAuto(auto, state, view);
      const last = JSON.stringify(state.lastJump);
      if (last === shown) return;
      shown = last;
      const { events } = await kew("GET", "/history", {
        query: { type: "clockAdvanced", limit: 20 },
        signal: view.signal,
      }).catch(() => ({ events: [] }));
      fill(
        jumps,
        h("h2", "Jumps"),
        events.length
          ? h(
              "ul",
              { class: "plain" },
              events.reverse().map((/** @type {Json} */ event) => h("li", time(event.real), " ", about(event))),
            )
          : muted(
              "It was not turned yet. A frozen or running clock can be: delays and visibility timeouts end at once.",
            ),
      );
    },
    view.signal,
    (error) => fill(main, trouble(error)),
  );
}

/** Why auto-advance waits, if it is on. @param {Element} place @param {Json} state @param {View} view */
function showAuto(place, state, view) {
  const { auto, holds } = state;
  if (state.mode !== "auto" && !auto.awaits && !auto.stopped) return fill(place);
  fill(
    place,
    card(
      "Auto-advance",
      h("p", `${auto.jumps} ${auto.jumps === 1 ? "jump" : "jumps"}; quiet for ${auto.quietFor}.`),
      auto.stopped &&
        h(
          "p",
          { class: "error" },
          typeof auto.stopped === "string"
            ? auto.stopped
            : `It stopped: ${auto.stopped.why ?? JSON.stringify(auto.stopped)}`,
          auto.stopped.hint && h("span", { class: "hint" }, auto.stopped.hint),
        ),
      auto.heldBy.length === 0
        ? state.mode === "auto" && muted("Nothing holds it.")
        : h(
            "ul",
            { class: "plain" },
            auto.heldBy.map((/** @type {Json} */ held) =>
              h(
                "li",
                badge("warn", `held: ${held.why}`),
                " ",
                held.queue && queueLink(view, held.queue),
                [held.count && ` ${held.count}`, held.for && ` for ${held.for}`].filter(Boolean).join(""),
                held.hint && h("span", { class: "hint" }, held.hint),
              ),
            ),
          ),
      (holds ?? []).map((/** @type {Json} */ hold) =>
        h(
          "p",
          { class: "row" },
          `Hold: ${hold.reason}`,
          button("End it", () => perform({ method: "DELETE", path: `/clock/hold/${hold.id}` }, "The hold is ended."), {
            class: "small",
          }),
        ),
      ),
    ),
  );
}

/** @param {() => void} then */
function turnTo(then) {
  const by = h("input", { placeholder: "1h30m" });
  const to = h("input", { placeholder: "2026-12-24T18:00:00Z" });
  dialog({
    title: "Turn the clock forward",
    submit: "Turn",
    content: [field("By so much", by, "250ms, 90, 15m, 1h30m, 14d or PT15M."), field("Or to a moment", to)],
    act: () => ({
      method: "POST",
      path: "/clock/advance",
      body: by.value ? { by: by.value } : to.value ? { to: to.value } : {},
    }),
    done: (_, act) => (notice("The clock is turned.", { act }), then()),
  });
}

/** @param {() => void} then */
function autoDialog(then) {
  const consumers = h("input", { placeholder: "orders=1, emails=2" });
  const settle = h("input", { placeholder: "50ms" });
  dialog({
    title: "Auto-advance",
    submit: "Have it jump",
    content: [
      h(
        "p",
        "The clock jumps to what is next as soon as no request is under way and no message is in flight. Of queues whose consumers are declared, messages in flight do not hold it while all these consumers wait in a receive.",
      ),
      field("Consumers", consumers, "QUEUE=NUMBER, with commas between; none if in doubt."),
      field("Quiet for so long before a jump", settle),
    ],
    act: () => {
      const pairs = consumers.value
        .split(",")
        .map((one) => one.trim().split("="))
        .filter(([name]) => name)
        .map(([name, number]) => [name.trim(), Number(number ?? 1)]);
      return {
        method: "PUT",
        path: "/clock",
        body: {
          mode: "auto",
          ...(pairs.length ? { consumers: Object.fromEntries(pairs) } : {}),
          ...(settle.value ? { settle: settle.value } : {}),
        },
      };
    },
    done: (_, act) => (notice("The clock jumps by itself now.", { act }), then()),
  });
}
