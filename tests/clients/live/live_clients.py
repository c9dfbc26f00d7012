"""How each client is started: its virtual environment, its command, what it is told by its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from clients.live.scripted_model import Manner

__all__ = ["CLIENTS", "Client"]

PROGRAMS = Path(__file__).parent / "programs"


@dataclass(frozen=True, slots=True)
class Client:
    """One client; `wire` is the API that it speaks, `prefix` the least that a prompt cache has to find of the request before, and
    `tight` the same in a window that a dozen turns fill."""

    program: str
    manner: Manner = "tools"
    wire: str = ""
    venv: str = "agents"
    model: str = "openai/stand-in"
    prefix: float = 0.9
    tight: float = 0.85
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def command(self, folder: Path, *, model: str, task: str) -> list[str]:
        """The command line, with the client's virtual environment in a folder."""
        bin_ = folder / self.venv / "bin"
        if self.arguments:
            return [str(bin_ / self.program), *(part.format(model=model, task=task) for part in self.arguments)]
        return [str(bin_ / "python"), str(PROGRAMS / f"{self.program}.py")]


MINI = (
    "-y",
    "--exit-immediately",
    "-l",
    "0",
    "-m",
    "litellm_proxy/{model}",
    "-t",
    "{task}",
    "-o",
    "trajectory.json",
    "-c",
    "agent.step_limit=0",
    "-c",
)

CLIENTS: Mapping[str, Client] = {
    "mini-swe-agent": Client("mini", arguments=(*MINI, "mini.yaml")),
    "mini-swe-agent, text": Client(
        "mini", "bash block", prefix=0.8, tight=0.83, arguments=(*MINI, "mini_textbased.yaml", "--model-class", "litellm_textbased")
    ),
    "openai-agents": Client("openai_agents", venv="few"),
    "openai-agents, Responses": Client("openai_agents", wire="responses", venv="few"),
    "pydantic-ai": Client("pydantic_agent", venv="few"),
    "pydantic-ai, Anthropic": Client(
        "pydantic_agent", wire="messages", model="anthropic/claude-sonnet-4-5", venv="few", prefix=0.9, tight=0.83
    ),
    "LangChain": Client("langchain_agent"),
    "smolagents": Client("smol_agent"),
    "smolagents, code": Client("smol_agent", "python block", wire="code", prefix=0.8, tight=0.83),
    "aider": Client("aider_pair", "talk", venv="aider", prefix=0.75, tight=0.67),
}
