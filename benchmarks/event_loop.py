"""How long a real proxy's event loop is held while it works on a hostile request: the liveliness route is asked every 10 ms meanwhile.

    python benchmarks/event_loop.py [PART OF A KIND'S NAME] [--share 1.0]

Each kind is sent to two proxies before the same stand-in, one without the guard: LiteLLM itself reads, copies and writes large bodies on
the loop. Shown are the worst answers of the route in milliseconds, of proxies at rest and while the request ran, and the request's seconds.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from hostile import ANTHROPIC, KINDS, MODEL, Hostile

from token_guard.demo.proxy import Proxy
from token_guard.demo.upstream import Upstream

WINDOW, EVERY = 16_000, 0.010


class Pulse:
    """Asks the liveliness route every 10 ms; `worst` is the longest answer so far, in seconds."""

    def __init__(self, url: str) -> None:
        self.url, self.worst, self._stop = f"{url.removesuffix('/v1')}/health/liveliness", 0.0, threading.Event()

    @contextmanager
    def beating(self) -> Iterator[Pulse]:
        thread = threading.Thread(target=self._beat)
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join()

    def _beat(self) -> None:
        with httpx.Client(timeout=120) as client:
            client.get(self.url)
            while not self._stop.is_set():
                asked = time.perf_counter()
                client.get(self.url)
                took = time.perf_counter() - asked
                self.worst = max(self.worst, took)
                self._stop.wait(max(0.0, EVERY - took))


def config(upstream: Upstream, *, guarded: bool) -> dict[str, Any]:
    """Every model name goes to the stand-in, whose window is known."""
    settings: dict[str, Any] = {"callbacks": ["token_guard.callback"]} if guarded else {}
    params = {"model": f"openai/{MODEL}", "api_base": upstream.url, "api_key": "none"}
    deployment = {"model_name": "*", "litellm_params": params, "model_info": {"max_input_tokens": WINDOW}}
    return {"model_list": [deployment], "litellm_settings": settings}


def held(proxy: Proxy, kind: Hostile | None, share: float) -> tuple[float, float, int]:
    """The worst answer of the route and the seconds of the request, and its status, 0 for none; at rest, where there is no request."""
    with Pulse(proxy.url).beating() as pulse:
        if kind is None:
            time.sleep(2.0)
            return pulse.worst, 0.0, 0
        path = "/messages" if kind.api == ANTHROPIC else "/chat/completions"
        body = kind.build(share)
        began = time.perf_counter()
        try:
            status = httpx.post(proxy.url + path, json=body, headers={"Authorization": f"Bearer {proxy.key}"}, timeout=120).status_code
        except httpx.HTTPError:  # an answer that a client cannot read, such as one whose headers repeat a model's name of 300 kB
            status = 0
        return pulse.worst, time.perf_counter() - began, status


def main() -> None:
    """Print one line for each kind."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("kind", nargs="?", default="")
    options.add_argument("--share", type=float, default=1.0)
    asked = options.parse_args()
    with Upstream(WINDOW) as upstream, Proxy(config(upstream, guarded=False)) as bare, Proxy(config(upstream, guarded=True)) as guarded:
        bare.wait()
        guarded.wait()
        print(f"{'worst answer of the route, ms':45s} {'bare':>8s} {'guarded':>8s}   seconds bare, guarded; status")
        kinds: dict[str, Hostile | None] = {"at rest": None, **{name: kind for name, kind in KINDS.items() if asked.kind in name}}
        for name, kind in kinds.items():
            (rest, took, status), (ours, ours_took, ours_status) = (held(proxy, kind, asked.share) for proxy in (bare, guarded))
            print(f"{name:45s} {1_000 * rest:8.0f} {1_000 * ours:8.0f}   {took:6.2f} {ours_took:6.2f}   {status} {ours_status}", flush=True)


if __name__ == "__main__":
    main()
