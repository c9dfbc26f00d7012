"""pydantic-ai, by Chat Completions, or by Anthropic's Messages where CLIENT_API says so."""

import os

from pydantic_ai import Agent
from pydantic_ai.usage import UsageLimits
from surroundings import BASE, KEY, MODEL, MOST_TURNS, SYSTEM, TASK, run

if os.environ.get("CLIENT_API") == "messages":
    from anthropic import AsyncAnthropic
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    model = AnthropicModel(MODEL, provider=AnthropicProvider(anthropic_client=AsyncAnthropic(base_url=BASE, api_key=KEY, max_retries=0)))
else:
    from openai import AsyncOpenAI
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    model = OpenAIChatModel(MODEL, provider=OpenAIProvider(openai_client=AsyncOpenAI(base_url=f"{BASE}/v1", api_key=KEY, max_retries=0)))

agent = Agent(model, system_prompt=SYSTEM)


@agent.tool_plain
def bash(command: str) -> str:
    """Run a shell command."""
    return run(command)


print(agent.run_sync(TASK, usage_limits=UsageLimits(request_limit=MOST_TURNS)).output)
