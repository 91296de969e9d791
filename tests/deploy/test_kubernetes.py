"""The manifests of deploy/kubernetes, as far as they can be looked at without a cluster.

A pod starts the same command with the same secrets as the service of compose.yaml, whose command
tests/deploy/test_compose.py runs. The routes, metrics and keys that a manifest names must exist.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from merlin.config import load

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/kubernetes"
SERVICES = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text("utf-8"))["services"]
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text("utf-8"))
MANIFESTS = {
    (each["kind"], each["metadata"]["name"]): each
    for name in KUSTOMIZATION["resources"]
    for each in yaml.safe_load_all((FOLDER / name).read_text("utf-8"))
}
PODS = {
    name: each["spec"]["template"]
    for (kind, name), each in MANIFESTS.items()
    if kind in ("Deployment", "StatefulSet", "Job")
}
PROCESSES = [name for name in PODS if name != "upgrade"]


def container(name):
    """Return the one container of a pod."""
    (found,) = PODS[name]["spec"]["containers"]
    return found


def secrets_of(name):
    """Return the secrets that lie in a pod as files."""
    volumes = PODS[name]["spec"]["volumes"]
    (secret,) = (volume["secret"] for volume in volumes if volume["name"] == "secrets")
    return {item["key"] for item in secret["items"]}


def test_every_file_is_applied_or_generated_from():
    generated = {name for each in KUSTOMIZATION["configMapGenerator"] for name in each["files"]}
    values = {"kustomization.yaml", "metrics.yaml"}  # of kustomize, and of another chart
    there = {path.name for path in FOLDER.iterdir()}
    assert there == {*KUSTOMIZATION["resources"], *generated, *values}


@pytest.mark.parametrize("name", PROCESSES)
def test_a_pod_starts_what_its_container_of_compose_starts(name):
    pod, service = container(name), SERVICES[name]
    assert pod["args"] == service["command"]
    files = {each["name"]: each["value"] for each in pod["env"] if "value" in each}
    assert files == service["environment"]
    assert secrets_of(name) == set(service["secrets"])


@pytest.mark.parametrize("name", PODS)
def test_a_pod_has_no_rights_and_writes_nowhere_but_into_its_volumes(name):
    spec, inside = PODS[name]["spec"], container(name)
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"]
    assert inside["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert inside["resources"]["limits"]["memory"]
    mounts = {
        mount["name"]
        for each in (inside, *spec.get("initContainers", ()))
        for mount in each["volumeMounts"]
    }
    claims = {
        volumeclaimtemplate["metadata"]["name"]
        for volumeclaimtemplate in MANIFESTS.get(("StatefulSet", name), {})
        .get("spec", {})
        .get("volumeClaimTemplates", [])
    }
    assert mounts == {volume["name"] for volume in spec["volumes"]} | claims


@pytest.mark.parametrize("name", PROCESSES)
def test_probes_ask_the_process_itself(name):
    for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
        probe = container(name)[kind]
        if "exec" in probe:
            # A restart helps a process that does not live, but no full disk.
            is_restarted = kind != "readinessProbe"
            command = [each for each in probe["exec"]["command"] if each != "--alive"]
            assert ("--alive" in probe["exec"]["command"]) is is_restarted
            assert ["CMD", *command] == SERVICES[name]["healthcheck"]["test"]
        else:
            (port,) = container(name)["ports"]
            scheme = {"scheme": "HTTPS"} if name == "engine" else {}
            asked = {"path": "/healthz", "port": port["containerPort"], **scheme}
            assert probe["httpGet"] == asked


def test_the_configuration_is_one_of_several_bots_on_postgresql():
    config = load(FOLDER / "config.yaml")
    assert config.telegram.mode == "webhook"
    assert config.database.startswith("postgresql:")
    assert not config.allow_plain_http
    ports = {name: container(name)["ports"][0]["containerPort"] for name in ("api", "engine")}
    assert ports == {"api": config.api.address[1], "engine": config.engine.address[1]}


@pytest.mark.parametrize(
    "found",
    [key for key in MANIFESTS if key[0] in ("Service", "PodDisruptionBudget", "Deployment")],
    ids="-".join,
)
def test_what_selects_pods_selects_those_of_its_name(found):
    selector = MANIFESTS[found]["spec"]["selector"]
    wanted = selector.get("matchLabels", selector)
    assert wanted == PODS[found[1]]["metadata"]["labels"]


@pytest.mark.parametrize(
    "found", [key for key in MANIFESTS if "Autoscaler" in key[0]], ids="-".join
)
def test_what_is_scaled_is_there(found):
    scaled = MANIFESTS[found]["spec"]["scaleTargetRef"]
    assert (scaled["kind"], scaled["name"]) in MANIFESTS


def test_the_bots_are_scaled_by_a_metric_that_there_is():
    (metric,) = MANIFESTS["HorizontalPodAutoscaler", "bot"]["spec"]["metrics"]
    name = metric["external"]["metric"]["name"]
    (rule,) = yaml.safe_load((FOLDER / "metrics.yaml").read_text("utf-8"))["rules"]["external"]
    assert name == rule["seriesQuery"]
    assert f'"{name}"' in (ROOT / "merlin/api/metrics.py").read_text("utf-8")
    queue = metric["external"]["metric"]["selector"]["matchLabels"]["queue"]
    assert f'yield "{queue}"' in (ROOT / "merlin/app/health.py").read_text("utf-8")
