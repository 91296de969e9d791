"""What pyproject.toml cannot say: the samples, the manual, and the addresses of a release.

An installed package carries the sample datasets; where the sources of its documentation lie beside
it and what Merlin runs on is installed, its manual pages and the files by which shells complete it.
PROJECT_URL is the address of the repository: its pages become the package's, and the relative links
of the readme lead there, to the files of this version.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
# Where each folder of samples lies in the package; the last is for a language model.
SAMPLES = {
    "datasets": "samples",
    "datasets-en": "samples-en",
    "datasets-lora": "samples-lora",
}
RELATIVE_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)]+)\)")


class WithFiles(build_py):
    """Copy the folders of samples into the built package, and add the manual."""

    def run(self) -> None:
        """Build, then copy."""
        super().run()
        if not self.editable_mode:
            for folder, place in SAMPLES.items():
                target = Path(self.build_lib) / "merlin" / place
                shutil.copytree(folder, target, dirs_exist_ok=True)
            self.distribution.data_files = manual_files(
                Path(self.build_lib).parent / "share"
            )


def manual_files(folder: Path) -> list[tuple[str, list[str]]]:
    """Return the files of the manual by the folders that they are installed to."""
    if not (HERE / "docs" / "build" / "manual.py").exists():
        return []
    words = (sys.executable, "-m", "docs.build.manual", str(folder.absolute()))
    made = subprocess.run(  # noqa: S603 - our own program
        words, cwd=HERE, capture_output=True, text=True, check=False
    )
    if made.returncode:
        if "ModuleNotFoundError" not in made.stderr:
            raise RuntimeError(made.stderr)
        print("without manual pages: what Merlin runs on is not installed here")  # noqa: T201
        return []
    files: dict[str, list[str]] = {}
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        place = Path("share") / path.parent.relative_to(folder)
        files.setdefault(str(place), []).append(os.path.relpath(path))
    return list(files.items())


def project_urls(address: str) -> dict[str, str]:
    """Return the pages of a project by their names; none without an address."""
    pages = {
        "Source": "",
        "Documentation": "/blob/main/docs/en/index.md",
        "Changelog": "/blob/main/CHANGELOG.md",
        "Issues": "/issues",
    }
    return {name: f"{address}{path}" for name, path in pages.items()} if address else {}


def readme(address: str) -> str:
    """Return the readme; with an address its relative links lead there."""
    text = (HERE / "README.md").read_text("utf-8")
    if not address:
        return text
    (version,) = re.findall(
        r'__version__ = "(.+)"', (HERE / "merlin/__init__.py").read_text()
    )

    def absolute(link: re.Match[str]) -> str:
        mark, words, path = link.groups()
        return (
            f"{mark}[{words}]({address}/{'raw' if mark else 'blob'}/v{version}/{path})"
        )

    return RELATIVE_LINK.sub(absolute, text)


ADDRESS = os.environ.get("PROJECT_URL", "").rstrip("/")
setup(
    cmdclass={"build_py": WithFiles},
    project_urls=project_urls(ADDRESS),
    long_description=readme(ADDRESS),
    long_description_content_type="text/markdown",
)
