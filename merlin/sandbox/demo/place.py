"""Where a demo lives: its folder, ports, configuration and credentials."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import yaml

from merlin.core.errors import Refused
from merlin.core.free_port import free_ports
from merlin.core.lock import taken
from merlin.sandbox.telegram.people import TOKEN

ADMIN_ID = 1003
FOLDER = Path(".merlin-demo")
_LOCK = "demo.lock"
# Limits that are seen, and that nobody meets who tries the demo out.
_FREE = {
    "title": {"ru": "Бесплатный", "en": "Free"},
    "text": {"day": 200},
    "voice": {"day": 20},
    "photo": {"day": 20},
    "document": {"day": 20},
    "sessions": 50,
}


@dataclass(frozen=True, slots=True)
class Ports:
    """The demo's ports on 127.0.0.1.

    Chat page, api, engine, the chat model's stand-in, and the newest commit's way as JSON.
    """

    chat: int
    api: int
    engine: int
    model: int
    way: int

    @classmethod
    def from_first(cls, first: int) -> Ports:
        """Return the usual ports; the fourth number is kept for payments."""
        return cls(first, first + 1, first + 2, first + 4, first + 5)

    @classmethod
    def free(cls) -> Ports:
        """Return ports that nobody listens on now."""
        return cls(*free_ports(len(fields(cls))))

    def taken(self) -> list[int]:
        """Return those that somebody listens on."""
        return [port for port in astuple(self) if _is_open(port)]


def _is_open(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass(frozen=True, slots=True)
class Place:
    """One demo's folder and ports."""

    folder: Path
    ports: Ports

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


@contextmanager
def laid_out(folder: Path, ports: Ports) -> Iterator[Place]:
    """Make the demo's folder and configuration, and hold it; an earlier demo's state stays.

    Raises Refused when the ports are taken, the folder cannot be made or holds something else,
    or another demo runs on it: its processes would read our ports.
    """
    if taken := ports.taken():
        raise Refused(f"ports {taken} are taken", "demo-ports", ports=", ".join(map(str, taken)))
    place = Place(folder.resolve(), ports)
    _take(folder, place.config)
    with _held(folder):
        _keep_credentials(place.folder / "credentials")
        said = yaml.safe_dump(_configuration(place), allow_unicode=True, sort_keys=False)
        place.config.write_text(said, encoding="utf-8")
        yield place


def clear(folder: Path) -> None:
    """Remove an earlier demo. Raises Refused when the folder holds something else or runs."""
    if not folder.exists():
        return
    if not (folder / "config.yaml").is_file():
        raise _foreign(folder)
    with _held(folder):
        shutil.rmtree(folder)


def _take(folder: Path, config: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_foreign = not config.exists() and any(folder.iterdir())
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
    }
    for name, value in values.items():
        path = folder / name
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(value, encoding="utf-8")


def _configuration(place: Place) -> Mapping[str, object]:
    ports = place.ports
    return {
        "state_dir": "state",
        "language": "ru",
        "repository": {"url": "repository", "branch": "main", "interval_s": 0.5},
        "providers": [
            {
                "name": "engine",
                "base_url": f"http://127.0.0.1:{ports.engine}/v1",
                "limits": {"active_jobs": 4},
                "settle_s": 0,
                "poll_s": 0.2,
            },
            {
                "name": "stand-in",
                "base_url": f"http://127.0.0.1:{ports.model}/v1",
                "credential": "MERLIN_STAND_IN_KEY",
                "settle_s": 0,
            },
        ],
        "models": {
            "recall": {
                "price": {"currency": "USD", "input": 0, "output": 0, "training": 0},
                "context": 8192,
                "training_example": 8192,
            }
        },
        "telegram": {
            "base_url": f"http://127.0.0.1:{ports.chat}",
            "link_url": f"http://127.0.0.1:{ports.chat}",
            "admins": [ADMIN_ID],
            "limits": {"overall_per_s": 0, "private_per_s": 0, "group_per_min": 0},
        },
        "chat": {
            "assistant": {"provider": "stand-in", "model": "stand-in-chat"},
            "transcription": {"provider": "stand-in", "model": "stand-in-transcribe"},
            "vision": {"provider": "stand-in", "model": "stand-in-chat"},
        },
        "datasets": {"default": "neurotypology"},
        "plans": {"free": _FREE},
        "api": {"listen": f"127.0.0.1:{ports.api}"},
        "engine": {"listen": f"127.0.0.1:{ports.engine}", "pace_s": 0.1},
        "daemon": {"tick_s": 0.2, "quiet_s": 1},
    }
