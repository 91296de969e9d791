"""Small talk is answered by the dataset's own texts; no model is asked, and nothing is counted."""

from merlin.chat.model_catalogue import Candidate
from merlin.core.i18n import choose_translation, detect_language, text
from merlin.core.small_talk import find_small_talk
from merlin.dataset.verdicts import read_newest_settings
from merlin.db.database import Database
from merlin.training.models import is_taught


def answer_small_talk(
    db: Database, choice: Candidate | None, question: str, language: str
) -> str:
    """Return the answer to small talk, "" for any other question.

    Only where `choice`, which is to answer, was tuned on a dataset that does not teach this very
    question. It is in the question's language, in `language` if the question tells none.
    """
    kind = find_small_talk(question)
    if not kind or choice is None or not choice.version:
        return ""
    if is_taught(db, choice.model_id or "", question):
        return ""
    dataset = choice.version.rpartition("-")[0]
    language = detect_language(question, fewest=1) or language
    settings = read_newest_settings(db, dataset)
    own = settings.small_talk.get(kind, {}) if settings else {}
    title = choose_translation(settings.title, language) if settings else dataset
    return own.get(language) or text(language, f"small-talk-{kind}", title=title)
