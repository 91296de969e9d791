"""The manifests of deploy/kubernetes, checked without a cluster.

A pod starts the same command with the same secrets as the service of compose.yaml, whose command
tests/deploy/test_compose.py runs. The routes, metrics and keys that a manifest names must exist.
"""

from pathlib import Path

import pytest
import yaml

from merlin.config.reading import load

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/kubernetes"
SERVICES = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text("utf-8"))["services"]
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text("utf-8"))
MANIFESTS = {
    (manifest["kind"], manifest["metadata"]["name"]): manifest
    for name in KUSTOMIZATION["resources"]
    for manifest in yaml.safe_load_all((FOLDER / name).read_text("utf-8"))
}
PODS = {
    name: manifest["spec"]["template"]
    for (kind, name), manifest in MANIFESTS.items()
    if kind in ("Deployment", "StatefulSet")
}

# The label and the port of cert-manager's solvers of HTTP-01.
SOLVER = {"acme.cert-manager.io/http01-solver": "true"}


def get_container(name):
    """Return the one container of a pod."""
    (container,) = PODS[name]["spec"]["containers"]
    return container


def list_secrets(name):
    """Return the secrets that a pod has as files."""
    volumes = PODS[name]["spec"]["volumes"]
    (secret,) = (volume["secret"] for volume in volumes if volume["name"] == "secrets")
    return {item["key"] for item in secret["items"]}


def test_every_file_is_applied_or_used_by_a_generator():
    generated = {
        name
        for generator in KUSTOMIZATION["configMapGenerator"]
        for name in generator["files"]
    }
    values = {
        "kustomization.yaml",
        "metrics.yaml",
    }  # read by kustomize and by another chart
    names = {path.name for path in FOLDER.iterdir()}
    assert names == {*KUSTOMIZATION["resources"], *generated, *values}


def test_everything_can_be_applied_again_with_another_configuration():
    """A Job could not: its pod names the configuration by a hash, and may never change."""
    assert "Job" not in {kind for kind, _ in MANIFESTS}


@pytest.mark.parametrize("name", PODS)
def test_pod_starts_the_same_command_as_its_compose_service(name):
    pod = get_container(name)
    service = SERVICES[name]
    assert pod["args"] == service["command"]
    files = {item["name"]: item["value"] for item in pod["env"] if "value" in item}
    assert files == service["environment"]
    assert list_secrets(name) == set(service["secrets"])


@pytest.mark.parametrize("name", PODS)
def test_pod_has_no_rights_and_writes_only_to_its_volumes(name):
    spec = PODS[name]["spec"]
    main_container = get_container(name)
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"]
    assert main_container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert main_container["resources"]["limits"]["memory"]
    mounts = {
        mount["name"]
        for item in (main_container, *spec.get("initContainers", ()))
        for mount in item["volumeMounts"]
    }
    claims = {
        template["metadata"]["name"]
        for template in MANIFESTS.get(("StatefulSet", name), {})
        .get("spec", {})
        .get("volumeClaimTemplates", [])
    }
    assert mounts == {volume["name"] for volume in spec["volumes"]} | claims


@pytest.mark.parametrize("name", PODS)
def test_probes_ask_the_process_itself(name):
    for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
        probe = get_container(name)[kind]
        if "exec" in probe:
            assert ["CMD", *probe["exec"]["command"]] == SERVICES[name]["healthcheck"][
                "test"
            ]
        else:
            (port,) = get_container(name)["ports"]
            scheme = {"scheme": "HTTPS"} if name == "engine" else {}
            expected = {"path": "/healthz", "port": port["containerPort"], **scheme}
            assert probe["httpGet"] == expected


def test_gateway_leads_to_the_api_and_only_its_namespace_comes_in():
    """Also to the pods that prove to the certificate authority that the host is ours."""
    (backend,) = MANIFESTS["HTTPRoute", "api"]["spec"]["rules"][0]["backendRefs"]
    ports = [port["port"] for port in MANIFESTS["Service", "api"]["spec"]["ports"]]
    assert (backend["name"], [backend["port"]]) == ("api", ports)
    listeners = {
        each["name"] for each in MANIFESTS["Gateway", "merlin"]["spec"]["listeners"]
    }
    routes = [
        MANIFESTS["HTTPRoute", name]["spec"]["parentRefs"][0]
        for name in ("api", "redirect")
    ]
    assert [(route["name"], route["sectionName"] in listeners) for route in routes] == [
        ("merlin", True)
    ] * 2
    policies = [MANIFESTS["NetworkPolicy", name]["spec"] for name in ("api", "solver")]
    assert policies[1]["podSelector"] == {"matchLabels": SOLVER}
    first, second = (policy["ingress"][0] for policy in policies)
    assert second["from"] == first["from"][:1]
    assert [port["port"] for port in (*first["ports"], *second["ports"])] == [
        *ports,
        8089,
    ]


def test_configuration_is_for_several_bots_on_postgresql():
    config = load(FOLDER / "config.yaml")
    assert config.telegram.mode == "webhook"
    assert config.database.startswith("postgresql:")
    assert not config.allow_plain_http
    ports = {
        name: get_container(name)["ports"][0]["containerPort"]
        for name in ("api", "engine")
    }
    assert ports == {"api": config.api.address[1], "engine": config.engine.address[1]}


@pytest.mark.parametrize(
    "key",
    [
        key
        for key in MANIFESTS
        if key[0] in ("Service", "PodDisruptionBudget", "Deployment")
    ],
    ids="-".join,
)
def test_selector_matches_the_pods_of_its_name(key):
    selector = MANIFESTS[key]["spec"]["selector"]
    expected = selector.get("matchLabels", selector)
    assert expected == PODS[key[1]]["metadata"]["labels"]


@pytest.mark.parametrize(
    "key", [key for key in MANIFESTS if "Autoscaler" in key[0]], ids="-".join
)
def test_autoscaled_target_exists(key):
    scaled = MANIFESTS[key]["spec"]["scaleTargetRef"]
    assert (scaled["kind"], scaled["name"]) in MANIFESTS


def test_bots_are_scaled_by_an_existing_metric():
    (metric,) = MANIFESTS["HorizontalPodAutoscaler", "bot"]["spec"]["metrics"]
    name = metric["external"]["metric"]["name"]
    (rule,) = yaml.safe_load((FOLDER / "metrics.yaml").read_text("utf-8"))["rules"][
        "external"
    ]
    assert name == rule["seriesQuery"]
    assert f'"{name}"' in (ROOT / "merlin/api/metrics.py").read_text("utf-8")
    queue = metric["external"]["metric"]["selector"]["matchLabels"]["queue"]
    assert f'"{queue}": (' in (ROOT / "merlin/app/health.py").read_text("utf-8")
