"""The tool by which a model asks for an original: offered, answered on the way, and never seen by the client.

LiteLLM lets a callback answer a call and ask the model again. That works where an answer is whole before the client gets it: chat and
Responses that are not streamed, and Anthropic's own Messages, whose streams LiteLLM holds back for it. Elsewhere the call would reach the
client, so that the tool is not offered there.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Final

from litellm.integrations.custom_logger import CustomLogger

from token_guard.counting import TokenCounter
from token_guard.errors import ConfigError, StoreUnavailableError, tell, where
from token_guard.formats.asked import Asked, asked_in, followed_up, without_asked
from token_guard.formats.retrieval import NAME, can_be_answered, keys_in, offers, originals, with_tool
from token_guard.proxy.attempt import RETRIEVED, Attempt, note_of
from token_guard.proxy.refusals import unanswered
from token_guard.proxy.tracked import sender_of
from token_guard.proxy.unanswered import Unanswered, Waiting
from token_guard.report import Fitted
from token_guard.sessions import Originals, Sealing
from token_guard.sessions.originals import part_of
from token_guard.settings import Settings
from token_guard.stores import Store

if TYPE_CHECKING:
    from litellm.types.integrations.custom_logger import AgenticLoopPlan

__all__ = ["Retrieval"]

logger = logging.getLogger("token_guard")

_MOST_LOOPS: Final = 2
"""Times that a model may ask within one request; then it is asked without the tool. LiteLLM fails a request that goes on for longer."""

_LEAST_ROOM: Final = 100
"""Tokens below which an answer says only that there is no room."""

_MARGIN: Final = 0.9
"""Of the room that is left so much is used: what is counted may be counted otherwise by its provider."""


class Retrieval(CustomLogger):
    """A callback beside the guard's own, because a callback that answers tools changes how LiteLLM streams."""

    server_fulfilled_tool_names: ClassVar[frozenset[str]] = frozenset({NAME})

    def __init__(self, found: Originals, answer_tokens: int, observe: Callable[[str], object]) -> None:
        super().__init__()
        self._originals = found
        self._answer_tokens = answer_tokens
        self._observe = observe
        self._unanswered = Unanswered()
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    def if_wanted(cls, settings: Settings, store: Store, observe: Callable[[str], object]) -> Retrieval | None:
        """What the settings ask for; an error in the log where their key is none."""
        wanted = settings.retrieval
        if not wanted.enabled:
            return None
        try:
            sealing = Sealing(settings.encryption_key)
        except ConfigError as error:
            logger.error("retrieval.enabled is off: no original is held, because %s", error)
            return None
        found = Originals(store, sealing, ttl_seconds=wanted.ttl_seconds, most_bytes=wanted.session_bytes)
        return cls(found, wanted.answer_tokens, observe)

    def offered(self, attempt: Attempt) -> Attempt:
        """The attempt with the tool, from the first request of a session on; the same where its calls could not be answered."""
        request = attempt.request
        tools = request.get("tools")
        if attempt.mode != "enforce" or not isinstance(tools, list) or not tools or offers(tools) or not _can_answer(attempt):
            return attempt
        return replace(attempt, request={**request, "tools": with_tool(attempt.api, tools)})

    def keep(self, attempt: Attempt, fitted: Fitted) -> None:
        """Remember what an attempt's answer may ask for, and have the originals held."""
        sender = sender_of(attempt.request, attempt.api)
        call = str(attempt.request.get("litellm_call_id") or "")
        if not offers(attempt.request.get("tools")) or sender is None or not call:
            return
        report = fitted.report
        named = keys_in(attempt.api, fitted.request) if report.action == "compacted" else frozenset[str]()
        texts = originals(attempt.api, attempt.request, named) if named else {}
        server = {name: attempt.request[name] for name in ("api_base", "api_key") if attempt.request.get(name)}
        self._unanswered.add(call, Waiting(attempt.api, sender.id, report.budget.allowed - report.tokens_after, server), texts)
        if texts:
            task = asyncio.create_task(asyncio.to_thread(tell, self._originals.keep, sender.id, texts))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def answers(self, attempt: Attempt) -> bool:
        """Whether this attempt brings what was asked for: it is forwarded as it is, so that nothing of that is compacted again."""
        depth = attempt.request.get("_agentic_loop_depth")
        return bool(depth) and attempt.note.get(RETRIEVED) == depth

    async def async_should_run_agentic_loop(
        self,
        response: Any,
        model: str,
        messages: Any,
        tools: Any,
        stream: bool,
        custom_llm_provider: str,
        kwargs: Any,
    ) -> tuple[bool, dict[str, Any]]:
        """Whether an answer asks for an original."""
        api = _SURFACES.get(str(kwargs.get("_agentic_loop_api_surface")))
        if api is None or not offers(tools):
            return False, {}
        asked, _ = asked_in(api, response)
        # LiteLLM fails a request that asks the same twice
        return bool(asked), {"calls": [(one.id, str(one.arguments)) for one in asked], "depth": kwargs.get("_agentic_loop_depth")}

    async def async_build_agentic_loop_plan(
        self,
        tools: Any,
        model: str,
        messages: Any,
        response: Any,
        anthropic_messages_provider_config: Any,
        anthropic_messages_optional_request_params: Any,
        logging_obj: Any,
        stream: bool,
        kwargs: Any,
    ) -> AgenticLoopPlan:
        """The request that brings what was asked for; where the client has calls of its own to answer, those alone go to it, unless its
        provider may remember the others."""
        from litellm.types.integrations.custom_logger import AgenticLoopPlan, AgenticLoopRequestPatch

        api = _SURFACES[str(kwargs.get("_agentic_loop_api_surface"))]
        call = str(getattr(logging_obj, "litellm_call_id", None) or kwargs.get("litellm_call_id") or "")
        asked, has_others = asked_in(api, response)
        waiting = self._unanswered.get(call)
        alone = without_asked(api, response) if has_others or waiting is None else None
        if alone is not None:
            tell(self._observe, "beside others")
            return AgenticLoopPlan(response_override=alone)
        texts = await asyncio.to_thread(self._texts, asked, call, model)
        depth = int(kwargs.get("_agentic_loop_depth") or 0) + 1
        note_of(kwargs)[RETRIEVED] = depth
        parameters = anthropic_messages_optional_request_params
        patch = AgenticLoopRequestPatch(
            messages=followed_up(api, messages, response, texts, is_stored=parameters.get("store") is not False),
            optional_params={name: parameters[name] for name in ("tool_choice",) if parameters.get(name) is not None},
            tools=self._left(parameters.get("tools") or (), depth, kwargs),
            kwargs=dict(waiting.server) if waiting and api == "anthropic.messages" else {},
        )
        return AgenticLoopPlan(run_agentic_loop=True, request_patch=patch)

    async def async_post_call_success_hook(self, data: dict[str, Any], user_api_key_dict: Any, response: Any) -> None:
        """Refuse an answer that still has a call of the tool: LiteLLM hands it on where the request that was to follow it failed."""
        waiting = self._unanswered.take(str(data.get("litellm_call_id") or ""))
        if waiting and asked_in(waiting.api, response)[0]:
            tell(self._observe, "failed")
            raise unanswered(str(data.get("model") or ""))

    def _left(self, tools: Any, depth: int, kwargs: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The tools of the next request: without this one where LiteLLM would answer no more calls of it."""
        most = kwargs.get("max_agentic_loops")
        is_last = depth >= min(_MOST_LOOPS, most if isinstance(most, int) else _MOST_LOOPS)
        return [dict(tool) for tool in tools if not (is_last and offers([tool]))]

    def _texts(self, asked: tuple[Asked, ...], call: str, model: str) -> dict[str, str]:
        """What each call gets; all together no more than there is room for."""
        counter, waiting = TokenCounter(model), self._unanswered.get(call)
        room = int((waiting.room if waiting else 0) * _MARGIN) // max(1, len(asked))
        return {one.id: self._text(one, call, min(room, self._answer_tokens), counter) for one in asked}

    def _text(self, asked: Asked, call: str, room: int, counter: TokenCounter) -> str:
        key, first = _arguments(asked.arguments)
        if not key:
            return "No key was given. The key of a compacted output stands in it, behind `original:`."
        try:
            text = self._unanswered.text(call, key) or self._held(call, key)
        except StoreUnavailableError:
            tell(self._observe, "unavailable")
            return f"The original {key} cannot be read at the moment; what the compacted output says is all that is known."
        except Exception as error:  # the model goes on without it
            logger.warning("token_guard could not read an original (%s)", where(error))
            text = None
        if text is None:
            tell(self._observe, "missing")
            return (
                f"There is no original under the key {key}: it was never held, or its time is over. Run the tool again to see its output."
            )
        if room < _LEAST_ROOM:
            tell(self._observe, "no room")
            return f"The context window has no room for the original {key}; what the compacted output says is all that fits."
        tell(self._observe, "answered")
        return part_of(text, first, room, counter)

    def _held(self, call: str, key: str) -> str | None:
        waiting = self._unanswered.get(call)
        return self._originals.find(waiting.session, key) if waiting else None


_SURFACES: Final = {
    "chat_completion": "openai.chat",
    "chat_completions": "openai.chat",
    "anthropic_messages": "anthropic.messages",
    "responses": "openai.responses",
}
"""What LiteLLM calls the formats of answers. A request of Responses that it translates is answered as chat."""


def _can_answer(attempt: Attempt) -> bool:
    """Whether LiteLLM lets a call of the tool be answered on the way; of Messages that it translates it does not."""
    is_own = attempt.api != "anthropic.messages" or (attempt.provider or attempt.model.partition("/")[0]) == "anthropic"
    return is_own and can_be_answered(attempt.api, attempt.request)


def _arguments(written: Any) -> tuple[str, int]:
    """The key and the first line that a model asked for."""
    try:
        told = json.loads(written) if isinstance(written, str) else written
        key, first = str(told.get("key") or "").strip(), int(told.get("from_line") or 1)
    except (ValueError, TypeError, AttributeError):
        return "", 1
    return key, max(1, first)
