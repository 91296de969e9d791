"""`merlin init` and `config check|sample`: set up an installation."""

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from string import Template
from typing import Annotated, Any

import typer
import yaml

from merlin.cli import language
from merlin.cli.options import DEFAULT, ConfigPath
from merlin.cli.output import print_message
from merlin.config import load, schema
from merlin.config.faults import entry_name, entry_of, resolve
from merlin.core.durable_files import remove_durably
from merlin.core.errors import ConfigError, Refused
from merlin.core.i18n import text

Short = Annotated[bool, typer.Option("--short", help="Print only the keys needed to start.")]

app = typer.Typer()
config_app = typer.Typer(
    name="config", no_args_is_help=True, help="Check a configuration, or print a sample."
)
app.add_typer(config_app)


@config_app.command("check")
def check(config: ConfigPath = DEFAULT) -> None:
    """Report every error in a configuration at once; exit 2 if there is one."""
    load(config)
    print_message("config-valid", path=str(config))


@config_app.command("sample")
def sample(short: Short = False) -> None:
    """Print a configuration to start with; every other key is commented out."""
    document = schema()
    document["properties"]["language"]["start"] = language()
    header = ("config-sample",) if short else ("config-sample", "config-sample-keys")
    command = "merlin config sample --short" if short else "merlin config sample"
    lines = [f"# {text(language(), key, command=command)}" for key in header]
    _add_keys(document, document, lines, "", is_short=short)
    sys.stdout.write("\n".join(lines) + "\n")


def _add_keys(
    root: Mapping[str, Any],
    node: Mapping[str, Any],
    lines: list[str],
    prefix: str,
    *,
    is_short: bool = False,
) -> None:
    """Add the commented keys of a schema node; with `is_short` only the keys needed to start.

    `prefix` is the path of the node with its final dot, "" for the root.
    """
    for key, raw in node.get("properties", {}).items():
        value, path = resolve(root, raw), f"{prefix}{key}"
        if is_short and not _is_starting_key(root, value):
            continue
        pad = "  " * path.count(".")
        lines += [] if prefix else [""]
        lines.append(f"{pad}# {_describe(path, value)}")
        # A key is not commented out if it, or a key below it, is needed to start.
        sign = "" if _is_starting_key(root, value) else "#"
        _add_key(root, value, lines, f"{pad}{sign}", path, is_short=is_short)


@cache
def russian_keys() -> Mapping[str, str]:
    """Return the meaning of each key of the configuration by its path, as the docs write it."""
    path = Path(__file__).parents[1] / "locale" / "ru" / "config.yaml"
    meanings: Mapping[str, str] = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    return meanings


def _describe(path: str, value: Mapping[str, Any]) -> str:
    """Return the meaning of a key; those of `prices` stand once, under `models`."""
    if language() == "ru":
        return russian_keys()[re.sub(r".*prices\.<model>\.", "models.<model>.price.", path)]
    return " ".join(value.get("description", "").split())


def _add_key(
    root: Mapping[str, Any],
    value: Mapping[str, Any],
    lines: list[str],
    pad: str,
    path: str,
    *,
    is_short: bool,
) -> None:
    """Add the lines of one key: its value, or the keys below it."""
    key, items = path.rpartition(".")[2], resolve(root, value.get("items", {}))
    if "properties" in value:
        lines.append(f"{pad}{key}:")
        _add_keys(root, value, lines, f"{path}.", is_short=is_short)
    elif "properties" in items:
        lines += [f"{pad}{key}:", f"{pad}-"]
        _add_keys(root, items, lines, f"{path}[].", is_short=is_short)
    elif "entries" in value:
        lines.append(f"{pad}{key}:")
        entry = resolve(root, entry_of(value))
        # No entry has all keys at once, so show an example of each kind.
        for name, keys in value["entries"].items():
            lines.append(f"  {pad}{name}:")
            values = {"properties": {key: entry["properties"][key] for key in keys}}
            _add_keys(root, values, lines, f"{path}.{entry_name(entry)}.")
    else:
        lines.append(f"{pad}{key}: {_format_yaml(value.get('start', value['examples'][0]))}")


def _is_starting_key(root: Mapping[str, Any], raw: Mapping[str, Any]) -> bool:
    value = resolve(root, raw)
    children = [*value.get("properties", {}).values()]
    children += [value["items"]] if "items" in value else []
    return "start" in value or any(_is_starting_key(root, child) for child in children)


def _format_yaml(value: object) -> str:
    plain: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=1000)
    return plain.removesuffix("\n").removesuffix("\n...")


# The first line of each tells an editor's YAML language server which schema applies. The hooks are
# those of `.pre-commit-hooks.yaml`, but run the installed Merlin.
_TEMPLATES = Path(__file__).parent / "init"


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Folder to create.")] = Path("merlin-datasets"),
    dataset: Annotated[str, typer.Option(help="The first dataset's name.")] = "first",
) -> None:
    """Create a git repository of datasets from a template."""
    from merlin.dataset.layout import is_valid_name, suggest_name

    if not is_valid_name(dataset):
        names = {"dataset": dataset, "proposed": suggest_name(dataset)}
        raise ConfigError(f"not a dataset's name: {dataset}", "init-bad-name", **names)
    if shutil.which("git") is None:
        raise Refused("git is not installed", "git-absent")
    arguments, is_new, is_empty = {"folder": str(folder)}, not folder.exists(), False
    try:
        is_empty = is_new or not any(folder.iterdir())
        if not is_empty:
            raise Refused(f"{folder} is not empty", "init-not-empty", **arguments)
        _write_files(folder, dataset)
        _git(folder, "init", "-q", "-b", "main")
        # Accept pushes to the checked-out branch and update its files.
        _git(folder, "config", "receive.denyCurrentBranch", "updateInstead")
    except (OSError, subprocess.CalledProcessError) as error:
        if is_new:  # so that the same command can be repeated
            shutil.rmtree(folder, ignore_errors=True)
        elif is_empty:  # not where the folder could not be read: its files are not ours
            for path in folder.glob("*"):
                remove_durably(path)
        if isinstance(error, OSError):
            reason = error.strerror or str(error)
        else:
            reason = error.stderr.strip().rpartition("\n")[2]
        raise Refused(f"{folder}: {error}", "init-no-folder", reason=reason, **arguments) from error
    print_message("init-done", dataset=dataset, path=str(folder.resolve()), **arguments)


def _write_files(folder: Path, dataset: str) -> None:
    """Write the template's files in the language of the commands."""
    from merlin.dataset.spec import NAMES, schema_text

    dataset_folder, schemas = folder / "datasets" / dataset, folder / "schemas"
    files = {
        dataset_folder / "dataset.yaml": _fill_template("dataset.yaml"),
        dataset_folder / "examples" / "about.yaml": _fill_template("about.yaml"),
        folder / "README.md": text(language(), "init-readme") + "\n",
        folder / ".pre-commit-config.yaml": _fill_template("pre-commit-config.yaml"),
        **{schemas / f"{name}.schema.json": schema_text(name) for name in NAMES},
    }
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


def _fill_template(name: str) -> str:
    template = Template((_TEMPLATES / name).read_text(encoding="utf-8"))
    keys = template.get_identifiers()
    return template.substitute({key: text(language(), f"init-{key}") for key in keys})


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)  # noqa: S603, S607 - fixed words
