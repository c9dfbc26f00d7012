"""What every program of this folder is told by its environment, and the one tool that its agent gets."""

import os
import subprocess

BASE, KEY, MODEL, TASK, FOLDER = (
    os.environ[name] for name in ("CLIENT_BASE", "CLIENT_KEY", "CLIENT_MODEL", "CLIENT_TASK", "CLIENT_FOLDER")
)
SYSTEM = "You are a careful engineer. Use your tools to work on the repository in the current folder."
MOST_TURNS = 400


def run(command: str) -> str:
    """What a shell prints for a command."""
    done = subprocess.run(["bash", "-c", command], cwd=FOLDER, capture_output=True, text=True, timeout=60, check=False)
    return (done.stdout + done.stderr)[:30_000] or "(no output)"
