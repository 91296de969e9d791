"""config.yaml: read once at start, all errors reported at once, with their lines."""

import math
from collections.abc import Callable, Iterable, Iterator
from os import F_OK, access, statvfs
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any

import yaml
from pydantic import ValidationError

from merlin.config import Config, schema
from merlin.config.conflicts import list_conflicts
from merlin.config.faults import (
    Wrong,
    check_nesting,
    config_error,
    describe_syntax_fault,
    fault_at,
    list_repeated_keys,
    list_schema_faults,
    locate,
    wrong_at,
)
from merlin.core.errors import ConfigError
from merlin.core.repository_place import parse_remote_url


def load(path: Path) -> Config:
    """Return the configuration at `path`. Raises ConfigError with every fault found."""
    root, document = _parse(path, _read_text(path))
    try:
        config = Config.model_validate(
            document, context={"base": path.resolve().parent}
        )
    except ValidationError as error:
        found = list_schema_faults(error, schema())
        raise config_error(locate(path, root, found)) from error
    if conflicts := [*list_conflicts(config)]:
        raise config_error(locate(path, root, conflicts))
    return config


def require_places(path: Path, config: Config, found: Iterable[Wrong]) -> list[str]:
    """Raise ConfigError that names what config.yaml needs and this machine lacks, with `found`.

    Returns the paths that this user may not look at. The processes do not need each other's
    files, so nothing but the check of the file asks.
    """
    wrong = [*found]
    closed = list[str]()
    for lack, place, has_it in _list_places(config):
        try:
            is_there = has_it(place.stat().st_mode)
        except PermissionError:
            closed.append(str(place))
            continue
        except OSError:
            is_there = False
        if not is_there:
            wrong.append(lack)
    if wrong:
        raise config_error(locate(path, _parse(path, _read_text(path))[0], wrong))
    return closed


def _list_places(config: Config) -> Iterator[tuple[Wrong, Path, Callable[[int], bool]]]:
    """Yield what is wrong at each key without its file or folder, the path, what it must be."""
    for section, tls in (("api", config.api.tls), ("engine", config.engine.tls)):
        for name, file in tls or ():
            lack = wrong_at(section, "tls", name, key="config-no-file", path=str(file))
            yield lack, file, S_ISREG
    folder = (
        parse_remote_url(config.repository.url).folder if config.repository else None
    )
    if folder is not None:
        lack = wrong_at("repository", "url", key="config-no-folder", path=str(folder))
        yield lack, folder, S_ISDIR
    places = (config.state_dir, *config.state_dir.parents)
    home = next(each for each in places if access(each, F_OK))
    lack = wrong_at("state_dir", key="config-no-home", path=str(home))
    yield lack, home, lambda mode: S_ISDIR(mode) and statvfs(home).f_blocks > 0
    for section in ("training", "answering"):
        device = getattr(config.engine, section).device
        number = device.removeprefix("cuda:")
        # A container may have the card nvidia3 alone, which is cuda:0 there.
        if number.isdecimal() and int(number) >= _count_cards():
            lack = wrong_at(
                "engine", section, "device", key="config-no-card", device=device
            )
            yield lack, Path(f"/dev/{device}"), S_ISREG
    for name, base in config.engine.models.items():
        if base.path:
            lack = wrong_at(
                "engine", "models", name, "path", key="config-no-folder", path=base.path
            )
            yield lack, Path(base.path), S_ISDIR


def _count_cards() -> float:
    """Return how many GPUs there are: AMD's, and Windows' below WSL, have no device for each."""
    is_other = any(access(place, F_OK) for place in ("/dev/kfd", "/dev/dxg"))
    return math.inf if is_other else len([*Path("/dev").glob("nvidia[0-9]*")])


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        key = (
            "config-absent"
            if isinstance(error, FileNotFoundError)
            else "config-unreadable"
        )
        arguments = {"path": str(path), "reason": error.strerror or str(error)}
        raise ConfigError(f"{path}: {error.strerror}", key, **arguments) from error
    except UnicodeDecodeError as error:
        raise config_error([fault_at(str(path), "config-no-utf8")]) from error


def _parse(path: Path, text: str) -> tuple[yaml.Node | None, Any]:
    """Return the nodes of the file, with their lines, and its content; {} for an empty file."""
    try:
        check_nesting(path, text)
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
        if faults := [*list_repeated_keys(path, root)]:
            raise config_error(faults)
        document = (
            yaml.constructor.SafeConstructor().construct_document(root)
            if root
            else None
        )
    except yaml.YAMLError as error:
        raise config_error([describe_syntax_fault(path, text, error)]) from error
    return root, {} if document is None else document
