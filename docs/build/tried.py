"""What was run for real, and what never was: made from `merlin/core/tried.yaml` and the texts."""

from merlin.core.i18n import text
from merlin.core.tried import PROTOCOLS, read_tried

_HEAD = {
    "en": "| program | version | run on | what worked |\n|---|---|---|---|",
    "ru": "| программа | версия | когда | что заработало |\n|---|---|---|---|",
}
_NEVER = {"en": "Never run for real:", "ru": "Ни разу не запускалось по-настоящему:"}

_READ = {
    "en": "| protocol | version | read on |\n|---|---|---|",
    "ru": "| протокол | версия | когда прочитан |\n|---|---|---|",
}


def tried_told(language: str) -> str:
    """Return a table of the programs, the list of what never was, and the protocols read."""
    tried, lines = read_tried(), [_HEAD[language]]
    for name, trial in tried["programs"].items():
        shown = "; ".join(
            text(language, f"tried-shown-{what}") for what in trial["shown"]
        )
        lines.append(f"| `{name}` | {trial['version']} | {trial['date']} | {shown} |")
    lines += ["", _NEVER[language], ""]
    lines += [f"- {text(language, f'tried-never-{what}')}" for what in tried["never"]]
    lines += ["", _READ[language]]
    lines += [
        f"| {read.protocol} | {read.version} | {read.date} |"
        for read in PROTOCOLS.values()
    ]
    return "\n".join(lines)
