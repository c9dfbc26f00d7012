// What the proxy is asked, with the key of this tab; what goes wrong has a kind that the views know how to show.

const KEY = "token_guard.key";

export const key = {
  get: () => sessionStorage.getItem(KEY),
  set: (value) => sessionStorage.setItem(KEY, value),
  forget: () => sessionStorage.removeItem(KEY),
};

export class Problem extends Error {
  constructor(kind, message) {
    super(message);
    this.kind = kind; // key | forbidden | missing | down | offline | failed
  }
}

const KINDS = { 401: "key", 403: "forbidden", 404: "missing", 502: "offline", 503: "down", 504: "offline" };

export async function ask(path, { body, signal, asKey } = {}) {
  const answer = await fetch(path, {
    method: body === undefined ? "GET" : "POST",
    headers: { Authorization: `Bearer ${asKey ?? key.get()}`, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
    body: body === undefined ? undefined : JSON.stringify(body),
    cache: "no-store",
    credentials: "omit",
    signal,
  }).catch((error) => {
    throw error.name === "AbortError" ? error : new Problem("offline", "The proxy does not answer.");
  });
  if (answer.ok) return answer.json();
  const said = await answer.json().catch(() => ({}));
  throw new Problem(kindOf(answer.status, said), wordsOf(said) || `The proxy answered ${answer.status}.`);
}

// LiteLLM has 400 and 403, too, for keys that it does not know.
const kindOf = (status, said) => (said.error?.type?.includes("auth") || said.error?.type === "no_db_connection" ? "key" : (KINDS[status] ?? "failed"));

const wordsOf = (said) => (typeof said.detail === "string" ? said.detail : said.error?.message) ?? "";
