"""Alerts and dashboard in deploy/ name only metrics that /metrics has."""

import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from merlin.api.metrics import metrics_of
from merlin.api.middleware import Traffic
from merlin.app.answer_counts import AnswerCounts
from merlin.app.health import BudgetView, QueueView, Snapshot
from merlin.core.heartbeat import Heartbeat
from tests.support.machine import skip_or_fail

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy/prometheus/merlin.rules.yaml"
READERS = (RULES, ROOT / "deploy/grafana/merlin.json")
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def figure_names():
    """Return the names of all metrics of an API where each has a value."""
    counters = {"fetch_error": 1, "fetch_ms": 9, "chat_429": 1}
    beat = Heartbeat("daemon", "one", 7, NOW, NOW, "poll", counters)
    everything = Snapshot(
        heartbeats=[beat],
        queues=[QueueView("updates", 1, NOW)],
        jobs={"failed": 1},
        budget=[BudgetView("chat", 1, 2, "USD")],
        disk_free=1,
        disk_size=2,
        last_backup_s=0.0,
    )
    metrics = metrics_of(everything, Traffic(), AnswerCounts(), NOW)
    return {
        name for metric in metrics for name in (metric.name, f"{metric.name}_total")
    }


@pytest.mark.parametrize("reader", READERS, ids=lambda path: path.name)
def test_alerts_and_dashboard_read_only_existing_metrics(reader):
    named = re.findall(
        r"merlin_[a-z_]+", reader.read_text("utf-8").replace("merlin.rules", "")
    )
    assert named
    assert {
        re.sub("_(bucket|sum|count)$", "", name) for name in named
    } <= figure_names()


@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_alert_has_a_section_in_the_documentation(language):
    (group,) = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    page = (ROOT / f"docs/{language}/alerts.md").read_text("utf-8")
    assert re.findall("^## (.+)$", page, re.MULTILINE) == [
        rule["alert"] for rule in group["rules"]
    ]
    for rule in group["rules"]:
        # By name: the address of the documentation is the operator's own.
        place = f"Merlin's documentation: Alerts, {rule['alert']}"
        assert rule["annotations"]["runbook"] == place


def test_alert_rules_pass_their_promtool_tests():
    promtool = shutil.which("promtool")
    skip_or_fail(None if promtool else "needs promtool, of the package prometheus")
    command = [promtool, "test", "rules", "merlin.rules.test.yaml"]
    process = subprocess.run(
        command, cwd=RULES.parent, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stdout + process.stderr
