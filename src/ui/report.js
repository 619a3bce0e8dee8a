// The report on consumers and producers, and its files.

import { download } from "./activity.js";
import { kew, poll } from "./api.js";
import { fill, h, heading, inRow, messageLink, muted, queueLink, setText, spring } from "./dom.js";
import { count } from "./format.js";
import { badge, button, empty, trouble } from "./widgets.js";

/** @typedef {import("./api.js").Json} Json */
/** @typedef {import("./app.js").View} View */

/** @param {HTMLElement} main @param {View} view */
export function reportPage(main, view) {
  view.title("Report");
  const [sum, place] = [h("p", { class: "muted" }), h("div", { class: "content" })];
  const save = (/** @type {string} */ format, /** @type {string} */ type, /** @type {string} */ name) => async () =>
    download(await kew("GET", "/report", { query: { format }, text: true }), type, name);
  fill(
    main,
    heading(
      "Report",
      button("JUnit", save("junit", "application/xml", "kew-report.xml"), { title: "Download" }),
      button("SARIF", save("sarif", "application/sarif+json", "kew-report.sarif"), { title: "Download" }),
      button("Text", save("text", "text/plain", "kew-report.txt"), { title: "Download" }),
    ),
    sum,
    place,
  );
  let shown = "";
  poll(
    async () => {
      const { findings, counts, complete, clean } = await kew("GET", "/report", { signal: view.signal });
      setText(
        sum,
        `${count(counts.sent)} sent, ${count(counts.deleted)} deleted, ${count(counts.expired)} expired, ${count(counts.left)} left.${complete ? "" : " Not complete: older events were dropped."}`,
      );
      const now = JSON.stringify(findings);
      if (now === shown) return;
      shown = now;
      fill(
        place,
        clean && findings.length === 0
          ? empty(
              "Nothing to complain about",
              "Mistakes of consumers and producers that tests overlook are listed here: work that outlives the visibility timeout, deletions that come too late, failed entries nobody looked at, queues without a dead-letter queue.",
            )
          : findings.map((/** @type {Json} */ one) =>
              h(
                "section",
                { class: `card finding ${one.severity}` },
                inRow(
                  badge(one.severity, one.severity),
                  h("h2", one.title),
                  h(
                    "span",
                    { class: "muted" },
                    `${one.code}, ${count(one.count)} ${one.count === 1 ? "time" : "times"}`,
                  ),
                  spring(),
                  one.queue && queueLink(view, one.queue),
                ),
                h("p", one.summary),
                (one.examples ?? []).length > 0 &&
                  h(
                    "details",
                    h("summary", "Examples"),
                    h(
                      "ul",
                      { class: "plain" },
                      one.examples.map((/** @type {any} */ example) =>
                        h("li", typeof example === "string" ? example : linked(view, example)),
                      ),
                    ),
                  ),
                one.advice && muted([one.advice].flat().join(" ")),
              ),
            ),
      );
    },
    view.signal,
    (error) => fill(place, trouble(error)),
    5000,
  );
}

/** An example, with its message as a link. @param {View} view @param {Json} example */
function linked(view, example) {
  const id = example.messageId ?? example.id;
  return [id && [messageLink(view, id), " "], example.text ?? example.summary ?? JSON.stringify(example)];
}
