"""Alerts and dashboard ask only for what the engine publishes, and say what to do."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from ivr.domain.outcome import Outcome
from ivr.domain.text import TextState
from ivr.metrics import Metrics

ROOT = Path(__file__).parents[2]
RULES = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text(encoding="utf-8"))["groups"][0]["rules"]
DASHBOARD = json.loads((ROOT / "deploy/grafana/dashboards/yobirin.json").read_text(encoding="utf-8"))


def published() -> dict[str, set[str]]:
    """Every series that docs/metrics.md lists, with its labels; the names are without the prefix."""
    table = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    series: dict[str, set[str]] = {}
    for name, kind, labels in re.findall(r"^\| `ivr_(\w+)` \| (\w+) \| ([^|]*)\|", table, flags=re.MULTILINE):
        named = set(re.findall(r"`(\w+)`", labels))
        if kind == "histogram":
            series |= {f"{name}_bucket": named | {"le"}, f"{name}_sum": named, f"{name}_count": named}
        else:
            series[name] = named
    return series


PUBLISHED = published()
CONTRACT = {
    *("calls_active", "lines", "attempts_total", "recipients", "originate_seconds", "answer_to_audio_seconds"),
    *("key_to_audio_seconds", "agi_sessions", "ami_connected", "speech_render_seconds", "speech_cache_hits_total"),
    *("window_open", "texts_total", "store_write_seconds", "unknown_attempts"),
}
STATUSES = {state.value: state.label for state in TextState if state is not TextState.QUEUED}
OUTCOMES = {outcome.value for outcome in Outcome}


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
        if overrides := panel["fieldConfig"]["overrides"]:
            named_so = {entry["matcher"]["options"]: entry["properties"][0]["value"] for entry in overrides}
            about_texts = "ivr_texts_total" in panel["targets"][0]["expr"]
            assert named_so == (STATUSES if about_texts else {outcome.value: outcome.label for outcome in Outcome})


def test_statuses_of_texts_named_in_expressions_are_those_of_the_contract() -> None:
    named = re.findall(r'status[!=~]+"([\w|]+)"', " ".join(expressions()))
    assert {status for some in named for status in some.split("|")} <= STATUSES.keys()


def test_texts_have_a_row_of_their_own() -> None:
    row, *others = (panel for panel in DASHBOARD["panels"] if panel["gridPos"]["y"] >= 46)
    assert (row["type"], row["title"]) == ("row", "SMS / Texts")
    shown = " ".join(target["expr"] for panel in others for target in panel["targets"])
    for what in ("ivr_sms_connected", 'status="unknown"', "rate(ivr_texts_total", "by (status)"):
        assert what in shown


def test_every_metric_that_users_rely_on_is_on_the_dashboard() -> None:
    shown = {name for panel in panels() for target in panel["targets"] for name, _ in asked_for(target["expr"])}
    assert {re.sub(r"_(bucket|count|sum)$", "", name) for name in shown} >= CONTRACT


def test_what_is_asked_for_is_what_the_engine_publishes() -> None:
    names = {sample.name for family in Metrics().registry.collect() for sample in family.samples}
    without_labels = {f"ivr_{name}" for name, labels in PUBLISHED.items() if not labels}
    assert without_labels <= names


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
