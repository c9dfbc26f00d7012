"""The example dashboard and alert rules ask for metrics that exist, by labels and values that they have."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from token_guard.proxy.alarms import ALARMS
from token_guard.proxy.instruments import INSTRUMENTS
from token_guard.report import Action, Fate

FOLDER = Path(__file__).parents[1] / "docs/grafana"
DASHBOARD: Mapping[str, Any] = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))
RULES: Mapping[str, Any] = yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))

SAMPLES = {
    name: instrument
    for instrument in INSTRUMENTS.values()
    for name in (
        [f"{instrument.name}_{part}" for part in ("bucket", "sum", "count")] if instrument.kind == "histogram" else [instrument.name]
    )
}
"""The instrument behind each name that a scrape shows."""

VALUES: Mapping[str, set[str]] = {
    "action": set(get_args(Action)),
    "alarm": set(ALARMS),
    "cause": {cause for causes in ALARMS.values() for cause in causes},
    "kind": {"uncached", "cache_read", "cache_write"},
    "fate": set(get_args(Fate)),
}
"""The values of labels that have few."""


def expressions() -> Iterator[tuple[str, str]]:
    for panel in DASHBOARD["panels"]:
        yield from ((panel["title"], target["expr"]) for target in panel.get("targets", ()))
    for group in RULES["groups"]:
        yield from ((rule["alert"], rule["expr"]) for rule in group["rules"])


EXPRESSIONS = list(expressions())


def _plain(expression: str) -> str:
    """The expression with Grafana's variables filled in."""
    filled = {"$__rate_interval": "5m", "$__range": "6h", "$model": ".*"}
    return re.sub(r"\$\w+", lambda match: filled[match[0]], expression)


@pytest.mark.parametrize(("title", "expression"), EXPRESSIONS)
def test_every_expression_asks_for_a_metric_that_exists_by_labels_that_it_has(title: str, expression: str) -> None:
    selectors = re.findall(r"(token_guard_\w+)(?:\{([^}]*)\})?", expression)
    assert selectors
    for name, matchers in selectors:
        assert name in SAMPLES, f"{title}: {name} is no metric"
        for label, value in re.findall(r'(\w+)\s*[!=]=?~?\s*"([^"]*)"', matchers):
            assert label in SAMPLES[name].labels, f"{title}: {name} has no label {label}"
            assert value.startswith("$") or value in VALUES[label], f"{title}: {label} is never {value}"


@pytest.mark.parametrize(("title", "expression"), EXPRESSIONS)
def test_every_expression_groups_by_labels_that_all_its_metrics_have(title: str, expression: str) -> None:
    for labels, inner in re.findall(r"by \(([^)]*)\) \(([^()]*(?:\([^()]*\))?)", expression):
        for name in re.findall(r"token_guard_\w+", inner):
            known = {*SAMPLES[name].labels, *(("le",) if name.endswith("_bucket") else ())}
            assert {label.strip() for label in labels.split(",")} <= known, title


@pytest.mark.parametrize(("title", "expression"), EXPRESSIONS)
def test_every_expression_is_promql(title: str, expression: str) -> None:
    parser = pytest.importorskip("promql_parser", reason="promql-parser is not installed")
    parser.parse(_plain(expression))


def test_counters_are_asked_for_their_change_never_for_their_value() -> None:
    for title, expression in EXPRESSIONS:
        for name in re.findall(r"token_guard_\w+", expression):
            if SAMPLES[name].kind != "gauge":
                assert re.search(rf"(rate|increase)\({name}", expression), title


def test_every_instrument_but_what_another_one_tells_is_on_the_dashboard() -> None:
    told = {SAMPLES[name].name for _, expression in EXPRESSIONS for name in re.findall(r"token_guard_\w+", expression)}
    elsewhere = {"token_guard_task_cut_total", "token_guard_overrides_ignored_total", "token_guard_estimate_correction_ratio"}
    assert told | elsewhere == {instrument.name for instrument in INSTRUMENTS.values()}


def test_the_dashboard_has_the_form_that_grafana_reads() -> None:
    assert {"panels", "schemaVersion", "templating", "time", "title", "uid"} <= set(DASHBOARD)
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?([A-Za-z]\w*)", json.dumps(DASHBOARD["panels"])))
    assert used - variables == set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        assert panel["type"] in ("row", "stat", "timeseries")
        assert panel["type"] == "row" or panel["description"]


def test_every_field_of_the_dashboard_is_one_of_grafanas_own_schema() -> None:
    """Grafana Labs' own types are made from its schema: what they do not know is lost on the way through them, and so in a Grafana."""
    models = pytest.importorskip("grafana_foundation_sdk.models.dashboard", reason="the extra lint is not installed")
    encoder = importlib.import_module("grafana_foundation_sdk.cog.encoder").JSONEncoder
    importlib.import_module("grafana_foundation_sdk.cog.plugins").register_default_plugins()
    read = json.loads(encoder(sort_keys=True).encode(models.Dashboard.from_json(DASHBOARD)))
    assert [place for place in _lost(DASHBOARD, read) if place[-1] not in WRITTEN_BY_GRAFANA] == []


WRITTEN_BY_GRAFANA = ("builtIn", "definition")
"""What Grafana writes into a dashboard that is saved, and its schema of some versions leaves out."""


def _lost(told: Any, read: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The places of what is no longer there, or is something else."""
    if isinstance(told, dict) and isinstance(read, dict):
        pairs: Any = told.items()
        known: Any = read
    elif isinstance(told, list) and isinstance(read, list) and len(told) == len(read):
        pairs, known = enumerate(told), dict(enumerate(read))
    else:
        pairs, known = (), {}
        if told != read:
            yield place
    for name, value in pairs:
        yield from _lost(value, known[name], (*place, name)) if name in known else [(*place, name)]


def test_no_two_panels_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken, panel["title"]
        taken |= cells


def test_every_rule_says_what_is_wrong_and_what_to_do() -> None:
    for rule in RULES["groups"][0]["rules"]:
        assert rule["labels"]["severity"] in ("info", "warning", "critical")
        assert {"summary", "description"} <= set(rule["annotations"])
        named = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        grouped = {label.strip() for labels in re.findall(r"by \(([^)]*)\)", rule["expr"]) for label in labels.split(",")}
        assert named <= grouped, rule["alert"]


def test_promtool_takes_the_rules() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    checked = subprocess.run([promtool, "check", "rules", str(FOLDER / "alerts.yml")], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
