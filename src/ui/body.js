// Bodies of messages: as JSON, as text, as bytes; long ones folded. They are hostile text and stay text.

import { fill, h, inRow, muted, spring } from "./dom.js";
import { bytes } from "./format.js";
import { button, copy } from "./widgets.js";

/** Characters of a body that are shown before somebody asks for more. */
const FOLDED_CHARACTERS = 4000;
/** Bytes that are shown at a time as hexadecimal digits. */
const HEX_BYTES = 4096;

/** A body as indented JSON; none if it is not JSON. @param {string} body @returns {string | null} */
export function pretty(body) {
  if (!/^\s*[[{"]/.test(body)) return null;
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return null;
  }
}

/** Bytes as a dump. @param {Uint8Array} all @param {number} limit */
export function hex(all, limit) {
  const lines = [];
  for (let at = 0; at < Math.min(all.length, limit); at += 16) {
    const row = [...all.subarray(at, Math.min(at + 16, limit))];
    const digits = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = row.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : "·")).join("");
    lines.push(`${at.toString(16).padStart(6, "0")}  ${digits.padEnd(47)}  ${text}`);
  }
  return lines.join("\n");
}

/**
 * A body that can be looked at.
 * @param {string} body @param {number} length bytes of it, of which not all may be there
 */
export function bodyView(body, length) {
  const json = pretty(body);
  const encoded = new TextEncoder().encode(body);
  /** @type {[string, (limit: number) => string, number][]} */
  const ways = [
    ["Text", (limit) => body.slice(0, limit), body.length],
    ["Hex", (limit) => hex(encoded, limit), encoded.length],
  ];
  if (json !== null) ways.unshift(["JSON", (limit) => json.slice(0, limit), json.length]);
  const shown = h("pre", { class: "body", tabindex: 0, "aria-label": "Body" });
  const more = h("div", { class: "row" });
  const tabs = h("div", { class: "tabs", role: "group", "aria-label": "Show the body as" });
  const show = (/** @type {number} */ way, /** @type {number} */ limit) => {
    const [name, text, size] = ways[way];
    [...tabs.children].forEach((tab, at) => tab.setAttribute("aria-pressed", String(at === way)));
    shown.textContent = text(limit);
    const step = name === "Hex" ? HEX_BYTES * 16 : Infinity;
    fill(
      more,
      limit < size && [
        h("span", { class: "muted" }, `${bytes(length)}; the beginning is shown.`),
        button(name === "Hex" ? "Show more" : "Show all", () => show(way, limit + step), { class: "small" }),
      ],
    );
  };
  const first = (/** @type {number} */ way) => (ways[way][0] === "Hex" ? HEX_BYTES : FOLDED_CHARACTERS);
  tabs.append(...ways.map(([name], way) => button(name, () => show(way, first(way)), { class: "tab" })));
  show(0, first(0));
  return h(
    "section",
    { class: "card", "aria-label": "Body" },
    inRow(
      h("h2", "Body"),
      h("span", { class: "muted" }, bytes(length)),
      spring(),
      button("Copy", () => copy(body, "the body"), { class: "small" }),
      tabs,
    ),
    encoded.length < length &&
      muted(`Only the first ${bytes(encoded.length)} are known: the message has left its queue.`),
    shown,
    more,
  );
}
