// Counting while somebody types: seldom enough to bother nobody, and only the newest answer counts.

import { ask } from "./api.js";
import { h, heading, number, share, usage } from "./dom.js";

export const title = "Playground";
export const every = 0;

const QUIET = 250; // ms without a key before it is counted
const LONGEST = 1000; // ms after which it is counted all the same
const MOST = 4_000_000; // characters: more are for the command line
const SOURCES = { argument: "the caller's cap", environment: "an environment variable", config_file: "a limit file or setting", deployment: "the deployment's model_info", learned: "a refusal of its provider", discovery: "its server", litellm_map: "litellm's map of models", inference: "its name", default: "nobody: assumed" };
const kept = { text: "", model: "", as: "auto", values: {}, from: "" }; // of this tab, for as long as the page is open

export async function load() {
  const models = await ask("../v1/models").catch((problem) => {
    if (problem.kind === "key" || problem.kind === "offline") throw problem;
    return { data: [] };
  });
  return models.data.map((model) => model.id).filter((id) => !id.includes("*")).sort();
}

export function show(models) {
  kept.model ||= models[0] ?? "gpt-4o";
  const desk = new Desk(models);
  queueMicrotask(() => desk.changed());
  return [...heading(title, "What would this count, would it fit, and what would be cut? Nothing is sent to a model, and nothing is kept."), desk.element, desk.diff];
}

class Desk {
  constructor(models) {
    this.text = h("textarea", { id: "text", spellcheck: "false", "aria-describedby": "read-as", placeholder: "Type or paste a text, a list of messages or a whole request, or drop a file here. {{name}} is a variable." });
    this.text.value = kept.text;
    this.model = h("input", { id: "model", list: "models", value: kept.model, autocomplete: "off", spellcheck: "false" });
    this.as = h("select", { id: "as" }, [["auto", "automatic"], ["text", "text"], ["messages", "messages"], ["request", "request"]].map(([value, words]) => h("option", { value, selected: value === kept.as }, words)));
    this.readAs = h("p", { class: "muted", id: "read-as" });
    this.variables = h("div", { class: "variables" });
    this.panel = h("section", { class: "panel", "aria-label": "Count", "aria-busy": "false" }, h("div", { role: "status", id: "count" }));
    this.diff = h("section", { "aria-label": "What would be cut" });
    this.names = [];
    this.number = 0;
    this.element = h("div", { class: "desk" }, this.editor(models), this.panel);
    this.reading = 0;
    this.text.addEventListener("input", () => this.changed((kept.from = "")));
    for (const field of [this.model, this.as]) field.addEventListener("input", () => this.changed());
    this.acceptDrops();
  }

  editor(models) {
    const file = h("input", { type: "file", id: "file", class: "hidden-input", tabindex: "-1", "aria-label": "A file to count", onchange: () => this.read([...file.files]).then(() => (file.value = "")) });
    const label = (id, words) => h("label", { for: id }, words);
    return h("div", {},
      h("div", { class: "row" }, h("div", {}, label("model", "Model"), this.model, h("datalist", { id: "models" }, models.map((value) => h("option", { value })))), h("div", {}, label("as", "Read as"), this.as)),
      label("text", "Text, messages or request"), this.text, this.readAs, this.variables,
      h("p", {}, h("button", { type: "button", onclick: () => file.click() }, "Open a file"), " ", h("button", { type: "button", onclick: () => { this.text.value = kept.from = ""; this.changed(); } }, "Clear"), file));
  }

  acceptDrops() {
    const brings = (event) => [...event.dataTransfer.types].includes("Files"); // a text that is dropped goes where the browser puts it
    const over = (on) => (event) => {
      if (brings(event)) event.preventDefault();
      this.text.classList.toggle("drop", on && brings(event));
    };
    this.text.addEventListener("dragover", over(true));
    this.text.addEventListener("dragleave", over(false));
    this.text.addEventListener("drop", (event) => {
      over(false)(event);
      if (brings(event)) this.read([...event.dataTransfer.files]);
    });
  }

  // One file of text takes the place of what stood there; what is none is told, and what stood there stays.
  async read(files) {
    const now = (this.reading += 1);
    if (!files.length) return;
    const [file] = files;
    if (files.length > 1) return this.say(`Those are ${number(files.length)} files; this page counts one at a time. token-guard count takes many.`, true);
    if (file.size > MOST) return this.say(`${file.name} has ${number(file.size)} bytes; this page takes ${number(MOST)}. token-guard count takes files of any size.`, true);
    this.panel.setAttribute("aria-busy", "true");
    const text = await file.text().catch(() => null);
    if (now !== this.reading) return;
    if (text === null) return this.say(`${file.name} cannot be read: it may be a folder, or gone.`, true);
    if (/[\0\uFFFD]/.test(text)) return this.say(`${file.name} is no text in UTF-8.`, true);
    this.text.value = text;
    kept.from = `, from ${file.name} (${number(file.size)} bytes)`;
    this.changed();
  }

  // Something was typed: count when it is quiet, and at the latest after a while.
  changed() {
    Object.assign(kept, { text: this.text.value, model: this.model.value.trim(), as: this.as.value });
    this.showVariables();
    this.panel.setAttribute("aria-busy", "true");
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => this.count(), QUIET);
    this.latest ??= setTimeout(() => this.count(), LONGEST);
  }

  showVariables() {
    const names = [...new Set([...kept.text.matchAll(/\{\{\s*([\w.-]{1,100})\s*\}\}/g)].map((found) => found[1]))].slice(0, 40);
    if (names.join() === this.names.join()) return;
    this.names = names;
    this.variables.replaceChildren(...names.map((name, place) => {
      const field = h("input", { id: `variable-${place}`, value: kept.values[name] ?? "", autocomplete: "off", oninput: () => { kept.values[name] = field.value; this.changed(); } });
      return h("div", {}, h("label", { for: field.id }, name), field);
    }));
  }

  // The body to send, or what is wrong with what was typed.
  body(preview) {
    if (kept.text.length > MOST) throw new Error(`That has ${number(kept.text.length)} characters; this page takes ${number(MOST)}. token-guard count takes files of any size.`);
    const [name, subject] = subjectOf(kept.text, kept.as);
    const count = name === "messages" ? ` (${number(subject.length)})` : name === "request" && subject.messages ? ` (${number(subject.messages.length)} messages)` : "";
    const filled = this.names.filter((each) => kept.values[each]);
    const open = this.names.filter((each) => !kept.values[each]);
    const resolved = this.names.length ? ` ${filled.length} of ${this.names.length} variables have a value${open.length ? `; without one: ${open.join(", ")}` : ""}.` : "";
    this.readAs.textContent = `Read as ${name}${count}${kept.from}.${resolved}`;
    return { [name]: subject, model: kept.model || "gpt-4o", variables: Object.fromEntries(filled.map((each) => [each, kept.values[each]])), preview };
  }

  async count(preview = false) {
    clearTimeout(this.quiet);
    clearTimeout(this.latest);
    this.latest = null;
    this.asked?.abort();
    this.asked = new AbortController();
    const now = (this.number += 1);
    try {
      const found = await ask("count", { body: this.body(preview), signal: this.asked.signal });
      if (now !== this.number) return;
      this.panel.firstChild.replaceChildren(...this.answer(found));
      this.diff.replaceChildren(...(found.preview ? changes(found) : []));
    } catch (problem) {
      if (problem.name === "AbortError" || now !== this.number) return;
      if (problem.kind === "key") return dispatchEvent(new HashChangeEvent("hashchange"));
      this.say(problem.message, true);
    }
    this.panel.setAttribute("aria-busy", this.latest ? "true" : "false");
  }

  say(words, bad = false) {
    this.panel.firstChild.replaceChildren(h("p", { class: bad ? "error wide" : "muted" }, words));
    this.panel.setAttribute("aria-busy", "false");
    this.diff.replaceChildren();
  }

  answer(found) {
    const about = found.counted === "exact" ? "exact" : `estimate, the provider may count up to ${share(found.margin, 0)} more`;
    const pairs = [
      ["Model", found.counted_as === found.model ? found.model : `${found.model} → ${found.counted_as}`],
      ["Context window", number(found.limit)],
      ["Source", SOURCES[found.limit_source] ?? found.limit_source],
      ["Counted", about],
      ...(found.allowed ? [["Room for the prompt", number(found.allowed)], ["Kept for the reply", number(found.reserved_output)], ["Compacted above", number(found.trigger)], ["Compacted down to", number(found.target)]] : []),
    ];
    return [
      h("div", {}, h("span", { class: "big", id: "tokens" }, number(found.tokens)), " tokens"),
      usage(found.usage_ratio, found.trigger ? found.trigger / found.limit : null),
      h("p", { id: "verdict" }, verdict(found)),
      h("dl", {}, pairs.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
      found.would_compact && !found.preview ? h("button", { type: "button", class: "main", id: "preview", onclick: () => this.count(true) }, "Show what would be cut") : null,
    ].filter(Boolean);
  }
}

function subjectOf(text, as) {
  if (as === "text" || (as === "auto" && !/^\s*[[{]/.test(text))) return ["text", text];
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (as === "auto") return ["text", text];
    throw new Error(`That is no JSON: ${error.message}`);
  }
  if (as === "messages" || as === "request") return [as, value];
  if (Array.isArray(value) && value.length && value.every((one) => one?.role)) return ["messages", value];
  return value && ["messages", "input", "prompt"].some((name) => name in value) ? ["request", value] : ["text", text];
}

function verdict(found) {
  if (found.would === "rejected") return `It would be refused: ${found.rejected.message}`;
  if (found.would_compact) return `It would be compacted to ${number(found.tokens_after)} tokens.`;
  if (found.guessed) return "Nobody knows this model's window: it would be forwarded as it is, until the provider says how long it is.";
  return found.would === "clamped" ? "It would be forwarded whole, with a shorter reply." : "It would be forwarded as it is.";
}

function changes(found) {
  const { changes: rows, left_out: left, steps } = found.preview;
  const counts = Object.entries(rows.reduce((sum, row) => ({ ...sum, [row.state]: (sum[row.state] ?? 0) + 1 }), {}));
  const passes = steps.filter((step) => step.tokens_after < step.tokens_before).map((step) => `${step.name} ${number(step.tokens_before - step.tokens_after)}`).join(", ");
  return [
    h("h2", { tabindex: "-1" }, "What would be cut"),
    h("p", { class: "muted" }, `${counts.map(([name, times]) => `${number(times)} ${name}`).join(", ")}. Tokens taken out by pass: ${passes}.`),
    h("ol", { class: "changes" }, grouped(rows).map(card).flat()),
    left ? h("p", { class: "muted" }, `${number(left)} more messages are not shown.`) : null,
  ].filter(Boolean);
}

// Runs of messages that stay stand together, and so do runs that a pass took out, with the notes that were put in for them.
const goesWith = (row, last) => ["kept", "dropped"].includes(row.state) && row.state === last?.state && row.pass === last.pass;

function grouped(rows) {
  const groups = [];
  for (const row of rows) {
    const last = groups.at(-1);
    if (goesWith(row, last?.[0]) || (row.state === "inserted" && last?.[0].state === "dropped")) last.push(row);
    else groups.push([row]);
  }
  return groups;
}

function card(group) {
  if (group.length === 1) return change(group[0]);
  if (group[0].state === "dropped") return replaced(group);
  return group.length > 2 ? folded(group) : group.map(change);
}

const total = (rows, side) => rows.reduce((sum, row) => sum + row[side], 0);
const range = (rows) => (rows.length === 1 ? `#${rows[0].index}` : `#${rows[0].index} to #${rows.at(-1).index}`);

function folded(rows) {
  const words = `${range(rows)}: ${number(rows.length)} messages stay as they are, ${number(total(rows, "tokens_before"))} tokens`;
  return h("li", { class: "change", "data-state": "kept" }, h("details", {}, h("summary", {}, words), h("ol", { class: "changes" }, rows.map(change))));
}

// What was taken out on the left, each message a line that opens; what was put in for it on the right.
function replaced(rows) {
  const gone = rows.filter((row) => row.state === "dropped");
  const notes = rows.filter((row) => row.state === "inserted");
  const taken = `${number(gone.length)} taken out, ${number(total(gone, "tokens_before"))} tokens`;
  const put = notes.length ? `${number(notes.length)} put in, ${number(total(notes, "tokens_after"))} tokens` : "";
  const head = [h("b", {}, range(gone)), h("span", {}, taken), mark(gone[0].pass), h("span", {}, put), notes.length ? mark(notes[0].pass) : null];
  const line = (row) => h("details", {}, h("summary", {}, `#${row.index} ${row.role}, ${number(row.tokens_before)} tokens`), h("pre", { class: "before" }, row.before));
  const left = h("div", { class: "gone", tabindex: "0", role: "region", "aria-label": "taken out" }, gone.map(line));
  const right = h("div", {}, notes.length ? notes.map((row) => h("pre", { class: "after", tabindex: "0", "aria-label": "after" }, row.after)) : h("div", { class: "none" }, "nothing was put in"));
  return h("li", { class: "change", "data-state": "dropped" }, h("div", { class: "head" }, head), h("div", { class: "sides" }, left, right));
}

const mark = (pass) => (pass ? h("span", { class: "mark" }, pass) : null);

function change(row) {
  const head = [h("b", {}, row.index === null ? "put in" : `#${row.index}`), h("span", {}, row.role), h("span", {}, row.state), mark(row.pass), h("span", { class: "muted" }, `${number(row.tokens_before)} → ${number(row.tokens_after)} tokens`)];
  const side = (name, text, words) => (text === null ? h("div", { class: "none" }, words) : h("pre", { class: name, tabindex: "0", "aria-label": name }, text));
  const body = row.state === "kept" ? h("pre", { class: "wide" }, row.before) : h("div", { class: "sides" }, side("before", row.before, "nothing stood here"), side("after", row.after, "taken out"));
  return h("li", { class: "change", "data-state": row.state }, h("div", { class: "head" }, head), body);
}
