// What all pages are made of: buttons, dialogs, notices, menus, what to show where there is nothing.

import { carryOut } from "./api.js";
import { asAws, asCurl } from "./commands.js";
import { $, fill, h, spring, svg } from "./dom.js";
import { count } from "./format.js";

/** @typedef {import("./api.js").Act} Act */

const NOTICE_MS = 8000;
/** On a screen this narrow two notices would hide what they are about. */
const NARROW = 720;

/** A button. @param {string} text @param {(event: Event) => void} onclick @param {Record<string, any>} [props] */
export const button = (text, onclick, props) => h("button", { type: "button", onclick, ...props }, text);

/** A figure that is quiet when it is nothing. @param {HTMLElement} cell @param {number | null | undefined} value */
export function setCount(cell, value) {
  const text = count(value);
  if (cell.textContent === text) return;
  cell.textContent = text;
  cell.classList.toggle("zero", !value);
}

/** @param {string} kind @param {string} text @param {string} [title] */
export const badge = (kind, text, title) => h("span", { class: `badge ${kind}`, title }, text);

/** Labels of the states of messages. @type {Record<string, string>} */
export const STATES = { visible: "visible", inFlight: "in flight", delayed: "delayed" };

/** @param {string} text @param {string} what */
export async function copy(text, what) {
  await navigator.clipboard.writeText(text).then(
    () => notice(`Copied ${what}.`),
    () => showText(what, text),
  );
}

/** Where the browser lets no page write to the clipboard. @param {string} what @param {string} text */
function showText(what, text) {
  const field = h("textarea", { readonly: true, rows: 8, "aria-label": what, class: "mono" });
  field.value = text;
  dialog({ title: `Copy ${what}`, content: [h("p", "Press Ctrl+C or ⌘C."), field], cancel: "Close" });
  field.select();
}

/** Buttons that copy an act. @param {() => Act} actOf @returns {HTMLElement[]} */
export function copiers(actOf) {
  const one = (/** @type {string} */ label, /** @type {(act: Act) => string | null} */ as) =>
    button(
      `Copy as ${label}`,
      () => {
        try {
          copy(as(actOf()) ?? "", label);
        } catch (error) {
          notice(String(/** @type {Error} */ (error).message), { kind: "bad" });
        }
      },
      { class: "quiet small" },
    );
  const buttons = [one("curl", asCurl)];
  try {
    if (asAws(actOf()) !== null) buttons.push(one("aws", asAws));
  } catch {
    buttons.push(one("aws", asAws));
  }
  return buttons;
}

/** What was done last, for those who want the command of it. @type {{ act: Act | null }} */
export const last = { act: null };

/**
 * Tells something for a while. @param {string} text
 * @param {{ kind?: string, hint?: string, act?: Act, link?: { text: string, href: string } }} [more]
 */
export function notice(text, { kind = "", hint = "", act, link } = {}) {
  const node = h(
    "div",
    { class: `notice ${kind}`, role: kind === "bad" ? "alert" : "status" },
    h(
      "div",
      h("p", text),
      hint && h("p", { class: "hint" }, hint),
      (act || link) &&
        h("p", { class: "row" }, link && h("a", { href: link.href }, link.text), act && copiers(() => act)),
    ),
    button("×", () => (node.remove(), $("#main").focus()), { class: "quiet close", "aria-label": "Dismiss" }),
  );
  const place = $("#notices");
  place.append(node);
  const most = innerWidth < NARROW ? 1 : 2;
  while (place.children.length > most) place.firstElementChild?.remove();
  const away = () => setTimeout(() => (node.matches(":hover, :focus-within") ? away() : node.remove()), NOTICE_MS);
  away();
}

/** What is wrong, in the words of the server, and what may help. @param {any} error */
export function wrong(error) {
  const hint = error.hint || HINTS[error.code] || "";
  return { text: error.code ? `${error.code}: ${error.message}` : String(error.message), hint };
}

/** What helps with errors of SQS. @type {Record<string, string>} */
export const HINTS = {
  QueueDoesNotExist: "Queues lists those that there are; a queue of another account or region does not count.",
  QueueNameExists: "A queue of this name has other attributes. Change them on its page, or choose another name.",
  QueueDeletedRecently: "With --cooldowns on a name is free again after 60 seconds; the Clock page turns them on.",
  PurgeQueueInProgress: "With --cooldowns on a queue can be purged once in 60 seconds.",
  ReceiptHandleIsInvalid: "Handles are of one receive; after a reset or in another namespace they mean nothing.",
  MessageNotInflight: "Its visibility timeout has ended, or it was deleted: receive it again.",
  OverLimit: "120,000 messages in flight are the most: consumers have to delete what they have processed.",
  RequestThrottled: "A fault of the Faults page may do this; SDKs try again by themselves.",
  InvalidMessageContents: "SQS takes tab, line feed, carriage return and characters from U+0020 on.",
  BatchRequestTooLong: "A batch is 1 MiB at most, all its messages together.",
  MissingParameter: "FIFO queues want a message group, and a deduplication id unless they make it from the content.",
};

/** Does something and tells that it was done, or what is wrong. @param {Act} act @param {string} done */
export async function perform(act, done) {
  try {
    const answer = await carryOut(act);
    last.act = act;
    notice(done, { act });
    return answer ?? {};
  } catch (error) {
    const { text, hint } = wrong(error);
    notice(text, { kind: "bad", hint, act });
    return undefined;
  }
}

/**
 * A dialog. Its button carries out the act, which may be made of what was filled in; what goes wrong is told inside.
 * @param {{ title: string, content: any[], submit?: string, cancel?: string, danger?: boolean, wide?: boolean, act?: () => Act,
 *   done?: (answer: any, act: Act) => void, extra?: any[] }} options
 */
export function dialog({ title, content, submit, cancel = "Cancel", danger, wide, act, done, extra = [] }) {
  const alert = h("p", { class: "error", role: "alert", hidden: true });
  const ok = submit ? h("button", { type: "submit", class: danger ? "danger" : "primary" }, submit) : null;
  const box = h("dialog", { class: wide ? "wide" : "", "aria-labelledby": "dialog-title" });
  const form = h(
    "form",
    { method: "dialog", onsubmit: (/** @type {Event} */ event) => (event.preventDefault(), send()) },
    h("h2", { id: "dialog-title" }, title),
    h("div", { class: "content" }, content),
    alert,
    h(
      "footer",
      act ? h("span", { class: "row" }, copiers(act)) : null,
      extra,
      spring(),
      button(cancel, () => box.close(), { class: "quiet" }),
      ok,
    ),
  );
  const send = async () => {
    if (!act || !ok) return box.close();
    ok.disabled = true;
    try {
      const wanted = act();
      const answer = await carryOut(wanted);
      last.act = wanted;
      box.close();
      done?.(answer, wanted);
    } catch (error) {
      const { text, hint } = wrong(error);
      alert.hidden = false;
      fill(alert, text, hint && h("span", { class: "hint" }, hint));
    }
    ok.disabled = false;
  };
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  box.append(form);
  // What it was opened with may have gone meanwhile.
  box.addEventListener("close", () => (box.remove(), document.activeElement === document.body && $("#main").focus()));
  document.body.append(box);
  box.showModal();
  return box;
}

/**
 * Asks before something is destroyed; the text names what. @param {string} title @param {string} text @param {string} submit
 * @param {Act} act @param {string} done @param {() => void} [then]
 */
export function ask(title, text, submit, act, done, then) {
  dialog({
    title,
    content: [h("p", text)],
    submit,
    danger: true,
    act: () => act,
    done: () => (notice(done, { act }), then?.()),
  });
}

let fields = 0;

/** Ties a label and a hint to a control. @param {HTMLElement} control @param {string} [hint] */
function tied(control, hint) {
  control.id ||= `field-${++fields}`;
  if (hint) control.setAttribute("aria-describedby", `${control.id}-hint`);
  return hint && h("small", { id: `${control.id}-hint` }, hint);
}

/** A labelled field. @param {string} label @param {HTMLElement} control @param {string} [hint] */
export function field(label, control, hint) {
  const told = tied(control, hint);
  return h("div", { class: "field" }, h("label", { for: control.id }, label), control, told);
}

/** A labelled box to tick. @param {string} label @param {HTMLInputElement} box @param {string} [hint] */
export function tick(label, box, hint) {
  const told = tied(box, hint);
  return h("div", { class: "tick" }, box, h("div", h("label", { for: box.id }, label), told));
}

/** @param {[string, string][]} options value and text @param {Record<string, any>} [props] */
export const select = (options, props) => {
  const node = h(
    "select",
    props,
    options.map(([value, text]) => h("option", { value }, text)),
  );
  if (props?.value !== undefined) node.value = props.value;
  return node;
};

/** A menu behind a button. @param {string} label @param {[string, () => void, string?][]} items */
export function menu(label, items) {
  const shut = () => (node.open = false);
  const node = h("details", {
    class: "menu",
    onkeydown: (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && (shut(), summary.focus()),
    onfocusout: (/** @type {FocusEvent} */ event) =>
      node.contains(/** @type {Node} */ (event.relatedTarget)) ||
      setTimeout(() => node.contains(document.activeElement) || shut(), 150),
  });
  const summary = h("summary", { "aria-label": label, title: label }, "⋯");
  const inside = h("div");
  // Tables have hundreds of menus, of which one is opened; and what stands in a table would be cut off at its frame.
  const show = () => {
    if (!node.open) return;
    fill(
      inside,
      items.map(([text, act, kind]) => button(text, () => (shut(), act()), { class: `item ${kind ?? ""}` })),
    );
    const { top, bottom, right } = summary.getBoundingClientRect();
    const above = bottom + inside.offsetHeight > innerHeight;
    inside.style.top = `${above ? Math.max(0, top - inside.offsetHeight) : bottom}px`;
    inside.style.right = `${document.documentElement.clientWidth - right}px`;
    addEventListener("scroll", shut, { capture: true, once: true });
  };
  node.addEventListener("toggle", show);
  node.append(summary, inside);
  return node;
}

/** Text with a button that copies it. @param {string} text @param {string} what */
export const snippet = (text, what) =>
  h(
    "div",
    { class: "snippet" },
    h("pre", { tabindex: 0, "aria-label": what }, text),
    button("Copy", () => copy(text, what), { class: "small" }),
  );

/** What to show where there is nothing. @param {string} title @param {string} text @param {...any} rest */
export const empty = (title, text, ...rest) => h("section", { class: "empty" }, h("h2", title), h("p", text), rest);

/** Something went wrong with the page as a whole. @param {any} error */
export function trouble(error) {
  const { text, hint } = wrong(error);
  return h("section", { class: "empty", role: "alert" }, h("h2", text), hint && h("p", hint));
}

/** Values over time as a line. @param {number[]} values @param {string} label */
export function sparkline(values, label) {
  const [width, height] = [120, 28];
  const most = Math.max(1, ...values);
  const step = width / Math.max(1, values.length - 1);
  const points = values.map(
    (value, at) => `${(at * step).toFixed(1)},${(height - 2 - (value / most) * (height - 4)).toFixed(1)}`,
  );
  return svg(
    "svg",
    {
      viewBox: `0 0 ${width} ${height}`,
      preserveAspectRatio: "none",
      class: "spark",
      role: "img",
      "aria-label": label,
    },
    svg("polyline", { points: points.join(" "), fill: "none" }),
  );
}
