"""An agent of LangChain's, which runs on langgraph."""

from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from surroundings import BASE, KEY, MODEL, MOST_TURNS, SYSTEM, TASK, run


@tool
def bash(command: str) -> str:
    """Run a shell command."""
    return run(command)


agent = create_agent(ChatOpenAI(model=MODEL, base_url=f"{BASE}/v1", api_key=KEY, max_retries=0), [bash], system_prompt=SYSTEM)
print(agent.invoke({"messages": [("user", TASK)]}, {"recursion_limit": 2 * MOST_TURNS})["messages"][-1].content)
