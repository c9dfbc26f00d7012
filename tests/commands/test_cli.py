"""The command line as people and programs use it: arguments in, standard output, standard error and a status out."""

from __future__ import annotations

import copy
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any

import pytest
from limits_servers import LLAMA_CPP, VLLM, serving

import token_guard.__main__
from token_guard.commands.cli import main
from token_guard.counting import meter_for

SYSTEM = {"role": "system", "content": "You answer questions about the code base. Never guess."}
ASK = {"role": "user", "content": "Which module raises ValueError?"}
CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "grep", "arguments": '{"pattern": "ValueError"}'}}],
}
RESULT = {
    "role": "tool",
    "tool_call_id": "call_1",
    "content": "\n".join(f"src/module_{n}.py:{n}: nothing [bold]here[/bold]" for n in range(1_500)),
}
LAST = {"role": "user", "content": "Then look in the tests."}
CONVERSATION = [SYSTEM, ASK, CALL, RESULT, {"role": "assistant", "content": "None of them does."}, LAST]
TOOLS = [
    {"type": "function", "function": {"name": "grep", "parameters": {"type": "object", "properties": {"pattern": {"type": "string"}}}}}
]


@dataclass(frozen=True, slots=True)
class Run:
    """What one command left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, read as JSON."""
        return json.loads(self.out)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    """`run("count", "-", stdin="text")`, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, stdin: str = "") -> Run:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        with pytest.raises(SystemExit) as left:
            main(arguments)
        return Run(int(left.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture
def request_file(tmp_path: Path) -> str:
    """A request of some 20,000 tokens, nearly all of them in one old tool result."""
    path = tmp_path / "request.json"
    path.write_text(json.dumps({"model": "gpt-4o", "messages": CONVERSATION, "tools": TOOLS, "x_unknown": 1}), encoding="utf-8")
    return str(path)


# -- every command -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["count", "-", "--var", "x"], "token-guard: --var x: expected name=value"),
        (["count", "-", "--model", ""], "token-guard: the model name is empty; name one, such as gpt-4o"),
        (["limits", " "], "token-guard: the model name is empty; name one, such as gpt-4o"),
        (["limits"], "token-guard: limits of what? name models, or a LiteLLM configuration with --config"),
        (["limits", "--config", "absent.yaml"], "token-guard: absent.yaml: No such file or directory"),
        (["compact", "absent.json"], "token-guard: absent.json: No such file or directory"),
        (["compact", "-"], "token-guard: -: not a chat request: expected JSON with messages, or a list of messages"),
        (["compact", "-", "--diff", "--json"], "token-guard: -: not a chat request: expected JSON with messages, or a list of messages"),
        (["check-config", "absent.yaml"], "token-guard: absent.yaml: No such file or directory"),
        (["check-config", "-"], "token-guard: -: not a LiteLLM configuration (a mapping with model_list, litellm_settings, ...)"),
    ],
)
def test_wrong_input_is_one_line_on_standard_error_and_status_2(run: Callable[..., Run], arguments: list[str], line: str) -> None:
    assert run(*arguments, stdin="just words") == Run(2, "", f"{line}\n")


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["count", "--nonsense"], ["compact"], ["compact", "-", "-n", "many"], ["compact", "-", "-n", "0"]]
)
def test_wrong_usage_is_status_2_and_nothing_on_standard_output(run: Callable[..., Run], arguments: list[str]) -> None:
    left = run(*arguments)
    assert (left.status, left.out) == (2, "")
    assert "Error: " in left.err


def test_bytes_that_are_no_text_are_refused(run: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "image.png").write_bytes(b"\x89PNG\xff")
    assert run("count", "image.png") == Run(1, "", "token-guard: image.png: not text in UTF-8 (byte 0)\n")


def test_a_wrong_setting_in_the_environment_is_one_line(run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_GUARD_TRIGGER", "1.5")
    left = run("compact", "-", stdin=json.dumps(CONVERSATION))
    assert left == Run(2, "", "token-guard: token_guard settings: trigger: Input should be less than or equal to 1 (got '1.5')\n")


def test_a_warning_has_a_time_and_the_name_of_its_logger() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "token_guard", "compact", "-", "--model", "zzz-unheard-of"],
        input=json.dumps(CONVERSATION),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert re.match(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} WARNING token_guard: no source knows the context window of 'zzz-unheard-of'", done.stderr
    )


def test_the_version_is_that_of_the_package(run: Callable[..., Run]) -> None:
    assert run("--version") == Run(0, f"{token_guard.__version__}\n", "")
    assert version("token-guard") == token_guard.__version__


def test_the_command_is_installed_under_its_name() -> None:
    (entry,) = entry_points(group="console_scripts", name="token-guard")
    assert entry.load() is token_guard.__main__.main


# -- count ---------------------------------------------------------------------------------------------------------------


def test_text_is_counted_as_text(run: Callable[..., Run]) -> None:
    counted = run("count", "--json", stdin="Hello, world").json
    window = {"max_input_tokens": 128_000, "source": "litellm_map"}
    tokens = meter_for("gpt-4o").text("Hello, world")
    assert counted["inputs"] == [
        {"name": "-", "model": "gpt-4o", "tokens": tokens, "counted": "exact", "margin": 0.0, "share": 0.0, "split": {}, "window": window}
    ]
    assert (counted["model"], counted["window"]) == ("gpt-4o", window)


def test_template_variables_are_replaced_before_counting(run: Callable[..., Run]) -> None:
    filled = run("count", "--json", "--var", "city=Llanfairpwllgwyngyll", stdin="From {city} to {other}").json
    assert filled["total"] == meter_for("gpt-4o").text("From Llanfairpwllgwyngyll to {other}")


def test_template_variables_may_hold_what_json_has_to_escape(run: Callable[..., Run]) -> None:
    template = json.dumps([{"role": "user", "content": "{words}"}])
    counted = run("count", "--json", "--var", 'words=say "no"\\', stdin=template).json
    assert counted["inputs"][0]["split"]["user text"] == meter_for("gpt-4o").text('say "no"\\')


def test_the_split_of_a_request_adds_up_to_its_tokens(run: Callable[..., Run], request_file: str) -> None:
    (counted,) = run("count", request_file, "--json").json["inputs"]
    assert sum(counted["split"].values()) == counted["tokens"]
    kinds = {"system text", "user text", "assistant text", "tool calls", "tool results", "tool definitions", "framing"}
    assert set(counted["split"]) == kinds
    assert max(counted["split"], key=counted["split"].get) == "tool results"


def test_the_model_is_the_one_given_else_the_one_that_a_request_names(run: Callable[..., Run], request_file: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("words", encoding="utf-8")
    (tmp_path / "other.json").write_text(json.dumps({"model": "gpt-4", "messages": [ASK]}), encoding="utf-8")
    counted = run("count", "notes.txt", "other.json", request_file, "--json").json
    assert [one["model"] for one in counted["inputs"]] == ["gpt-4o", "gpt-4", "gpt-4o"]
    assert [one["window"]["max_input_tokens"] for one in counted["inputs"]] == [128_000, 8_192, 128_000]
    assert (counted["model"], counted["window"]) == (None, None)
    assert "other.json (gpt-4)" in run("count", "notes.txt", "other.json").out
    assert run("count", "notes.txt", "other.json", "--model", "gpt-4o-mini", "--json").json["model"] == "gpt-4o-mini"


def test_each_request_counts_as_its_own_model_counts(run: Callable[..., Run], tmp_path: Path) -> None:
    for name, model in (("a.json", "gpt-4o"), ("b.json", "claude-sonnet-4-5")):
        (tmp_path / name).write_text(json.dumps({"model": model, "messages": [SYSTEM, ASK]}), encoding="utf-8")
    together = [one["tokens"] for one in run("count", "a.json", "b.json", "--json").json["inputs"]]
    assert together == [run("count", name, "--json").json["total"] for name in ("a.json", "b.json")]
    assert together[0] != together[1]


def test_one_bad_file_does_not_end_the_others(run: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("words", encoding="utf-8")
    (tmp_path / "b.json").write_text(json.dumps({"model": " ", "messages": [ASK]}), encoding="utf-8")
    (tmp_path / "c.bin").write_bytes(b"\xff\xfe\x00")
    left = run("count", "absent.txt", "a.txt", "b.json", "c.bin", "--json")
    assert (left.status, [one["name"] for one in left.json["inputs"]]) == (1, ["a.txt"])
    assert [line.split(":")[1] for line in left.err.splitlines()] == [" absent.txt", " b.json", " c.bin"]
    assert len(left.json["errors"]) == 3
    assert run("count", "absent.txt", "a.txt").err.startswith("token-guard: absent.txt: No such file or directory\n")


def test_where_nothing_can_be_counted_each_thing_is_a_line(run: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert run("count", "absent.txt", "gone.txt") == Run(
        1, "", "token-guard: absent.txt: No such file or directory\ntoken-guard: gone.txt: No such file or directory\n"
    )
    assert run("count", "empty") == Run(1, "", "token-guard: nothing to count: no file in what was named\n")
    assert run("count", "absent.txt", "--json").json["errors"] == ["absent.txt: No such file or directory"]


def test_a_name_is_one_line_and_steers_no_terminal(run: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "two\nlines\x1b[2J.txt").write_text("words", encoding="utf-8")
    told = run("count", ".", "ab\nsent")
    assert told.err.startswith("token-guard: ab?sent: No such file or directory\n")
    assert [line.split()[0] for line in told.out.splitlines()] == ["input", "./two?lines?[2J.txt"]


@pytest.mark.parametrize("redirected", ["> /dev/full", ">&-", "<&-", "--json > /dev/full"])
def test_a_standard_stream_that_is_full_or_closed_is_no_traceback(redirected: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("words", encoding="utf-8")
    name = "-" if redirected == "<&-" else "a.txt"
    command = f"{sys.executable} -m token_guard count --no-cache {name} {redirected}"
    ended = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Traceback" not in ended.stderr
    assert ended.returncode == ("full" in redirected)
    assert ("token-guard: standard output: No space left on device" in ended.stderr) == ("full" in redirected)


@pytest.mark.parametrize(
    "request_",
    [
        {"model": "gpt-4o", "input": [{"role": "user", "content": "Hello there"}], "instructions": "Be brief."},
        {
            "model": "gemini-2.0-flash",
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "contents": [{"role": "user", "parts": [{"text": "Hello there"}]}],
        },
        {"model": "gpt-4o", "prompt": "Hello there"},
    ],
)
def test_requests_of_every_format_are_requests(run: Callable[..., Run], request_: dict[str, Any]) -> None:
    assert run("count", "--json", stdin=json.dumps(request_)).json["inputs"][0]["split"]
    assert json.loads(run("compact", "-", stdin=json.dumps(request_)).out) == request_


def test_json_that_is_no_request_is_text(run: Callable[..., Run]) -> None:
    assert run("count", "--json", stdin='{"messages": "three"}').json["inputs"][0]["split"] == {}
    assert run("count", "--json", stdin='{"messages": [{"role": 7}]}').json["inputs"][0]["split"] == {}


def test_an_input_larger_than_the_window_is_a_finding(run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_LIMIT_GPT_4O", "10")
    assert run("count", stdin="word " * 10).status == 1
    assert run("count", stdin="word " * 5).status == 0


def test_the_table_names_inputs_total_and_window(run: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "[red]a.txt").write_text("words", encoding="utf-8")
    left = run("count", "[red]a.txt", "-", stdin="more words")
    assert all(shown in left.out for shown in ("[red]a.txt", "total", "of the window"))
    assert "128,000 tokens" in left.err


# -- limits --------------------------------------------------------------------------------------------------------------

CONFIG = """
model_list:
  - model_name: small
    litellm_params: {model: openai/house-model, api_base: http://127.0.0.1:1/v1, api_key: none}
    model_info: {max_input_tokens: 16000, max_output_tokens: 1024}
  - {model_name: any, litellm_params: {model: "openai/*"}}
  - {model_name: broken}
litellm_settings: {callbacks: ["token_guard.callback"]}
"""


def test_a_known_model_has_a_limit_and_a_source(run: Callable[..., Run]) -> None:
    left = run("limits", "gpt-4o", "--json")
    (model,) = left.json["models"]
    assert left.status == 0
    assert (model["model"], model["max_input_tokens"], model["max_output_tokens"]) == ("gpt-4o", 128_000, 16_384)
    assert model["source"] != "default"
    assert "chain" not in model


def test_a_model_that_nobody_knows_is_a_finding_with_advice(run: Callable[..., Run]) -> None:
    left = run("limits", "gpt-4o", "zzz-unheard-of")
    assert left.status == 1
    assert "8,192" in left.out
    assert "MODEL_LIMIT_ZZZ_UNHEARD_OF=" in left.err


def test_the_chain_shows_every_source_and_ends_with_the_default(run: Callable[..., Run]) -> None:
    (model,) = run("limits", "gpt-4o", "--explain", "--json").json["models"]
    sources = [answer["source"] for answer in model["chain"]]
    assert sources[-1] == "default"
    assert model["source"] == next(answer["source"] for answer in model["chain"] if answer["limit"])
    assert all(source in run("limits", "gpt-4o", "--explain").out for source in sources)


def test_every_deployment_of_a_configuration_is_looked_up_as_the_proxy_would(run: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG, encoding="utf-8")
    left = run("limits", "--config", "config.yaml", "--json")
    assert left.status == 0
    assert [(model["model"], model["group"], model["max_input_tokens"]) for model in left.json["models"]] == [
        ("openai/house-model", "small", 16_000)
    ]
    assert left.json["wildcards"] == ["openai/*"]


def test_the_window_that_ollama_is_asked_to_load_is_no_guess(run: Callable[..., Run], tmp_path: Path) -> None:
    entry = "{model_name: m, litellm_params: {model: ollama_chat/nobody-knows, num_ctx: 12288}}"
    config = f"model_list: [{entry}]\nlitellm_settings: {{callbacks: [token_guard.callback]}}\n"
    (tmp_path / "config.yaml").write_text(config, encoding="utf-8")
    assert run("check-config", "config.yaml").status == 0
    (model,) = run("limits", "--config", "config.yaml", "--json").json["models"]
    assert (model["max_input_tokens"], model["source"]) == (12_288, "request")


@pytest.mark.parametrize("model", ["ollama_chat/qwen3:8b", "ollama/nobody-knows"])
def test_a_window_of_ollamas_that_nobody_says_is_told_everywhere(run: Callable[..., Run], tmp_path: Path, model: str) -> None:
    entry = f"{{model_name: m, litellm_params: {{model: '{model}'}}}}"
    config = f"model_list: [{entry}]\nlitellm_settings: {{callbacks: [token_guard.callback]}}\n"
    (tmp_path / "config.yaml").write_text(config, encoding="utf-8")
    for command in ("check-config", "doctor", "limits"):
        asked = [command, "config.yaml"] if command == "check-config" else [command, "--config", "config.yaml"]
        told = run(*asked)
        assert told.status == 1, command
        assert "num_ctx" in told.out + told.err or "no source knows" in told.out + told.err, command


def test_the_options_of_a_configuration_count_for_its_limits(run: Callable[..., Run], tmp_path: Path) -> None:
    options = "callback_settings: {token_guard: {limits: {models: {zzz-unheard-of: 4321}}}}"
    (tmp_path / "config.yaml").write_text(CONFIG + options, encoding="utf-8")
    assert run("limits", "zzz-unheard-of", "--config", "config.yaml", "--json").json["models"][0]["max_input_tokens"] == 4_321


def _config(tmp_path: Path, *deployments: dict[str, Any], **options: Any) -> str:
    """A configuration file with these deployments, given as litellm_params with model_info beside them."""
    entries = [
        {"model_name": f"m{number}", "litellm_params": params, "model_info": params.pop("model_info", {})}
        for number, params in enumerate(deployments)
    ]
    document = {"model_list": entries, "callback_settings": {"token_guard": options}}
    (tmp_path / "config.yaml").write_text(json.dumps(document), encoding="utf-8")
    return "config.yaml"


def test_servers_are_asked_when_that_is_wanted_and_their_answers_stand_in_the_chain(run: Callable[..., Run], tmp_path: Path) -> None:
    with serving({"GET /v1/models": VLLM}) as server:
        served = {"model": "hosted_vllm/acme/house-model", "api_base": f"{server.root}/v1", "api_key": "sk-own"}
        config = _config(tmp_path, served)
        before = run("limits", "--config", config, "--json").json["models"][0]
        assert (before["source"], server.asked) == ("default", [])
        (after,) = run("limits", "--config", config, "--discover", "--explain", "--json").json["models"]
        assert (after["source"], after["max_input_tokens"]) == ("discovery", 16_384)
        notes = {answer["source"]: answer["note"] for answer in after["chain"]}
        assert notes["discovery"] == f"openai_models at {server.root}/v1"
        assert server.asked[0][1]["authorization"] == "Bearer sk-own"
        assert "sk-own" not in run("limits", "--config", config, "--discover", "--explain").out


def test_servers_are_asked_where_the_proxy_would_ask_them(run: Callable[..., Run], tmp_path: Path) -> None:
    with serving({"GET /props": LLAMA_CPP}) as server:
        config = _config(tmp_path, {"model": "openai/house-model", "api_base": f"{server.root}/v1"}, limits={"discovery": True})
        assert run("limits", "--config", config, "--json").json["models"][0]["max_input_tokens"] == 12_288


def test_a_server_that_names_no_window_is_remarked_on(run: Callable[..., Run], tmp_path: Path) -> None:
    with serving({}) as server:
        left = run("limits", "--config", _config(tmp_path, {"model": "openai/house", "api_base": server.root}), "--discover")
    assert "openai/house: its server named no context window" in left.err


def test_without_a_configuration_there_is_nobody_to_ask(run: Callable[..., Run]) -> None:
    left = run("limits", "gpt-4o", "--discover")
    assert (left.status, left.err) == (
        2,
        "token-guard: discover what? --discover asks the servers of a LiteLLM configuration, given with --config\n",
    )


def test_deployments_whose_windows_litellm_merges_are_a_finding(run: Callable[..., Run], tmp_path: Path) -> None:
    small = {"model": "openai/gpt-4o", "model_info": {"id": "east", "max_input_tokens": 16_000}}
    large = {"model": "openai/gpt-4o", "model_info": {"id": "west"}}
    left = run("limits", "--config", _config(tmp_path, small, large))
    assert left.status == 1
    for part in ("openai/gpt-4o: LiteLLM merges", "m0 (east) says 16000", "m1 (west) says nothing", "model_info.token_guard"):
        assert part in left.err


def test_deployments_that_say_the_same_are_no_finding(run: Callable[..., Run], tmp_path: Path) -> None:
    same = [{"model": "openai/gpt-4o", "model_info": {"id": name, "max_input_tokens": 16_000}} for name in ("east", "west")]
    own = [{"model": "openai/gpt-4", "model_info": {"token_guard": {"max_input_tokens": size}}} for size in (1_000, 2_000)]
    left = run("limits", "--config", _config(tmp_path, *same, *own), "--json")
    assert (left.status, left.json["warnings"]) == (0, [])


def test_deployments_without_ids_are_told_apart(run: Callable[..., Run], tmp_path: Path) -> None:
    config = tmp_path / "twins.yaml"
    twins = [
        {"model_name": "m", "litellm_params": {"model": "openai/x"}, "model_info": {"max_input_tokens": size}} for size in (4_000, 8_000)
    ]
    config.write_text(json.dumps({"model_list": twins}), encoding="utf-8")
    (warning,) = run("limits", "--config", str(config), "--json").json["warnings"]
    assert "says 4000" in warning
    assert "says 8000" in warning


@pytest.mark.parametrize("name", ["gpt-4o", "openai/house-model"])
def test_an_id_that_is_the_name_of_a_model_is_a_finding(run: Callable[..., Run], tmp_path: Path, name: str) -> None:
    config = _config(tmp_path, {"model": "openai/house-model", "model_info": {"id": name, "max_input_tokens": 16_000}})
    left = run("limits", "--config", config, "--json")
    assert left.status == 1
    (warning,) = left.json["warnings"]
    assert f"its id {name!r} is the name of a model" in warning


# -- compact -------------------------------------------------------------------------------------------------------------


def test_the_fitted_request_can_be_piped_on(run: Callable[..., Run], request_file: str) -> None:
    left = run("compact", request_file, "--max-input-tokens", "4000")
    assert left.status == 0
    assert left.json["x_unknown"] == 1
    assert left.json["messages"][-1] == LAST
    assert run("count", "--json", stdin=left.out).json["total"] <= 4_000
    assert left.err.startswith("compacted: ")


def test_a_request_that_fits_comes_back_as_it_was(run: Callable[..., Run], request_file: str) -> None:
    left = run("compact", request_file)
    assert left.json == json.loads(Path(request_file).read_text(encoding="utf-8"))
    assert left.err.startswith("none: ")


def test_a_list_of_messages_becomes_a_request_for_the_model_given(run: Callable[..., Run]) -> None:
    left = run("compact", "-", "--model", "gpt-4o-mini", stdin=json.dumps(CONVERSATION))
    assert left.json == {"messages": CONVERSATION, "model": "gpt-4o-mini"}


def test_the_report_is_there_for_programs(run: Callable[..., Run], request_file: str) -> None:
    result = run("compact", request_file, "-n", "4000", "--json").json
    assert result["report"]["action"] == "compacted"
    assert result["report"]["tokens_after"] <= 4_000 < result["report"]["tokens_before"]
    assert result["request"]["messages"][-1] == LAST


def test_the_diff_tells_the_fate_of_every_message(run: Callable[..., Run], request_file: str) -> None:
    changes = run("compact", request_file, "-n", "4000", "--diff", "--json").json["changes"]
    assert [change["index"] for change in changes if change["state"] != "inserted"] == list(range(len(CONVERSATION)))
    fate = {change["index"]: change["state"] for change in changes}
    assert (fate[0], fate[1], fate[5]) == ("kept", "kept", "kept")
    assert fate[3] in {"masked", "dropped"}


def test_the_diff_shows_other_peoples_text_as_it_is(run: Callable[..., Run], request_file: str) -> None:
    left = run("compact", request_file, "-n", "4000", "--diff")
    assert "- src/module_0.py:0: nothing [bold]here[/bold]" in left.out
    assert "kept" in left.out


def test_the_diff_cannot_steer_a_terminal(run: Callable[..., Run]) -> None:
    hostile = {**RESULT, "content": "\x1b[2J\ud800\tgone\n" + RESULT["content"]}
    left = run("compact", "-", "-n", "4000", "--diff", stdin=json.dumps([*CONVERSATION[:3], hostile, *CONVERSATION[4:]]))
    assert "- ?[2J?   gone" in left.out


def test_a_request_that_cannot_fit_is_a_finding_with_the_arithmetic(run: Callable[..., Run]) -> None:
    request = json.dumps([{"role": "system", "content": "Never guess. " * 2_000}, ASK])
    left = run("compact", "-", "-n", "1000", stdin=request)
    assert (left.status, left.out) == (1, "")
    assert "1,000 tokens" in left.err
    refused = run("compact", "-", "-n", "1000", "--json", stdin=request)
    assert refused.status == 1
    assert refused.json["allowed"] == 1_000 < refused.json["parts"]["system"] <= refused.json["tokens"]


def test_compact_works_where_the_guard_is_only_observing(
    run: Callable[..., Run], request_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN_GUARD_MODE", "observe")
    assert run("compact", request_file, "-n", "4000", "--json").json["report"]["action"] == "compacted"


# -- check-config --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "key", "words"),
    [
        ("litellm_settings: {}", "litellm_settings.callbacks", "the guard is not switched on"),
        ("litellm_settings: {callbacks: [prometheus]}", "litellm_settings.callbacks", "the guard is not switched on"),
        ("litellm_settings: {callbacks: [token_guard]}", "litellm_settings.callbacks", "the only name is token_guard.callback"),
        (
            "litellm_settings: {callbacks: [token_guard.proxy.plugin.callback]}",
            "litellm_settings.callbacks",
            "the only name is token_guard.callback",
        ),
        ("litellm_settings: {callbacks: token_guard.callback}", "litellm_settings.callbacks", "replaces every other callback"),
        (
            CONFIG + "callback_settings: {token_guard: {triger: 0.5}}",
            "callback_settings.token_guard",
            "triger is not a setting; did you mean trigger?",
        ),
        (CONFIG + "callback_settings: {token_guard: {trigger: 1.5}}", "callback_settings.token_guard", "less than or equal to 1"),
        (CONFIG + "callback_settings: {token_guard: {trigger: os.environ/UNSET}}", "callback_settings.token_guard", "os.environ/UNSET"),
        (CONFIG + "callback_settings: {token_guard: [1]}", "callback_settings.token_guard", "must be a mapping"),
        (CONFIG + "general_settings: {token_guard: {}}", "general_settings.token_guard", "belong under callback_settings.token_guard"),
        (CONFIG + "token_guard: {}", "token_guard", "belong under callback_settings.token_guard"),
        (
            CONFIG.replace("{model_name: broken}", "{model_name: a, litellm_params: {model: gpt-4o, token_guard: {}}}"),
            "model_list[2].litellm_params.token_guard",
            "would be sent to the provider",
        ),
        (
            CONFIG.replace(
                "{model_name: broken}", "{model_name: a, litellm_params: {model: gpt-4o}, model_info: {token_guard: {store: x}}}"
            ),
            "model_list[2].model_info.token_guard.store",
            "allowed: max_input_tokens, max_output_tokens, mode, strategy",
        ),
        (CONFIG + "callback_settings: {token_guard: {limits: {files: [absent.json]}}}", "limits", "absent.json does not exist"),
        (
            CONFIG + "callback_settings: {token_guard: {summarizer: {model: nobody}}}",
            "callback_settings.token_guard.summarizer.model",
            "no model_name of model_list",
        ),
        (
            CONFIG + "callback_settings: {token_guard: {shadow: {models: [nobody], budget_per_day: 1}}}",
            "callback_settings.token_guard.shadow.models",
            "nobody is no model_name of model_list: nothing of it would be compared; name one of",
        ),
        (
            CONFIG + "callback_settings: {token_guard: {shadow: {models: [small], budget_per_day: 1}}}",
            "callback_settings.token_guard.shadow.models",
            "nobody says what openai/house-model costs",
        ),
        (
            CONFIG.replace("{model_name: broken}", "{model_name: old, litellm_params: {model: gpt-4o}, model_info: {mode: completion}}")
            + "callback_settings: {token_guard: {shadow: {models: [old], budget_per_day: 1}}}",
            "callback_settings.token_guard.shadow.models",
            "old is of mode completion; only chat completions, Messages and Responses are compared",
        ),
        (
            CONFIG + "callback_settings: {token-guard: {mode: off}}",
            "callback_settings.token-guard",
            "belong under callback_settings.token_guard",
        ),
        (
            CONFIG + "callback_settings: {token_gaurd: {mode: off}}",
            "callback_settings.token_gaurd",
            "belong under callback_settings.token_guard",
        ),
        (
            CONFIG + "callback_setting: {token_guard: {mode: off}}",
            "callback_setting.token_guard",
            "belong under callback_settings.token_guard",
        ),
        (
            CONFIG.replace('["token_guard.callback"]', '["token_guard.callback", prometheus, "token_guard.callback"]'),
            "litellm_settings.callbacks",
            "is listed 2 times",
        ),
        (
            CONFIG.replace('["token_guard.callback"]', '["token-guard.callback"]'),
            "litellm_settings.callbacks",
            "the only name is token_guard.callback",
        ),
        (
            CONFIG.replace('["token_guard.callback"]', '["token_guard.callback"], success_callback: ["token_guard.callback"]'),
            "litellm_settings.success_callback",
            "remove it here",
        ),
        (CONFIG + "callback_settings: {token_guard: {store: 'tape:x'}}", "callback_settings.token_guard.store", "'tape:x' is not a store"),
        (CONFIG + "callback_settings: {token_guard: {store: 'sqlite:///'}}", "callback_settings.token_guard.store", "names no file"),
        (CONFIG + "callback_settings: {token_guard: {store: 'proxy:'}}", "callback_settings.token_guard.store", "this proxy has none"),
        (
            CONFIG.replace("litellm_settings: {", "litellm_settings: {cache: true, cache_params: {type: local}, ")
            + "callback_settings: {token_guard: {store: 'proxy:'}}",
            "callback_settings.token_guard.store",
            "general_settings.coordination_redis",
        ),
        (
            CONFIG + "callback_settings: {token_guard: {sessions: {history: true}}}",
            "callback_settings.token_guard.encryption_key",
            "sessions.history would stay off: there is none; set TOKEN_GUARD_ENCRYPTION_KEY",
        ),
        (
            CONFIG + "callback_settings: {token_guard: {retrieval: {enabled: true}, encryption_key: secret}}",
            "callback_settings.token_guard.encryption_key",
            "retrieval.enabled would stay off: it is no Fernet key",
        ),
        (
            CONFIG.replace("max_input_tokens: 16000", "max_input_tokens: plenty, token_guard: {max_input_tokens: 16000}"),
            "model_list[0].model_info.max_input_tokens",
            "'plenty' is no number of tokens",
        ),
        (
            CONFIG.replace("max_input_tokens: 16000, ", ""),
            "model_list[0].model_info",
            "'openai/house-model', served as 'small', so 8,192 tokens are assumed; add to its deployment model_info: {max_input_tokens:",
        ),
        (
            CONFIG.replace("{model_name: broken}", "{model_name: a, litellm_params: {model: azure/prod-7}}"),
            "model_list[2].model_info",
            "base_model: azure/<the model behind it>",
        ),
        (
            CONFIG.replace("{model_name: broken}", "{model_name: a, litellm_params: {model: gpt-4o}, model_info: {token-guard: {}}}"),
            "model_list[2].model_info.token-guard",
            "the name is token_guard",
        ),
    ],
)
def test_a_finding_names_the_key_and_what_is_allowed(
    run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, config: str, key: str, words: str
) -> None:
    if "store:" in config:
        monkeypatch.delenv("TOKEN_GUARD_STORE")
    left = run("check-config", "-", "--json", stdin=config)
    assert left.status == 1
    assert [(finding["key"], words in finding["message"]) for finding in left.json["findings"]] == [(key, True)]
    assert run("check-config", "-", stdin=config).out.startswith(f"{key}: ")


@pytest.mark.parametrize(
    "redis", ["litellm_settings: {cache: true, ", "general_settings: {coordination_redis: {host: h}}\nlitellm_settings: {"]
)
def test_a_proxy_that_has_its_redis_may_keep_what_it_learns_there(
    run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, redis: str
) -> None:
    monkeypatch.delenv("TOKEN_GUARD_STORE")
    config = CONFIG.replace("litellm_settings: {", redis) + "callback_settings: {token_guard: {store: 'proxy:'}}"
    assert run("check-config", "-", stdin=config).status == 0


def test_a_limit_that_cannot_be_read_is_a_finding(run: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_LIMIT_X", "many")
    (tmp_path / "model_limits.json").write_text('{"acme-1": "few", "acme-2": 5000}', encoding="utf-8")
    left = run("check-config", "-", "--json", stdin=CONFIG)
    assert left.status == 1
    assert [(finding["key"], finding["message"].split(" ")[0]) for finding in left.json["findings"]] == [
        ("limits", "MODEL_LIMIT_X='many'"),
        ("limits", f"{tmp_path / 'model_limits.json'}:"),
    ]
    left = run("limits", "acme-2", "--json")
    assert (left.status, left.json["models"][0]["max_input_tokens"], len(left.json["warnings"])) == (1, 5_000, 2)
    assert "MODEL_LIMIT_X" in run("limits", "acme-2").err


def test_a_store_that_cannot_be_written_is_a_finding_and_looking_makes_none(
    run: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TOKEN_GUARD_STORE")
    (tmp_path / "note.txt").write_text("no database", encoding="utf-8")
    stores = [f"sqlite:///{tmp_path / name}" for name in ("new/store.db", "note.txt", "note.txt/store.db")]
    configs = [CONFIG + f"callback_settings: {{token_guard: {{store: '{store}'}}}}" for store in stores]
    found = [[finding["key"] for finding in run("check-config", "-", "--json", stdin=config).json["findings"]] for config in configs]
    assert found == [[], ["callback_settings.token_guard.store"], ["callback_settings.token_guard.store"]]
    assert not (tmp_path / "new").exists()


def test_a_window_that_the_server_is_asked_for_is_no_finding(run: Callable[..., Run]) -> None:
    config = CONFIG.replace("max_input_tokens: 16000, ", "") + "callback_settings: {token_guard: {limits: {discovery: true}}}"
    assert run("check-config", "-", stdin=config).status == 0


def test_an_embedding_model_without_a_window_is_no_finding(run: Callable[..., Run]) -> None:
    assert run("check-config", "-", stdin=CONFIG.replace("max_input_tokens: 16000", "mode: embedding")).status == 0


def test_a_good_configuration_is_status_0(run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TRIGGER", "0.7")
    left = run("check-config", "-", stdin=CONFIG + "callback_settings: {token_guard: {trigger: os.environ/A_TRIGGER}}")
    assert (left.status, left.out) == (0, "")


def test_a_file_that_is_not_yaml_is_one_line(run: Callable[..., Run]) -> None:
    left = run("check-config", "-", stdin="a: [1\nb: }")
    assert left.status == 2
    assert left.err.count("\n") == 1
    assert left.err.startswith("token-guard: -: not YAML: ")


def test_what_was_learned_of_a_deployment_without_an_id_is_shown(
    run: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from litellm.router import Router

    from token_guard.limits import Deployment, Learned
    from token_guard.stores import open_store

    parameters = {"model": "hosted_vllm/acme-finetune", "api_base": "http://127.0.0.1:1/v1", "api_key": "x"}
    entry = {"model_name": "mine", "litellm_params": parameters}
    router = Router(model_list=[copy.deepcopy(entry)])
    store = f"sqlite:///{tmp_path / 'facts.db'}"
    opened = open_store(store)
    Learned(opened, 3_600.0).learn("", Deployment(id=router.model_list[0]["model_info"]["id"]), 16_384)
    opened.close()
    monkeypatch.setenv("TOKEN_GUARD_STORE", store)
    config = {"model_list": [entry], "litellm_settings": {"callbacks": ["token_guard.callback"]}}
    (tmp_path / "config.yaml").write_text(json.dumps(config), encoding="utf-8")  # which is YAML
    (model,) = run("limits", "--config", "config.yaml", "--json").json["models"]
    assert (model["source"], model["max_input_tokens"]) == ("learned", 16_384)
    told = run("doctor", "--config", "config.yaml")
    assert "mine: 16,384 tokens, says learned" in told.out
    assert "no source knows" not in told.out


def test_what_a_proxy_has_learned_is_shown_without_its_configuration(
    run: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from token_guard.limits import Deployment, Learned
    from token_guard.stores import open_store

    url = f"sqlite:///{tmp_path}/store.db"
    monkeypatch.setenv("TOKEN_GUARD_STORE", url)
    assert run("limits", "house-model", "--json").json["models"][0]["source"] == "default"
    assert not (tmp_path / "store.db").exists()
    store = open_store(url)
    Learned(store, 3_600).learn("house-model", Deployment(), 12_345)
    store.close()
    (model,) = run("limits", "house-model", "--json").json["models"]
    assert (model["source"], model["max_input_tokens"]) == ("learned", 12_345)


def test_a_very_long_request_is_compacted_in_a_hurry_and_says_so(
    run: Callable[..., Run], request_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from token_guard.commands import compact

    monkeypatch.setattr(compact, "PATIENT_CHARACTERS", 1_000)
    left = run("compact", request_file, "-n", "3000")
    assert left.status == 0
    assert "its oldest messages go" in left.err
