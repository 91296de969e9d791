"""What pyproject.toml cannot say: an installed package carries the sample datasets."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class WithSamples(build_py):
    """Copy `datasets/` to `merlin/samples` of the built package."""

    def run(self) -> None:
        """Build, then copy."""
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib) / "merlin" / "samples"
            shutil.copytree("datasets", target, dirs_exist_ok=True)


setup(cmdclass={"build_py": WithSamples})
