"""A callback of LiteLLM's that answers every hook that the guard has, and does nothing: what LiteLLM itself takes for calling one."""

from __future__ import annotations

from typing import Any

from litellm.integrations.custom_logger import CustomLogger

__all__ = ["callback"]


class Idle(CustomLogger):
    """Every hook, and nothing in it."""

    async def async_pre_call_hook(self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: str) -> None: ...

    async def async_filter_deployments(self, model: str, healthy_deployments: list[Any], *others: Any, **named: Any) -> list[Any]:  # noqa: ARG002
        return healthy_deployments

    async def async_pre_call_deployment_hook(self, kwargs: dict[str, Any], call_type: Any) -> None: ...

    def log_pre_api_call(self, model: str, messages: Any, kwargs: Any) -> None: ...

    async def async_logging_hook(self, kwargs: dict[str, Any], result: Any, call_type: str) -> tuple[dict[str, Any], Any]:  # noqa: ARG002
        return kwargs, result

    async def async_log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None: ...

    async def async_post_call_response_headers_hook(
        self, data: Any, user_api_key_dict: Any, response: Any, request_headers: Any = None, litellm_call_info: Any = None
    ) -> None: ...


callback = Idle()
