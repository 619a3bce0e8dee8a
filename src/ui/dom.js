// Building the page: elements whose contents are texts and other elements, never markup.

/** Texts and elements, in lists or not; what is not there is left out.
 * @typedef {Node | string | number | null | undefined | false | readonly any[]} Child */
/** @typedef {Record<string, any>} Props */

/**
 * An element. `on…` members are listeners; `class`, `aria-…`, `data-…` and the like are attributes; `value`, `checked` and what
 * else an input has are properties. Children that are texts stay texts.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag @param {Props | null} [props] @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (name.startsWith("on") && typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (PROPERTIES.has(name)) /** @type {any} */ (node)[name] = value;
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, String(value));
  }
  node.append(.../** @type {(Node | string)[]} */ (shown(children)));
  return node;
}

const PROPERTIES = new Set(["value", "checked", "disabled", "selected", "indeterminate", "hidden", "open"]);

/** @param {readonly Child[]} children @returns {(Node | string)[]} */
function shown(children) {
  const flat = /** @type {Child[]} */ (children.flat(Infinity));
  return flat
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)));
}

/**
 * An element of a drawing.
 * @param {string} tag @param {Record<string, string | number>} attributes @param {...Node} children
 */
export function svg(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}

/** The element that a selector finds, which is there. @param {string} selector @returns {HTMLElement} */
export function $(selector) {
  const found = document.querySelector(selector);
  if (!(found instanceof HTMLElement)) throw new Error(`nothing is ${selector}`);
  return found;
}

/** Puts children in the place of all that an element had. @param {Element} node @param {...Child} children */
export function fill(node, ...children) {
  node.replaceChildren(...shown(children));
}

/** Sets a text, if it is another one. @param {Element} node @param {string | number} text */
export function setText(node, text) {
  const wanted = String(text);
  if (node.textContent !== wanted) node.textContent = wanted;
}

/**
 * Brings the rows of a table up to date: rows that stay keep their elements, and with them focus and selection.
 * @template T
 * @param {Element} body
 * @param {T[]} items
 * @param {(item: T) => string} key
 * @param {(item: T) => { node: HTMLElement, update?: (item: T) => void }} make
 */
export function keyed(body, items, key, make) {
  /** @type {Map<string, { node: HTMLElement, update?: (item: T) => void }>} */
  const before = /** @type {any} */ (body)._rows ?? new Map();
  const after = new Map();
  let place = body.firstElementChild;
  for (const item of items) {
    const name = key(item);
    let row = before.get(name);
    before.delete(name);
    if (!row) row = make(item);
    row.update?.(item);
    after.set(name, row);
    if (row.node === place) place = place.nextElementSibling;
    else body.insertBefore(row.node, place);
  }
  for (const row of before.values()) row.node.remove();
  /** @type {any} */ (body)._rows = after;
}

/** A table in a frame that scrolls sideways if it must. @param {string} label @param {(string | Node)[]} heads
 * @param {Props} [props] */
export function table(label, heads, props) {
  const body = h("tbody");
  const cells = heads.map((head) => {
    const [text, kind] = typeof head === "string" ? head.split("|") : [head, ""];
    return h("th", { scope: "col", class: kind ?? "" }, text === "" ? h("span", { class: "out" }, "Actions") : text);
  });
  const node = h(
    "div",
    { class: "frame", tabindex: 0 },
    h("table", { ...props, "aria-label": label }, h("thead", null, h("tr", null, cells)), body),
  );
  return { node, body };
}
