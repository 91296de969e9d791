"""Rules for the Dockerfile and the compose file, without building an image."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from merlin.config.credentials import credentials_of
from merlin.config.reading import load
from merlin.core.network import LOOPBACK
from tests.support.full_config import PROCESSES, full_config

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


FILES = ("Dockerfile", "deploy/engine/Dockerfile")


def read_instructions(file="Dockerfile"):
    """Return a Dockerfile as pairs of instruction and arguments."""
    text = (ROOT / file).read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]


def find_instructions(name):
    return [
        arguments
        for instruction, arguments in read_instructions()
        if instruction == name
    ]


def read_compose():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))


@pytest.mark.parametrize("file", FILES)
def test_hadolint_finds_nothing(file):
    hadolint = Path(sys.executable).with_name("hadolint")
    process = subprocess.run(
        [hadolint, ROOT / file], capture_output=True, text=True, check=False
    )
    assert (process.returncode, process.stdout) == (0, "")


@pytest.mark.parametrize("file", FILES)
def test_image_does_not_run_as_root(file):
    instructions = read_instructions(file)
    last = instructions.index(("USER", "10001:10001"))
    assert {"RUN", "USER"}.isdisjoint(name for name, _ in instructions[last + 1 :])


def test_every_package_is_installed_by_its_hash():
    commands = [
        command for words in find_instructions("RUN") for command in words.split("&&")
    ]
    installs = [command for command in commands if "pip install" in command]
    assert len(installs) == 3
    for options in installs:
        assert "--no-deps" in options
        assert "--require-hashes" in options or "--no-build-isolation" in options
    # A package that comes as source is built by the locked setuptools, not by the newest one.
    assert all("--no-build-isolation" in options for options in installs[1:])


# Replaces docker, which would call a registry.
REGISTRY = """#!/bin/sh
[ "$4" != "$LACKS" ] || exit 1
echo "sha256:$(echo "$4" "$AGE" | sha256sum | cut -d' ' -f1)"
"""


def test_every_external_image_is_pinned_by_its_digest(tmp_path):
    (tmp_path / "deploy").mkdir()
    files = [
        tmp_path / name
        for name in ("deploy/compose.yaml", "Dockerfile", "deploy/pin.sh")
    ]
    for path in files:
        shutil.copy(ROOT / path.relative_to(tmp_path), path)
    (tmp_path / "docker").write_text(REGISTRY)
    (tmp_path / "docker").chmod(0o755)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)

    def pin(age, lacks=""):
        environment = {
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "AGE": age,
            "LACKS": lacks,
        }
        process = subprocess.run(
            [files[2]], env=environment, capture_output=True, check=False
        )
        text = "".join(path.read_text("utf-8") for path in files[:2])
        return process.returncode, re.findall(
            r"(?m)^(?: *image: |ARG BASE=)(\S+)", text
        )

    code, tags = pin("old", lacks="caddy:2.10.0")
    assert code != 0
    (code, first) = pin("old")
    (second_code, second) = pin("old")
    (_, third) = pin("new")
    assert (code, second_code, second) == (0, 0, first)
    for tag, old, new in zip(tags, first, third, strict=True):
        if tag.startswith("merlin:"):
            assert tag == old == new
        else:
            assert re.fullmatch(re.escape(tag) + "@sha256:[0-9a-f]{64}", old)
            assert re.fullmatch(re.escape(tag) + "@sha256:[0-9a-f]{64}", new)
            assert old != new


def test_image_contains_no_secret():
    for words in find_instructions("ENV") + find_instructions("ARG"):
        assert not re.search(r"TOKEN|KEY|SECRET|PASSWORD", words)


def test_build_context_is_exactly_what_the_dockerfile_copies():
    copied = {
        word for words in find_instructions("COPY") for word in words.split()[:-1]
    }
    copied |= {
        name
        for words in find_instructions("RUN")
        for name in re.findall(r"/src/(\S+)", words)
    }
    copied.add("requirements-engine*.txt")  # LOCK of the engine's image
    rules = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert "*" in rules
    assert {line[1:] for line in rules if line.startswith("!")} == copied


@pytest.mark.parametrize("name", PROCESSES)
def test_container_restarts_checks_its_own_health_and_is_read_only(name):
    service = read_compose()["services"][name]
    assert service["restart"] == "unless-stopped"
    assert service["command"][0] == name
    assert service["healthcheck"]["test"][:4] == ["CMD", "merlin", "health", name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]


@pytest.mark.parametrize("name", PROCESSES)
def test_secrets_of_a_container_are_files(name):
    service = read_compose()["services"][name]
    known = read_compose()["secrets"]
    expected = {"CREDENTIALS_DIRECTORY": "/run/secrets"}
    if name != "engine":
        expected["SSL_CERT_FILE"] = "/run/certificates/trusted.pem"
    assert service["environment"] == expected
    assert set(service["secrets"]) <= set(known)


@pytest.mark.parametrize("name", PROCESSES)
def test_container_has_every_secret_that_its_process_needs(tmp_path, name):
    path = tmp_path / "config.yaml"
    path.write_text(
        full_config("state", "repository", telegram="http://127.0.0.1:9"), "utf-8"
    )
    needed = {*credentials_of(load(path), name)}
    assert needed <= set(read_compose()["services"][name]["secrets"])


def test_only_https_is_published_and_the_dashboard_only_locally():
    ports = {
        name: service.get("ports")
        for name, service in read_compose()["services"].items()
    }
    assert ports.pop("caddy") == ["80:80", "443:443", "443:443/udp"]
    assert ports.pop("grafana") == ["127.0.0.1:8710:3000"]
    assert not any(ports.values())


def test_configuration_of_the_containers_is_valid():
    config = load(DEPLOY / "config.yaml")
    assert config.api.address == ("0.0.0.0", 8701)  # noqa: S104 - inside a container
    assert [provider.base_url for provider in config.providers] == [
        "https://engine:8702/v1"
    ]
    assert not config.allow_plain_http
    services = read_compose()["services"]
    caddy, prometheus = (
        services[name]["networks"]["inside"]["ipv4_address"]
        for name in ("caddy", "prometheus")
    )
    assert config.api.proxies == (caddy,)
    assert config.api.monitoring == (*LOOPBACK, prometheus)
