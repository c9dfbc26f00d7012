"""A process that ends at once after `install()` ends quietly, whatever is still being loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = {
    "at once": "import token_guard; token_guard.install()",
    "while the fast tokenizer loads": "import token_guard, time; token_guard.install(); time.sleep(1.0)",
    "by an exit": "import sys, token_guard; token_guard.install(); sys.exit(0)",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_short_script_ends_without_a_word(name: str, tmp_path: Path) -> None:
    environment = {**os.environ, "TOKEN_GUARD_STORE": "memory:", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    command = [sys.executable, "-W", "ignore", "-c", SCRIPTS[name]]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
