// The frame around all pages: which page is shown, the namespace, the clock, the line to the server, the keys.

import { DONE, keeper, kew, line, poll, Refused, space } from "./api.js";
import { asCurl } from "./commands.js";
import { $, fill, h, setText } from "./dom.js";
import { span } from "./format.js";
import { copy, dialog, last, notice, trouble, wrong } from "./widgets.js";

/**
 * What a page is given.
 * @typedef {{ params: string[], query: URLSearchParams, signal: AbortSignal, keys: Map<string, Key>,
 *   title: (text: string) => void, go: (path: string) => void, link: (path: string) => string, space: () => Record<string, any>,
 *   listSpaces: () => Promise<void> }} View
 */
/** @typedef {{ text: string, act: () => void }} Key */
/** @typedef {(main: HTMLElement, view: View) => void | Promise<void>} Page */

/** Each is loaded when it is shown, so that the first one is there soon. @type {[RegExp, string, () => Promise<Page>][]} */
const PAGES = [
  [/^$/, "queues", async () => (await import("./queues.js")).queuesPage],
  [/^queues\/[^/]+$/, "queues", async () => (await import("./queue.js")).queuePage],
  [/^messages\/[^/]+$/, "queues", async () => (await import("./message.js")).messagePage],
  [/^activity$/, "activity", async () => (await import("./activity.js")).activityPage],
  [/^clock$/, "clock", async () => (await import("./clock.js")).clockPage],
  [/^faults$/, "faults", async () => (await import("./faults.js")).faultsPage],
  [/^report$/, "report", async () => (await import("./report.js")).reportPage],
  [/^metrics$/, "metrics", async () => (await import("./metrics.js")).metricsPage],
  [/^namespaces$/, "namespaces", async () => (await import("./system.js")).namespacesPage],
  [/^about$/, "about", async () => (await import("./system.js")).aboutPage],
];

/** Keys that work everywhere; `g` is followed by another one. @type {Map<string, Key>} */
const KEYS = new Map([
  ["g q", { text: "Queues", act: () => go("") }],
  ["g a", { text: "Activity", act: () => go("activity") }],
  ["g c", { text: "Clock", act: () => go("clock") }],
  ["g f", { text: "Faults", act: () => go("faults") }],
  ["g r", { text: "Report", act: () => go("report") }],
  ["g m", { text: "Metrics", act: () => go("metrics") }],
  ["g n", { text: "Namespaces", act: () => go("namespaces") }],
  ["j", { text: "Next row", act: () => step(1) }],
  ["k", { text: "Row before", act: () => step(-1) }],
  [
    "/",
    {
      text: "Search",
      act: () => /** @type {HTMLElement | null} */ (document.querySelector("main input[type=search]"))?.focus(),
    },
  ],
  [
    "y",
    {
      text: "Copy what was done last as curl",
      act: () => (last.act ? void copy(asCurl(last.act), "curl") : notice("Nothing was done yet.")),
    },
  ],
  ["?", { text: "These shortcuts", act: shortcuts }],
]);

let leave = new AbortController();
/** @type {Map<string, Key>} */
let pageKeys = new Map();
let shownPath = "";

/** The address of a page in the namespace. @param {string} path */
const link = (path) => `#/${space.name ? `@${encodeURIComponent(space.name)}/` : ""}${path}`;

/** @param {string} path */
function go(path) {
  location.hash = link(path).slice(1);
}

async function route() {
  const [path, search] = location.hash.replace(/^#\/?/, "").split("?");
  const parts = path.split("/").filter(Boolean).map(decodeURIComponent);
  const name = parts[0]?.startsWith("@") ? /** @type {string} */ (parts.shift()).slice(1) : "";
  const plain = parts.map(encodeURIComponent).join("/");
  leave.abort();
  leave = new AbortController();
  const { signal } = leave;
  pageKeys = new Map();
  document.querySelectorAll("dialog").forEach((box) => box.close());
  const main = $("#main");
  const found = PAGES.find(([pattern]) => pattern.test(plain));
  document.querySelectorAll("#pages a").forEach((node) => {
    const is = /** @type {HTMLElement} */ (node).dataset.page === found?.[1];
    is ? node.setAttribute("aria-current", "page") : node.removeAttribute("aria-current");
    if (is) node.scrollIntoView({ block: "nearest", inline: "nearest" });
  });
  const title = (/** @type {string} */ text) => (document.title = `${text} · kew`);
  try {
    const loading = found?.[2]();
    if (space.described === null || space.name !== name) await choose(name);
    const page = await loading;
    watchClock(signal);
    if (signal.aborted) return;
    fill(main);
    if (!page) {
      title("Not found");
      fill(
        main,
        h(
          "section",
          { class: "empty" },
          h("h2", "There is no such page"),
          h("p", h("a", { href: link("") }, "Queues")),
        ),
      );
    } else {
      const view = {
        params: parts.slice(1),
        query: new URLSearchParams(search),
        signal,
        keys: pageKeys,
        title,
        go,
        link,
        space: () => space.described ?? {},
        listSpaces,
      };
      await page(main, view);
    }
  } catch (error) {
    if (!signal.aborted)
      fill(
        main,
        trouble(error),
        h("p", { class: "row center" }, h("a", { href: "#/" }, "Queues of the default namespace")),
      );
  }
  if (shownPath !== "" && shownPath !== plain && document.activeElement === document.body) main.focus();
  shownPath = plain || "/";
}

/** Has all pages be about a namespace. @param {string} name */
async function choose(name) {
  space.name = "";
  space.described = await kew("GET", name ? `/ns/${encodeURIComponent(name)}` : "");
  space.name = name;
  void listSpaces();
  document.querySelectorAll("#pages a").forEach((node) => {
    const page = /** @type {HTMLElement} */ (node).dataset.page ?? "";
    node.setAttribute("href", link(page === "queues" ? "" : page));
  });
}

/** The namespaces that can be chosen. */
async function listSpaces() {
  const { namespaces } = await kew("GET", "/ns");
  const chooser = /** @type {HTMLSelectElement} */ ($("#space"));
  const names = namespaces.map((/** @type {any} */ one) => one.name);
  fill(
    chooser,
    h("option", { value: "" }, "default"),
    names.map((/** @type {string} */ one) => h("option", { value: one }, one)),
  );
  chooser.value = space.name;
  $("#space-field").hidden = names.length === 0;
}

/** Shows how the clock stands, if it is not simply the real time. @param {AbortSignal} signal */
function watchClock(signal) {
  const again = poll(
    async () => {
      const chip = $("#clock-chip");
      const { mode, offsetMs } = await kew("GET", "/clock", { signal });
      chip.hidden = mode === "real";
      chip.setAttribute("href", link("clock"));
      chip.dataset.mode = mode;
      setText(chip, `${mode} clock${offsetMs >= 1000 ? ` +${span(offsetMs)}` : ""}`);
    },
    signal,
    () => {},
    5000,
  );
  document.addEventListener(DONE, again, { signal });
}

line.reached = (reached) => {
  $("#line").classList.toggle("off", !reached);
  setText($("#line-text"), reached ? "live" : "no connection");
};

keeper.ask = () =>
  new Promise((resolve) => {
    const input = h("input", { type: "password", autocomplete: "off", required: true, "aria-label": "Token" });
    let token = /** @type {string | null} */ (null);
    const box = dialog({
      title: "This kew wants a token",
      submit: "Use it",
      cancel: "Not now",
      content: [
        h("p", "It was printed when kew was started, or set with --control-token. It is kept in this tab only."),
        input,
      ],
    });
    box
      .querySelector("form")
      ?.addEventListener("submit", () => (token = input.value.trim() || null), { capture: true });
    box.addEventListener("close", () => resolve(token));
    input.focus();
  });

/** Moves the focus from row to row. @param {number} by */
function step(by) {
  const links = /** @type {HTMLElement[]} */ ([
    ...document.querySelectorAll("main tbody tr a.row-link, main .timeline summary"),
  ]);
  const row = document.activeElement?.closest("tr, summary");
  const at = links.findIndex((one) => one === document.activeElement || (row && row.contains(one)));
  links[Math.min(links.length - 1, Math.max(0, at + by))]?.focus();
}

function shortcuts() {
  const rows = (/** @type {Map<string, Key>} */ keys) =>
    [...keys].map(([key, { text }]) =>
      h(
        "tr",
        h(
          "th",
          { scope: "row" },
          key
            .split(" ")
            .map((one) => [h("kbd", one), " "])
            .flat(),
        ),
        h("td", text),
      ),
    );
  dialog({
    title: "Shortcuts",
    cancel: "Close",
    content: [
      h(
        "table",
        { class: "keys", "aria-label": "Shortcuts" },
        h(
          "tbody",
          rows(pageKeys),
          rows(KEYS),
          h(
            "tr",
            h("th", { scope: "row" }, h("kbd", "Ctrl"), " ", h("kbd", "Enter")),
            h("td", "Do what a dialog is for"),
          ),
          h("tr", h("th", { scope: "row" }, h("kbd", "Esc")), h("td", "Close a dialog")),
        ),
      ),
    ],
  });
}

let before = "";
document.addEventListener("keydown", (event) => {
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input, textarea, select, dialog")) return;
  const key = before ? `${before} ${event.key}` : event.key;
  before = event.key === "g" && !before ? "g" : "";
  const found = pageKeys.get(key) ?? KEYS.get(key);
  if (!found) return;
  event.preventDefault();
  found.act();
});

$("#help").addEventListener("click", shortcuts);
$("#skip").addEventListener("click", (event) => (event.preventDefault(), $("#main").focus()));
$("#space").addEventListener("change", (event) => {
  const name = /** @type {HTMLSelectElement} */ (event.target).value;
  location.hash = name ? `/@${encodeURIComponent(name)}/` : "/";
});
addEventListener("hashchange", route);
addEventListener("unhandledrejection", (event) => {
  if (event.reason instanceof Refused) {
    const { text, hint } = wrong(event.reason);
    notice(text, { kind: "bad", hint });
    event.preventDefault();
  }
  if (event.reason?.name === "AbortError") event.preventDefault();
});
route();
