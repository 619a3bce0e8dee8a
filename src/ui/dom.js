// Building the page: elements whose contents are texts and other elements, never markup.

/** Texts and elements, in lists or not; what is not there is left out.
 * @typedef {Node | string | number | null | undefined | false | readonly any[]} Child */
/** @typedef {Record<string, any>} Props */

/**
 * An element. `on…` members are listeners; `class`, `aria-…`, `data-…` and the like are attributes; `value`, `checked` and what
 * else an input has are properties, which may all be left out. Children that are texts stay texts.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag @param {Props | Child} [props] @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, props, ...children) {
  const node = document.createElement(tag);
  const has = Object.prototype.toString.call(props) === "[object Object]";
  for (const [name, value] of Object.entries(has ? /** @type {Props} */ (props) : {})) {
    if (name.startsWith("on") && typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (PROPERTIES.has(name)) /** @type {any} */ (node)[name] = value;
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, String(value));
  }
  node.append(...shown(/** @type {Child[]} */ (has ? children : [props, ...children])));
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
  draw(node, () => node.replaceChildren(...shown(children)));
}

/** By what something is known again when it is drawn anew. @param {Element} node */
const nameOf = (node) => [node.tagName, node.id, node.ariaLabel, node.textContent].join();

/**
 * Draws something anew. A focus in it stays on what has the same name, else in its row or the next, else on the page: the keyboard
 * does not begin at the top again. @param {Element} place @param {() => void} act
 */
function draw(place, act) {
  const was = document.activeElement;
  const row = was?.closest("tr");
  const rows = [row, row?.nextElementSibling, row?.previousElementSibling];
  const inside = was !== place && place.contains(was);
  act();
  if (!was || !inside || document.activeElement !== document.body) return;
  const all = [...place.querySelectorAll("a, button, input, select, textarea, summary")];
  const same = all.find((node) => nameOf(node) === nameOf(was));
  for (const node of [same, ...rows.map((one) => one?.querySelector("a")), $("#main")]) {
    /** @type {HTMLElement | undefined} */ (node)?.focus();
    if (document.activeElement === node) return;
  }
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
  draw(body, () => {
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
  });
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
    h("table", { ...props, "aria-label": label }, h("thead", h("tr", cells)), body),
  );
  return { node, body };
}

/** What takes the room that is left in a row. */
export const spring = () => h("span", { class: "spring" });

/** The head of a page. @param {string} title @param {...Child} rest */
export const heading = (title, ...rest) => h("header", { class: "head" }, h("h1", title), spring(), rest);

/** A part of a page. @param {string} title @param {...Child} rest */
export const card = (title, ...rest) => h("section", { class: "card" }, h("h2", title), rest);

/** Side by side, as far as there is room. @param {...Child} rest */
export const inRow = (...rest) => h("div", { class: "row" }, rest);

/** A text that is quieter than others. @param {...Child} rest */
export const muted = (...rest) => h("p", { class: "muted" }, rest);

/** Names, each with what there is to say. @param {[string, Child][]} pairs */
export const facts = (pairs) =>
  h(
    "dl",
    { class: "facts" },
    pairs.map(([name, value]) => [h("dt", name), h("dd", value)]),
  );

/** @typedef {{ link: (path: string) => string }} Linker what knows the addresses of pages: a view */

/** @param {Linker} view @param {string} name */
const queueAddress = (view, name) => view.link(`queues/${encodeURIComponent(name)}`);

/** A link to a queue. @param {Linker} view @param {string} name */
export const queueLink = (view, name) => h("a", { href: queueAddress(view, name) }, name);

/** The same for a notice. @param {Linker} view @param {string} name */
export const openQueue = (view, name) => ({ text: `Open ${name}`, href: queueAddress(view, name) });

/** A link to a message. @param {Linker} view @param {string} id */
export const messageLink = (view, id) => h("a", { class: "mono", href: view.link(`messages/${id}`) }, id.slice(0, 8));
