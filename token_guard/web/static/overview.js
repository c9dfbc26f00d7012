import { ask } from "./api.js";
import { leaveAll, overTime } from "./charts.js";
import { figures, h, heading, milliseconds, money, number, share, short, state, table, when } from "./dom.js";

export const title = "Overview";
export const every = 5000;

export async function load() {
  const [now, record] = await Promise.all([ask("overview"), ask("stats").catch((problem) => problem)]);
  return { now, record };
}

export function show({ now, record }) {
  const whose = now.scope === "all" ? "All requests" : "The requests of this key";
  const from = now.until - now.since < 3590 ? `since ${when(now.since)}` : "of the last hour";
  const words = `${whose} ${from}, as this process of the proxy has seen them. Mode: ${now.mode}.`;
  const live = now.requests ? [tiles(now), h("div", { class: "charts" }, charts(now.series)), h("h2", {}, "By model"), models(now.models)] : [nothing()];
  return [...heading(title, words), ...live, h("h2", {}, "On record"), recorded(record)];
}

export const leave = leaveAll;

const nothing = () => state("No requests in the last hour", "As soon as a request passes the proxy, it is counted here.");

const tiles = (now) =>
  figures([
    ["Requests", number(now.requests), actions(now.actions)],
    ["Compacted", share(now.compacted_share), `${number(now.actions.compacted ?? 0)} requests`],
    ["Overflows prevented", number(now.overflows_prevented), "would not have fitted as they came"],
    ["Tokens saved", number(now.tokens_saved), `${short(now.tokens_in)} in, ${short(now.tokens_forwarded)} forwarded`],
    ["Money saved", money(now.money_saved), saved(now)],
    ["Prompt cache", share(now.cache_share), now.cache_share === null ? "no provider has spoken of one" : `${short(now.cache_read_tokens)} of ${short(now.prompt_tokens)} prompt tokens read from it`],
    ["Overhead p50", milliseconds(now.overhead_p50_seconds), `p99 ${milliseconds(now.overhead_p99_seconds)}`],
    ["Estimate error", share(now.estimate_error), now.estimate_error === null ? "no answer has been compared yet" : "against what providers counted"],
  ]);

function saved(now) {
  if (!now.prompt_tokens) return "no answer has been counted yet";
  const words = `${short(now.tokens_saved_net)} tokens, cached ones at a tenth, rewrites taken off`;
  return now.tokens_saved_unpriced ? `${words}; ${short(now.tokens_saved_unpriced)} have no price` : words;
}

const actions = (found) => Object.entries(found).filter(([action]) => action !== "none").map(([action, times]) => `${number(times)} ${action}`).join(", ") || "all forwarded as they came";

const charts = (series) => [
  overTime("Requests", series.times, [["all", series.requests, "rest", true], ["compacted", series.compacted, "accent", true], ["rejected", series.rejected, "red", true]]),
  overTime("Tokens", series.times, [["in", series.tokens_in, "rest"], ["forwarded", series.tokens_forwarded, "accent"]]),
  overTime("Overhead", series.times, [["p99", series.overhead_p99_seconds, "amber"], ["p50", series.overhead_p50_seconds, "accent"]], milliseconds),
];

const models = (rows) =>
  table("Requests by model", [
    ["Model", (row) => row.model],
    ["Requests", (row) => number(row.requests), "number"],
    ["Compacted", (row) => share(row.compacted_share), "number"],
    ["Prevented", (row) => number(row.overflows_prevented), "number"],
    ["Tokens saved", (row) => number(row.tokens_saved), "number"],
    ["Money saved", (row) => money(row.money_saved), "number"],
    ["Prompt cache", (row) => share(row.cache_share), "number"],
    ["Overhead p50", (row) => milliseconds(row.overhead_p50_seconds), "number"],
    ["p99", (row) => milliseconds(row.overhead_p99_seconds), "number"],
    ["Estimate error", (row) => share(row.estimate_error), "number"],
  ], rows);

function recorded(record) {
  if (record instanceof Error) return unread(record);
  if (!record.sessions) return h("p", { class: "muted" }, "No session is on record.");
  return figures([
    ["Sessions", number(record.sessions)],
    ["Requests on record", number(record.requests), record.errors ? `${number(record.errors)} ended with an error` : "none ended with an error"],
    ["Compactions", number(record.compactions)],
    ["Tokens saved on record", number(record.tokens_saved), `${short(record.tokens_in)} in, ${short(record.tokens_forwarded)} forwarded`],
    ["Asked again", number(record.asked_again.reduce((sum, one) => sum + one.times, 0)), "calls for what had been taken out"],
  ]);
}

const UNREAD = { missing: "Records of sessions are switched off (sessions.enabled).", down: "The store does not answer: records cannot be read at the moment." };
function unread(problem) {
  if (!UNREAD[problem.kind]) throw problem;
  return h("p", { class: problem.kind === "down" ? "error" : "muted", role: "status" }, UNREAD[problem.kind]);
}
