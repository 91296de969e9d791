"""The wheel, built and installed as others get it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser

import pytest

from tests.support.machine import ROOT, require_whole_machine

pytestmark = pytest.mark.integration

ADDRESS = "https://git.example/merlin"


def run(*words, **more):
    done = subprocess.run(words, capture_output=True, text=True, **more)
    assert done.returncode == 0, done.stderr
    return done.stdout


def source(folder):
    """Return a copy of what a wheel is built of."""
    for name in ("merlin", "datasets", "datasets-en", "datasets-lora", "docs/build"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE", "requirements.in"):
        shutil.copy(ROOT / name, folder)
    return folder


def test_the_wheel_has_addresses_manual_and_samples_and_works_where_it_is_installed(tmp_path):
    require_whole_machine(None)
    pip = (sys.executable, "-m", "pip")
    told = {**os.environ, "PROJECT_URL": ADDRESS}
    build = ("wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path))
    run(*pip, *build, str(source(tmp_path / "source")), env=told)
    (wheel,) = tmp_path.glob("merlin_gitops-*.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
        (about,) = (name for name in names if name.endswith("METADATA"))
        metadata = Parser().parsestr(packed.read(about).decode())
    assert f"Source, {ADDRESS}" in metadata.get_all("Project-URL")
    assert f"]({ADDRESS}/raw/v{metadata['Version']}/docs/pictures/" in metadata.get_payload()
    assert "](docs/" not in metadata.get_payload()
    for name in ("man/man1/merlin.1", "man/ru/man1/merlin-check.1", "zsh/site-functions/_merlin"):
        assert any(each.endswith(f"data/share/{name}") for each in names)

    place = tmp_path / "installed"
    run(*pip, "install", "-q", "--no-deps", "--target", str(place), str(wheel))
    # What it runs on is that of the tests; the package itself is the installed one.
    inside = {**os.environ, "PYTHONPATH": str(place), "MERLIN_LANGUAGE": "en"}
    merlin = (sys.executable, "-m", "merlin")
    run(*merlin, "init", str(tmp_path / "mine"), cwd=tmp_path, env=inside)
    asked = (sys.executable, "-c", "import merlin; print(merlin.__file__)")
    where = run(*asked, cwd=tmp_path, env=inside)
    assert where.startswith(str(place))
    sample = place / "merlin" / "samples-en" / "algorithms"
    assert "errors: 0" in run(*merlin, "check", str(sample), cwd=tmp_path, env=inside)
