"""A demo's folder, ports, configuration, credentials, git repository and script.

The configuration enables all of Merlin's features, with stand-ins as outside services. The
repository is made from the sample datasets; commits use plain git.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path

import yaml
from jinja2 import Template

from merlin.core.durable_files import try_lock
from merlin.core.errors import MerlinError, Refused
from merlin.core.server import free_ports
from merlin.sandbox.telegram.world import TOKEN, people_of


@dataclass(frozen=True, slots=True)
class Script:
    """A demo's content in one language: sample datasets, the first question, and what is taught.

    `samples` names the folder of datasets, `dataset` the one that people chat with.
    """

    language: str
    samples: str
    dataset: str
    question: str
    answer: str
    new_question: str
    new_answer: str
    samples_subject: str
    new_subject: str


_MODULE_FOLDER = Path(__file__).parent
_SCRIPT_FIELDS = yaml.safe_load(
    (_MODULE_FOLDER / "scripts.yaml").read_text(encoding="utf-8")
)
SCRIPTS = {
    language: Script(language, **values) for language, values in _SCRIPT_FIELDS.items()
}
RUSSIAN = SCRIPTS["ru"]


def script_of(language: str, repository: Path, config: Path) -> Script:
    """Return the script of a language; an existing demo keeps the language it was created with."""
    if not ((repository / ".git").exists() and config.is_file()):
        return SCRIPTS[language]
    try:
        settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    except (
        yaml.YAMLError
    ):  # an edit, whose error is reported when the configuration is loaded
        settings = None
    return SCRIPTS.get(
        str(settings.get("language")) if isinstance(settings, dict) else "", RUSSIAN
    )


@dataclass(frozen=True, slots=True)
class Ports:
    """The demo's ports on 127.0.0.1.

    Front page, API, engine, YooKassa's stand-in, chat page, and the chat model's stand-in.
    """

    front: int
    api: int
    engine: int
    shop: int
    chat: int
    model: int

    @classmethod
    def from_first(cls, first: int) -> Ports:
        """Return the default ports: consecutive numbers."""
        return cls(*(first + number for number in range(len(fields(cls)))))

    @classmethod
    def free(cls) -> Ports:
        """Return free ports."""
        return cls(*free_ports(len(fields(cls))))

    def list_taken(self) -> list[int]:
        """Return the ports that are in use."""
        taken = []
        for port in astuple(self):
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
                probe.settimeout(0.5)
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    taken.append(port)
        return taken


FOLDER = Path(".merlin-demo")
_LOCK = "demo.lock"


@dataclass(frozen=True, slots=True)
class DemoFolder:
    """One demo's folder, ports and script."""

    folder: Path
    ports: Ports
    script: Script = RUSSIAN

    @property
    def config(self) -> Path:
        """Return the configuration file, which all read-only commands accept."""
        return self.folder / "config.yaml"

    @property
    def written_config(self) -> Path:
        """Return the copy of the configuration as it was written, by which an edit is known."""
        return self.folder / ".config.yaml"

    @property
    def has_edited_config(self) -> bool:
        """Return whether somebody edited the configuration, which is then kept."""
        if not self.config.exists():
            return False
        is_written = self.written_config.exists()
        return (
            not is_written
            or self.config.read_bytes() != self.written_config.read_bytes()
        )

    @property
    def repository(self) -> Path:
        """Return the git repository of datasets, to which examples are committed."""
        return self.folder / "repository"

    @property
    def logs(self) -> Path:
        """Return the file with the child processes' logs."""
        return self.folder / "logs.jsonl"

    @property
    def front_url(self) -> str:
        """Return the front page's URL; it links to all others."""
        return f"http://127.0.0.1:{self.ports.front}/"

    @property
    def api_url(self) -> str:
        """Return the URL of courses, admin pages and the API."""
        return f"http://127.0.0.1:{self.ports.api}/"

    @property
    def chat_url(self) -> str:
        """Return the chat page's URL."""
        return f"http://127.0.0.1:{self.ports.chat}/"

    @property
    def shop_url(self) -> str:
        """Return the URL of the newest payments."""
        return f"http://127.0.0.1:{self.ports.shop}/"

    @property
    def engine_url(self) -> str:
        """Return the URL of the engine."""
        return f"http://127.0.0.1:{self.ports.engine}/"

    def read_credential(self, name: str) -> str:
        """Return a credential, as the processes find it."""
        return (self.folder / "credentials" / name).read_text(encoding="utf-8")

    def courses(self) -> list[str]:
        """Return the names of the datasets that are courses."""
        paths = (self.repository / "datasets").glob("*/course.yaml")
        return sorted(path.parent.name for path in paths)


@contextmanager
def prepare_demo(
    folder: Path, ports: Ports, language: str = RUSSIAN.language
) -> Iterator[DemoFolder]:
    """Create or reuse a demo's folder, write its configuration unless edited, and hold its lock.

    `language` selects the samples of a new demo; an existing one keeps its own. Raises Refused when
    ports are in use, the folder cannot be created or holds something else, or another demo runs in
    it.
    """
    if taken := ports.list_taken():
        raise Refused(
            f"ports {taken} are taken", "demo-ports", ports=", ".join(map(str, taken))
        )
    place = DemoFolder(folder.resolve(), ports)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_foreign = not (folder / _LOCK).is_file() and any(folder.iterdir())
    except OSError as error:
        raise _no_folder_error(folder, error) from error
    if is_foreign:
        raise _foreign_folder_error(folder)
    with _lock_folder(folder):
        place = replace(
            place, script=script_of(language, place.repository, place.config)
        )
        _write_credentials(place.folder / "credentials")
        content = render_config(place.ports, place.script)
        if not place.has_edited_config:
            for path in (place.config, place.written_config):
                path.write_text(content, encoding="utf-8")
        yield place


def clear(folder: Path) -> None:
    """Delete an earlier demo. Raises Refused when the folder holds something else or is in use."""
    if not folder.exists():
        return
    # A config.yaml alone may belong to somebody's own Merlin.
    if not (folder / _LOCK).is_file():
        raise _foreign_folder_error(folder)
    with _lock_folder(folder):
        shutil.rmtree(folder)


def _no_folder_error(folder: Path, error: OSError) -> Refused:
    reason = error.strerror or str(error)
    message = f"{folder} cannot be made: {reason}"
    return Refused(message, "demo-no-folder", folder=str(folder), reason=reason)


def _foreign_folder_error(folder: Path) -> Refused:
    return Refused(f"{folder} holds something else", "demo-folder", folder=str(folder))


@contextmanager
def _lock_folder(folder: Path) -> Iterator[None]:
    """Lock the folder; the kernel releases the lock when this process ends."""
    lock = try_lock(folder / _LOCK)
    if lock is None:
        raise Refused(
            f"another demo runs on {folder}", "demo-running", folder=str(folder)
        )
    try:
        yield
    finally:
        os.close(lock)


def _write_credentials(folder: Path) -> None:
    """Write credentials, worthless outside this machine, where the configuration expects them."""
    folder.mkdir(mode=0o700, exist_ok=True)
    values = {
        "TELEGRAM_BOT_TOKEN": TOKEN,
        "MERLIN_ENGINE_KEY": secrets.token_urlsafe(24),
        # Not a word that is also a name: a secret's value is redacted wherever it occurs.
        "MERLIN_STAND_IN_KEY": "any-key-is-taken",
        "YOOKASSA_SHOP_ID": "100500",
        "YOOKASSA_SECRET_KEY": f"test_{secrets.token_urlsafe(24)}",
    }
    for name, value in values.items():
        path = folder / name
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(value, encoding="utf-8")


def render_config(ports: Ports, script: Script) -> str:
    """Return the text of `config.yaml`."""
    template = Template(
        (_MODULE_FOLDER / "config.yaml").read_text(encoding="utf-8"), trim_blocks=True
    )
    return str(template.render(ports=ports, script=script))


def samples(kind: str = "datasets") -> Path:
    """Return a folder of sample datasets, from the checkout or the installed package.

    `kind`: "datasets" or "datasets-en", for the `recall` trainer, or "datasets-lora", for a
    language model.
    """
    package = Path(__file__).parents[2]
    for folder in (
        package.parent / kind,
        package / kind.replace("datasets", "samples"),
    ):
        if any(folder.glob("*/dataset.yaml")):
            return folder
    raise MerlinError("the sample datasets are not installed", "demo-no-samples")


def create_repository(repository: Path, script: Script) -> None:
    """Create the git repository with the script's datasets, unless it has them.

    One that was interrupted before its first commit is completed.
    """
    folder = repository / ".git"
    if folder.exists() and git(
        repository, f"--git-dir={folder}", "rev-list", "-n1", "--all"
    ):
        return
    try:
        shutil.copytree(
            samples(script.samples),
            repository / "datasets",
            copy_function=shutil.copyfile,
            dirs_exist_ok=True,
        )
    except OSError as error:
        raise _no_folder_error(repository, error) from error
    git(repository, "init", "-q", "-b", "main")
    # Merlin may push to the checked-out branch; git then updates the working tree.
    git(repository, "config", "receive.denyCurrentBranch", "updateInstead")
    # The teacher of the sample courses is their author, and of what the person commits here.
    _, teacher, _ = people_of(script.language)
    git(repository, "config", "user.name", teacher.first_name)
    git(repository, "config", "user.email", f"{teacher.name}@example.com")
    commit(repository, script.samples_subject)


def commit(repository: Path, subject: str) -> str:
    """Commit all changes in the repository; return the commit's id."""
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", subject)
    return git(repository, "rev-parse", "HEAD").strip()


# A person's own settings: a signature would ask for a passphrase, and hooks are not for samples.
_GIT = ("git", "-c", "commit.gpgSign=false", "-c", "core.hooksPath=/dev/null")


def git(repository: Path, *arguments: str) -> str:
    """Run git in the repository; return its output. Raises Refused."""
    try:
        result = subprocess.run(  # noqa: S603 - fixed words and our own folder
            [*_GIT, "-C", repository, *arguments],
            capture_output=True,
            text=True,
            check=True,
        )
    except FileNotFoundError as error:
        raise MerlinError("git is not installed", "demo-no-git") from error
    except subprocess.CalledProcessError as error:
        raise Refused(f"git {arguments[0]}: {error.stderr}") from error
    return result.stdout
