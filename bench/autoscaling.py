"""Simulate the bots' autoscaler at a load that grows tenfold and falls again.

The rule and its numbers are those of `deploy/kubernetes`; its input is /metrics of a real API with
two bots on PostgreSQL. There is no cluster: the requested replicas are not started. Source of the
algorithm: Kubernetes, "Horizontal Pod Autoscaling", "Algorithm details".
"""

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

ROOT = Path(__file__).parents[1]
# Defaults of kube-controller-manager: sync period, and relative difference that is ignored.
SYNC_S, TOLERANCE = 15.0, 0.1
USUAL_PER_S, TIMES, CALM_S = 12, 10, 30.0
# The stabilization window of scaling down is shortened by this factor.
WINDOW_SHARE, MAX_DURATION_S = 0.1, 300.0


@dataclass
class Rule:
    """A HorizontalPodAutoscaler with one external metric of the type Value."""

    spec: Mapping[str, Any]
    replicas: int = 0
    requested: list[tuple[float, int]] = field(default_factory=list)

    def sync(self, value: float, at_s: float) -> int:
        """Return the requested replicas at this value of the metric."""
        minimum, most = self.spec["minReplicas"], self.spec["maxReplicas"]
        (metric,) = self.spec["metrics"]
        self.replicas = self.replicas or minimum
        ratio = value / float(metric["external"]["target"]["value"])
        is_same = abs(ratio - 1) <= TOLERANCE
        wanted = self.replicas if is_same else math.ceil(self.replicas * ratio)
        self.requested.append((at_s, wanted))
        window_s = WINDOW_SHARE * self.spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"]
        recent_maximum = max(requested for at, requested in self.requested if at > at_s - window_s)
        # By default at most doubled, or four more, per 15 s; scaled down only after the window.
        up = min(wanted, max(2 * self.replicas, self.replicas + 4))
        down = min(recent_maximum, self.replicas)
        self.replicas = min(max(up if wanted > self.replicas else down, minimum), most)
        return self.replicas


def run() -> None:
    """Print the requested replicas at each sync, their maximum, and their final number."""
    from tests.bot.test_replicas import Replicas
    from tests.support import postgresql
    from tests.support.stand_ins import ProviderStandIn, TelegramStandIn

    with (
        postgresql.run_server() as server,
        tempfile.TemporaryDirectory() as folder,
        ProviderStandIn() as provider,
        TelegramStandIn() as telegram,
        Replicas(Path(folder), telegram, provider, server.reset()) as replicas,
    ):
        provider.behave(think_s=0.5)
        _follow(_rule(), telegram, replicas.hook.replace("/hooks/telegram", "/metrics"))


def _rule() -> Rule:
    text = (ROOT / "deploy/kubernetes/processes.yaml").read_text("utf-8")
    manifests = [manifest for manifest in yaml.safe_load_all(text) if manifest]
    scalers = [manifest for manifest in manifests if manifest["kind"] == "HorizontalPodAutoscaler"]
    (bots,) = [manifest for manifest in scalers if manifest["metadata"]["name"] == "bot"]
    return Rule(bots["spec"])


def _age_s(page: str) -> float:
    """Return the age of the oldest waiting update, the metric of `deploy/kubernetes`."""
    return max(
        sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == "merlin_queue_oldest_seconds" and sample.labels["queue"] == "updates"
    )


def _follow(rule: Rule, telegram: Any, url: str) -> None:
    started_at, replicas_now, pushed, synced = time.monotonic(), 0, 0.0, -SYNC_S
    minimum, highest, person, before = rule.spec["minReplicas"], 0, 2000, 0.0
    while (now := time.monotonic() - started_at) < MAX_DURATION_S:
        is_busy = now >= CALM_S and highest <= minimum  # until more replicas are requested
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
            load, replicas_now = TIMES if is_busy else 1, replicas
            print(f"| {now:.0f} s, load {load}× | {age_s:.1f} s | {replicas} |", flush=True)
        if highest > replicas_now == minimum:
            break
        time.sleep(0.02)
    print(f"| highest; in the end | | {highest}; {replicas_now} |", flush=True)
