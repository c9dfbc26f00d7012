import json
import logging
import os
import re
import threading
from pathlib import Path

import pytest

from token_guard.errors import ConfigError
from token_guard.limits import Deployment, LimitChain


class Clock:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def write(path: Path, content: object) -> Path:
    """Write a limit file, with a time of its own so that a file of the same size is seen to have changed."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    os.utime(path, ns=(before + 1_000_000_000, before + 1_000_000_000))
    return path


def window(chain: LimitChain, model: str = "acme-1") -> int:
    return chain.resolve(model).max_input_tokens


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("limits.json", '{"acme-1": 5000, "acme-2": {"max_input_tokens": "6k", "max_output_tokens": 700}}'),
        ("limits.yaml", "acme-1: 5000\nacme-2:\n  max_input_tokens: 6k\n  max_output_tokens: 700\n"),
        ("limits.yml", "acme-1: 5_000\nacme-2: {max_input_tokens: 6000, max_output_tokens: 700}\n"),
    ],
)
def test_json_and_yaml_say_a_number_or_a_mapping(here: Path, name: str, text: str) -> None:
    write(here / name, text)
    chain = LimitChain(files=[name], environ={})
    second = chain.resolve("hosted_vllm/ACME_2")
    assert window(chain) == 5_000
    assert (second.max_input_tokens, second.max_output_tokens, second.source) == (6_000, 700, "config_file")


def test_the_most_specific_place_decides(here: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(here / "xdg"), "HOME": str(here / "home")}
    asked = {}
    write(here / "xdg/token_guard/model_limits.json", {"acme-1": 4_000})
    asked["user"] = window(LimitChain(environ=environ))
    write(here / "model_limits.yaml", "acme-1: 3000")
    asked["working directory"] = window(LimitChain(environ=environ))
    write(here / "own.json", {"acme-1": 2_000})
    asked["named"] = window(LimitChain(files=["own.json"], environ=environ))
    asked["config"] = window(LimitChain(files=["own.json"], models={"acme-1": 1_000}, environ=environ))
    assert asked == {"user": 4_000, "working directory": 3_000, "named": 2_000, "config": 1_000}


def test_the_user_place_defaults_to_dot_config_in_the_home(here: Path) -> None:
    write(here / "home/.config/token_guard/model_limits.yml", "acme-1: 4000")
    assert window(LimitChain(environ={"HOME": str(here / "home")})) == 4_000


def test_an_entry_may_name_the_public_alias() -> None:
    assert LimitChain(models={"fast": 5_000}, environ={}).resolve("azure/x", Deployment(group="fast")).max_input_tokens == 5_000


def test_a_named_file_that_is_missing_is_complained_about_and_the_rest_goes_on(here: Path) -> None:
    write(here / "own.json", {"acme-1": 2_000})
    chain = LimitChain(files=["nowhere.json", "own.json"], environ={})
    assert chain.complaints == (f"limits.files: {here / 'nowhere.json'} does not exist; allowed: paths of JSON or YAML files",)
    assert window(chain) == 2_000


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "cannot be read"),
        ("[1]", "list at the top; allowed: a mapping"),
        ('{"acme-1": "many"}', "acme-1: 'many'.*allowed: a whole number"),
        ('{"acme-1": -3}', "acme-1: -3.*allowed"),
        ('{"acme-1": 1.5}', "acme-1: 1.5.*allowed"),
        ('{"acme-1": null}', "acme-1: None.*allowed"),
        ('{"acme-1": {"max_tokens": 5}}', "acme-1: unknown key 'max_tokens'; allowed: .*max_input_tokens and max_output_tokens"),
        ('{"acme-1": {"max_output_tokens": 5}}', "acme-1: max_input_tokens is missing"),
        ('{"acme-1": {"max_input_tokens": 5, "max_output_tokens": true}}', "acme-1.max_output_tokens: True"),
        ('{"acme-1": 5, "ACME_1": 6}', "different limits"),
    ],
)
def test_what_cannot_be_read_is_one_warning_that_names_file_key_and_what_is_allowed(
    here: Path, caplog: pytest.LogCaptureFixture, text: str, named: str
) -> None:
    write(here / "model_limits.json", text)
    with caplog.at_level(logging.WARNING, "token_guard"):
        for _ in range(2):
            assert LimitChain(environ={"MODEL_LIMIT_ACME_2": "5k"}).resolve("acme-2").max_input_tokens == 5_000
    [warning] = [record.getMessage() for record in caplog.records]
    assert re.search(named, warning)
    assert "model_limits.json" in warning
    assert "\n" not in warning


def test_one_bad_entry_costs_nothing_but_itself(here: Path) -> None:
    write(here / "model_limits.json", {"gpt-4o": "many", "acme-1": 5_000})
    chain = LimitChain(environ={})
    assert (window(chain), window(chain, "gpt-4o")) == (5_000, 128_000)


def test_of_two_entries_that_disagree_the_smaller_counts(here: Path) -> None:
    write(here / "model_limits.json", '{"acme-1": 5000, "ACME_1": 6000}')
    assert window(LimitChain(environ={})) == 5_000


def test_an_entry_that_breaks_later_keeps_its_limit_and_the_others_change(here: Path) -> None:
    clock = Clock()
    path = write(here / "model_limits.json", {"acme-1": 5_000, "acme-2": 5_000})
    chain = LimitChain(environ={}, clock=clock)
    write(path, {"acme-1": "many", "acme-2": 6_000})
    clock.now += 10
    assert (window(chain), window(chain, "acme-2")) == (5_000, 6_000)


def test_a_bad_value_in_the_config_itself_stops_the_construction() -> None:
    with pytest.raises(ConfigError, match=r"limits\.models: acme-1: 'many'"):
        LimitChain(models={"acme-1": "many"}, environ={})


def test_an_empty_file_says_nothing(here: Path) -> None:
    write(here / "model_limits.yaml", "# later\n")
    assert window(LimitChain(environ={})) == 8_192


def test_an_edit_is_seen_a_few_seconds_later(here: Path) -> None:
    clock = Clock()
    path = write(here / "model_limits.json", {"acme-1": 5_000})
    chain = LimitChain(environ={}, clock=clock)
    seen = [window(chain)]
    write(path, {"acme-1": 6_000})
    seen.append(window(chain))
    clock.now += 10
    seen.append(window(chain))
    assert seen == [5_000, 5_000, 6_000]


def test_files_that_appear_and_vanish_in_a_usual_place_are_seen(here: Path) -> None:
    clock = Clock()
    chain = LimitChain(environ={}, clock=clock)
    seen = [window(chain)]
    path = write(here / "model_limits.json", {"acme-1": 5_000})
    clock.now += 10
    seen.append(window(chain))
    path.unlink()
    clock.now += 10
    seen.append(window(chain))
    assert seen == [8_192, 5_000, 8_192]


@pytest.mark.parametrize("broken", [True, False], ids=["malformed", "vanished"])
def test_a_file_that_breaks_later_keeps_its_limits_with_one_warning(here: Path, caplog: pytest.LogCaptureFixture, broken: bool) -> None:
    clock = Clock()
    path = write(here / "own.json", {"acme-1": 5_000})
    chain = LimitChain(files=["own.json"], environ={}, clock=clock)
    if broken:
        write(path, "{")
    else:
        path.unlink()
    with caplog.at_level(logging.WARNING, "token_guard"):
        for _ in range(3):
            clock.now += 10
            assert window(chain) == 5_000
    assert [record.getMessage().endswith("its last good limits stay in force") for record in caplog.records] == [True]


def test_a_mended_file_counts_again(here: Path) -> None:
    clock = Clock()
    path = write(here / "model_limits.json", {"acme-1": 5_000})
    chain = LimitChain(environ={}, clock=clock)
    for content, expected in (("{", 5_000), ({"acme-1": 7_000}, 7_000)):
        write(path, content)
        clock.now += 10
        assert window(chain) == expected


def test_threads_that_ask_while_a_file_changes_get_one_of_its_states(here: Path) -> None:
    clock = Clock()
    path = write(here / "model_limits.json", {"acme-1": 5_000})
    chain = LimitChain(environ={}, clock=clock)
    seen: set[int] = set()

    def ask() -> None:
        for _ in range(300):
            clock.now += 3
            seen.add(window(chain))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    write(path, {"acme-1": 6_000})
    for thread in threads:
        thread.join()
    clock.now += 10
    assert seen <= {5_000, 6_000, 8_192}
    assert window(chain) == 6_000


def test_file_and_name_are_given_as_the_reason(here: Path) -> None:
    write(here / "model_limits.json", {"Acme-1": 5_000})
    answers = {answer.source: answer for answer in LimitChain(environ={}).explain("acme-1")}
    assert answers["config_file"].note == f"{here / 'model_limits.json'}: Acme-1"
