import { ask } from "./api.js";
import { h, heading, number, share, state, table } from "./dom.js";

export const title = "Limits";
export const every = 30000;
export const load = () => ask("limits");

export function show({ deployments, wildcards, warnings }) {
  const said = [...warnings, ...wildcards.map((model) => `${model}: depends on the model that a request asks for`)];
  return [
    ...heading(title, "Every deployment of this proxy: its context window, who says so, and how far estimates are off from what it counts itself."),
    said.length ? h("ul", {}, said.map((one) => h("li", { class: "wide" }, one))) : null,
    deployments.length ? rows(deployments) : state("No deployments", "This proxy serves no models yet."),
  ];
}

const rows = (deployments) =>
  table("Deployments", [
    ["Deployment", (row) => [h("div", {}, row.group), row.id && row.id !== row.group ? h("div", { class: "muted wide" }, row.id) : null]],
    ["Model", (row) => h("span", { class: "wide" }, row.model)],
    ["Window", (row) => number(row.max_input_tokens), "number"],
    ["Longest reply", (row) => number(row.max_output_tokens), "number"],
    ["Source", (row) => h("span", row.guessed ? { class: "error" } : {}, row.guessed ? "assumed" : row.source)],
    ["Calibration", (row) => calibration(row.calibration)],
    ["Notes", (row) => details(row), "block"],
  ], deployments);

function calibration(known) {
  if (!known) return h("span", { class: "muted" }, "no answers yet");
  const line = `× ${known.slope.toFixed(3)}${Math.round(known.offset) ? ` + ${number(Math.round(known.offset))}` : ""}`;
  return h("span", {}, `${line}, off by ${share(known.spread)}`, h("span", { class: "muted" }, ` (${number(known.samples)} answers${known.trusted ? "" : ", not used yet"})`));
}

function details(row) {
  const answers = row.chain.map((one) => h("tr", {}, h("th", { scope: "row" }, one.source), h("td", {}, one.limit ? number(one.limit.max_input_tokens) : "–"), h("td", { class: "muted wide" }, one.note)));
  const chain = h("details", {}, h("summary", {}, "What each source says"), h("table", { "aria-label": `Sources for ${row.model}` }, h("tbody", {}, answers)));
  return [...row.warnings.map((warning) => h("p", { class: "error wide" }, warning)), chain];
}
