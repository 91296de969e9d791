"""Where a demo lives: its folder, ports, configuration and credentials."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from merlin.core.errors import Refused
from merlin.core.lock import taken
from merlin.sandbox.demo.ports import Ports
from merlin.sandbox.demo.script import RUSSIAN, Script, script_of
from merlin.sandbox.demo.settings import settings
from merlin.sandbox.telegram.people import TOKEN

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
    def chat_url(self) -> str:
        """Return the chat page's address."""
        return f"http://127.0.0.1:{self.ports.chat}/"

    @property
    def till_url(self) -> str:
        """Return the address of the newest payments."""
        return f"http://127.0.0.1:{self.ports.till}/"

    @property
    def engine_url(self) -> str:
        """Return the address of the engine and of its page."""
        return f"http://127.0.0.1:{self.ports.engine}/"

    @property
    def engine_key(self) -> str:
        """Return the key of the engine's callers."""
        return self.engine_key_file.read_text(encoding="utf-8")

    @property
    def engine_key_file(self) -> Path:
        """Return where that key lies: the engine's page asks for it."""
        return self.folder / "credentials" / "MERLIN_ENGINE_KEY"


@contextmanager
def laid_out(
    folder: Path, ports: Ports, *, has_lora: bool = False, language: str = RUSSIAN.language
) -> Iterator[Place]:
    """Make the demo's folder and configuration, and hold it; an earlier demo's state stays.

    With `has_lora` a language model is to be tuned too. `language` picks the samples of a new
    demo; one that was begun keeps its own.
    Raises Refused when the ports are taken, the folder cannot be made or holds something else,
    or another demo runs on it: its processes would read our ports.
    """
    if taken := ports.taken():
        raise Refused(f"ports {taken} are taken", "demo-ports", ports=", ".join(map(str, taken)))
    place = Place(folder.resolve(), ports)
    _take(folder)
    with _held(folder):
        place = replace(place, script=script_of(language, place.repository, place.config))
        _keep_credentials(place.folder / "credentials")
        said = settings(place.ports, place.script, has_lora=has_lora)
        place.config.write_text(said, encoding="utf-8")
        yield place


def clear(folder: Path) -> None:
    """Remove an earlier demo. Raises Refused when the folder holds something else or runs."""
    if not folder.exists():
        return
    # A config.yaml alone may be that of somebody's own Merlin.
    if not (folder / _LOCK).is_file():
        raise _foreign(folder)
    with _held(folder):
        shutil.rmtree(folder)


def _take(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_foreign = not (folder / _LOCK).is_file() and any(folder.iterdir())
    except OSError as error:
        words = f"{folder} cannot be made: {error.strerror}"
        told = {"folder": str(folder), "reason": error.strerror}
        raise Refused(words, "demo-no-folder", **told) from error
    if is_foreign:
        raise _foreign(folder)


def _foreign(folder: Path) -> Refused:
    return Refused(f"{folder} holds something else", "demo-folder", folder=str(folder))


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold the folder; the kernel lets it go with this process."""
    lock = taken(folder / _LOCK)
    if lock is None:
        raise Refused(f"another demo runs on {folder}", "demo-running", folder=str(folder))
    try:
        yield
    finally:
        os.close(lock)


def _keep_credentials(folder: Path) -> None:
    """Write the credentials, worth nothing outside this machine, where commands look for them."""
    folder.mkdir(mode=0o700, exist_ok=True)
    values = {
        "TELEGRAM_BOT_TOKEN": TOKEN,
        "MERLIN_ENGINE_KEY": secrets.token_urlsafe(24),
        "MERLIN_STAND_IN_KEY": "stand-in",
        "YOOKASSA_SHOP_ID": "100500",
        "YOOKASSA_SECRET_KEY": f"test_{secrets.token_urlsafe(24)}",
    }
    for name, value in values.items():
        path = folder / name
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(value, encoding="utf-8")
