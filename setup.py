"""What pyproject.toml cannot say: an installed package carries the sample datasets."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

# Where each folder of samples lies in the package; the last is trained by a language model.
SAMPLES = {
    "datasets": "samples",
    "datasets-en": "samples-en",
    "datasets-lora": "samples-lora",
}


class WithSamples(build_py):
    """Copy the folders of samples into the built package."""

    def run(self) -> None:
        """Build, then copy."""
        super().run()
        if not self.editable_mode:
            for folder, place in SAMPLES.items():
                target = Path(self.build_lib) / "merlin" / place
                shutil.copytree(folder, target, dirs_exist_ok=True)


setup(cmdclass={"build_py": WithSamples})
