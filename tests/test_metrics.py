"""What operators see. Names are a contract; no person is in them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import uvicorn
import yaml
from prometheus_client.parser import text_string_to_metric_families

from ivr.domain.outcome import Outcome
from ivr.metrics import Metrics

ROOT = Path(__file__).parent.parent
CONTRACT = {
    # design.md 4.7, as a scrape shows them
    "ivr_calls_active",
    "ivr_lines",
    "ivr_attempts_total",
    "ivr_recipients",
    "ivr_originate_seconds",
    "ivr_answer_to_audio_seconds",
    "ivr_agi_sessions",
    "ivr_key_to_audio_seconds",
    "ivr_ami_connected",
    "ivr_speech_render_seconds",
    "ivr_speech_cache_hits_total",
    "ivr_window_open",
    "ivr_texts_total",
    "ivr_store_write_seconds",
    "ivr_unknown_attempts",
}


def names(metrics: Metrics) -> set[str]:
    """Return the names of our metrics, counters with their suffix."""
    return {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in metrics.registry.collect()
        if family.name.startswith("ivr_")
    }


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def test_every_metric_of_the_contract_is_there(metrics: Metrics) -> None:
    assert names(metrics) >= CONTRACT


def test_every_metric_is_documented_and_nothing_else(metrics: Metrics) -> None:
    table = re.findall(r"^\| `(ivr_\w+)` \|", (ROOT / "docs" / "metrics.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(table) == sorted(names(metrics))


def test_documents_alerts_and_dashboards_name_only_metrics_that_exist(metrics: Metrics) -> None:
    known = names(metrics)
    known |= {f"{name}{suffix}" for name in names(metrics) for suffix in ("_bucket", "_sum", "_count")}
    files = [ROOT / "docs" / "metrics.md", *(ROOT / "deploy").rglob("*.yml"), *(ROOT / "deploy").rglob("*.json")]
    for file in files:
        used = set(re.findall(r"\bivr_[a-z0-9_]+\b", file.read_text("utf-8")))
        recorded = set(re.findall(r"record:\s*(\S+)", file.read_text("utf-8")))
        assert used - recorded <= known, file


def test_the_alert_rules_are_rules() -> None:
    file = ROOT / "deploy" / "prometheus" / "alerts.yml"
    if not file.exists():
        pytest.skip("deploy/prometheus/alerts.yml is not there yet")
    for group in yaml.safe_load(file.read_text("utf-8"))["groups"]:
        for rule in group["rules"]:
            assert rule.get("expr"), rule


def test_every_outcome_counts_from_zero(metrics: Metrics) -> None:
    assert [value(metrics, "ivr_attempts_total", outcome=outcome.value) for outcome in Outcome] == [0.0] * len(Outcome)


def test_a_call_is_active_from_its_beginning_to_its_end(metrics: Metrics) -> None:
    metrics.lines(20)
    metrics.call_began()
    metrics.call_began()
    metrics.call_ended()
    metrics.attempt_ended(Outcome.BUSY)
    assert value(metrics, "ivr_calls_active") == 1
    assert value(metrics, "ivr_lines") == 20
    assert value(metrics, "ivr_attempts_total", outcome="busy") == 1
    assert value(metrics, "ivr_unknown_attempts") == 0


def test_unknown_attempts_count_those_of_now_and_those_found(metrics: Metrics) -> None:
    for outcome in (Outcome.UNKNOWN, Outcome.BUSY, Outcome.UNKNOWN):
        metrics.found_open(outcome)
    metrics.attempt_ended(Outcome.UNKNOWN)
    assert value(metrics, "ivr_unknown_attempts") == 3
    assert value(metrics, "ivr_attempts_total", outcome="unknown") == 3
    assert value(metrics, "ivr_attempts_total", outcome="busy") == 1


def test_a_campaign_shows_its_people_until_it_is_forgotten(metrics: Metrics) -> None:
    metrics.recipients("住民税", {"waiting": 3, "settled": 1})
    assert value(metrics, "ivr_recipients", campaign="住民税", state="waiting") == 3
    assert value(metrics, "ivr_recipients", campaign="住民税", state="calling") == 0
    metrics.forget("住民税")
    assert value(metrics, "ivr_recipients", campaign="住民税", state="waiting") is None


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("a\nb\tc", "a b c"),
        ("督促 03-5722-0000 分", "督促 *** 分"),
        ("０９０１２３４５６７８", "***"),
        ("令和8年度 第3期 2026-11", "令和8年度 第3期 2026-11"),
        ("長" * 100, "長" * 63 + "…"),
    ],
)
def test_a_campaigns_name_is_made_fit_for_a_label(metrics: Metrics, name: str, label: str) -> None:
    metrics.recipients(name, {"waiting": 1})
    assert value(metrics, "ivr_recipients", campaign=label, state="waiting") == 1
    metrics.forget(name)


def test_every_fact_moves_its_metric(metrics: Metrics) -> None:
    metrics.held("window")
    metrics.window(True)
    metrics.originated(0.02)
    metrics.answer_to_audio(0.045)
    metrics.key_to_audio(0.07)
    metrics.agi_sessions(2)
    metrics.agi_sessions(1)
    metrics.agi_rejected("token")
    metrics.call_unheard()
    metrics.ami_connected(True)
    metrics.pbx_up(True)
    metrics.pbx_restarted()
    metrics.speech_rendered(0.3)
    metrics.speech_cached()
    metrics.speech_failed()
    metrics.text("delivered")
    metrics.webhook_tried("taken")
    metrics.webhook_events_dropped(1)
    metrics.webhooks_waiting(1, 1.0)
    metrics.wrote(0.002)
    metrics.beat(0.001)
    for name, labels in (
        ("ivr_dials_held_total", {"reason": "window"}),
        ("ivr_window_open", {}),
        ("ivr_originate_seconds_count", {}),
        ("ivr_answer_to_audio_seconds_count", {}),
        ("ivr_key_to_audio_seconds_count", {}),
        ("ivr_agi_sessions", {}),
        ("ivr_agi_rejected_total", {"reason": "token"}),
        ("ivr_calls_unheard_total", {}),
        ("ivr_ami_connected", {}),
        ("ivr_pbx_up", {}),
        ("ivr_pbx_restarts_total", {}),
        ("ivr_speech_render_seconds_count", {}),
        ("ivr_speech_cache_hits_total", {}),
        ("ivr_speech_failures_total", {}),
        ("ivr_texts_total", {"status": "delivered"}),
        ("ivr_webhook_deliveries_total", {"result": "taken"}),
        ("ivr_webhook_events_dropped_total", {}),
        ("ivr_webhook_waiting", {}),
        ("ivr_webhook_oldest_seconds", {}),
        ("ivr_store_write_seconds_count", {}),
        ("ivr_loop_late_seconds_count", {}),
    ):
        assert value(metrics, name, **labels) == 1, name


@pytest.mark.parametrize("promise", [0.06, 0.1, 0.15])
def test_buckets_end_at_what_is_promised(metrics: Metrics, promise: float) -> None:
    for name in ("ivr_answer_to_audio_seconds_bucket", "ivr_key_to_audio_seconds_bucket"):
        assert value(metrics, name, le=str(promise)) is not None


def test_two_engines_in_one_process_do_not_meet() -> None:
    one, two = Metrics(), Metrics()
    one.call_began()
    assert value(two, "ivr_calls_active") == 0


class Served:
    """The application behind a real socket."""

    def __init__(self, port: int, health: dict[str, bool]) -> None:
        self.port = port
        self.health = health

    async def get(self, path: str) -> tuple[int, Mapping[str, str], str]:
        async with asyncio.timeout(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            writer.close()
            await writer.wait_closed()
        status, *fields = head.decode().split("\r\n")
        headers = dict(field.lower().split(": ", 1) for field in fields)
        return int(status.split()[1]), headers, body.decode()


@pytest.fixture
async def served(metrics: Metrics) -> AsyncIterator[Served]:
    health = {"store": True, "pbx": True}
    config = uvicorn.Config(metrics.app(lambda: health), port=0, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    async with asyncio.TaskGroup() as group:
        group.create_task(server.serve())
        async with asyncio.timeout(10):
            while not server.started:
                await asyncio.sleep(0.01)
        yield Served(server.servers[0].sockets[0].getsockname()[1], health)
        server.should_exit = True


async def test_a_scrape_reads_as_prometheus_text(served: Served, metrics: Metrics) -> None:
    metrics.attempt_ended(Outcome.CONFIRMED)
    status, headers, body = await served.get("/metrics")
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=")
    families = {family.name: family for family in text_string_to_metric_families(body)}
    (confirmed,) = [
        sample.value for sample in families["ivr_attempts"].samples if sample.labels.get("outcome") == "confirmed"
    ]
    assert confirmed == 1
    assert "process_resident_memory_bytes" in families


async def test_health_is_200_while_every_check_is_fine_and_503_otherwise(served: Served) -> None:
    status, _, body = await served.get("/healthz")
    assert (status, body) == (200, '{"ok":true,"checks":{"store":true,"pbx":true}}')
    served.health["pbx"] = False
    status, _, body = await served.get("/healthz")
    assert (status, body) == (503, '{"ok":false,"checks":{"store":true,"pbx":false}}')


async def test_there_is_nothing_else(served: Served) -> None:
    assert (await served.get("/"))[0] == 404
