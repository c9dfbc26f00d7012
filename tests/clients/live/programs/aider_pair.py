"""aider, asked one thing after the other, with another file in the chat every few of them."""

import os
from pathlib import Path

import litellm
from aider.coders import Coder
from aider.io import InputOutput
from aider.models import Model
from surroundings import FOLDER, MODEL, TASK

litellm.telemetry = False
model = Model(f"openai/{MODEL}")
model.info["max_input_tokens"] = 200_000
model.edit_format, model.use_repo_map = "diff", True
io = InputOutput(yes=True, pretty=False, chat_history_file=str(Path(FOLDER) / ".history.md"))
coder = Coder.create(
    main_model=model,
    io=io,
    fnames=[],
    auto_commits=False,
    map_tokens=1_024,
    auto_lint=False,
    auto_test=False,
    suggest_shell_commands=False,
    detect_urls=False,
)
coder.summarizer.max_tokens = 10**9  # its own summaries would hide what the guard does
files = sorted(path.name for path in Path(FOLDER).glob("*.py"))
for number in range(int(os.environ["CLIENT_TURNS"]) + 1):
    if number % 6 == 0:
        coder.run(with_message="/drop")
        coder.run(with_message=f"/add {files[number // 6 % len(files)]}")
    coder.run(with_message=TASK if number == 0 else f"Step {number}: decide where the functions of {files[number % len(files)]} go.")
print(coder.partial_response_content)
