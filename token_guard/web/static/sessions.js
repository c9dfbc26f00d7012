import { ask } from "./api.js";
import { leaveAll, stacked } from "./charts.js";
import { figures, h, heading, number, share, state, table, usage, when } from "./dom.js";

export const title = "Sessions";
export const every = 10000;

let wanted = { key: "", team: "", model: "" };
let pages = 1;

export async function load(id) {
  if (id) return { record: await ask(`sessions/${id}`) };
  const sessions = [];
  let next = "";
  for (let page = 0; page < pages && next !== null; page += 1) {
    const found = await ask(`sessions?${new URLSearchParams({ limit: 50, after: next, ...wanted })}`);
    sessions.push(...found.sessions);
    next = found.next;
  }
  return { sessions, next };
}

export const leave = leaveAll;

export const show = (found, again) => (found.record ? one(found.record) : list(found, again));

function list({ sessions, next }, again) {
  const filtered = Object.values(wanted).some(Boolean);
  const empty = filtered
    ? state("No session matches", "None of the sessions on record has all of these.")
    : state("No sessions yet", "A session appears with its first request, and leaves when its time on record is over.");
  const more = next ? h("p", {}, h("button", { type: "button", onclick: () => again((pages += 1)) }, "Show more")) : null;
  return [...heading(title, "The newest first. A bar shows what the last request used of its model's window."), filters(again), sessions.length ? rows(sessions) : empty, more];
}

function filters(again) {
  const field = (name, label) => h("div", {}, h("label", { for: `by-${name}` }, label), h("input", { id: `by-${name}`, name, value: wanted[name], autocomplete: "off", spellcheck: "false" }));
  const use = (event) => {
    event.preventDefault();
    wanted = Object.fromEntries([...new FormData(event.target)].map(([name, value]) => [name, value.trim()]));
    again((pages = 1));
  };
  return h("form", { class: "filters", onsubmit: use, role: "search", "aria-label": "Sessions" }, field("key", "Key"), field("team", "Team"), field("model", "Model"), h("button", { type: "submit" }, "Filter"));
}

const rows = (sessions) =>
  table("Sessions", [
    ["Session", (row) => h("a", { href: `#sessions/${row.id}` }, row.session || row.id)],
    ["Model", (row) => h("span", { class: "wide" }, row.model)],
    ["Key", (row) => h("span", { class: "wide" }, [row.key_alias || (/^[0-9a-f]{64}$/.test(row.key ?? "") ? row.key.slice(0, 8) : row.key), row.team].filter(Boolean).join(" · "))],
    ["Window used", (row) => usage(row.usage_ratio)],
    ["Requests", (row) => number(row.requests), "number"],
    ["Compactions", (row) => number(row.compactions), "number"],
    ["Tokens saved", (row) => number(row.tokens_saved), "number"],
    ["Last request", (row) => when(row.last_seen), "number"],
  ], sessions);

function one(record) {
  const back = h("p", {}, h("a", { href: "#sessions" }, "All sessions"));
  const names = [record.model, record.deployment, record.key_alias, record.team].filter(Boolean).join(" · ");
  return [
    back,
    h("h1", { tabindex: "-1", class: "wide" }, record.session || record.id),
    h("p", { class: "muted wide" }, names),
    usage(record.usage_ratio),
    figures([
      ["Requests", number(record.requests), record.errors ? `${number(record.errors)} ended with an error` : "none ended with an error"],
      ["Tokens in", number(record.tokens_in)],
      ["Tokens forwarded", number(record.tokens_forwarded)],
      ["Tokens saved", number(record.tokens_saved)],
      ["Compactions", number(record.compactions)],
      ["Last request", when(record.last_seen).split(", ").at(-1), `first ${when(record.first_seen)}`],
    ]),
    h("h2", {}, "Compaction log"),
    ...log(record.compaction_events),
    ...again(record.asked_again),
  ];
}

const TINTS = { mask_observations: "mask", deduplicate: "deduplicate", summarize: "summarize", truncate: "truncate" };

function log(events) {
  if (!events.length) return [h("p", { class: "muted" }, "This session was never compacted on a turn that this log has seen.")];
  const names = [...new Set(events.flatMap((event) => event.steps.map((step) => step.name)))];
  const layers = names.map((name) => [`removed by ${name}`, events.map((event) => removed(event, name)), TINTS[name] ?? "muted"]);
  const labels = events.map((event) => when(event.time));
  return [
    stacked("Tokens of the client's request at each compaction: forwarded, and removed by each pass so far", labels, [["forwarded", events.map((event) => event.tokens_after), "rest"], ...layers.filter(([, values]) => values.some(Boolean))]),
    h("h2", {}, "Each compaction, the newest first"),
    table("Compactions", [
      ["Time", ({ event }) => when(event.time)],
      ["Before", ({ event }) => number(event.tokens_before), "number"],
      ["After", ({ event }) => number(event.tokens_after), "number"],
      ["Passes", passes, "block"],
      ["Kept in context", ({ event }) => share(event.retention, 0), "number"],
      ["Kept by class", kept, "block"],
    ], events.map((event, place) => ({ event, before: events[place - 1] })).reverse()),
  ];
}

const removed = (event, name) =>
  event.steps.filter((step) => step.name === name && step.outcome === "applied").reduce((sum, step) => sum + step.tokens_before - step.tokens_after, 0);

// An event's steps are those of all compactions so far: less those of the one before, they are its own.
function own(event, before) {
  const known = before && before.epochs === event.epochs - 1 && before.model === event.model ? before.steps : [];
  const earlier = (name, figure) => known.filter((step) => step.name === name).reduce((sum, step) => sum + step[figure], 0);
  return event.steps.map((step) => ({ ...step, tokens_before: step.tokens_before - earlier(step.name, "tokens_before"), tokens_after: step.tokens_after - earlier(step.name, "tokens_after") })).filter((step) => step.tokens_before);
}

const passes = ({ event, before }) =>
  own(event, before).map((step) => {
    const idle = step.tokens_after === step.tokens_before ? " (unchanged)" : step.outcome.startsWith("rolled back") ? ` (${step.outcome})` : "";
    return h("div", {}, `${step.name}: ${number(step.tokens_before)} → ${number(step.tokens_after)}`, h("span", { class: "muted" }, idle));
  });

const kept = ({ event }) => Object.entries(event.by_class ?? {}).map(([name, value]) => h("div", {}, `${name.replaceAll("_", " ")} ${share(value, 0)}`));

function again(asked) {
  if (!asked.length) return [];
  return [
    h("h2", {}, "Asked again"),
    h("p", { class: "muted" }, "Calls that repeat one whose result had been taken out."),
    table("Asked again", [["Tool", (row) => row.tool], ["Kind of result", (row) => row.kind], ["Times", (row) => number(row.times), "number"]], asked),
  ];
}
