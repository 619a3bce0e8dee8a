// What is about the whole: the namespaces, and this kew itself.

import { kew, kewPath, poll, space } from "./api.js";
import { exports } from "./commands.js";
import { card, facts, fill, h, heading, keyed, muted, setText, table } from "./dom.js";
import { count, span, time } from "./format.js";
import { badge, button, dialog, empty, field, menu, notice, snippet, tick, trouble } from "./widgets.js";

/** @typedef {import("./api.js").Json} Json */
/** @typedef {import("./app.js").View} View */

/** @param {HTMLElement} main @param {View} view */
export function namespacesPage(main, view) {
  view.title("Namespaces");
  const { node: frame, body } = table("Namespaces", [
    "Namespace",
    "Access key",
    "Queues|num w1",
    "Idle|num w2",
    "Ends after idle|num w2",
    "|act",
  ]);
  const place = h("div");
  const again = () => (hurry(), void view.listSpaces());
  fill(
    main,
    heading(
      "Namespaces",
      button("Create namespace", () => newSpace(again), { class: "primary" }),
    ),
    muted(
      "A kew of its own inside kew for each test: its queues, clock, faults and history are nobody else's. Clients choose it by their access key.",
    ),
    place,
  );
  const hurry = poll(
    async () => {
      const { namespaces } = await kew("GET", "/ns", { signal: view.signal });
      if (namespaces.length === 0)
        return fill(
          place,
          empty(
            "Only the default namespace",
            "Tests that run at once want one each. Create one here, or as the first thing a test does:",
            snippet(
              `curl -fs -X POST ${location.origin}/_kew/ns -d '{"name": "test-1", "queues": [{"name": "orders"}]}'`,
              "the command",
            ),
          ),
        );
      if (frame.parentElement !== place) fill(place, frame);
      keyed(
        body,
        namespaces,
        (one) => one.name,
        (one) => {
          const [key, queues, idle, ttl] = ["mono", "num w1", "num w2", "num w2"].map((kind) =>
            h("td", { class: kind }),
          );
          const href = `#/@${encodeURIComponent(one.name)}/`;
          const remove = () =>
            dialog({
              title: `Delete ${one.name}?`,
              submit: `Delete ${one.name}`,
              danger: true,
              content: [h("p", `The namespace ${one.name} ends with its queues and messages; its report is told.`)],
              act: () => ({ method: "DELETE", path: `/ns/${encodeURIComponent(one.name)}` }),
              done: (answer, act) => {
                notice(`${one.name} is deleted; ${count(answer.messages)} messages were left in it.`, {
                  act,
                  hint:
                    answer.report && !answer.report.clean
                      ? `Its report: ${answer.report.findings.map((/** @type {Json} */ f) => f.title).join("; ")}`
                      : "",
                });
                if (space.name === one.name) {
                  space.name = "";
                  space.described = null;
                  location.hash = "#/namespaces";
                }
                again();
              },
            });
          const node = h(
            "tr",
            h(
              "td",
              { class: "name" },
              h("a", { class: "row-link", href }, one.name),
              " ",
              one.name === space.name && badge("good", "shown"),
            ),
            key,
            queues,
            idle,
            ttl,
            h(
              "td",
              { class: "act" },
              menu(`What to do with ${one.name}`, [
                ["Show its queues", () => (location.hash = href)],
                ["Delete…", remove, "bad"],
              ]),
            ),
          );
          return {
            node,
            update: (/** @type {Json} */ now) => {
              setText(key, now.account);
              setText(queues, Object.keys(now.queueUrls).length);
              setText(idle, span(now.idleMs));
              setText(ttl, span(now.ttlMs));
            },
          };
        },
      );
    },
    view.signal,
    (error) => fill(place, trouble(error)),
    2000,
  );
}

/** @param {() => void} then */
function newSpace(then) {
  const name = h("input", { placeholder: "test-1", autofocus: true, spellcheck: "false" });
  const queues = h("input", { placeholder: "orders, jobs.fifo", spellcheck: "false" });
  const ttl = h("input", { placeholder: "10m" });
  const frozen = h("input", { type: "checkbox" });
  dialog({
    title: "Create namespace",
    submit: "Create namespace",
    content: [
      field("Name", name, "Made up if empty."),
      field("Queues", queues, "Names, with commas between."),
      field("Ends after so long without a request", ttl),
      tick("With a frozen clock", frozen),
    ],
    act: () => ({
      method: "POST",
      path: "/ns",
      body: {
        ...(name.value ? { name: name.value } : {}),
        queues: queues.value
          .split(",")
          .map((one) => one.trim())
          .filter(Boolean)
          .map((one) => ({ name: one })),
        ...(ttl.value ? { ttl: ttl.value } : {}),
        ...(frozen.checked ? { clock: { mode: "frozen" } } : {}),
      },
    }),
    done: (answer, act) => (
      notice(`${answer.name} is created.`, {
        act,
        hint: `Its access key is ${answer.account}.`,
        link: { text: "Show it", href: `#/@${encodeURIComponent(answer.name)}/` },
      }),
      then()
    ),
  });
}

/** @param {HTMLElement} main @param {View} view */
export async function aboutPage(main, view) {
  view.title("About");
  const about = await kew("GET", "", { signal: view.signal });
  const { node, body } = table("Endpoints", ["Method", "Path", "What it does|w1"]);
  body.append(
    ...about.endpoints.map((/** @type {Json} */ row) =>
      h(
        "tr",
        h("td", badge("plain", row.method)),
        h("td", { class: "mono" }, row.path),
        h("td", { class: "w1" }, row.summary),
      ),
    ),
  );
  fill(
    main,
    heading(`kew ${about.version}`),
    h(
      "section",
      { class: "card" },
      facts([
        ["Seed", String(about.seed)],
        ["Endpoint", about.endpoint],
        ["Account", about.account],
        ["Clock", time(about.now, true)],
        [
          "History",
          about.position === undefined ? "off; start kew with --history 100000" : `at event ${count(about.position)}`,
        ],
        ["Control API", about.token ? "with a token" : "for all that reach the server"],
        ["Namespace", space.name || "default"],
      ]),
    ),
    card("Connect a program", snippet(exports(), "the environment")),
    card(
      "Limits of SQS, which hold here too",
      facts([
        ["A message, a batch", "1 MiB"],
        ["In flight", "120,000 messages of a queue"],
        ["Delay", "15 min"],
        ["Visibility timeout", "12 h"],
        ["Retention", "1 min to 14 d"],
        ["Long poll", "20 s"],
        ["Deduplication", "5 min"],
      ]),
    ),
    h(
      "section",
      { class: "content" },
      h("h2", "The control API"),
      muted(
        "All that this console does a script can do. ",
        h("a", { href: kewPath("/openapi.json") }, "OpenAPI document"),
      ),
      node,
    ),
  );
}
