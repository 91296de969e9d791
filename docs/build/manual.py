"""The manual pages of the command line, and the files by which shells complete it.

`python -m docs.build.manual FOLDER` writes them below a folder as they lie below `share`: a page of
`merlin` and one a command, in English and Russian; for bash, zsh and fish a file each. They come
with the wheel and are not kept in the repository.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docs.build.commands import describe_command, describe_parameter, find_commands, names_of
from merlin import __version__
from merlin.cli.commands import COMMANDS, PANELS
from merlin.cli.help import PANELS as TITLES
from merlin.cli.help import russian_help

FOLDERS = {"en": "man/man1", "ru": "man/ru/man1"}
COMPLETIONS = {
    "bash": "bash-completion/completions/merlin",
    "zsh": "zsh/site-functions/_merlin",
    "fish": "fish/vendor_completions.d/merlin.fish",
}
_WORDS = {
    "en": {
        "about": "commit example conversations, get a fine-tuned model, talk to it in Telegram",
        "name": "NAME",
        "synopsis": "SYNOPSIS",
        "description": "DESCRIPTION",
        "options": "OPTIONS",
        "commands": "COMMANDS",
        "status": "EXIT STATUS",
        "environment": "ENVIRONMENT",
        "see": "SEE ALSO",
        "OPTIONS": "OPTIONS",
        "COMMAND": "COMMAND",
        "config": "The configuration file of every command.",
        "language": "The language of commands, en or ru; else that of the locale.",
    },
    "ru": {
        "about": "диалоги в git превращаются в дообученную модель, с которой говорят в Telegram",
        "name": "ИМЯ",
        "synopsis": "ВЫЗОВ",
        "description": "ОПИСАНИЕ",
        "options": "ПАРАМЕТРЫ",
        "commands": "КОМАНДЫ",
        "status": "КОД ЗАВЕРШЕНИЯ",
        "environment": "ПЕРЕМЕННЫЕ ОКРУЖЕНИЯ",
        "see": "СМОТРИТЕ ТАКЖЕ",
        "OPTIONS": "ПАРАМЕТРЫ",
        "COMMAND": "КОМАНДА",
        "config": "Файл настроек для всех команд.",
        "language": "Язык команд, en или ru; иначе язык системы.",
    },
}
_STATUSES = {
    "en": {
        0: "Done.",
        1: "It failed, and the message says why.",
        2: "The configuration or the options are wrong.",
        3: "A bug in Merlin; a report lies in the state folder.",
        75: "Another process leads or holds the lock.",
        130: "Interrupted by Ctrl-C.",
    },
    "ru": {
        0: "Готово.",
        1: "Не вышло; почему, сказано в сообщении.",
        2: "Ошибка в настройках или параметрах.",
        3: "Ошибка в Merlin; отчёт лежит в папке состояния.",
        75: "Работает другой процесс, который уже держит блокировку.",
        130: "Прервано по Ctrl-C.",
    },
}


def write_manual(folder: Path) -> None:
    """Write all pages and the files of the shells below a folder."""
    for language, place in FOLDERS.items():
        (folder / place).mkdir(parents=True, exist_ok=True)
        for name, page in manual_pages(language):
            (folder / place / f"{name}.1").write_text(page, "utf-8")
    for shell, name in COMPLETIONS.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_completion(shell))


def manual_pages(language: str) -> Iterator[tuple[str, str]]:
    """Yield each page's name with its text in roff."""
    verbs: dict[str, dict[str, Any]] = {}
    for words, command in find_commands().items():
        verbs.setdefault(words.split()[0], {})[words] = command
    yield "merlin", _overview(language, verbs)
    for word, commands in verbs.items():
        yield f"merlin-{word}", _page(language, word, commands)


def _overview(language: str, known: dict[str, dict[str, Any]]) -> str:
    words = _WORDS[language]
    synopsis = f".B merlin\n[{words['OPTIONS']}] {words['COMMAND']} ..."
    lines = [_head("merlin", language, words["about"], synopsis)]
    lines.append(f'.SH "{words["commands"]}"')
    for panel, commands in PANELS.items():
        lines.append(f'.SS "{russian_help()[TITLES][panel] if language == "ru" else panel}"')
        for word, (_, line) in commands.items():
            if word in known:
                about = russian_help()[word]["does"] if language == "ru" else line
                lines.append(_item(f"merlin\\-{word}(1)", about))
    lines.append(f'.SH "{words["status"]}"')
    lines += [_item(str(code), about) for code, about in _STATUSES[language].items()]
    lines.append(f'.SH "{words["environment"]}"')
    lines += [_item("MERLIN_CONFIG", words["config"]), _item("MERLIN_LANGUAGE", words["language"])]
    return "\n".join(lines) + "\n"


def _page(language: str, word: str, commands: dict[str, Any]) -> str:
    titles = _WORDS[language]
    about = describe_command(language, *next(iter(commands.items())))
    if word not in commands:
        about = russian_help()[word]["does"] if language == "ru" else COMMANDS[word][1]
    synopsis = "\n.br\n".join(_usage(language, words, each) for words, each in commands.items())
    lines = [_head(f"merlin-{word}", language, about.rstrip("."), synopsis)]
    for words, command in commands.items():
        heading = titles["options"] if words == word else _escape(f"merlin {words}")
        lines.append(f'.SH "{heading}"')
        if words != word:
            lines.append(_escape(describe_command(language, words, command)))
        for one in command.params:
            names = _escape(", ".join(names_of(one)))
            lines.append(_item(names, describe_parameter(language, words, one)))
    lines += [f'.SH "{titles["see"]}"', ".BR merlin (1)"]
    return "\n".join(lines) + "\n"


def _head(name: str, language: str, about: str, synopsis: str) -> str:
    words = _WORDS[language]
    return "\n".join(
        (
            f'.TH "{name.upper()}" 1 "" "Merlin {__version__}"',
            f'.SH "{words["name"]}"',
            f"{_escape(name)} \\- {_escape(about)}",
            f'.SH "{words["synopsis"]}"',
            synopsis,
        )
    )


def _usage(language: str, words: str, command: Any) -> str:
    parts = [f".B {_escape(f'merlin {words}')}\n[{_WORDS[language]['OPTIONS']}]"]
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
