"""The page at `/token-guard/` as somebody uses it: in Chromium, before a real proxy under a scripted load."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest
from build import agent, say
from caching_upstream import CachingUpstream
from conftest import LEVELS, PRICE, WINDOW, World, metric, started, words
from page_keys import ADMIN, ANN, BOB

from token_guard import TokenCounter
from token_guard.demo.upstream import Upstream

pytest.importorskip("playwright", reason="needs the extra browser")
pytest.importorskip("axe_playwright_python", reason="needs the extra browser")

from axe_playwright_python.sync_playwright import Axe
from pictures import BROWSERS, chromium, signed_in
from playwright.sync_api import Browser, BrowserContext, Page, expect

pytestmark = pytest.mark.skipif(not any(map(shutil.which, BROWSERS)), reason="needs Chromium")

LOADING_FAILED = "Failed to load resource"
"""What Chromium itself writes of an answer that is an error; our own code wrote nothing."""

PATIENCE = 30_000
"""Milliseconds that a busy machine has for what takes a moment."""

SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    expect.set_options(timeout=PATIENCE)
    context = browser.new_context(viewport={"width": 1180, "height": 860})
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page on whose console nothing is written."""
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    assert [words for words in said if not words.startswith(LOADING_FAILED)] == []


def opened(page: Page, world: World, view: str = "overview", key: str = ADMIN) -> Page:
    signed_in(page, world.url, key)
    page.goto(f"{world.url}#{view}")
    expect(page.locator("main")).not_to_contain_text("Loading")
    return page


def shown(page: Page) -> dict[str, str]:
    """The figures of the page by their names."""
    tiles = page.locator("[data-figure]")
    return {tile.get_attribute("data-figure") or "": tile.locator("dd > span").inner_text() for tile in tiles.all()}


def test_the_figures_are_those_of_the_routes_the_metrics_and_the_store(page: Page, world: World) -> None:
    opened(page, world)
    expect(page.get_by_role("heading", name="By model")).to_be_visible()
    found, now, record = shown(page), world.ask("overview").json(), world.ask("stats").json()
    metrics = world.metrics()
    assert found["Requests"] == f"{now['requests']:,}" == f"{metric(metrics, 'token_guard_requests_total'):,.0f}"
    assert now["actions"]["compacted"] == metric(metrics, "token_guard_requests_total", action="compacted")
    assert now["actions"]["rejected"] == metric(metrics, "token_guard_requests_total", action="rejected") == 1
    assert found["Compacted"] == f"{now['compacted_share']:.1%}".replace("%", " %")
    prevented = metric(metrics, "token_guard_overflows_prevented_total")
    assert found["Overflows prevented"] == f"{now['overflows_prevented']:,}" == f"{prevented:,.0f}"
    assert found["Tokens saved"] == found["Tokens saved on record"] == f"{record['tokens_saved']:,}" != "0"
    net = metric(metrics, "token_guard_tokens_saved_total")
    assert now["tokens_saved_net"] == net > 0
    assert found["Money saved"] == f"{net * PRICE:.4f}"
    assert (now["cache_share"], found["Prompt cache"]) == (None, "–")  # the stand-in has none
    assert found["Requests on record"] == f"{record['requests']:,}"
    assert found["Sessions"] == f"{record['sessions']:,}"
    by_model = {row.locator("th").inner_text(): row.locator("td").nth(0).inner_text() for row in page.locator("tbody tr").all()}
    for model in now["models"]:
        assert by_model[model["model"]] == f"{model['requests']:,}"
        assert model["requests"] == metric(metrics, "token_guard_requests_total", model=model["model"])


@pytest.fixture(scope="module")
def cached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, CachingUpstream]]:
    """A proxy before a provider with a prompt cache, which has answered a session up to its second compaction, and another key's."""
    with CachingUpstream(WINDOW) as upstream:
        for world in started(tmp_path_factory.mktemp("cached"), upstream):
            messages = agent(40)
            for end in range(2, len(messages), 2):
                assert world.chat("long", messages[:end], stream=end % 4 == 0).status_code == 200
            assert world.chat("bobs", [say("user", words(2_000))], BOB, model="mystery").status_code == 200
            world.wait_for_answers(sum(usage["prompt"] for usage in upstream.usages))
            yield world, upstream


def test_the_caches_share_and_the_money_are_what_the_provider_said_the_metrics_say_and_the_record_holds(
    page: Page, cached: tuple[World, CachingUpstream]
) -> None:
    world, upstream = cached
    opened(page, world)
    expect(page.get_by_role("heading", name="By model")).to_be_visible()
    found, now, record = shown(page), world.ask("overview").json(), world.ask("stats").json()
    metrics = world.metrics()
    prompt, read = (sum(usage[name] for usage in upstream.usages) for name in ("prompt", "read"))
    assert metric(metrics, "token_guard_prompt_tokens_total", kind="cache_read") == now["cache_read_tokens"] == read > 0
    assert metric(metrics, "token_guard_prompt_tokens_total") == now["prompt_tokens"] == prompt
    assert found["Prompt cache"] == f"{100 * read / prompt:.1f} %"
    net = metric(metrics, "token_guard_tokens_saved_total")
    assert (now["tokens_saved_net"], found["Money saved"]) == (net, f"{net * PRICE:.4f}")
    assert net < now["tokens_saved"] == record["tokens_saved"]  # what would have been read from the cache counts a tenth
    rows = {row.locator("th").inner_text(): row.locator("td").all_inner_texts() for row in page.locator("tbody tr").all()}
    for model in now["models"]:
        share = model["cache_read_tokens"] / model["prompt_tokens"]
        told = f"{100 * share:.1f} %" if model["cache_share"] is not None else "–"
        assert rows[model["model"]][5] == told
        assert metric(metrics, "token_guard_prompt_tokens_total", kind="cache_read", model=model["model"]) == model["cache_read_tokens"]


def test_a_key_sees_its_own_share_of_the_cache(page: Page, cached: tuple[World, CachingUpstream]) -> None:
    world, upstream = cached
    opened(page, world, key=ANN)
    own = [usage for usage in upstream.usages if usage is not upstream.usages[-1]]
    share = sum(usage["read"] for usage in own) / sum(usage["prompt"] for usage in own)
    expect(page.locator('[data-figure="Prompt cache"] dd > span').first).to_have_text(f"{100 * share:.1f} %")


def test_a_session_is_followed_to_its_compactions(page: Page, world: World) -> None:
    opened(page, world, "sessions")
    page.get_by_role("link", name="long").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("long")
    record = world.ask("sessions/long", ANN).json()
    assert shown(page)["Tokens saved"] == f"{record['tokens_saved']:,}"
    log = page.get_by_role("table", name="Compactions")
    newest = record["compaction_events"][-1]
    first = log.locator("tbody tr").first
    expect(first).to_contain_text(f"{newest['tokens_before']:,}")
    expect(first).to_contain_text(f"{newest['tokens_after']:,}")
    expect(first).to_contain_text("summarize")
    expect(first).to_contain_text(f"paths {newest['by_class']['paths']:.0%}".replace("%", " %"))
    expect(page.locator("figure canvas")).to_be_visible()
    page.get_by_text("As a table").click()
    expect(page.locator("figure details tbody tr")).to_have_count(len(record["compaction_events"]))


def colour(page: Page, name: str) -> str:
    """A colour of the page's own, as a browser says it."""
    return page.evaluate(
        """(name) => { const probe = document.createElement("i"); probe.style.color = `var(--${name})`; document.body.append(probe);
        const found = getComputedStyle(probe).color; probe.remove(); return found; }""",
        name,
    )


def test_bars_of_sessions_have_the_colour_of_their_level(page: Page, world: World) -> None:
    opened(page, world, "sessions")
    for level in LEVELS:
        bar = page.get_by_role("row").filter(has=page.get_by_role("link", name=level, exact=True)).locator(".usage")
        expect(bar).to_have_attribute("data-level", level)
        assert bar.locator(".fill").evaluate("(fill) => getComputedStyle(fill).fill") == colour(page, level)


@pytest.mark.parametrize(("tokens", "level"), [(5_599, "green"), (5_600, "amber"), (7_200, "amber"), (7_201, "red")])
def test_the_colour_changes_at_70_and_90_per_cent(page: Page, world: World, tokens: int, level: str) -> None:
    opened(page, world, "playground")
    ask_for(page, words(tokens))
    expect(page.locator("#tokens")).to_have_text(f"{tokens:,}")
    expect(page.locator(".panel .usage")).to_have_attribute("data-level", level)
    assert WINDOW * 0.7 == 5_600


def ask_for(page: Page, text: str, model: str = "chat") -> None:
    page.get_by_label("Model", exact=True).fill(model)
    page.get_by_label("Text, messages or request").fill(text)


def test_typing_at_speed_asks_seldom_and_ends_on_the_right_count(page: Page, world: World) -> None:
    opened(page, world, "playground")
    page.get_by_label("Model", exact=True).fill("chat")
    text = ("The nightly job charges some customers twice; find out why. " * 40)[:2_000]
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/count") else None)
    began = time.monotonic()
    page.get_by_label("Text, messages or request").press_sequentially(text, timeout=120_000)
    seconds = time.monotonic() - began
    expect(page.locator("#tokens")).to_have_text(f"{TokenCounter('gpt-4o').count_tokens(text):,}")
    expect(page.locator(".panel")).to_have_attribute("aria-busy", "false")
    assert 1 <= len(asked) <= seconds / 0.25 + 3


def test_an_answer_that_comes_too_late_is_dropped(page: Page, world: World) -> None:
    opened(page, world, "playground")
    ask_for(page, "one")
    expect(page.locator("#tokens")).to_have_text("1")
    held: list[Any] = []
    page.route("**/count", lambda route: held.append(route) if not held else route.continue_())
    ask_for(page, words(50))
    page.wait_for_function("() => document.querySelector('.panel').ariaBusy === 'true'")
    while not held:
        page.wait_for_timeout(50)
    ask_for(page, words(70))
    expect(page.locator("#tokens")).to_have_text("70")
    held[0].fulfill(json={"tokens": 50, "usage_ratio": 0.1})
    page.wait_for_timeout(200)
    expect(page.locator("#tokens")).to_have_text("70")


def test_variables_are_asked_for_and_put_in(page: Page, world: World) -> None:
    opened(page, world, "playground")
    ask_for(page, "{{who}} owes {{what}}")
    expect(page.locator("#read-as")).to_contain_text("0 of 2 variables have a value; without one: who, what")
    page.get_by_label("who", exact=True).fill(words(30))
    expect(page.locator("#read-as")).to_contain_text("1 of 2 variables have a value; without one: what")
    expect(page.locator("#tokens")).to_have_text(str(TokenCounter("gpt-4o").count_tokens(f"{words(30)} owes {{{{what}}}}")))


def test_a_dropped_request_is_counted_and_what_would_be_cut_stands_side_by_side(page: Page, world: World) -> None:
    messages = agent(24)
    opened(page, world, "playground")
    page.get_by_label("Model", exact=True).fill("chat")
    file = {"name": "request.json", "mimeType": "application/json", "buffer": json.dumps({"messages": messages}).encode()}
    page.locator("#file").set_input_files(file)
    expect(page.locator("#read-as")).to_contain_text(f"request ({len(messages)} messages)")
    found = world.count(messages=messages, preview=True).json()
    expect(page.locator("#tokens")).to_have_text(f"{found['tokens']:,}")
    expect(page.locator("#verdict")).to_contain_text(f"compacted to {found['tokens_after']:,} tokens")
    page.get_by_role("button", name="Show what would be cut").click()
    gone = page.locator('.change[data-state="dropped"]').first
    expect(gone).to_contain_text("taken out")
    expect(gone.locator(".mark").first).to_have_text("summarize")
    extended = page.locator('.change[data-state="extended"]')
    expect(extended.locator(".mark")).to_have_text("summarize")
    expect(extended.locator(".before")).to_have_text(messages[1]["content"])
    expect(extended.locator(".after")).to_contain_text("compacted: reference")


def dropped(page: Page, *files: tuple[str, bytes]) -> None:
    """Files that are let go over the editor, as a browser tells of them."""
    told = [[name, list(content)] for name, content in files]
    page.get_by_label("Text, messages or request").evaluate(
        """(editor, told) => {
            const dataTransfer = new DataTransfer();
            for (const [name, bytes] of told) dataTransfer.items.add(new File([new Uint8Array(bytes)], name));
            for (const kind of ["dragover", "drop"]) editor.dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }));
        }""",
        told,
    )


def test_a_file_that_is_dropped_is_counted_and_named_with_what_it_was_read_as_and_its_variables(page: Page, world: World) -> None:
    opened(page, world, "playground")
    page.get_by_label("Model", exact=True).fill("chat")
    text = f"{words(100)} for {{{{who}}}}"
    dropped(page, ("letter.txt", text.encode()))
    expect(page.locator("#read-as")).to_contain_text(f"Read as text, from letter.txt ({len(text)} bytes). 0 of 1 variables have a value")
    expect(page.locator("#tokens")).to_have_text(str(TokenCounter("gpt-4o").count_tokens(text)))
    page.get_by_label("Text, messages or request").press_sequentially("!")
    expect(page.locator("#read-as")).not_to_contain_text("letter.txt")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([("a.txt", b"one"), ("b.txt", b"two")], "one at a time"),
        ([("photo.png", b"\x89PNG\r\n\x1a\n\x00\x00")], "photo.png is no text in UTF-8"),
        ([("huge.txt", b"a" * 4_000_001)], "huge.txt has 4,000,001 bytes"),
    ],
    ids=["several", "no text", "too large"],
)
def test_a_file_that_cannot_be_counted_here_is_told_and_what_was_typed_stays(page: Page, world: World, files: Any, said: str) -> None:
    opened(page, world, "playground")
    ask_for(page, "what was typed")
    expect(page.locator("#tokens")).to_have_text("3")
    dropped(page, *files)
    expect(page.locator(".panel .error")).to_contain_text(said)
    assert page.get_by_label("Text, messages or request").input_value() == "what was typed"


@pytest.mark.parametrize("said", ['{"messages": [', '{"messages": "Hi"}'], ids=["broken JSON", "no list"])
def test_what_cannot_be_read_is_told(page: Page, world: World, said: str) -> None:
    opened(page, world, "playground")
    page.get_by_label("Read as").select_option("request")
    ask_for(page, said)
    expect(page.locator(".panel .error")).to_be_visible()


def test_a_wrong_key_is_told_and_a_right_one_then_lets_in(page: Page, world: World) -> None:
    page.goto(world.url)
    page.get_by_label("Key of the proxy").fill("sk-nobodys")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("The proxy does not accept this key.")
    assert page.evaluate("() => sessionStorage.length") == 0
    page.get_by_label("Key of the proxy").fill(ANN)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Overview")).to_be_focused()
    expect(page.locator("main")).to_contain_text("The requests of this key")
    assert page.evaluate("() => JSON.stringify(localStorage)").count(ANN) == 0
    page.get_by_role("button", name="Sign out").click()
    assert page.evaluate("() => sessionStorage.length") == 0


def test_a_key_that_expires_leads_back_to_signing_in(page: Page, world: World) -> None:
    opened(page, world, key=ANN)
    world.revoked.write_text("ann", encoding="utf-8")
    try:
        page.goto(f"{world.url}#sessions")
        expect(page.get_by_role("alert")).to_contain_text("no longer accepted")
        expect(page.get_by_label("Key of the proxy")).to_be_focused()
    finally:
        world.revoked.write_text("", encoding="utf-8")


def test_limits_are_told_to_administrators_and_others_are_told_why_not(page: Page, context: BrowserContext, world: World) -> None:
    opened(page, world, "limits")
    row = page.get_by_role("table", name="Deployments").get_by_role("row").filter(has_text="mystery-1")
    expect(row).to_contain_text("assumed")
    expect(row).to_contain_text("max_input_tokens")
    page.get_by_role("button", name="Sign out").click()
    opened(page, world, "limits", ANN)
    expect(page.get_by_role("heading", level=1)).to_have_text("Not for this key")


def test_everything_can_be_reached_by_keyboard(page: Page, world: World) -> None:
    opened(page, world)
    page.reload()
    expect(page.get_by_role("heading", name="By model")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the content")).to_be_focused()
    for name in ("Overview", "Sessions", "Playground"):
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name=name)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Playground")).to_be_focused()


def reach(page: Page, world: World, view: str) -> None:
    """The view, with all that it can show."""
    page.goto(f"{world.url}#{'sessions' if view == 'session' else view}")
    if view == "playground":
        ask_for(page, json.dumps(agent(24)))
        page.get_by_role("button", name="Show what would be cut").click()
    if view == "session":
        page.get_by_role("link", name="long").click()
    page.get_by_role(*VIEWS[view][:1], name=VIEWS[view][1]).first.wait_for()


VIEWS: Mapping[str, tuple[Any, str]] = {
    "overview": ("heading", "By model"),
    "sessions": ("link", "long"),
    "session": ("heading", "Compaction log"),
    "playground": ("heading", "What would be cut"),
    "limits": ("table", "Deployments"),
}
"""What stands on each view when it is there."""


def told(violation: Any) -> tuple[str, str]:
    """Which rule, and the first place that breaks it."""
    return violation["id"], violation["nodes"][0]["html"][:200]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_view_passes_axe_and_fits_a_phone(browser: Browser, world: World, scheme: Any) -> None:
    page = browser.new_page(viewport={"width": 1180, "height": 860}, color_scheme=scheme)
    page.set_default_timeout(PATIENCE)
    page.goto(world.url)
    axe, found = Axe(), {}
    found["sign in"] = axe.run(page).response["violations"]
    signed_in(page, world.url, ADMIN)
    for name in VIEWS:
        reach(page, world, name)
        for width in (1180, 360) if scheme == "light" else (1180,):
            page.set_viewport_size({"width": width, "height": 860})
            page.wait_for_timeout(100)
            assert page.evaluate("() => document.documentElement.scrollWidth") <= width, (name, width)
            found[f"{name} {width}"] = axe.run(page).response["violations"]
        page.set_viewport_size({"width": 1180, "height": 860})
    page.close()
    wrong = {name: [told(one) for one in those if one["impact"] in SERIOUS] for name, those in found.items()}
    assert {name: those for name, those in wrong.items() if those} == {}


def test_the_theme_can_be_chosen_and_stays(page: Page, world: World) -> None:
    opened(page, world)
    ground = lambda: page.evaluate("() => getComputedStyle(document.body).backgroundColor")  # noqa: E731
    light = ground()
    for _ in range(2):
        page.get_by_role("button", name="Theme").click()
    dark = ground()
    page.reload()
    expect(page.get_by_role("heading", name="By model")).to_be_visible()
    assert light != dark == ground()


@pytest.fixture(scope="module")
def doomed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A proxy of its own, for those who take its store away, or stop it."""
    with Upstream(WINDOW) as upstream:
        yield from started(tmp_path_factory.mktemp("doomed"), upstream)


def test_empty_stores_broken_stores_and_stopped_proxies_have_their_states(page: Page, doomed: World) -> None:
    opened(page, doomed)
    expect(page.locator("main")).to_contain_text("No requests in the last hour")
    expect(page.locator("main")).to_contain_text("No session is on record.")
    page.goto(f"{doomed.url}#sessions")
    expect(page.locator("main")).to_contain_text("No sessions yet")
    renamed(doomed, "sessions", "away")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("The store does not answer")
    renamed(doomed, "away", "sessions")
    expect(page.locator("main")).to_contain_text("No sessions yet")
    doomed.proxy.__exit__(None, None, None)
    page.get_by_role("link", name="Overview").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The proxy does not answer")


def renamed(world: World, old: str, new: str) -> None:
    with closing(sqlite3.connect(world.store, timeout=20)) as database, database:
        database.execute(f"ALTER TABLE {old} RENAME TO {new}")
