"""The page "Your own fine-tuning API in two minutes", followed word by word in a new folder.

What a line installs comes from `programs`, and the port is a free one. The lines that start the
engine are replaced by that engine, as the checkout has it.
"""

import os
import re
import shlex
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from merlin.core.server import free_ports
from tests.engine.running_engine import connect
from tests.real.programs import ENVIRONMENT, require_program
from tests.support.machine import download_wheels, skip_or_fail
from tests.support.markdown_pages import ROOT, read_page
from tests.support.waiting import longest, wait_until

pytestmark = pytest.mark.integration
NAME = "fine-tuning-api.md"
START_S = 120.0
# Read at import: within a test the home folder is its own.
UV_CACHE = Path(os.environ.get("UV_CACHE_DIR") or Path.home() / ".cache" / "uv")
ANSWER = "From nine to six, Monday to Friday."
# Installed otherwise, the engine itself, or said not to be run.
NOT_RUN = ("pip install", "npm install", "uvx ", "merlin ")


def read_sections(language):
    """Return the blocks of code, (kind, text), by the number of the section."""
    sections = re.split(
        r"^## ", read_page("docs", language, NAME).text, flags=re.MULTILINE
    )
    blocks = r"^```(\w+)\n(.*?)^```$"
    return [re.findall(blocks, text, re.MULTILINE | re.DOTALL) for text in sections]


class Reader:
    """Someone who follows the page: a folder, a home, and what was exported so far."""

    def __init__(self, folder, port):
        self.folder = folder
        self.port = port
        self.variables = {
            "HOME": str(folder),
            "PATH": os.environ["PATH"],
            "LLM_LOAD_PLUGINS": "",
        }

    def follow(self, blocks, program):
        """Write the files and run the commands of a section; return what they print."""
        printed = ""
        for kind, text in blocks:
            content = text.replace("8702", str(self.port))
            if kind == "console":
                printed += self._run(content.replace("\\\n", " "), program)
            else:
                name = content.splitlines()[0].removeprefix("# ")
                (self.folder / name).write_text(content)
        return printed

    def _run(self, text, program):
        commands = [line.removeprefix("$ ") for line in text.splitlines()]
        script = [line for line in commands if not line.startswith(NOT_RUN)]
        path = f"{program.bin}{os.pathsep}{self.variables['PATH']}"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "\n".join([*script, "env -0 > .env"])],
            cwd=self.folder,
            env={**self.variables, "PATH": path},
            capture_output=True,
            text=True,
            timeout=longest(300.0),
        )
        assert done.returncode == 0, done.stdout + done.stderr
        lines = (self.folder / ".env").read_text().split("\0")
        exported = dict(line.partition("=")[::2] for line in lines if line)
        kept = {"OPENAI_BASE_URL", "OPENAI_API_KEY", "MODEL"} & exported.keys()
        self.variables |= {name: exported[name] for name in kept}
        return done.stdout + done.stderr


@contextmanager
def run_engine(folder, command, **environment):
    """Run a command that starts the engine at a port, in a folder that is its home too."""
    log = folder / "engine.log"
    settings = {"PATH": os.environ["PATH"], **environment, "HOME": str(folder)}
    with (
        log.open("wb") as out,
        subprocess.Popen(
            command, stdout=out, stderr=out, env=settings, cwd=folder
        ) as engine,
    ):
        try:
            wait_until(
                lambda: (
                    b"print(answer" in log.read_bytes() or engine.poll() is not None
                ),
                START_S,
            )
            assert engine.poll() is None, log.read_text()
            yield
        finally:
            engine.terminate()
            engine.wait(longest())


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """A reader who has trained a model by the first sections."""
    folder = tmp_path_factory.mktemp("reader")
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "merlin", "engine", "--port", str(port)]
    with run_engine(folder, command, PYTHONPATH=str(ROOT)):
        reader = Reader(folder, port)
        reader.printed = reader.follow(
            read_sections("en")[2], require_program("openai")
        )
        yield reader


@pytest.mark.real("openai")
def test_wheel_runs_by_uvx_as_printed(tmp_path):
    """Its packages are those of the lock."""
    (_, line), *_ = read_sections("en")[1]
    program, *arguments = shlex.split(line.removeprefix("$ "))
    uvx = Path(sys.prefix) / "bin" / program
    skip_or_fail(None if uvx.exists() else "uv isn't installed beside Python")
    subprocess.run(
        [ROOT / "deploy/release/build.sh", "wheel", tmp_path / "dist"],
        env={**os.environ, "PYTHON": sys.executable},
        check=True,
    )
    (port,) = free_ports(1)
    configuration = tmp_path / "uv.toml"
    links = f"no-index = true\nfind-links = ['{download_wheels()}']\n"
    configuration.write_text(links, "utf-8")
    settings = {
        **ENVIRONMENT,
        "UV_CACHE_DIR": str(UV_CACHE),
        "UV_CONFIG_FILE": str(configuration),
        "UV_PYTHON": sys.executable,
    }
    with run_engine(tmp_path, [uvx, *arguments, "--port", str(port)], **settings):
        key = (
            (tmp_path / ".local/share/merlin-engine/engine.key")
            .read_text("ascii")
            .strip()
        )
        with closing(connect(port, key)) as client:
            assert [model.id for model in client.models.list()] == ["recall"]


def test_both_languages_have_the_same_code():
    assert read_sections("ru") == read_sections("en")


@pytest.mark.real("openai")
def test_model_is_trained_in_the_documented_order(reader):
    printed = reader.printed
    assert "The job has successfully completed" in printed
    assert ":ckpt-step-" in printed
    assert "step,train_loss,train_accuracy" in printed
    assert printed.strip().endswith(ANSWER)


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        pytest.param(
            number, expected, marks=pytest.mark.real(program), id=f"{number}-{program}"
        )
        for number, program, expected in (
            (3, "openai", ""),
            (4, "openai", ANSWER),
            (5, "litellm", ANSWER),
            (6, "llm", ANSWER),
            (7, "langchain-openai", ANSWER),
            (8, "promptfoo", "1 passed"),
            (9, "openai", "deleted=True"),  # the last, as the others ask the model
        )
    ],
)
def test_recipe_runs_as_printed(reader, section, expected, request):
    program = require_program(request.node.get_closest_marker("real").args[0])
    blocks = read_sections("en")[section]
    assert blocks
    assert expected in reader.follow(blocks, program)


def test_every_section_with_code_is_run():
    assert [bool(blocks) for blocks in read_sections("en")] == [
        False,
        *[True] * 9,
        False,
    ]
