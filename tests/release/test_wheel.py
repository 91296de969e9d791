"""The wheel, built and installed as users get it."""

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


def run_command(*command, **options):
    process = subprocess.run(command, capture_output=True, text=True, **options)
    assert process.returncode == 0, process.stderr
    return process.stdout


def copy_sources(folder):
    """Copy the sources of a wheel to a folder; return it."""
    for name in ("merlin", "datasets", "datasets-en", "datasets-lora", "docs/build"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE", "requirements.in"):
        shutil.copy(ROOT / name, folder)
    return folder


def test_wheel_has_urls_manual_and_samples_and_works_when_installed(tmp_path):
    require_whole_machine(None)
    pip = (sys.executable, "-m", "pip")
    build_environment = {**os.environ, "PROJECT_URL": ADDRESS}
    arguments = ("wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path))
    run_command(*pip, *arguments, str(copy_sources(tmp_path / "source")), env=build_environment)
    (wheel,) = tmp_path.glob("merlin_gitops-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata_name,) = (name for name in names if name.endswith("METADATA"))
        metadata = Parser().parsestr(archive.read(metadata_name).decode())
    assert f"Source, {ADDRESS}" in metadata.get_all("Project-URL")
    assert f"]({ADDRESS}/raw/v{metadata['Version']}/docs/pictures/" in metadata.get_payload()
    assert "](docs/" not in metadata.get_payload()
    for name in ("man/man1/merlin.1", "man/man1/merlin-check.1", "zsh/site-functions/_merlin"):
        assert any(path.endswith(f"data/share/{name}") for path in names)

    target = tmp_path / "installed"
    install = ("install", "-q", "--no-deps", "--no-compile", "--target")
    run_command(*pip, *install, str(target), str(wheel))
    # The requirements are those of the tests; the package is the installed one.
    environment = {**os.environ, "PYTHONPATH": str(target), "MERLIN_LANGUAGE": "en"}
    merlin = (sys.executable, "-m", "merlin")
    run_command(*merlin, "init", str(tmp_path / "mine"), cwd=tmp_path, env=environment)
    command = (sys.executable, "-c", "import merlin; print(merlin.__file__)")
    output = run_command(*command, cwd=tmp_path, env=environment)
    assert output.startswith(str(target))
    sample = target / "merlin" / "samples-en" / "algorithms"
    assert "errors: 0" in run_command(*merlin, "check", str(sample), cwd=tmp_path, env=environment)
