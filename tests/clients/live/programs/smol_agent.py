"""smolagents: an agent that calls tools, or one that writes code where CLIENT_API says so."""

import os

from smolagents import CodeAgent, OpenAIServerModel, ToolCallingAgent, tool
from surroundings import BASE, KEY, MODEL, MOST_TURNS, TASK, run


@tool
def bash(command: str) -> str:
    """Run a shell command.

    Args:
        command: the command

    """
    return run(command)


kind = CodeAgent if os.environ.get("CLIENT_API") == "code" else ToolCallingAgent
model = OpenAIServerModel(model_id=MODEL, api_base=f"{BASE}/v1", api_key=KEY, client_kwargs={"max_retries": 0})
print(kind(tools=[bash], model=model, max_steps=MOST_TURNS, verbosity_level=0).run(TASK))
