"""Files of other programs as they were given to `merlin import`, and the right result of each."""

from pathlib import Path

import pytest

from merlin.core.i18n import LANGUAGES
from merlin.dataset.entries import FileText
from merlin.dataset.import_lines import read_import_files
from merlin.dataset.import_plan import plan_import

pytestmark = pytest.mark.unit
FILES = Path(__file__).parent / "files"
SPEC = """\
title: {en: Lamps}
system: Answer briefly.
recipe: {provider: openai, base_model: gpt-4.1-mini}
"""
COLUMNS = "No columns question and answer were found in the first rows. These columns are there: "
ODD_COLUMNS = (
    f"{COLUMNS}№,"
    " О чём спрашивают, Что отвечаем, Кто отвечал. By what stands below them, “О чём спрашивают”"
    " asks and “Что отвечаем” answers: say so"
)
# File -> how many lines were read, are new, known already; the errors and warnings: the line, the
# severity, the rule, the beginning of the English text.
RIGHT = {
    "alpaca-history.jsonl": (1, 1, 0, []),
    "alpaca-unfilled-template.jsonl": (
        *(1, 0, 0),
        [
            (
                1,
                "error",
                "unfilled-template",
                "messages[1].assistant: “{{name}}” is an empty place",
            )
        ],
    ),
    "cell-hyperlink.xlsx": (1, 1, 0, []),
    "chatgpt-citations.jsonl": (
        *(2, 2, 0),
        [
            (
                1,
                "warning",
                "leftover",
                "messages[1].assistant: “【4:0†source】” is a source mark",
            ),
            (
                2,
                "warning",
                "leftover",
                "messages[1].assistant: “:contentReference[oaicite:1]”",
            ),
        ],
    ),
    "faq-excel-1251.csv": (2, 2, 0, []),
    "faq-title-row.csv": (
        1,
        1,
        0,
        [(3, "warning", "import-left", "Left out: 1 row above")],
    ),
    "faq.md": (
        2,
        2,
        0,
        [(3, "warning", "import-left", "Left out: 1 paragraph outside")],
    ),
    "header-commas.csv": (1, 1, 0, []),
    "html-answer.jsonl": (
        *(1, 1, 0),
        [(1, "warning", "import-left-keys", "Left out: <…> (1 record)")],
    ),
    "html-entities.jsonl": (1, 1, 0, []),
    "invisible-header.csv": (1, 1, 0, []),
    "kto-label-false.jsonl": (
        *(2, 0, 0),
        [
            (
                1,
                "error",
                "import-field",
                "What “label” means isn't said: false (1), true (1). Which",
            ),
        ],
    ),
    "llamafactory-ranking.jsonl": (1, 1, 0, []),
    "lfs-pointer.jsonl": (
        *(1, 0, 0),
        [(1, "error", "import-kind", "This is a pointer of Git LFS")],
    ),
    "notion.csv": (
        *(1, 0, 0),
        [
            (
                1,
                "error",
                "import-heading",
                "No columns question and answer were found in the",
            )
        ],
    ),
    "openai-content-parts.jsonl": (1, 1, 0, []),
    "openai-empty-tool-calls.jsonl": (1, 1, 0, []),
    "openai-legacy-separators.jsonl": (
        *(2, 2, 0),
        [
            (line, "warning", "leftover", f"messages[{turn}: “{mark}” is a separator")
            for line in (1, 2)
            for turn, mark in (("0].user", "###"), ("1].assistant", "END"))
        ],
    ),
    "openai-parallel-tool-calls.jsonl": (
        *(1, 1, 0),
        [
            (
                1,
                "warning",
                "import-left-keys",
                "Left out: parallel_tool_calls (1 record)",
            )
        ],
    ),
    "pandas-nan.csv": (
        *(6, 0, 0),
        [
            (
                line,
                "error",
                "missing-value",
                f"messages[1].assistant: The whole text is “{value}”",
            )
            for line, value in enumerate(
                ["nan", "NULL", "None", "N/A", "-", "null"], start=2
            )
        ],
    ),
    "quiz.gift": (
        1,
        1,
        0,
        [(1, "warning", "import-left", "Left out: 2 other choices")],
    ),
    "question-answer-key-names.jsonl": (
        *(12, 4, 8),
        [
            (2, "warning", "import-left-keys", "Left out: answers[1:] (1 record)"),
            (11, "warning", "import-left-keys", "Left out: id (1 record)"),
            (11, "warning", "import-left-keys", "Left out: lang (1 record)"),
        ],
    ),
    "rasa-nlu.yml": (
        *(1, 0, 0),
        [
            (1, "warning", "import-left", "Left out: 3 questions without an answer"),
            (1, "error", "import-kind", "No intent with its response"),
        ],
    ),
    "role-bot.jsonl": (1, 1, 0, []),
    "role-prefix.jsonl": (
        *(2, 2, 0),
        [
            (
                1,
                "warning",
                "leftover",
                "messages[0].user: “User: What is a lamp?” starts with",
            ),
            (
                1,
                "warning",
                "leftover",
                "messages[1].assistant: “Assistant: A” starts with",
            ),
            (
                2,
                "warning",
                "leftover",
                "messages[1].assistant: “User: And a fuse?” starts with",
            ),
        ],
    ),
    "sharegpt-images.jsonl": (
        *(1, 0, 0),
        [(1, "error", "import-part", "images: This isn't text: images.")],
    ),
    "sharegpt-role-names.jsonl": (6, 6, 0, []),
    "telegram-result.json": (
        *(1, 0, 0),
        [
            (1, "warning", "import-left", "Left out: 1 message that neither asks"),
            (
                1,
                "error",
                "import-field",
                "What “answers by” means isn't said: Curator (1)",
            ),
        ],
    ),
    "tg-bursts.json": (
        *(3, 0, 0),
        [
            (
                1,
                "error",
                "import-field",
                "What “answers by” means isn't said: Школа (2), Аня (1)",
            )
        ],
    ),
    "tg-helper.json": (
        *(6, 0, 0),
        [
            (1, "warning", "contradiction", ""),
            (1, "warning", "contradiction", ""),
            (
                1,
                "error",
                "import-field",
                "What “answers by” means isn't said: Куратор (3), Боря (2)",
            ),
        ],
    ),
    "vk.json": (
        *(1, 0, 0),
        [(1, "error", "import-field", "What “answers by” means isn't said: 2 (1)")],
    ),
    "librechat.json": (1, 1, 0, []),
    "kiln-run.json": (
        *(1, 0, 0),
        [
            *(
                (1, "warning", "import-left-keys", f"Left out: {name} (1 record)")
                for name in ("v", "id", "model_type")
            ),
            *(
                (1, "error", "import-field", f"What “output.{name}” means isn't said")
                for name in ("source.type", "rating.type", "rating.value")
            ),
        ],
    ),
    "tool-calls-odd.jsonl": (
        *(4, 1, 0),
        [
            (1, "error", "undeclared-function", "messages[1]: The function forecast"),
            (2, "error", "tool-arguments", "messages[1]: The arguments of weather"),
            (3, "error", "wrong-name", "messages[0].name: “Анна Петрова”"),
        ],
    ),
    "trl-conversational.jsonl": (3, 2, 1, []),
    "yandex-tuning.jsonl": (1, 1, 0, []),
    "docusaurus.md": (
        *(2, 2, 0),
        [(8, "warning", "import-left", "Left out: 1 paragraph outside")],
    ),
    "notion-toggles.md": (
        *(2, 2, 0),
        [(3, "warning", "import-left", "Left out: 1 paragraph outside")],
    ),
    "moodle-picture.xml": (
        *(1, 0, 0),
        [(3, "error", "import-part", "This isn't text: ![](…)")],
    ),
    "rasa-condition.yml": (
        *(1, 1, 0),
        [(1, "warning", "import-left", "Left out: 1 answer or rule under a condition")],
    ),
    "second-heading.csv": (
        *(1, 1, 0),
        [(3, "warning", "import-left", "Left out: 1 repeated heading")],
    ),
    "strike.xlsx": (
        1,
        1,
        0,
        [(2, "warning", "import-left", "Left out: 1 struck-through text")],
    ),
    "merged-question.xlsx": (2, 2, 0, []),
    "number-formats.xlsx": (23, 22, 0, [(17, "error", "empty-content", "")]),
    "faq-library-40-odd-columns.xlsx": (
        *(1, 0, 0),
        [
            (
                *(3, "error", "import-heading"),
                ODD_COLUMNS,
            )
        ],
    ),
    "gbk.csv": (
        *(1, 0, 0),
        [
            (
                1,
                "error",
                "import-heading",
                "No columns question and answer were found in the",
            ),
        ],
    ),
    "deleted-at.csv": (
        3,
        0,
        0,
        [
            (
                1,
                "error",
                "import-field",
                "What “deleted_at” means isn't said: – (2), 2025-01-02 10:00:",
            ),
            (2, "warning", "import-left-keys", "Left out: id (3 records)."),
        ],
    ),
    "draft-only-one.json": (
        2,
        0,
        0,
        [
            (
                1,
                "error",
                "import-field",
                "What “draft” means isn't said: – (1), true (1). Which of the",
            )
        ],
    ),
    "hugo-draft.md": (
        1,
        0,
        0,
        [
            (
                1,
                "error",
                "import-field",
                "What “draft” means isn't said: true (1). Which of these answ",
            )
        ],
    ),
    "notion-page.md": (
        1,
        0,
        0,
        [
            (
                1,
                "error",
                "import-field",
                "What “Status” means isn't said: Draft (1). Which of these an",
            )
        ],
    ),
    "obsidian.md": (
        2,
        2,
        0,
        [(1, "warning", "import-left", "Left out: 1 hidden comment.")],
    ),
    "mkdocs.md": (
        2,
        2,
        0,
        [
            (
                3,
                "warning",
                "import-left",
                "Left out: 1 paragraph outside of questions and answers.",
            )
        ],
    ),
    "moodle-partial.xml": (
        2,
        2,
        0,
        [
            (3, "warning", "import-left", "Left out: 2 other choices."),
            (3, "warning", "import-left", "Left out: 1 question without an answer."),
        ],
    ),
    "talks-in-text.jsonl": (9, 4, 5, []),
    "langsmith.jsonl": (2, 2, 0, []),
    "kiln-repaired.json": (
        1,
        0,
        0,
        [
            (
                1,
                "error",
                "import-keys",
                "No conversation found in the keys v, id, created_at, created",
            )
        ],
    ),
    "answers-accepted.jsonl": (
        1,
        1,
        0,
        [(1, "warning", "import-left-keys", "Left out: answers[] (1 record).")],
    ),
    "botpress.json": (
        1,
        0,
        0,
        [
            (
                1,
                "error",
                "import-keys",
                "No conversation found in the keys id, data.action, data.cont",
            )
        ],
    ),
    "chatwoot.json": (
        1,
        0,
        0,
        [
            (
                1,
                "error",
                "import-keys",
                "No conversation found in the keys id, content, message_type,",
            )
        ],
    ),
    "lex.json": (
        1,
        0,
        0,
        [
            (
                1,
                "error",
                "import-keys",
                "No conversation found in the keys name, sampleUtterances. Sa",
            )
        ],
    ),
    "gemini-thought.jsonl": (
        1,
        0,
        0,
        [
            (
                1,
                "error",
                "import-part",
                "contents[1].parts[0]: This isn't text: thought. Merlin train",
            )
        ],
    ),
    "bedrock-nova.jsonl": (
        1,
        1,
        0,
        [(1, "warning", "import-left-keys", "Left out: schemaVersion (1 record).")],
    ),
    "faq-data.yml": (
        2,
        0,
        0,
        [
            (
                1,
                "error",
                "import-field",
                "What “draft” means isn't said: – (1), true (1). Which of the",
            )
        ],
    ),
    "dokuwiki.txt": (
        1,
        0,
        0,
        [
            (
                1,
                "error",
                "import-kind",
                "No question with its answer was found in this text. Start qu",
            )
        ],
    ),
    "telegram.html": (
        1,
        0,
        0,
        [
            (
                1,
                "error",
                "import-kind",
                "This is a chat exported from Telegram as HTML. Export it aga",
            )
        ],
    ),
    "status-map.json": (
        2,
        0,
        0,
        [
            (
                1,
                "error",
                "import-field",
                "What “*” means isn't said: published (1), draft (1). Which",
            )
        ],
    ),
    "tag-archive.csv": (
        3,
        0,
        0,
        [
            (
                1,
                "error",
                "import-field",
                "What “Категория” means isn't said: – (2), Архив (1). Which o",
            )
        ],
    ),
    "survey.csv": (
        1,
        0,
        0,
        [
            (
                1,
                "error",
                "import-heading",
                f"{COLUMNS}Отметка времени, Почта, Ваш вопрос, Оценка. Say which",
            )
        ],
    ),
    "old-new.csv": (
        1,
        0,
        0,
        [
            (
                1,
                "error",
                "import-heading",
                f"{COLUMNS}Вопрос, Было, Стало. Say which",
            )
        ],
    ),
    "openwebui.json": (
        1,
        0,
        0,
        [
            (
                1,
                "error",
                "import-field",
                "What “title” means isn't said: Pay, Pay (1). Which of these ",
            ),
            (
                1,
                "error",
                "import-field",
                "What “messages[].annotation.rating” means isn't said: -1 (1)",
            ),
            (
                1,
                "error",
                "import-field",
                "What “models” means isn't said: m (1). Which of these answer",
            ),
            (1, "warning", "import-left-keys", "Left out: messages[].id (1 record)."),
        ],
    ),
    "rasa-slot.yml": (
        1,
        1,
        0,
        [
            (
                1,
                "warning",
                "import-left",
                "Left out: 1 answer or rule under a condition.",
            )
        ],
    ),
    "word-box-and-steps.docx": (1, 1, 0, []),
}
# File -> what its examples say.
SAID = {
    "second-heading.csv": ["How? | So."],
    "strike.xlsx": ["When? | On Tuesday"],
    "merged-question.xlsx": [
        "Как оплатить? | Шаг 1. Откройте кабинет.\nШаг 2. Нажмите «Оплатить».",
        "Как войти? | По ссылке.",
    ],
    "docusaurus.md": ["How do I log in? | By the link.", "How do I pay? | By card."],
    "notion-toggles.md": ["Как войти? | По ссылке.", "Как оплатить? | Картой."],
    "librechat.json": ["What is a lamp? | A light."],
    "rasa-condition.yml": ["When are you open? | 9 to 5."],
    "obsidian.md": ["How do I pay? | By card. ", "And abroad? | By PayPal."],
    "mkdocs.md": ["How do I pay? | By card.", "How do I log in? | By the link."],
    "moodle-partial.xml": ["2+2? | 4", "Even? | 2\n4"],
    "talks-in-text.jsonl": [
        "How do I pay? | By card.",
        "Refund? | In 3 days.",
        "How do I pay? | By card.",
        "Refund? | In 3 days.",
        "How do I pay? | By card.",
        "Brief. | How do I pay? | By card.",
        "Brief. | How do I pay? | By card.",
        "How do I pay? | By card.",
        "How do I pay? | By card. | Fee? | None.",
    ],
    "langsmith.jsonl": ["How do I pay? | By card.", "Refund? | In 3 days."],
    "answers-accepted.jsonl": ["How do I pay? | By card."],
    "bedrock-nova.jsonl": ["Brief. | How do I pay? | By card."],
    "rasa-slot.yml": ["When are you open? | 9 to 5."],
    "word-box-and-steps.docx": [
        "How do I start? | 1. Open it.\n\n2. Press.\n\nCall us: \n112"
    ],
}


@pytest.mark.parametrize("name", RIGHT)
def test_file_is_read_or_named_with_a_finding_for_each_fault(name):
    spec = FileText("lamps", "dataset.yaml", "f" * 40, SPEC)
    plan = plan_import(
        "lamps", [spec], read_import_files([((FILES / name).read_bytes(), name)])
    )
    lines, new, known, problems = RIGHT[name]
    assert (plan.lines, len(plan.good_edits), plan.duplicates) == (lines, new, known)
    found = [each for each in plan.findings if each.severity != "note"]
    places = [(each.line, each.severity, each.rule) for each in found]
    assert places == [problem[:3] for problem in problems]
    for finding, (*_, words) in zip(found, problems, strict=True):
        assert finding.text("en").startswith(words)
        assert all("{ $" not in finding.text(language) for language in LANGUAGES)


@pytest.mark.parametrize("name", SAID)
def test_examples_say_what_people_see(name):
    lines = [*read_import_files([((FILES / name).read_bytes(), name)])]
    talks = [[each.content for each in one.example.messages] for one in lines]
    assert [" | ".join(talk) for talk in talks] == SAID[name]
