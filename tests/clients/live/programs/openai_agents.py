"""openai-agents, by Chat Completions, or by Responses where CLIENT_API says so."""

import os

from agents import Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, function_tool, set_tracing_disabled
from openai import AsyncOpenAI
from surroundings import BASE, KEY, MODEL, MOST_TURNS, SYSTEM, TASK, run

set_tracing_disabled(True)


@function_tool
def bash(command: str) -> str:
    """Run a shell command in the work folder."""
    return run(command)


client = AsyncOpenAI(base_url=f"{BASE}/v1", api_key=KEY, max_retries=0)
wire = OpenAIResponsesModel if os.environ.get("CLIENT_API") == "responses" else OpenAIChatCompletionsModel
agent = Agent(name="worker", instructions=SYSTEM, tools=[bash], model=wire(model=MODEL, openai_client=client))
print(Runner.run_sync(agent, TASK, max_turns=MOST_TURNS).final_output)
