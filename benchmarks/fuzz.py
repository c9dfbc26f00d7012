"""Campaigns of a fuzzer that looks for inputs by what code they reach: atheris, with libFuzzer's options.

    pip install atheris
    python benchmarks/fuzz.py sessions|requests|settings [-max_total_time=600] [-len_control=0] [FOLDER OF A CORPUS]

`sessions` are well made and grow turn by turn, before windows of 150 to 6,000 tokens: none may be forwarded that its provider refuses.
`requests` and `settings` are made of anything: each is answered or refused in words. The laws are those of tests/test_laws.py and
tests/test_fuzz.py, which CI runs on inputs made by chance. An input that breaks one is written to a file `crash-...`, and the script ends.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from itertools import cycle
from pathlib import Path

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
sys.path[:0] = [str(Path(__file__).parents[1] / folder) for folder in ("tests", "")]

import atheris  # noqa: E402

with atheris.instrument_imports(include=["token_guard"], enable_loader_override=False):
    import test_fuzz
    import test_laws
    from conftest import every_option

    from token_guard import Guard, Settings

__all__ = ["CAMPAIGNS"]

Campaign = Callable[[bytes], object]


def _sessions() -> Campaign:
    guard = Guard(Settings(store="memory:"))
    return lambda data: test_laws.grows_by_bytes(guard, data)


def _requests() -> Campaign:
    of_apis = cycle([test_fuzz.any_request(api).hypothesis.fuzz_one_input for api in test_fuzz.APIS])  # type: ignore[attr-defined]

    def one(data: bytes) -> object:
        return next(of_apis)(data)

    return one


def _settings() -> Campaign:
    found: Campaign = test_fuzz.any_settings(tuple(every_option(Settings))).hypothesis.fuzz_one_input  # type: ignore[attr-defined]
    return found


CAMPAIGNS: Mapping[str, Callable[[], Campaign]] = {"sessions": _sessions, "requests": _requests, "settings": _settings}


def main() -> None:
    """Run one campaign until its time is over, or an input breaks a law."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in CAMPAIGNS:
        raise SystemExit(f"which campaign? {' | '.join(CAMPAIGNS)}\n\n{__doc__}")
    atheris.Setup([sys.argv[0], *sys.argv[2:]], CAMPAIGNS[name]())
    atheris.Fuzz()


if __name__ == "__main__":
    main()
