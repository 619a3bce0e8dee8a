// Figures, lengths and moments as people read them.

import { h } from "./dom.js";

const whole = new Intl.NumberFormat("en-US");

/** @param {number | null | undefined} value */
export const count = (value) => (value === null || value === undefined ? "–" : whole.format(value));

/** So many a second. @param {number | undefined} value */
export const perSecond = (value) => (value && value < 10 ? value.toFixed(1) : count(value && Math.round(value)));

/** A length of time in one or two units. @param {number | null | undefined} ms */
export function span(ms) {
  if (ms === null || ms === undefined || Number.isNaN(ms)) return "–";
  const sign = ms < 0 ? "−" : "";
  const s = Math.abs(ms) / 1000;
  if (s < 1) return `${sign}${Math.round(s * 1000)} ms`;
  if (s < 60) return `${sign}${s < 10 ? Number(s.toFixed(1)) : Math.floor(s)} s`;
  const units = /** @type {const} */ ([
    [86400, "d", 3600, "h"],
    [3600, "h", 60, "min"],
    [60, "min", 1, "s"],
  ]);
  const [big, bigName, small, smallName] = units.find(([size]) => s >= size) ?? units[2];
  const rest = Math.floor((s % big) / small);
  return `${sign}${Math.floor(s / big)} ${bigName}${rest ? ` ${rest} ${smallName}` : ""}`;
}

/** @param {number} value */
export function bytes(value) {
  if (value < 1024) return `${value} B`;
  return value < 1024 * 1024
    ? `${Number((value / 1024).toFixed(1))} KiB`
    : `${Number((value / 1048576).toFixed(2))} MiB`;
}

/** A moment by the clock on the wall here. @param {string | number} at @param {boolean} [withDate] */
export function time(at, withDate = false) {
  const moment = new Date(at);
  const ms = `${moment.getMilliseconds()}`.padStart(3, "0");
  const clock = moment.toTimeString().slice(0, 8);
  const text = withDate ? `${moment.toDateString().slice(4)}, ${clock}` : `${clock}.${ms}`;
  return h("time", { datetime: moment.toISOString(), title: moment.toISOString() }, text);
}
