"""The words for where a commit stands, made from `merlin.training.commit_state` and the texts."""

from merlin.core.i18n import text
from merlin.training.commit_state import CommitState

COLUMNS = {
    "en": "| word | in JSON | what it means | goes on by |\n|---|---|---|---|",
    "ru": "| слово | в JSON | что значит | дальше |\n|---|---|---|---|",
}
GOES_ON = {
    "en": {"moves": "itself", "care": "a person", "rest": "–"},
    "ru": {"moves": "само", "care": "человек", "rest": "–"},
}
S = CommitState
MEANINGS = {
    S.WAITING: ("an edit waits for its commit", "правка ждёт коммита"),
    S.WORKING: ("its commit is being made", "коммит правки создаётся"),
    S.SAVED: ("committed, not checked yet", "закоммичена, ещё не проверена"),
    S.PARKED: ("the repository refused the push", "репозиторий не принял правку"),
    S.REFUSED: (
        "another edit changed the file, or it was withdrawn",
        "файл изменила другая правка, или её отозвали",
    ),
    S.REJECTED: ("errors; nothing could be built", "ошибки: собрать нечего"),
    S.LEFT_OUT: (
        "examples with errors are left out, the others are as before",
        "примеры с ошибками не учтены, остальные прежние",
    ),
    S.UNCHANGED: (
        "it changes nothing that is trained",
        "для обучения ничего не меняет",
    ),
    S.CHECKED: (
        "built, and not to be trained on purpose",
        "собран, и намеренно не обучается",
    ),
    S.BUILT: ("waits for its training", "ждёт обучения"),
    S.HELD: (
        "may not be trained yet; the reason says why",
        "пока нельзя обучать; почему, сказано рядом",
    ),
    S.TRAINING: ("its job runs", "идёт обучение"),
    S.FAILED: ("its training failed", "обучение не удалось"),
    S.TESTING: ("its model is being tested", "модель проходит тест"),
    S.GATED: ("its model answers worse", "модель отвечает хуже"),
    S.PINNED: (
        "its model waits until another one is unpinned",
        "модель ждёт, пока открепят другую",
    ),
    S.LIVE: (
        "its model is the live one; the pages say how people come to it",
        "его модель текущая; как людям её спросить, сказано на страницах",
    ),
    S.WAS_LIVE: ("its model answered until a later one", "модель отвечала раньше"),
    S.SUPERSEDED: (
        "trained together with a later commit",
        "обучен вместе с более поздним коммитом",
    ),
    S.REPLACED: ("its files have other texts now", "у его файлов теперь другой текст"),
    S.MENDED: (
        "a later commit has none of its errors",
        "в более позднем коммите его ошибок нет",
    ),
    S.UNDONE: (
        "a later commit put its files back",
        "более поздний коммит вернул его файлы",
    ),
    S.REMOVED: ("it removed the dataset", "удалил набор"),
}


def states_told(language: str) -> str:
    """Return a table of all states."""
    lines = [COLUMNS[language]]
    for state in CommitState:
        meaning = MEANINGS[state][language == "ru"]
        asks = "moves" if state.is_moving else "care" if state.needs_care else "rest"
        word = text(language, state.text_key)
        lines.append(f"| {word} | `{state}` | {meaning} | {GOES_ON[language][asks]} |")
    return "\n".join(lines)
