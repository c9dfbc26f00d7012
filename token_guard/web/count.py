"""`/token-guard/count`: how many tokens something is for a model, whether it fits, and what would be cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from fastapi import APIRouter, HTTPException, Request, Response

from token_guard.case import counted_as
from token_guard.conversation import Conversation
from token_guard.counting import Meter, meter_for, own_meter_for
from token_guard.errors import ContextOverflowError
from token_guard.formats import FORMATS, format_for
from token_guard.guard import Guard
from token_guard.limits import Deployment, Served
from token_guard.report import Report
from token_guard.web.asked import Asked, BadRequestError, asked_of
from token_guard.web.count_tasks import CountTasks
from token_guard.web.preview import preview
from token_guard.web.viewer import PREFIX, DataRoute, Host, Viewer, viewing

__all__ = ["count_routes"]

LATER: Final = 'ask with "background": true and fetch the result later, or count files of any size with `token-guard count`'

OWN_SECONDS: Final = 1.0
"""A model's own vocabulary counts where it takes no longer than this; else the estimate with its margin does."""


def count_routes(guard: Guard, host: Host) -> APIRouter:
    """The routes over a guard; a key asks about models that it may use."""
    router = APIRouter(prefix=PREFIX, tags=["token_guard"], route_class=DataRoute)
    who = viewing(host.authenticate)
    tasks = CountTasks()

    @router.post("/count")
    async def count(request: Request, response: Response, viewer: Viewer = who) -> dict[str, Any]:
        """`{text | template | messages | request, model, tools, variables, preview, background}`: the count, the limit, and what would be
        done; in the background, the task that will say so."""
        asked = _asked(await _body_of(request))
        served = host.served(asked.model, viewer.auth)
        if served and not await host.may_use(asked.model, viewer.auth):
            raise HTTPException(403, f"this key may not use {asked.model}")
        counted = partial(_counted, guard, asked, served, partial(host.options, viewer.auth))
        if asked.background:
            task = tasks.begin(counted, viewer)
            response.status_code, response.headers["location"] = 202, f"{PREFIX}/count/{task['task']}"
            return task
        try:
            return await host.away(viewer.owner, counted)
        except TimeoutError:
            raise HTTPException(503, f"that takes longer than max_overhead_ms; {LATER}") from None
        except BadRequestError as error:
            raise HTTPException(400, str(error)) from None

    @router.get("/count/{task}")
    async def status(task: str, viewer: Viewer = who) -> dict[str, Any]:
        """How a task stands, and its result when it is done."""
        return tasks.status(task, viewer)

    @router.delete("/count/{task}")
    async def cancel(task: str, viewer: Viewer = who) -> dict[str, Any]:
        """Take a task out; what is over stays as it is."""
        return tasks.cancel(task, viewer)

    return router


async def _body_of(request: Request) -> Mapping[str, Any]:
    """The body of a request, read once its key is accepted."""
    try:
        body = await request.json()
    except (ValueError, RecursionError):
        raise HTTPException(422, "the body is no JSON") from None
    if not isinstance(body, dict):
        raise HTTPException(422, f"the body is an object, not {type(body).__name__}")
    return body


def _asked(body: Mapping[str, Any]) -> Asked:
    try:
        asked = asked_of(body)
        if asked.api is not None and asked.api not in FORMATS:
            raise BadRequestError(f"api {asked.api!r} is no format; allowed: {', '.join(FORMATS)}")
    except BadRequestError as error:
        raise HTTPException(400, str(error)) from None
    return asked


def _counted(
    guard: Guard, asked: Asked, served: Sequence[Served], options: Callable[[Deployment | None], Mapping[str, Any]]
) -> dict[str, Any]:
    """The answer, for the deployment with the smallest window of those that a request for this model may reach, and with the options
    that hold for it."""
    least = min(served, key=lambda one: one.limit(guard.limits, asked.request).max_input_tokens, default=None)
    model, deployment = (least.model, least.deployment) if least else (asked.model, None)
    format_ = format_for(asked.api, asked.request)
    request = least.received(asked.request) if least else {**asked.request, "model": model}
    parsed = format_.parse(request) if format_ else None
    if not isinstance(parsed, Conversation):
        raise BadRequestError(f"no chat request: {parsed.reason if parsed else 'it has neither messages nor input nor prompt'}")
    meter, exact = _meter(counted_as(model, deployment), parsed)
    tokens = meter.measure(parsed).tokens if asked.text is None else meter.text(asked.text)
    limit = guard.limits.resolve(model, deployment, request)
    return {
        "model": asked.model,
        "counted_as": model,
        "deployments": len(served),
        "tokens": tokens,
        "counted": "exact" if exact else "estimate",
        "margin": 0.0 if exact else round(meter.doubt, 4),
        "limit": limit.max_input_tokens,
        "limit_source": limit.source,
        "max_output_tokens": limit.max_output_tokens,
        "guessed": limit.source == "default",
        "usage_ratio": round(tokens / limit.max_input_tokens, 4),
        "variables": {"named": list(asked.names), "missing": list(asked.missing)},
        **_judged(guard.with_options(own) if (own := options(deployment)) else guard, asked, request, deployment, meter),
    }


def _meter(name: str, parsed: Conversation) -> tuple[Meter, bool]:
    """What counts for a model, and whether it does so exactly."""
    own, meter = own_meter_for(name), meter_for(name)
    if own and own.seconds(own.characters(parsed.messages)) <= OWN_SECONDS:
        return own, True
    return meter, not meter.doubt


def _judged(guard: Guard, asked: Asked, request: Mapping[str, Any], deployment: Deployment | None, meter: Meter) -> dict[str, Any]:
    """What the guard would do with it; with `preview`, to which messages."""
    try:
        if not asked.preview:
            report = guard.apart().process(request, api=asked.api, deployment=deployment, mode="enforce").report
            return _as_json(report)
        seen = preview(guard, request, asked.api, deployment)
        return {**_as_json(seen.report), "preview": seen.as_json(meter)}
    except ContextOverflowError as error:
        parts = {"tokens": error.tokens, "allowed": error.allowed, "parts": error.parts, "message": str(error)}
        return {"would": "rejected", "would_compact": False, "rejected": parts}


def _as_json(report: Report) -> dict[str, Any]:
    budget = report.budget
    return {
        "would": report.action,
        "would_compact": report.action == "compacted",
        "tokens_after": report.tokens_after if report.action == "compacted" else None,
        "allowed": budget.allowed,
        "trigger": budget.trigger,
        "target": budget.target,
        "reserved_output": budget.reserved_output,
        "retention": round(report.retention, 4) if report.action == "compacted" else None,
        "note": report.note,
    }
