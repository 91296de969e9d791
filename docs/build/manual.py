"""The manual pages of the command line, and the files by which shells complete it.

`python -m docs.build.manual FOLDER` writes them below a folder as they lie below `share`: a page of
`merlin` and one a command; for bash, zsh and fish a file each. They come with the wheel and are not
kept in the repository.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docs.build.commands import describe_command, find_commands, names_of
from merlin import __version__
from merlin.cli.commands import COMMANDS, PANELS

FOLDER = "man/man1"
COMPLETIONS = {
    "bash": "bash-completion/completions/merlin",
    "zsh": "zsh/site-functions/_merlin",
    "fish": "fish/vendor_completions.d/merlin.fish",
}
_ABOUT = "commit example conversations, get a fine-tuned model, talk to it in Telegram"
_STATUSES = {
    0: "Done.",
    1: "It failed, and the message says why.",
    2: "The configuration or the options are wrong.",
    3: "A bug in Merlin; a report lies in the state folder.",
    75: "Another process leads or holds the lock.",
    130: "Interrupted by Ctrl-C.",
}
_ENVIRONMENT = {
    "MERLIN_CONFIG": "The configuration file of every command.",
    "MERLIN_LANGUAGE": "The language of results and messages, en or ru; else the configuration's.",
}


def write_manual(folder: Path) -> None:
    """Write all pages and the files of the shells below a folder."""
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    for name, page in manual_pages():
        (folder / FOLDER / f"{name}.1").write_text(page, "utf-8")
    for shell, name in COMPLETIONS.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_completion(shell))


def manual_pages() -> Iterator[tuple[str, str]]:
    """Yield each page's name with its text in roff."""
    verbs: dict[str, dict[str, Any]] = {}
    for words, command in find_commands().items():
        verbs.setdefault(words.split()[0], {})[words] = command
    yield "merlin", _overview(verbs)
    for word, commands in verbs.items():
        yield f"merlin-{word}", _page(word, commands)


def _overview(known: dict[str, dict[str, Any]]) -> str:
    lines = [
        _head("merlin", _ABOUT, ".B merlin\n[OPTIONS] COMMAND ..."),
        '.SH "COMMANDS"',
    ]
    for panel, commands in PANELS.items():
        lines.append(f'.SS "{panel}"')
        lines += [
            _item(f"merlin\\-{word}(1)", line)
            for word, (_, line) in commands.items()
            if word in known
        ]
    lines.append('.SH "EXIT STATUS"')
    lines += [_item(str(code), about) for code, about in _STATUSES.items()]
    lines.append('.SH "ENVIRONMENT"')
    lines += [_item(name, about) for name, about in _ENVIRONMENT.items()]
    return "\n".join(lines) + "\n"


def _page(word: str, commands: dict[str, Any]) -> str:
    about = describe_command(commands[word]) if word in commands else COMMANDS[word][1]
    synopsis = "\n.br\n".join(_usage(words, each) for words, each in commands.items())
    lines = [_head(f"merlin-{word}", about.rstrip("."), synopsis)]
    for words, command in commands.items():
        heading = "OPTIONS" if words == word else _escape(f"merlin {words}")
        lines.append(f'.SH "{heading}"')
        if words != word:
            lines.append(_escape(describe_command(command)))
        lines += [
            _item(_escape(", ".join(names_of(one))), one.help or "–")
            for one in command.params
        ]
    lines += ['.SH "SEE ALSO"', ".BR merlin (1)"]
    return "\n".join(lines) + "\n"


def _head(name: str, about: str, synopsis: str) -> str:
    return "\n".join(
        (
            f'.TH "{name.upper()}" 1 "" "Merlin {__version__}"',
            '.SH "NAME"',
            f"{_escape(name)} \\- {_escape(about)}",
            '.SH "SYNOPSIS"',
            synopsis,
        )
    )


def _usage(words: str, command: Any) -> str:
    parts = [f".B {_escape(f'merlin {words}')}\n[OPTIONS]"]
    for one in command.params:
        if one.param_type_name == "argument":
            name = one.name.upper() + (" ..." if one.nargs == -1 else "")
            parts.append(_escape(name if one.required else f"[{name}]"))
    return " ".join(parts)


def _item(what: str, about: str) -> str:
    return f".TP\n.B {what}\n{_escape(about)}"


def _escape(text: str) -> str:
    """Return a text as roff shows it as it is."""
    plain = " ".join(text.replace("`", "").split())
    shown = plain.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{shown}" if shown.startswith((".", "'")) else shown


def _completion(shell: str) -> bytes:
    asked = {**os.environ, "_MERLIN_COMPLETE": f"source_{shell}"}
    words = (sys.executable, "-m", "merlin")
    done = subprocess.run(words, env=asked, capture_output=True, check=True)
    return done.stdout.strip() + b"\n"


if __name__ == "__main__":
    write_manual(Path(sys.argv[1]))
