// Signing in, choosing a view, and asking again: the frame that the views stand in.

import { ask, key } from "./api.js";
import { leaveAll } from "./charts.js";
import { broken, h, loading, state, when } from "./dom.js";
import * as limits from "./limits.js";
import * as overview from "./overview.js";
import * as playground from "./playground.js";
import * as sessions from "./sessions.js";

const VIEWS = { overview, sessions, playground, limits };
const RETRY = 3000;
const main = document.getElementById("main");
const banner = document.getElementById("banner");
let turn = 0; // what is drawn for an earlier turn is out of date
let timer = 0;
let drawn = null; // the place whose data stand on the page, and when they were asked for

const place = () => {
  const [name, ...rest] = location.hash.slice(1).split("/");
  return { name: VIEWS[name] ? name : "overview", id: rest.join("/") };
};

function fill(...children) {
  main.replaceChildren(...children.flat().filter(Boolean));
}

function tell(words) {
  banner.hidden = !words;
  banner.textContent = words;
}

async function open({ focus = false } = {}) {
  clearTimeout(timer);
  if (!key.get()) return signIn();
  const now = (turn += 1);
  const { name, id } = place();
  const view = VIEWS[name];
  const here = `${name}/${id}`;
  frame(name, view);
  if (drawn?.here !== here) {
    leaveAll();
    tell("");
    fill(loading(view.title.toLowerCase()));
    drawn = null;
  }
  try {
    const found = await view.load(id);
    if (now !== turn) return;
    if (drawn?.here === here && busy()) return again(view);
    const top = scrollY;
    leaveAll();
    tell("");
    fill(view.show(found, () => open()));
    if (drawn) scrollTo(0, top);
    drawn = { here, at: Date.now() };
    if (focus) main.querySelector("h1")?.focus();
    again(view);
  } catch (problem) {
    if (now === turn) failed(problem, here);
  }
}

// Nobody's reading or typing is disturbed by fresher figures.
const busy = () => main.querySelector("details[open]") || (main.contains(document.activeElement) && document.activeElement.matches("input, select, textarea"));

function again(view) {
  if (view.every) timer = setTimeout(() => (document.hidden ? again(view) : open()), view.every);
}

function failed(problem, here) {
  if (problem.kind === "key") return signIn("This key is no longer accepted: it may have expired, or it was taken back. Sign in with another.");
  if (!problem.kind) console.error(problem);
  const passing = problem.kind === "offline" || problem.kind === "down";
  if (drawn?.here === here && passing) tell(`${broken(problem).firstChild.textContent}. Shown is what it said at ${when(drawn.at / 1000)}; it is asked again every few seconds.`);
  else fill(broken(problem));
  if (passing) timer = setTimeout(open, RETRY);
}

function frame(name, view) {
  document.getElementById("views").hidden = document.getElementById("sign-out").hidden = !view;
  document.title = view ? `${view.title} – token_guard` : "token_guard";
  for (const link of document.querySelectorAll("#views a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function signIn(words = "") {
  turn += 1;
  clearTimeout(timer);
  leaveAll();
  key.forget();
  drawn = null;
  tell("");
  frame("", null);
  const said = h("p", { class: "error", role: "alert", id: "said" }, words);
  const field = h("input", { id: "key", type: "password", autocomplete: "off", required: true, spellcheck: "false", "aria-describedby": "said" });
  const button = h("button", { class: "main", type: "submit" }, "Sign in");
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    said.textContent = "";
    try {
      await ask("overview", { asKey: field.value.trim() });
      key.set(field.value.trim());
      open({ focus: true });
    } catch (problem) {
      const wrong = problem.kind === "key" || problem.kind === "forbidden";
      said.textContent = wrong ? "The proxy does not accept this key." : problem.message;
      button.disabled = false;
      field.select();
    }
  };
  const form = h("form", { onsubmit: submit }, h("div", {}, h("label", { for: "key" }, "Key of the proxy"), field), said, button);
  const section = state("Sign in", "With a key of this proxy. A key sees its own requests and sessions, an administrator's key all. It is kept in this tab alone, and gone when the tab is closed.", { action: form, head: "h1" });
  section.removeAttribute("role");
  fill(section);
  field.focus();
}

const THEMES = ["system", "light", "dark"];
const themeButton = document.getElementById("theme");
function useTheme(theme) {
  if (theme === "system") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.setAttribute("data-theme", theme);
  themeButton.textContent = `Theme: ${theme}`;
  localStorage.setItem("token_guard.theme", theme);
}
themeButton.addEventListener("click", () => {
  const now = localStorage.getItem("token_guard.theme");
  useTheme(THEMES[(THEMES.indexOf(now) + 1) % THEMES.length]);
  if (main.querySelector("figure")) open();
});
useTheme(THEMES.includes(localStorage.getItem("token_guard.theme")) ? localStorage.getItem("token_guard.theme") : "system");

document.getElementById("sign-out").addEventListener("click", () => signIn());
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener("hashchange", () => {
  drawn = null;
  open({ focus: true });
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => main.querySelector("figure") && open());
open();
