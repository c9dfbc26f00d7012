// Elements, numbers in words, and the designed states: loading, empty, broken.

export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (attribute.startsWith("on")) element.addEventListener(attribute.slice(2), value);
    else if (value === true) element.setAttribute(attribute, "");
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(attribute, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const plain = new Intl.NumberFormat("en");
export const number = (value) => (value === null || value === undefined ? "–" : plain.format(value));
export const share = (value, digits = 1) => (value === null || value === undefined ? "–" : `${(100 * value).toFixed(digits)} %`);
// In the currency of LiteLLM's prices, of which an hour may save little.
const cents = (digits) => new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const [fine, coarse] = [cents(4), cents(2)];
export const money = (value) => (value === null || value === undefined ? "–" : (value && Math.abs(value) < 1 ? fine : coarse).format(value));

export function short(value) {
  const size = Math.abs(value);
  if (size >= 1e6) return `${(value / 1e6).toFixed(size >= 1e7 ? 0 : 1)}M`;
  return size >= 1e4 ? `${(value / 1e3).toFixed(size >= 1e5 ? 0 : 1)}k` : plain.format(value);
}

export function milliseconds(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const value = seconds * 1000;
  if (!value) return "0 ms";
  return `${value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toFixed(2)} ms`;
}

export const when = (time) => new Date(typeof time === "number" ? time * 1000 : time).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });

export const level = (ratio) => (ratio < 0.7 ? "green" : ratio <= 0.9 ? "amber" : "red");

const SVG = "http://www.w3.org/2000/svg";
const drawn = (name, attributes) => {
  const element = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value);
  return element;
};

// A bar for a share of the window; `mark` is where compaction begins, as a share, too.
export function usage(ratio, mark = null) {
  const full = Math.min(1, Math.max(0, ratio));
  const picture = drawn("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" });
  picture.append(drawn("rect", { class: "track", width: 100, height: 8 }), drawn("rect", { class: "fill", width: 100 * full, height: 8 }));
  if (mark !== null && mark < 1) picture.append(drawn("line", { class: "mark", x1: 100 * mark, x2: 100 * mark, y1: 0, y2: 8 }));
  const told = { role: "meter", "aria-label": "Share of the context window", "aria-valuemin": 0, "aria-valuemax": 100 };
  const value = { "aria-valuenow": Math.round(100 * full), "aria-valuetext": `${share(ratio)} of the window` };
  return h("div", { class: "usage", "data-level": level(ratio), ...told, ...value }, picture, h("span", { class: "value" }, share(ratio)));
}

export const figures = (pairs) =>
  h("dl", { class: "figures" }, pairs.map(([name, value, more]) => h("div", { "data-figure": name }, h("dt", {}, name), h("dd", {}, h("span", {}, value), more ? h("small", {}, more) : null))));

// Columns are [title, how a row is shown, "number" | "block" | undefined]; the first is each row's head. Narrow screens show rows as cards.
export function table(caption, columns, rows) {
  const head = h("tr", {}, columns.map(([title, , kind]) => h("th", { scope: "col", class: kind === "number" ? "number" : null }, title)));
  const cell = (row) => ([title, show, kind], place) =>
    place ? h("td", { class: kind, "data-label": title }, show(row)) : h("th", { scope: "row" }, show(row));
  const body = rows.map((row) => h("tr", {}, columns.map(cell(row))));
  return h("div", { class: "sheet" }, h("table", { class: "cards", "aria-label": caption }, h("thead", {}, head), h("tbody", {}, body)));
}

export function state(title, words, { bad = false, action = null, busy = false, head = "h2" } = {}) {
  const named = { class: bad ? "state bad" : "state", role: bad ? "alert" : "status", "aria-busy": busy ? "true" : null };
  return h("section", named, h(head, head === "h1" ? { tabindex: "-1" } : {}, title), words ? h("p", {}, words) : null, action);
}

export const loading = (what) => state(`Loading ${what} …`, "", { busy: true, head: "h1" });

const BROKEN = {
  down: ["The store does not answer", "Requests go on; what was recorded of sessions cannot be read at the moment. It is asked again every few seconds."],
  offline: ["The proxy does not answer", "It may be restarting, or this machine may be offline. It is asked again every few seconds."],
  forbidden: ["Not for this key", ""],
  missing: ["Nothing there", ""],
  failed: ["That did not work", ""],
};

export function broken(problem) {
  const [title, words] = BROKEN[problem.kind] ?? ["That did not work", ""];
  return state(title, words || problem.message, { bad: problem.kind !== "missing" && problem.kind !== "forbidden", head: "h1" });
}

export function heading(title, words) {
  return [h("h1", { tabindex: "-1" }, title), words ? h("p", { class: "muted" }, words) : null];
}
