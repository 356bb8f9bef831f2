"""Alerts and dashboard ask only for what the engine publishes, and say what to do."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RULES = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]
DASHBOARD = json.loads((ROOT / "deploy/grafana/dashboards/yobirin.json").read_text(encoding="utf-8"))

# The contract on metrics: name without the prefix, labels.
GAUGES = {
    "calls_active": set(),
    "lines": set(),
    "recipients": {"campaign", "state"},
    "agi_sessions": set(),
    "ami_connected": set(),
    "window_open": set(),
    "unknown_attempts": set(),
}
COUNTERS = {"attempts_total": {"outcome"}, "speech_cache_hits_total": set(), "texts_total": {"status"}}
HISTOGRAMS = (
    "originate_seconds",
    "answer_to_audio_seconds",
    "key_to_audio_seconds",
    "speech_render_seconds",
    "store_write_seconds",
)
PUBLISHED: dict[str, set[str]] = {
    **GAUGES,
    **COUNTERS,
    **{f"{name}_bucket": {"le"} for name in HISTOGRAMS},
    **{f"{name}_{part}": set() for name in HISTOGRAMS for part in ("sum", "count")},
}
OUTCOMES = {
    *("confirmed", "confirmed_partial", "hung_up", "voicemail", "voicemail_partial", "screened", "busy", "no_answer"),
    *("rejected", "unreachable", "invalid_number", "network_congestion", "failed", "cancelled", "unknown"),
}


def panels() -> list[dict]:  # type: ignore[type-arg]
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def expressions() -> list[str]:
    asked = [target["expr"] for panel in panels() for target in panel["targets"]]
    return [rule["expr"] for rule in RULES] + asked


def asked_for(expression: str) -> list[tuple[str, set[str]]]:
    """Every metric of ours in the expression, with the labels it is selected by."""
    return [
        (name, set(re.findall(r"(\w+)\s*(?:=|!)", selector)))
        for name, selector in re.findall(r"\bivr_(\w+)(\{[^}]*\})?", expression)
    ]


@pytest.mark.parametrize("expression", expressions())
def test_an_expression_asks_only_for_metrics_and_labels_of_the_contract(expression: str) -> None:
    asked = asked_for(expression)
    assert asked or 'up{job="yobirin"}' in expression
    for name, labels in asked:
        assert name in PUBLISHED, f"ivr_{name} is not published"
        assert labels <= PUBLISHED[name], f"ivr_{name} has no label {labels - PUBLISHED[name]}"


@pytest.mark.parametrize("expression", expressions())
def test_an_expression_groups_only_by_labels_of_its_metrics(expression: str) -> None:
    known = set().union(*(PUBLISHED[name] for name, _ in asked_for(expression)))
    for group in re.findall(r"\bby \(([^)]*)\)", expression):
        assert {label.strip() for label in group.split(",")} <= known


def test_outcomes_named_in_expressions_and_colours_are_those_of_the_contract() -> None:
    named = {name for text in expressions() for name in re.findall(r'outcome="(\w+)"', text)}
    assert named <= OUTCOMES
    for panel in panels():
        if coloured := {entry["matcher"]["options"] for entry in panel["fieldConfig"]["overrides"]}:
            assert coloured == OUTCOMES


def test_every_published_metric_is_on_the_dashboard() -> None:
    shown = {name for panel in panels() for target in panel["targets"] for name, _ in asked_for(target["expr"])}
    assert {re.sub(r"_(bucket|count|sum)$", "", name) for name in shown} == {*GAUGES, *COUNTERS, *HISTOGRAMS}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_is_wrong_in_both_languages_and_what_to_do(rule: dict) -> None:  # type: ignore[type-arg]
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"].keys() == {"summary", "summary_ja", "description"}
    assert re.search(r"[ぁ-ん]", rule["annotations"]["summary_ja"])


def test_panels_of_the_dashboard_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + i, at["y"] + j) for i in range(at["w"]) for j in range(at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


def test_grafana_finds_prometheus_and_the_dashboard_where_compose_puts_them() -> None:
    provisioning = ROOT / "deploy/grafana/provisioning"
    source = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())["datasources"][0]
    provider = yaml.safe_load((provisioning / "dashboards/yobirin.yml").read_text())["providers"][0]
    grafana = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["grafana"]
    assert {panel["datasource"]["uid"] for panel in panels()} == {source["uid"]}
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in grafana["volumes"]


def test_prometheus_loads_the_alerts_and_scrapes_the_engine() -> None:
    config = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    assert config["rule_files"] == ["alerts.yml"]
    assert config["scrape_configs"] == [{"job_name": "yobirin", "static_configs": [{"targets": ["127.0.0.1:9464"]}]}]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (of Prometheus) is not on PATH")
def test_alerts_fire_when_they_should_and_only_then() -> None:
    cases = Path(__file__).with_name("alerts_cases.yml")
    done = subprocess.run(["promtool", "test", "rules", cases], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
