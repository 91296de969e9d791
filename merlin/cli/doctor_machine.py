"""What `merlin doctor` looks at on this machine: folders, rights, memory, time, ports, units."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import Path

import psutil
from cryptography.x509 import load_pem_x509_certificate

from merlin.api.app import tls_context
from merlin.cli.health import illness
from merlin.config import Config
from merlin.config.settings import TlsConfig
from merlin.core.clock import has_zones, utc_now
from merlin.core.errors import ConfigError, MerlinError
from merlin.core.i18n import day_argument
from merlin.core.loopback import url_place
from merlin.core.server import listen
from merlin.db.backup import last_backup

LEAST_FREE, LEAST_MEMORY = 1 << 30, 256 << 20
ANSWER_S = 15.0
_CLOCK_S = 30.0
_BACKUP_AGE, _CERTIFICATE_LEFT = timedelta(days=2), timedelta(days=14)
# SQLite and locks need a file system of this machine.
_REMOTE = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "fuse.rclone", "fuse.s3fs"}

# What was found good: a text by its key, with what fills it.
Good = tuple[str, Mapping[str, object]]


def fault(key: str, **told: object) -> MerlinError:
    """Return what is wrong as an error whose text says what to do."""
    return MerlinError(key, key, **told)


def check_folder(folder: Path) -> Good:
    """Look at the state's folder, or at where it would be made."""
    place = _existing(folder)
    told = {"folder": str(folder)}
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        raise fault("doctor-folder-closed", **told)
    free = shutil.disk_usage(place).free
    if free < LEAST_FREE:
        raise fault("doctor-folder-full", free=free >> 20, **told)
    return "doctor-folder", {"free": free >> 30, **told}


def _existing(folder: Path) -> Path:
    return next(each for each in (folder, *folder.parents) if each.exists())


def check_file_system(folder: Path) -> Good:
    """Look whether the state lies on a disk of this machine."""
    place = _existing(folder).resolve()
    mounts = {Path(each.mountpoint): each.fstype for each in psutil.disk_partitions(all=True)}
    kind = next((mounts[each] for each in (place, *place.parents) if each in mounts), "?")
    if kind in _REMOTE:
        raise fault("doctor-remote-disk", folder=str(folder), kind=kind)
    return "doctor-local-disk", {}


def check_rights(state_dir: Path) -> Good:
    """Look whether others on this machine can read the state or the credentials."""
    secret = [state_dir, Path(os.environ.get("CREDENTIALS_DIRECTORY") or state_dir)]
    for folder in secret:
        if folder.exists() and folder.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise fault("doctor-open-folder", folder=str(folder))
    return "doctor-closed-folder", {}


def check_memory() -> Good:
    """Look whether there is memory for a process more."""
    free = psutil.virtual_memory().available
    if free < LEAST_MEMORY:
        raise fault("doctor-no-memory", free=free >> 20)
    return "doctor-memory", {}


def check_zones() -> Good:
    """Look whether this machine knows time zones."""
    if not has_zones():
        raise fault("doctor-no-zones")
    return "doctor-zones", {}


def check_clock(url: str) -> Good:
    """Compare the clock with that of a server; one that is silent is another finding."""
    headers: Message | None = None
    with suppress(OSError):
        try:
            with urllib.request.urlopen(url, timeout=ANSWER_S) as answer:  # noqa: S310 - judged when the configuration was read
                headers = answer.headers
        except urllib.error.HTTPError as refusal:
            headers = refusal.headers
    said = headers["Date"] if headers is not None else None
    if said is None:
        return "doctor-clock-alone", {}
    off = abs((utc_now() - parsedate_to_datetime(said)).total_seconds())
    if off > _CLOCK_S:
        raise fault("doctor-clock-off", seconds=int(off))
    return "doctor-clock", {}


def check_port(config: Config, process: str) -> Good:
    """Look whether a process can listen where it shall, or does already."""
    address = (config.api if process == "api" else config.engine).address
    if illness(config, process) is None:
        return "doctor-port-used", {"name": process}
    try:
        listen(process, *address).close()
    except ConfigError as error:
        told = {"place": url_place(address), "reason": str(error.__cause__), "name": process}
        raise fault("doctor-port-taken", **told) from None
    return "doctor-port", {"place": url_place(address)}


def check_certificate(tls: TlsConfig) -> Good:
    """Look whether the api's certificate fits its key and stays good for two weeks."""
    tls_context(tls.certificate, tls.key)
    ends = load_pem_x509_certificate(tls.certificate.read_bytes()).not_valid_after_utc
    told = {"path": str(tls.certificate), "date": day_argument(ends.date())}
    if ends - utc_now() < _CERTIFICATE_LEFT:
        raise fault("doctor-certificate-ends", **told)
    return "doctor-certificate", told


def check_backup(state_dir: Path) -> Good:
    """Look when the state was backed up last."""
    at = last_backup(state_dir)
    if at is None:
        raise fault("doctor-no-backup")
    told = {"date": day_argument(at.date())}
    if utc_now() - at > _BACKUP_AGE:
        raise fault("doctor-old-backup", **told)
    return "doctor-backup", told


def check_dump_programs() -> Good:
    """Look for what a backup of PostgreSQL needs."""
    for program in ("pg_dump", "pg_restore"):
        if shutil.which(program) is None:
            raise fault("backup-no-program", program=program)
    return "doctor-program", {"path": shutil.which("pg_dump")}


def has_units() -> bool:
    """Return whether Merlin is installed as systemd's services here."""
    return _systemctl("is-enabled", "merlin.target") not in {"", "not-found"}


def check_units() -> Good:
    """Look whether systemd starts Merlin, and whether it has given a unit up."""
    told = _systemctl("list-units", "--state=failed", "--plain", "--no-legend", "merlin*")
    if failed := [line.split()[0] for line in told.splitlines()]:
        raise fault("doctor-failed-units", names=" ".join(failed))
    if _systemctl("is-enabled", "merlin.target") != "enabled":
        raise fault("doctor-disabled-units")
    return "doctor-units", {}


def _systemctl(*words: str) -> str:
    """Return what systemctl says, "" where there is none."""
    path = shutil.which("systemctl")
    if path is None:
        return ""
    done = subprocess.run([path, *words], capture_output=True, text=True, check=False)  # noqa: S603 - no shell
    return done.stdout.strip()
