"""Loaded by a proxy behind the guard: prints the row that LiteLLM writes into its spend log, but for the database."""

from __future__ import annotations

import json
from typing import Any

from litellm.integrations.custom_logger import CustomLogger

ROW = "spend log row: "


class Rows(CustomLogger):
    async def async_log_success_event(self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any) -> None:
        from litellm.proxy.spend_tracking.compression_savings import extract_compression_saved_tokens
        from litellm.proxy.spend_tracking.spend_tracking_utils import get_logging_payload

        row = json.loads(
            get_logging_payload(kwargs=kwargs, response_obj=response_obj, start_time=start_time, end_time=end_time)["metadata"]
        )
        told = {name: row.get(name) for name in ("compression_savings", "spend_logs_metadata")}
        print(ROW + json.dumps({**told, "counted": extract_compression_saved_tokens(row)}), flush=True)


callback = Rows()
