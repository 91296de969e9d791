"""The bots' autoscaler: what its rule asks for at a load that grows tenfold and falls again.

The rule and its numbers are those of `deploy/kubernetes`, fed by the real /metrics of a real api
with two bots on PostgreSQL; without a cluster, so that nobody adds the bots that it asks for.
Source of the arithmetic: Kubernetes, "Horizontal Pod Autoscaling", "Algorithm details".
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml
from prometheus_client.parser import text_string_to_metric_families

from merlin.sandbox.provider.app import ProviderStandIn
from merlin.sandbox.telegram.server import TelegramStandIn

ROOT = Path(__file__).parents[1]
# Of kube-controller-manager: how often it looks, and what it takes for no difference.
SYNC_S, TOLERANCE = 15.0, 0.1
USUAL_PER_S, TIMES, CALM_S = 12, 10, 30.0
# The window after which fewer are asked for is run so much shorter.
WINDOW_SHARE, MAX_DURATION_S = 0.1, 300.0


@dataclass
class Rule:
    """A HorizontalPodAutoscaler with one external metric of the type Value."""

    spec: Mapping[str, Any]
    replicas: int = 0
    asked: list[tuple[float, int]] = field(default_factory=list)

    def sync(self, value: float, at_s: float) -> int:
        """Return how many replicas are asked for at this value of the metric."""
        least, most = self.spec["minReplicas"], self.spec["maxReplicas"]
        (metric,) = self.spec["metrics"]
        self.replicas = self.replicas or least
        ratio = value / float(metric["external"]["target"]["value"])
        is_same = abs(ratio - 1) <= TOLERANCE
        wanted = self.replicas if is_same else math.ceil(self.replicas * ratio)
        self.asked.append((at_s, wanted))
        window_s = WINDOW_SHARE * self.spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"]
        lately = max(asked for at, asked in self.asked if at > at_s - window_s)
        # By default at most doubled, or four more, within 15 s; fewer only after the window.
        up = min(wanted, max(2 * self.replicas, self.replicas + 4))
        down = min(lately, self.replicas)
        self.replicas = min(max(up if wanted > self.replicas else down, least), most)
        return self.replicas


def run() -> None:
    """Print what the rule asks for at each look, and what it asked for at most and in the end."""
    from tests.bot.test_replicas import Replicas
    from tests.support import postgresql

    with (
        postgresql.running() as server,
        tempfile.TemporaryDirectory() as folder,
        ProviderStandIn() as provider,
        TelegramStandIn() as telegram,
        Replicas(Path(folder), telegram, provider, server.emptied()) as replicas,
    ):
        provider.behave(think_s=0.5)
        _follow(_rule(), telegram, replicas.hook.replace("/hooks/telegram", "/metrics"))


def _rule() -> Rule:
    text = (ROOT / "deploy/kubernetes/processes.yaml").read_text("utf-8")
    manifests = [one for one in yaml.safe_load_all(text) if one]
    scalers = [one for one in manifests if one["kind"] == "HorizontalPodAutoscaler"]
    (bots,) = [one for one in scalers if one["metadata"]["name"] == "bot"]
    return Rule(bots["spec"])


def _age_s(page: str) -> float:
    """Return how long the oldest update waits, as `deploy/kubernetes/metrics.yaml` asks for it."""
    return max(
        sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == "merlin_queue_oldest_seconds" and sample.labels["queue"] == "updates"
    )


def _follow(rule: Rule, telegram: TelegramStandIn, url: str) -> None:
    started_at, told, pushed, synced = time.monotonic(), 0, 0.0, -SYNC_S
    least, highest, person, before = rule.spec["minReplicas"], 0, 2000, 0.0
    while (now := time.monotonic() - started_at) < MAX_DURATION_S:
        is_busy = now >= CALM_S and highest <= least  # until more are asked for
        pushed += (now - before) * USUAL_PER_S * (TIMES if is_busy else 1)
        before = now
        for _ in range(int(pushed)):
            person += 1
            telegram.say(person, f"question {person}")
        pushed %= 1
        if now - synced >= SYNC_S:
            synced = now
            age_s = _age_s(httpx.get(url, timeout=SYNC_S).text)
            replicas = rule.sync(age_s, now)
            highest = max(highest, replicas)
            load, told = TIMES if is_busy else 1, replicas
            print(f"| {now:.0f} s, load {load}× | {age_s:.1f} s | {replicas} |", flush=True)
        if highest > told == least:
            break
        time.sleep(0.02)
    print(f"| highest; in the end | | {highest}; {told} |", flush=True)
