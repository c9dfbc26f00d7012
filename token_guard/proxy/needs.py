"""What the guard needs of the LiteLLM that is installed, and what goes missing where a version has it not.

LiteLLM is not imported for this: its version stands in the package's metadata, its hooks in its source.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from token_guard.counting.encodings import ENCODINGS, rank_file
from token_guard.errors import TokenCountError

__all__ = ["NEEDS", "Need", "lacking"]

LOWEST: Final = (1, 100)
"""The first version that has all that is needed; those before were not tried."""

COMPROMISED: Final = re.compile(r"1\.107(?:\.|$)")
"""A release that is reported as compromised."""


@dataclass(frozen=True, slots=True)
class Need:
    """Words that stand in a file of LiteLLM where a version can do something, and what is not done where they do not."""

    file: str
    words: str
    without: str


_HOOKS: Final = "integrations/custom_logger.py"

NEEDS: Final = (
    Need(_HOOKS, "def async_pre_call_deployment_hook", "no request is fitted to its model"),
    Need(_HOOKS, "def async_pre_call_hook", "requests of pass-through routes are not fitted, and no request is tried again"),
    Need(_HOOKS, "def async_post_call_failure_deployment_hook", "a provider's refusal teaches no context window"),
    Need(_HOOKS, "def async_post_call_response_headers_hook", "responses carry no x-token-guard headers"),
    Need(_HOOKS, "def async_filter_deployments", "enable_pre_call_checks refuses what could be compacted"),
    Need(_HOOKS, "def async_log_success_event", "nothing is learned from what providers count"),
    Need(_HOOKS, "def async_logging_hook", "savings are what was removed, and nothing is said of prompt caches"),
    Need(_HOOKS, "def async_post_call_failure_hook", "requests without an answer are kept until others take their place"),
    Need(_HOOKS, "def async_log_failure_event", "a refusal within a stream teaches no context window"),
    Need(_HOOKS, "def async_build_agentic_loop_plan", "retrieval.enabled offers a tool whose calls nobody answers"),
    Need(
        "proxy/auth/user_api_key_auth.py",
        "request.state.principal",
        "token counts and lists of models go by no options of keys and teams, and know no models of teams",
    ),
    Need(
        "litellm_core_utils/exception_mapping_utils.py",
        "def is_error_str_context_window_exceeded",
        "refusals that LiteLLM takes for other errors are not tried again",
    ),
    Need("proxy/proxy_server.py", '"callback_settings"', "callback_settings.token_guard is not read"),
    Need("model_prices_and_context_window_backup.json", '"max_input_tokens"', "LiteLLM's map of context windows is not known"),
)
"""In the order of their weight."""


def lacking() -> tuple[str, ...]:
    """One line for each thing that the installed LiteLLM lacks, with what is not done for want of it; empty when all is there."""
    package = find_spec("litellm")
    if package is None or package.origin is None:
        return ("litellm is not installed: pip install 'token-guard[proxy]'",)
    return (*_lacking(_version(), Path(package.origin).parent, NEEDS), *_without_encodings())


def _without_encodings() -> Iterator[str]:
    """The encodings whose files LiteLLM ships for its own counts; the guard downloads nothing."""
    for name in ENCODINGS:
        try:
            rank_file(name)
        except TokenCountError as error:
            yield f"{error}: what it encodes cannot be counted"


def _version() -> str:
    try:
        return version("litellm")
    except PackageNotFoundError:  # put on the path without being installed: its source decides
        return ""


def _lacking(installed: str, folder: Path, needs: tuple[Need, ...]) -> Iterator[str]:
    if COMPROMISED.match(installed):
        yield f"litellm {installed} is reported as compromised; install another version"
    numbers = tuple(int(digits) for digits in re.findall(r"\d+", installed)[:2])
    if numbers and numbers < LOWEST:
        yield f"litellm {installed} is older than {'.'.join(map(str, LOWEST))}, the lowest version that is supported"
    for need in needs:
        if not _has(folder / need.file, need.words):
            yield f"litellm {installed} has no {need.words.removeprefix('def ')} in {need.file}: {need.without}"


def _has(path: Path, words: str) -> bool:
    try:
        return words in path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
