"""Pictures of the page at `/token-guard/`, taken from a running proxy: `python benchmarks/pictures.py [FOLDER]`.

A proxy on loopback, before a stand-in model, serves a scripted load: sessions of a coding agent that grow turn by turn. Chromium opens
the page. Without a folder the pictures of README and docs/page.md are made anew; with one, each view in light, in dark, and as a phone
shows it. Needs the extra `browser` and a Chromium.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

from token_guard.demo.conversation import conversation
from token_guard.demo.proxy import Proxy
from token_guard.demo.upstream import Upstream

__all__ = ["BROWSERS", "CHROMIUM", "chromium", "signed_in"]

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM: Final = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
"""How a browser starts in a container: it has no sandbox of its own there, and nothing to look for on the network."""

DOCS: Final = Path(__file__).parents[1] / "docs"
WIDE, PHONE = {"width": 1180, "height": 860}, {"width": 360, "height": 740}
SHAPES: Final[Mapping[str, tuple[Any, str]]] = {"light": (WIDE, "light"), "dark": (WIDE, "dark"), "phone": (PHONE, "light")}

SHOWN: Final = (("overview", "light"), ("session", "light"), ("playground", "dark"))
"""What README and docs/page.md show."""

WINDOWS: Final = {
    "coder": ("openai/gpt-4o", 16_000),
    "reviewer": ("hosted_vllm/qwen2.5-coder", 24_000),
    "archive": ("openai/gpt-4.1", 64_000),
}
SESSIONS: Final = (
    ("billing-fix", "coder", 80),
    ("review-412", "reviewer", 50),
    ("nightly-report", "coder", 17),
    ("ledger-audit", "archive", 110),
)
"""Sessions by name: the model, and how many messages they grow to."""

STEP: Final = 2


@contextmanager
def chromium() -> Iterator[Browser]:
    """The Chromium of this machine, without a window."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM))
        try:
            yield browser
        finally:
            browser.close()


def signed_in(page: Page, url: str, key: str) -> None:
    """Open the page and sign in."""
    page.goto(url)
    page.get_by_label("Key of the proxy").fill(key)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Overview").wait_for()


def _config(upstream: Upstream) -> dict[str, Any]:
    models = [
        {
            "model_name": name,
            "litellm_params": {"model": model, "api_base": upstream.url, "api_key": "none"},
            "model_info": {"id": f"{name}-1", "max_input_tokens": window},
        }
        for name, (model, window) in WINDOWS.items()
    ]
    unknown = {
        "model_name": "in-house",
        "litellm_params": {"model": "hosted_vllm/in-house-7b", "api_base": upstream.url, "api_key": "none"},
        "model_info": {"id": "in-house-1"},
    }
    return {"model_list": [*models, unknown], "litellm_settings": {"callbacks": ["token_guard.callback"]}}


def _load(proxy: Proxy) -> None:
    """The sessions, turn by turn."""
    messages = conversation()
    with httpx.Client(base_url=proxy.url, headers={"Authorization": f"Bearer {proxy.key}"}, trust_env=False, timeout=120) as client:
        for name, model, most in SESSIONS:
            for end in range(2, most, STEP):
                body = {"model": model, "messages": messages[:end]}
                client.post("/chat/completions", json=body, headers={"x-token-guard-session": name}).raise_for_status()


def _views(page: Page, url: str) -> Iterator[tuple[str, Page]]:
    """Each view, when it stands."""
    page.get_by_text("By model").wait_for()
    page.wait_for_timeout(400)
    yield "overview", page
    page.goto(f"{url}#sessions")
    page.get_by_role("link", name="billing-fix").wait_for()
    yield "sessions", page
    page.get_by_role("link", name="billing-fix").click()
    page.get_by_role("heading", name="Compaction log").wait_for()
    page.wait_for_timeout(400)
    yield "session", page
    page.goto(f"{url}#limits")
    page.get_by_role("heading", name="Limits").wait_for()
    page.get_by_text("What each source says").first.wait_for()
    yield "limits", page
    page.goto(f"{url}#playground")
    page.get_by_label("Model", exact=True).fill("coder")
    page.get_by_label("Text, messages or request").fill(_pasted())
    page.get_by_role("button", name="Show what would be cut").click()
    page.get_by_role("heading", name="What would be cut").wait_for(timeout=60_000)
    page.get_by_label("Text, messages or request").evaluate("(field) => field.scrollTo(0, 0)")
    yield "playground", page


def _pasted() -> str:

    return json.dumps({"model": "coder", "messages": conversation()[:60]}, indent=1)


def main(folder: Path | None) -> None:
    with Upstream(200_000) as upstream, Proxy(_config(upstream)) as proxy, chromium() as browser:
        _load(proxy.wait())
        url = proxy.url.replace("/v1", "/token-guard/")
        for shape, (viewport, scheme) in SHAPES.items():
            page = browser.new_page(viewport=viewport, color_scheme=scheme)
            page.on("console", lambda message: print(message.type, message.text) if message.type in ("error", "warning") else None)
            signed_in(page, url, proxy.key)
            for name, view in _views(page, url):
                if folder:
                    view.screenshot(path=folder / f"page-{name}-{shape}.png", full_page=True)
                elif (name, shape) in SHOWN:
                    view.screenshot(path=DOCS / f"page-{name}.png", full_page=True)
            page.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
