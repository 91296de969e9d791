# ruff: noqa: E501 - the files are shown as programs write them
"""Files of other programs: each form is read by one table of what a small file of it gives."""

import codecs
import io
import json
import zipfile

import docx
import pytest
from docx.opc.constants import RELATIONSHIP_TYPE
from docx.oxml.ns import qn
from openpyxl import Workbook
from PIL import Image

from merlin.dataset.import_fields import FieldChoices
from merlin.dataset.import_lines import read_import_files
from merlin.dataset.import_texts import decode_any, html_text

pytestmark = pytest.mark.unit


def make_zip(files):
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in files.items():
            archive.writestr(
                name, value if isinstance(value, str) else json.dumps(value)
            )
    return output.getvalue()


def save(document):
    output = io.BytesIO()
    document.save(output)
    return output.getvalue()


def read(*files, **columns):
    """Return the conversations as texts, and the findings as rule and what they say."""
    given = [
        (text.encode() if isinstance(text, str) else text, name) for name, text in files
    ]
    lines = [*read_import_files(given, FieldChoices(parts=columns))]
    talks = [
        " | ".join(each.content for each in one.example.messages)
        for one in lines
        if one.example
    ]
    left = [key for line in lines for key in line.left]
    found = [
        f"{each.arguments['kind']} {each.arguments['count']}"
        if each.rule == "import-left"
        else each.rule
        for line in lines
        for each in line.findings
    ]
    return talks, [*found, *left]


def dump(value):
    return json.dumps(value, ensure_ascii=False)


def turns(*texts, role="role", text="content", names=("user", "assistant")):
    return [{role: names[at % 2], text: each} for at, each in enumerate(texts)]


def telegram(*messages, **chat):
    whole = [
        {"type": "message", "date": "2026-09-01T10:00:00", **each} for each in messages
    ]
    return {
        "name": "C",
        "type": "private_supergroup",
        "id": 1,
        "messages": whole,
    } | chat


STUDENT = {"from_id": "user2"}
CURATOR = {"from_id": "user1"}
ASKED = {"id": 2, **STUDENT, "text": "When?"}
PARTS = [
    "See ",
    {"type": "text_link", "text": "plan", "href": "https://a.org"},
    ", ",
    {"type": "bold", "text": "9"},
]
TALK = telegram(
    {"id": 1, "type": "service", "text": "", "action": "create_group"},
    ASKED,
    {"id": 3, **CURATOR, "reply_to_message_id": 2, "text": PARTS},
    {"id": 4, **STUDENT, "reply_to_message_id": 3, "text": "Where?"},
    {"id": 5, **CURATOR, "reply_to_message_id": 4, "text": "Room 5."},
    {"id": 6, **CURATOR, "reply_to_message_id": 4, "text": "Upstairs."},
    {"id": 7, **STUDENT, "reply_to_message_id": 6, "text": "Thanks"},
    {"id": 8, **CURATOR, "reply_to_message_id": 99, "text": "Of a deleted one."},
    {"id": 9, **CURATOR, "reply_to_message_id": 2, "text": "", "photo": "a.jpg"},
)
TALKS = [
    "When? | See [plan](https://a.org), 9",
    "When? | See [plan](https://a.org), 9 | Where? | Room 5.\nUpstairs.",
]
# Both answer: whose answers are taken is asked.
TALKS.insert(1, "See [plan](https://a.org), 9 | Where?")
LEFT = ["courtesies 1", "messages 2", "pictures 1", *["answers by"] * 3]


def chatgpt(nodes, current):
    """`nodes`: id -> parent, role, parts and more keys of the message."""
    mapping = {"root": {"id": "root", "message": None, "parent": None}}
    for name, (parent, role, parts, more) in nodes.items():
        message = {
            "author": {"role": role},
            "content": {"content_type": "text", "parts": parts},
        }
        mapping[name] = {"id": name, "parent": parent, "message": message | more}
    return [
        {"title": "A", "create_time": 1.5, "mapping": mapping, "current_node": current}
    ]


GPT = {
    "system": ("root", "system", [""], {}),
    "old": ("system", "user", ["Old?"], {}),
    "old-answer": ("old", "assistant", ["Old."], {}),
    "new": ("system", "user", ["New?"], {}),
    "call": ("new", "assistant", ["search()"], {"recipient": "browser"}),
    "tool": ("call", "tool", ["found"], {}),
    "answer": ("tool", "assistant", ["Answer."], {"recipient": "all"}),
    "last": ("answer", "user", ["And?"], {}),
}
NLU = """\
version: "3.1"
nlu:
- intent: faq/hours
  examples: |
    - When are you open?
    - hours on [Sunday](day)
- intent: greet
  examples:
  - text: Hi
- intent: lost
  examples: "- Where?"
- synonym: sunday
  examples: "- sun"
"""
DOMAIN = """\
intents: [greet]
responses:
  utter_faq/hours:
  - text: From 9.
  - text: At 9.
  utter_hello:
  - text: Hello.
rules:
- rule: greet
  steps:
  - intent: greet
  - action: utter_hello
"""
SPEECH = [
    {"type": "0", "lang": "en", "speech": ["From 9.", "At 9."]},
    {"type": 0, "lang": "ru", "speech": "С 9."},
]
DIALOGFLOW = {
    "agent.json": {"language": "en"},
    "intents/hours.json": {
        "name": "hours",
        "contexts": [],
        "responses": [{"messages": SPEECH}],
    },
    "intents/hours_usersays_en.json": [
        {"data": [{"text": "open "}, {"text": "when?", "meta": "@x"}]}
    ],
    "intents/hours_usersays_ru.json": [{"data": [{"text": "Когда?"}]}],
    "intents/more.json": {
        "contexts": ["hours"],
        "responses": [{"messages": SPEECH[1:]}],
    },
    "intents/more_usersays_ru.json": [{"data": [{"text": "А потом?"}]}],
}
MOODLE = """\
<?xml version="1.0" encoding="UTF-8"?>
<quiz>
<question type="category"><category><text>$course$/a</text></category></question>
<question type="multichoice"><questiontext format="html"><text><![CDATA[<p>What is a <b>lamp</b>?</p>]]></text></questiontext>
<answer fraction="100"><text><![CDATA[<p>A&nbsp;light</p>]]></text><feedback><text>Yes</text></feedback></answer>
<answer fraction="0"><text>A fish</text></answer></question>
<question type="multichoice"><questiontext><text>Even?</text></questiontext><single>false</single>
<answer fraction="50"><text>2</text></answer><answer fraction="50"><text>4</text></answer><answer fraction="-100"><text>3</text></answer></question>
<question type="shortanswer"><questiontext><text>Capital?</text></questiontext>
<answer fraction="100"><text>Paris</text></answer><answer fraction="100"><text>paris</text></answer><answer fraction="50"><text>*</text></answer></question>
<question type="truefalse"><questiontext><text>Is it blue?</text></questiontext><answer fraction="100"><text>true</text></answer><answer fraction="0"><text>false</text></answer></question>
<question type="matching"><questiontext><text>Match.</text></questiontext><subquestion><text>a</text><answer><text>1</text></answer></subquestion></question>
<question type="essay"><questiontext><text>Write.</text></questiontext></question>
</quiz>
"""
GIFT = """\
// a comment
$CATEGORY: tombs

::Q1::Who is in the tomb? {=Grant #right ~nobody #no ~Napoleon}

Is it Grant?{T}

When was he born? {#1822:5}

Match. {=cat -> meow
=dog -> woof}

Which? {~%50%a ~%50%b ~%-100%c ~%0%d}

Two and two {=are =make} four.

[html]<p>What is 2\\:2?</p>{=1 \\= one}

Essay. {}
"""
STUDIO = [
    {
        "id": 1,
        "annotations": [
            {"result": [{"type": "textarea", "value": {"text": ["Here."]}}]},
            {"was_cancelled": True, "result": []},
        ],
        "data": {"question": "Where?"},
    },
    {
        "id": 2,
        "data": {"prompt": "How?", "response": "Badly."},
        "annotations": [
            {"result": [{"type": "choices", "value": {"choices": ["Bad"]}}]}
        ],
    },
]
QNA = [
    {
        "id": 1,
        "questions": ["How?", "In which way?"],
        "answer": "So.",
        "source": "s",
        "context": {"isContextOnly": False},
    },
    {
        "id": 2,
        "questions": ["And?"],
        "answer": "Then.",
        "context": {"isContextOnly": True},
    },
]
FAQ_PAGE = {
    "@type": "FAQPage",
    "mainEntity": [
        {"@type": "Question", "name": "A?", "acceptedAnswer": {"text": "<p>B.</p>"}}
    ],
}
SQUAD = {
    "data": [
        {
            "paragraphs": [
                {
                    "context": "c",
                    "qas": [{"question": "A?", "answers": [{"text": "B."}]}],
                }
            ]
        }
    ]
}
GEMINI = {
    "systemInstruction": {"parts": [{"text": "Briefly."}]},
    "contents": [
        {"role": "user", "parts": [{"text": "A?"}]},
        {"role": "model", "parts": [{"text": "B."}]},
    ],
}
PREFERENCE = {
    "input": {"messages": turns("A?")},
    "preferred_output": turns("B.", names=("assistant",) * 2),
}
SHARE = (
    {"from": "system", "value": "Briefly."},
    *turns("A?", "B.", role="from", text="value", names=("human", "gpt")),
)
FORMS = {
    "telegram": (dump(TALK), TALKS, LEFT),
    "telegram, all chats": (
        dump({"about": "x", "chats": {"list": [TALK]}}),
        TALKS,
        LEFT,
    ),
    "telegram, a bot": (
        dump(telegram(ASKED, {"id": 3, **CURATOR, "text": "At 9."}, type="bot_chat")),
        *(["When? | At 9."], ["answers by"]),
    ),
    "chatgpt": (dump(chatgpt(GPT, "last")), ["New? | Answer."], ["messages 5"]),
    "chatgpt, a greeting": (
        dump(
            chatgpt(
                {
                    "greeting": ("root", "assistant", ["Hello."], {}),
                    "question": ("greeting", "user", ["New?"], {}),
                    "answer": ("question", "assistant", ["Answer."], {}),
                },
                "answer",
            )
        ),
        ["New? | Answer."],
        ["messages 1"],
    ),
    "chatgpt, one without an answer": (
        dump([*chatgpt(GPT, "answer"), *chatgpt({}, "root")]),
        *(["New? | Answer."], ["conversations 1", "messages 5"]),
    ),
    "a map of questions": (dump({"A?": "b", "C?": "d"}), ["A? | b", "C? | d"], []),
    "markdown, a list": ("1. A?\nb\n\n2. C?\nd\n", ["A? | b", "C? | d"], []),
    "chatgpt, a picture": (
        dump(
            chatgpt(
                {
                    "a": (
                        "root",
                        "user",
                        [{"content_type": "image_asset_pointer"}],
                        {},
                    ),
                    "b": ("a", "assistant", ["A cat."], {}),
                },
                "b",
            )
        ),
        *([], ["import-part"]),
    ),
    "dialogflow": (
        make_zip(DIALOGFLOW),
        ["open when? | From 9.", "Когда? | С 9."],
        ["wordings 1", "follow-ups 1"],
    ),
    "moodle": (
        MOODLE,
        [
            "What is a lamp? | A light",
            "Even? | 2\n4",
            "Capital? | Paris",
            "Is it blue? | true",
            "Match. | a — 1",
        ],
        ["choices 5", "questions 1"],
    ),
    "gift": (
        GIFT,
        [
            *(
                "Who is in the tomb? | Grant",
                "Is it Grant? | true",
                "When was he born? | 1822",
            ),
            *(
                "Match. | cat — meow\ndog — woof",
                "Which? | a\nb",
                "Two and two _____ four. | are",
            ),
            "What is 2:2? | 1 = one",
        ],
        ["choices 5", "questions 1"],
    ),
    "label studio": (
        dump(STUDIO),
        ["Where? | Here.", "How? | Badly."],
        ["annotations 1", "label"],
    ),
    "qna maker": (
        dump({"qnaDocuments": QNA}),
        ["How? | So.", "In which way? | So."],
        ["import-history", "id", "context.isContextOnly"],
    ),
    "qna maker, tsv": (
        "Question\tAnswer\tSource\tMetadata\tIsContextOnly\nA?\tB.\ts\t\tFalse\n",
        *(["A? | B."], ["IsContextOnly"]),
    ),
    "faq page": (dump(FAQ_PAGE), ["A? | B."], ["<…>"]),
    "squad": (dump(SQUAD), ["A? | B."], []),
    "intents": (
        dump(
            {
                "intents": [
                    {
                        "tag": "hi",
                        "patterns": ["Hi", "Hey"],
                        "responses": ["Hello.", "Hey."],
                    }
                ]
            }
        ),
        *(["Hi | Hello.", "Hey | Hello."], ["responses[1:]"]),
    ),
    "gemini": (dump(GEMINI), ["Briefly. | A? | B."], []),
    "yandex": (
        dump({"request": turns("A?", text="text"), "response": "B."}),
        ["A? | B."],
        [],
    ),
    "openai, preference": (
        dump(
            PREFERENCE
            | {"non_preferred_output": turns("No.", names=("assistant",) * 2)}
        ),
        *(["A? | B."], []),
    ),
    "trl, whole talks": (
        dump(
            {
                "prompt": "A?",
                "chosen": turns("A?", "B."),
                "rejected": turns("A?", "No."),
                "score_chosen": 8,
            }
        ),
        *(["A? | B."], ["score_chosen"]),
    ),
    "trl, texts": (
        dump({"prompt": "A?", "chosen": "B.", "rejected": "No."}),
        ["A? | B."],
        [],
    ),
    "sharegpt": (dump({"conversations": SHARE}), ["Briefly. | A? | B."], []),
    "alpaca": (
        dump(
            {
                "instruction": "A?",
                "input": "",
                "output": "B.",
                "history": [["1?", "1."], ["2?", "2."]],
            }
        ),
        *(["1? | 1. | 2? | 2. | A? | B."], []),
    ),
    "history of messages": (
        dump(
            {
                "question": "A?",
                "answer": "B.",
                "chat_history": turns("1?", "1."),
                "system_prompt": "S.",
            }
        ),
        *(["S. | 1? | 1. | A? | B."], []),
    ),
    "history as a text": (
        dump({"question": "A?", "answer": "B.", "history": "1? 1."}),
        [],
        ["import-history"],
    ),
    "human and assistant": (
        dump({"text": "### Human: A?### Assistant: B."}),
        ["A? | B."],
        [],
    ),
    "markdown": (
        "---\ntitle: x\n---\n# FAQ\n\nOurs.\n\n## 1. A?\n\n- b\n- c\n\n```sh\n# d\n\ne\n```\n\n### More\n\nf\n\nB?\n---\n\ng\n",
        ["A? | - b\n- c\n\n```sh\n# d\n\ne\n```\n\nMore\n\nf", "B? | g"],
        ["texts 2"],
    ),
    "markdown, headings that don't ask": (
        "# FAQ\n\nOurs.\n\n## Log in\n\nb\n\n## Out\n\nc\n",
        ["Log in | b", "Out | c"],
        ["texts 2"],
    ),
    "markdown, bold lines": ("**A?**\n\nb\n\n**B?**\nc\n", ["A? | b", "B? | c"], []),
    "markdown, a table": (
        "# FAQ\n\n| Вопрос | Ответ |\n|---|---|\n| A? | b |\n",
        ["A? | b"],
        ["texts 1"],
    ),
    "text": (
        "FAQ\n\nВопрос: Как?\nОтвет: Так.\n\nВопрос 2: Где\nвойти?\n\nОтвет: Тут.\n\nИ там.\nQ: A? Answer: b.\n",
        ["Как? | Так.", "Где\nвойти? | Тут.\n\nИ там.", "A? | b."],
        ["texts 1"],
    ),
    "excel, unicode text": (
        codecs.BOM_UTF16_LE + "Вопросы\tОтветы\r\nКак?\tТак.\r\n".encode("utf-16-le"),
        ["Как? | Так."],
        [],
    ),
    "excel, windows": (
        'Вопрос;Ответ;;\r\n"Как; и где?";Так.;;\r\n'.encode("cp1251"),
        ["Как; и где? | Так."],
        ["import-encoding"],
    ),
    "excel, western": (
        "Question;Answer\r\nWo?;Drüben, im Café.\r\n".encode("cp1252"),
        ["Wo? | Drüben, im Café."],
        ["import-encoding"],
    ),
    "csv, names": (
        "sep=;\r\n№;Question (EN);Answer [en]:\r\n1;A?;b\r\n",
        ["A? | b"],
        ["№"],
    ),
    "csv, short names": ('Q,A\rA?,"b, c"\r', ["A? | b, c"], []),
    "csv, titles": (
        "FAQ;;\n\nOf 2026;;\nВопрос;Ответ;Тема\nA?;b;x\n",
        ["A? | b"],
        ["rows 2"],
    ),
    "csv, no heading": ("A?;b, c\nB?;d\n", ["A? | b, c", "B? | d"], []),
    "csv, verdicts": (
        "question,answer,is_correct\nA?,b,ЛОЖЬ\nB?,c,TRUE\nC?,d,0.0\n",
        ["A? | b", "B? | c", "C? | d"],
        ["is_correct", "is_correct", "is_correct"],
    ),
    "rating": (
        dump(
            [
                {"question": "A?", "answer": "b", "rating": 1},
                {"question": "B?", "answer": "c", "rating": 5},
            ]
        ),
        ["A? | b", "B? | c"],
        ["rating", "rating"],
    ),
    "html": (
        dump(
            {
                "question": "A&amp;B?",
                "answer": "<ol><li>Open <a href='https://a.org'>it</a>.</li><li>Go.</li></ol>",
            }
        ),
        *(["A&B? | 1. Open [it](https://a.org).\n2. Go."], ["<…>"]),
    ),
    "about html": (
        dump({"question": "A?", "answer": "Write `<b>x</b>` there."}),
        ["A? | Write `<b>x</b>` there."],
        [],
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_file_gives_its_questions_with_their_answers_and_what_is_left_out(name):
    content, talks, left = FORMS[name]
    ending = "md" if name.startswith("markdown") else "file"
    assert read((f"a.{ending}", content)) == (talks, left)


def test_files_of_a_project_of_rasa_are_read_together():
    talks, left = read(
        ("nlu.yml", NLU), ("questions.csv", "Q,A\nA?,b\n"), ("domain.yml", DOMAIN)
    )
    assert talks == [
        "A? | b",
        "When are you open? | From 9.",
        "hours on Sunday | From 9.",
        "Hi | Hello.",
    ]
    assert left == ["wordings 1", "questions 1", "other 1"]
    assert read(("nlu.yml", NLU)) == ([], ["questions 4", "other 1", "import-kind"])
    (broken,) = read_import_files([(b"nlu:\n- intent: [", "nlu.yml")])
    (finding,) = broken.findings
    assert (broken.example, finding.path) == (None, "nlu.yml")


def test_answer_that_is_worse_becomes_rejected():
    for name in ("trl, whole talks", "openai, preference", "trl, texts"):
        (line,) = read_import_files([(FORMS[name][0].encode(), "file")])
        assert line.example.rejected.content == "No."


@pytest.mark.parametrize(
    "columns",
    [{"question": "name", "answer": "Text (EN)"}, {"question": "1", "answer": "3"}],
)
def test_columns_are_read_by_the_names_or_numbers_that_were_chosen(columns):
    heading = "Name,Created,Text (EN)\n" if columns["question"] == "name" else ""
    talks, _ = read(("a.csv", f"{heading}A?,1,b\nB,2,c\n"), **columns)
    assert talks == ["A? | b", "B | c"]
    assert read(("a.csv", "Name,Created\nA?,1\n"), question="Name", answer="No")[1] == [
        "import-heading"
    ]


def make_workbook():
    book = Workbook()
    sheet = book.active
    rows = [
        ["FAQ"],
        ["Вопрос", "Ответ", "Код"],
        ["A?", "b", "x"],
        ["B?", "c", "y"],
        [None, "d"],
        ["C?", "e"],
    ]
    for row in [*rows, ["D?", '=HYPERLINK("https://a.org","here")'], ["E?", "mail"]]:
        sheet.append(row)
    sheet.merge_cells("A4:A5")
    sheet.row_dimensions[6].hidden = True
    sheet.column_dimensions["C"].hidden = True
    sheet["B8"].hyperlink = "mailto:a@example.org"
    for title, state in (("hidden", "hidden"), ("empty", "hidden")):
        book.create_sheet(title).sheet_state = state
    book["hidden"].append(["Вопрос", "Ответ"])
    return save(book)


def test_workbook_keeps_links_and_leaves_out_what_is_hidden():
    talks, left = read(("a.xlsx", make_workbook()))
    assert talks == [
        "A? | b",
        "B? | c\nd",
        "D? | [here](https://a.org)",
        "E? | [mail](mailto:a@example.org)",
    ]
    assert left == ["hidden-sheets 1", "hidden-rows 1", "hidden-columns 1", "rows 1"]


def make_document(*parts):
    """`parts`: a text, a text and its style, or the rows of a table."""
    document = docx.Document()
    for part in parts:
        if isinstance(part, list):
            table = document.add_table(len(part), len(part[0]))
            for at, cells in enumerate(part):
                for place, text in enumerate(cells):
                    table.cell(at, place).text = text
        else:
            document.add_paragraph(*((part,) if isinstance(part, str) else part))
    return document


def test_word_documents_are_read_by_headings_bold_lines_marks_and_tables():
    bold = docx.Document()
    bold.add_paragraph().add_run("A?").bold = True
    bold.add_paragraph("b")
    link = bold.add_paragraph("See ")._p.makeelement(qn("w:hyperlink"))
    address = bold.part.relate_to(
        "https://a.org", RELATIONSHIP_TYPE.HYPERLINK, is_external=True
    )
    link.set(qn("r:id"), address)
    paragraph = bold.paragraphs[-1]
    paragraph._p.append(link)
    link.append(paragraph.add_run("it")._r)
    headings = make_document(
        ("FAQ", "Title"),
        "Ours.",
        ("A?", "Heading 1"),
        "b",
        ("c", "List Bullet"),
        ("B?", "Heading 1"),
        "d",
    )
    cases = [
        (headings, ["A? | b\n\n- c", "B? | d"], ["texts 2"]),
        (
            make_document("Вопрос: A?", "Ответ: b", "c", "Вопрос: B?", "Ответ: d"),
            ["A? | b\n\nc", "B? | d"],
            [],
        ),
        (
            make_document("FAQ", [["Вопрос", "Ответ"], ["A?", "b"]]),
            ["A? | b"],
            ["texts 1"],
        ),
        (bold, ["A? | b\n\nSee [it](https://a.org)"], []),
        (make_document("Nothing."), [], ["texts 1", "import-kind"]),
    ]
    for document, talks, left in cases:
        assert read(("a.docx", save(document))) == (talks, left)


DEEP = "[" * 100_000
HOSTILE = {
    "entity": '<quiz><!DOCTYPE quiz [<!ENTITY a SYSTEM "file:///etc/hostname">]><question/></quiz>',
    "entity before": '<?xml version="1.0"?>\n<quiz/><!DOCTYPE a>',
    "bomb": make_zip(
        {"agent.json": {}, "intents/a.json": "[" + "0," * 8_000_000 + "0]"}
    ),
    "deep": make_zip({"agent.json": {}, "intents/a.json": DEEP}),
    "damaged": make_zip(DIALOGFLOW)[:-30],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_is_refused_by_the_child_that_reads_it(name):
    assert read(("file", HOSTILE[name])) == ([], ["import-unreadable"])


def test_file_type_that_declares_entities_is_refused_where_its_form_is_known():
    text = '<?xml version="1.0"?>\n<!DOCTYPE quiz [<!ENTITY a "b">]>\n<quiz><question/></quiz>'
    assert read(("a.xml", text)) == ([], ["import-kind"])


@pytest.mark.parametrize(
    "value",
    [
        {"mapping": 1},
        {"mapping": {"a": 7}},
        {"chats": {"list": [{"messages": 1}]}},
        {"annotations": [{"result": 1}]},
    ],
)
def test_tree_with_the_keys_of_a_form_and_another_content_is_named(value):
    assert read(("a.json", dump(value))) == ([], ["import-kind"])


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>a</p><p>b<br>c</p>", "a\n\nb\nc"),
        ("<ul><li>a</li><li>b</li></ul>after", "- a\n- b\n\nafter"),
        ("<script>x</script><style>y</style>a &lt; b", "a < b"),
        ('<img alt="x" src="a.png">', "![](…)"),
        ("<video controls><source src='a.mp4'></video>", "![](…)"),
        ("<b>img</b> is written <img>", "img is written"),
        ("<s>Monday</s> Tuesday", "Tuesday"),
        ("<s>Hello.</s><s>Bye.</s>", "Hello.Bye."),
        ("On <s>Monday</s> <del>or</del> Tuesday", "On Tuesday"),
        ("2 < 3 and 5 > 4", "2 < 3 and 5 > 4"),
        pytest.param(*["<b>a</b>" * 10_000] * 2, id="too long, so as it is"),
    ],
)
def test_html_becomes_what_people_see(html, text):
    assert html_text(html) == text


@pytest.mark.parametrize(
    ("text", "talks", "found"),
    [
        pytest.param(
            "<details>\n<summary>How?</summary>\n\nSo.\n\n</details>\n\nSee also.\n\n"
            "<details><summary><b>Where?</b></summary>Here.</details>\n",
            *(["How? | So.", "Where? | Here."], ["texts 1"]),
            id="details",
        ),
        pytest.param(
            "::: details How?\nSo.\n:::\n\nSee also.\n",
            *(["How? | So.\n\nSee also."], []),
            id="details of VitePress",
        ),
        pytest.param(
            "- Payment\n\n  - How?\n\n    So:\n\n    - one\n  - Why?\n- Rest\n- Where?\n\n  Here.\n",
            ["How? | So:\n\n- one", "Where? | Here."],
            ["texts 2", "questions 1"],
            id="toggles in toggles",
        ),
        pytest.param(
            "## How?\n\n- One\n\n  More.\n",
            ["How? | - One\n\n  More."],
            [],
            id="a list is an answer",
        ),
        pytest.param(
            "# FAQ\n\nHello.\n", [], ["texts 2", "import-kind"], id="one heading"
        ),
        pytest.param("# How?\n\nSo.\n", ["How? | So."], [], id="one heading that asks"),
        pytest.param(
            "# FAQ\n\nHello.\n\n## Payment\n\nBy card.\n",
            *(["Payment | By card."], ["texts 2"]),
            id="a heading over the whole file",
        ),
        pytest.param(
            "# Any questions?\n\nHello.\n\n## How?\n\nSo.\n",
            *(["How? | So."], ["texts 2"]),
            id="a heading over others that ask",
        ),
        pytest.param(
            "# A\n\nHello.\n\n# Lamp\n\nA light.\n\n# B\n\nHello.\n",
            *(["Lamp | A light."], ["texts 4"]),
            id="headings of one sign",
        ),
        pytest.param(
            '### <a name="a"></a>How? {#how}\n\nSo.\n\n### Why? {.wide}\n\nThus.\n',
            *(["How? | So.", "Why? | Thus."], []),
            id="ids of headings",
        ),
        pytest.param(
            "| Question | Answer |\n|---|---|\n| a\\|b? | `c\\|d` |\n| e? | |\n",
            *(["a|b? | `c|d`"], ["empty-content"]),
            id="dividers in cells",
        ),
        pytest.param(
            "## How?\n\nOn ~~Monday~~ Tuesday. <!-- check -->\n\n```\n<!-- a -->\n```\n",
            *(
                ["How? | On  Tuesday. \n\n```\n<!-- a -->\n```"],
                ["comments 1", "struck 1"],
            ),
            id="what is not seen",
        ),
    ],
)
def test_what_opens_is_a_question_and_what_is_not_seen_is_left_out(text, talks, found):
    read_talks, read_found = read(("faq.md", text))
    assert read_talks == talks
    assert sorted(read_found) == sorted(found)


PICTURES = {
    "markdown": ("a.md", "## What?\n\nSee ![x](a.png)\n"),
    "obsidian": ("a.md", "## What?\n\nSee ![[a.png]]\n"),
    "markdown, a reference": ("a.md", "## What?\n\nSee ![x][a]\n"),
    "html": ("a.csv", "question,answer\nWhat?,See <img src=a.png>\n"),
    "a file of Moodle": (
        "a.csv",
        "question,answer\nWhat?,See <a href=@@PLUGINFILE@@/a.pdf>a</a>\n",
    ),
    "a column": (
        "a.csv",
        "question,answer,Скриншот\nWhat?,This.,https://a.org/a.png\n",
    ),
    "another column": (
        "a.csv",
        "question,answer,Вложения\nWhat?,This.,https://a.org/a.png\n",
    ),
    "turns": ("a.json", dump({"messages": turns("What?", "See ![](a.png)")})),
    "gift": ("a.gift", '::A:: What? <img src\\="a.png"> {=a lamp}'),
    "moodle, a file": (
        "a.xml",
        MOODLE.replace("Paris</text>", "Paris</text><file name='a.png'/>").replace(
            "multichoice", "essay"
        ),
    ),
    "rasa": (
        "a.yml",
        NLU.partition("- intent: greet")[0]
        + "responses:\n  utter_faq/hours:\n  - image: a\n    text: b\n",
    ),
}


@pytest.mark.parametrize("form", PICTURES)
def test_picture_in_any_form_is_an_error_of_its_record(form):
    name, text = PICTURES[form]
    talks, found = read((name, text))
    assert "import-part" in found
    assert not any("png" in talk or "Paris" in talk for talk in talks)


def test_picture_in_code_is_no_picture():
    talks, _ = read(
        ("a.md", "## How?\n\nWrite `![x](a.png)`, `<img src=a>` or <img>.\n")
    )
    assert talks == ["How? | Write `![x](a.png)`, `<img src=a>` or <img>."]


ENCODED = {
    "问题,答案\n怎么登录?,点击链接。\n": ("gbk",),
    "問題,答案\n如何付款?,用銀行卡在網站上付款。\n": ("big5",),
    "質問,回答\nどうやって支払いますか?,カードで支払います。\n": (
        "shift_jis",
        "euc_jp",
    ),
    "질문,답변\n어떻게 결제하나요?,카드로 결제합니다.\n": ("cp949",),
    "question,answer\nКак?,Так.\n": ("cp1251", "koi8_r", "cp866"),
    "Вопрос;Ответ\nКак войти?;По ссылке.\n": ("mac_cyrillic",),
    "soru;cevap\nNasıl giriş yapılır?;Bağlantıya tıklayın, şifreyi girin.\n": (
        "cp1254",
    ),
    "ερώτηση;απάντηση\nΠώς συνδέομαι;;Με τον σύνδεσμο.\n": ("cp1253",),
    "Pytanie;Odpowiedź\nJak się zalogować?;Kliknij łącze, później hasło.\n": (
        "cp1250",
    ),
    "question;answer\nOù est la clé?;À côté de la fenêtre.\n": ("cp1252",),
}


@pytest.mark.parametrize(
    ("text", "encoding"),
    [(text, each) for text, encodings in ENCODED.items() for each in encodings],
)
def test_encoding_is_found_by_what_looks_like_words(text, encoding):
    assert decode_any(text.encode(encoding))[0] == text


def test_unknown_encoding_is_said_so():
    found, _ = decode_any(bytes(range(0x80, 0x100)) * 3)
    assert found.rule == "not-utf8"


def test_conditional_and_disabled_answers_are_left_out():
    rules = "rules:\n- rule: a\n  condition:\n  - slot_was_set: b\n  steps:\n  - intent: greet\n  - action: utter_c\n"
    domain = "responses:\n  utter_c:\n  - text: No.\n  utter_greet:\n  - text: Web.\n    channel: web\n  - text: Hi.\n"
    talks, found = read(("a.yml", NLU + rules + domain))
    assert talks == ["Hi | Hi."]
    assert "conditional 2" in found
    hidden = MOODLE.replace(
        "<questiontext><text>Capital?", "<hidden>1</hidden><questiontext><text>Capital?"
    )
    assert "disabled 1" in read(("a.xml", hidden))[1]
    intent = DIALOGFLOW["intents/hours.json"] | {"priority": -1}
    talks, found = read(
        ("a.zip", make_zip(DIALOGFLOW | {"intents/hours.json": intent}))
    )
    assert (talks, found) == ([], ["disabled 1", "follow-ups 1", "import-kind"])
    intent = DIALOGFLOW["intents/hours.json"] | {"fallbackIntent": True}
    fallback = make_zip(DIALOGFLOW | {"intents/hours.json": intent})
    assert read(("a.zip", fallback))[0] == []


@pytest.mark.parametrize("slot", ["$name", "#order.id", "{name}"])
def test_answer_with_the_value_of_a_slot_is_none(slot):
    said = [{"type": "0", "speech": [f"Hi {slot}.", "From 9, for $5."]}]
    intent = {"contexts": [], "responses": [{"messages": said}]}
    agent = make_zip(DIALOGFLOW | {"intents/hours.json": intent})
    assert "open when? | From 9, for $5." in read(("a.zip", agent))[0]


@pytest.mark.parametrize(
    "text",
    [
        "### Human: A?### Assistant: B.",
        "\n\nHuman: A?\n\nAssistant: B.",
        "<s>[INST] A? [/INST] B.</s>",
        "<|im_start|>user\nA?<|im_end|>\n<|im_start|>assistant\nB.<|im_end|>",
        "<start_of_turn>user\nA?<end_of_turn>\n<start_of_turn>model\nB.<end_of_turn>",
        "Below is an instruction.\n\n### Instruction:\nA?\n\n### Input:\n\n\n### Response:\nB.",
    ],
)
def test_talk_in_one_text_is_read_by_its_marks(text):
    assert read(("a.jsonl", dump({"text": text}))) == (["A? | B."], [])
    assert read(("a.jsonl", dump({"chosen": text, "rejected": text})))[0] == ["A? | B."]


OPENED = """\
??? question "How do I pay?"

    By card.

> [!faq]- And abroad?
> By PayPal. %%ask Ann%%
"""


@pytest.mark.parametrize(
    ("name", "text", "result"),
    [
        (
            "a.md",
            OPENED,
            (
                ["How do I pay? | By card.", "And abroad? | By PayPal."],
                ["comments 1"],
            ),
        ),
        ("a.yml", "- q: A?\n  a: B.\n", (["A? | B."], [])),
        ("a.yml", "- q: [A?\n", ([], ["yaml-syntax"])),
        ("a.txt", "== A? ==\nB.\n", ([], ["import-kind"])),
        ("a.csv", "question\nA?\n", ([], ["import-heading"])),
        (
            "a.json",
            dump({"faq": {"pay": {"q": "A?", "a": "B."}}}),
            (["A? | B."], []),
        ),
        ("a.json", dump([{"role": "x", "said": "A?"}] * 2), ([], ["import-keys"])),
    ],
)
def test_text_is_read_or_named_by_its_form(name, text, result):
    talks, found = read((name, text))
    assert ([each.strip() for each in talks], found) == result


def test_turns_of_one_role_in_a_row_are_one():
    said = [("user", "A?"), ("assistant", "B."), ("assistant", "C.")]
    nodes = {
        str(at): {
            "parent": str(at - 1),
            "message": {"author": {"role": role}, "content": {"parts": [text]}},
        }
        for at, (role, text) in enumerate(said)
    }
    assert read(("a.json", dump({"mapping": nodes})))[0] == ["A? | B.\nC."]


RANKED = {
    "conversations": [{"from": "human", "value": "A?"}],
    "chosen": {"from": "gpt", "value": "B."},
    "rejected": {"from": "gpt", "value": "C."},
}


@pytest.mark.parametrize(
    ("record", "result"),
    [
        (RANKED, (["A? | B."], [])),
        (
            {"question": "A?", "answers": {"text": ["B."], "answer_start": [3]}},
            (["A? | B."], []),
        ),
        (
            {"question": "A?", "answer": "B.", "context": ["C."]},
            (["A? | B."], ["context"]),
        ),
        (
            {
                "contents": [
                    {"role": "user", "parts": [{"text": "A?", "thought": True}]}
                ]
            },
            ([], ["import-part"]),
        ),
        (
            {"contents": [{"role": "user", "parts": [{"fileData": {"uri": "a"}}]}]},
            ([], ["import-part"]),
        ),
        (
            {
                "system": [{"text": "S."}],
                "messages": [{"user": "A?"}, {"assistant": "B."}],
            },
            (["S. | A? | B."], []),
        ),
    ],
)
def test_maps_and_lists_in_place_of_texts_are_read_or_named(record, result):
    assert read(("a.json", dump(record))) == result


@pytest.mark.parametrize(
    "text", ["### Human: A?", "See:\n\n### Human: A?### Assistant: B.", "A? B."]
)
def test_text_without_both_roles_or_with_more_before_them_is_no_talk(text):
    assert read(("a.jsonl", dump({"text": text})))[1] == ["import-keys"]


@pytest.mark.parametrize(
    ("beside", "talk"),
    [
        ({"correct": False}, "A? | B."),
        ({"rejected": True}, "A? | B."),
        ({"score": 0}, "A? | C."),
    ],
)
def test_answer_beside_which_it_says_bad_is_left_out(beside, talk):
    record = {"question": "A?", "answers": [{"text": "C.", **beside}, {"text": "B."}]}
    assert read(("a.json", dump(record)))[0] == [talk]


@pytest.mark.parametrize(
    ("head", "fields"),
    [
        ("---\ndraft: true\ntitle: x\n---\n", [("draft", "true")]),
        ("+++\ndraft = true\n+++\n", [("draft", "true")]),
        ("---\npublished: 'no'\nweight: 0\n---\n", [("published", "no")]),
        ("---\ndraft: false\n---\n", []),
        ("# FAQ\n\nStatus: Archived\nBy: Ann\n\n", [("Status", "Archived")]),
        ("# FAQ\n\nStatus: Archived", []),
    ],
)
def test_state_of_a_document_is_a_field_of_its_examples(head, fields):
    text = f"{head}\n## How?\n\nSo.\n"
    lines = [*read_import_files([(text.encode(), "a.md")])]
    assert [each for line in lines for each in line.fields] == fields


def chat(*messages, **more):
    """Return a chat of messages: who writes, the text, and to which one, from 1, it replies."""
    return telegram(
        *(
            {"id": at, "from": who, "from_id": who, "text": text}
            | ({"reply_to_message_id": to[0]} if to else {})
            | more.get(f"m{at}", {})
            for at, (who, text, *to) in enumerate(messages, start=1)
        )
    )


def answered(tree, *names):
    """Return the talks of those who were chosen, and the counts of what was left out."""
    lines = [*read_import_files([(dump(tree).encode(), "result.json")])]
    choices = FieldChoices(only={"answers by": names})
    talks = [
        " | ".join(each.content for each in line.example.messages)
        for line in lines
        if line.example and choices.takes(line.fields)
    ]
    found = {
        each.arguments["kind"]: each.arguments["count"]
        for line in lines
        for each in line.findings
        if each.rule == "import-left"
    }
    return talks, found


BURSTS = (
    *(("S", "Hi"), ("S", "How to pay?"), ("T", "Hello!"), ("T", "By card.")),
    *(
        ("S", "In cash?"),
        ("T", "No."),
        ("S", "Ок, спасибо большое!"),
        ("T", "Пожалуйста 🙂"),
    ),
    *(("T", "By the way."),),
)


def test_messages_of_one_person_in_a_row_are_one_turn():
    first = "Hi\nHow to pay? | Hello!\nBy card."
    talks, found = answered(chat(*BURSTS), "T")
    assert talks == [first, f"{first} | In cash? | No."]
    assert found == {"courtesies": 2, "messages": 1}
    assert answered(chat(*BURSTS), "S")[0] == ["Hello!\nBy card. | In cash?"]


def test_answers_of_several_people_are_not_joined():
    group = (
        *(("A", "When?"), ("B", "I don't know", 1), ("T", "At 9.", 1), ("C", "Where?")),
        *(
            ("T", "Which day?", 4),
            ("C", "Today", 5),
            ("B", "Room 1", 6),
            ("T", "Room 2.", 6),
        ),
        *(("T", "Upstairs.", 6), ("A", "Thanks?"), ("B", "?")),
    )
    talks, _ = answered(chat(*group), "T")
    assert talks == [
        "When? | At 9.",
        "Where? | Which day?",
        "Where? | Which day? | Today | Room 2.\nUpstairs.",
    ]
    assert answered(chat(*group), "B")[0] == ["When? | I don't know", "Today | Room 1"]


def test_neighbours_and_replies_of_a_group_together():
    group = (
        *(("A", "Hello all"), ("T", "Hello"), ("A", "When?"), ("T", "At 9.")),
        *(("B", "Where?"), ("C", "Who?"), ("T", "Room 1.", 5), ("T", "Me.", 6)),
    )
    assert answered(chat(*group), "T")[0] == [
        "When? | At 9.",
        "Where? | Room 1.",
        "Who? | Me.",
    ]


@pytest.mark.parametrize(
    "media", ["photo", "media_type", "file", "contact_information"]
)
@pytest.mark.parametrize("at", [1, 2])
def test_pair_with_a_picture_is_left_out_and_counted(at, media):
    talk = (
        ("S", "What is it?"),
        ("T", "A lamp."),
        ("S", "And why?"),
        ("T", "For light."),
    )
    talks, found = answered(chat(*talk, **{f"m{at}": {media: "a"}}), "T")
    assert talks == ["And why? | For light."]
    assert found["pictures"] == at


def test_only_those_who_answer_most_are_named():
    others = [each for at in range(20) for each in (("T", "Who?"), (f"S{at}", "Me."))]
    asked = [each for at in range(20) for each in ((f"S{at}", "When?"), ("T", "At 9."))]
    names = {
        value
        for line in read_import_files(
            [(dump(chat(*asked, *others)).encode(), "a.json")]
        )
        for name, value in line.fields
    }
    assert len(names) == 12
    assert "T" in names


VK = {
    "conversation": {"peer": {"id": 1}},
    "messages": [
        {
            "id": 3,
            "from_id": 2,
            "date": 3,
            "text": "See",
            "attachments": [{"type": "photo"}],
        },
        {"id": 2, "from_id": 2, "date": 2, "text": "So.", "attachments": []},
        {"id": 1, "from_id": 1, "date": 1, "text": "How?"},
        {"id": 4, "from_id": 1, "date": 4, "text": "Who?", "reply_message": {"id": 2}},
        {"id": 5, "from_id": 2, "date": 5, "text": "Me."},
    ],
}


def test_chat_of_vk_is_read_from_its_oldest_message():
    talks, found = answered([VK], "2")
    assert (talks, found) == (["Who? | Me."], {"pictures": 2, "messages": 1})


LIBRE = [
    {
        "messageId": "1",
        "parentMessageId": "0",
        "isCreatedByUser": True,
        "text": "What?",
    },
    {
        "messageId": "2",
        "parentMessageId": "1",
        "isCreatedByUser": False,
        "text": "Old.",
    },
    {
        "messageId": "3",
        "parentMessageId": "1",
        "isCreatedByUser": False,
        "content": [{"type": "text", "text": "New."}],
    },
]


def test_runs_and_chats_of_other_programs_are_read():
    tree = LIBRE[0] | {"children": LIBRE[1:]}
    assert read(("a.json", dump({"messages": LIBRE}))) == (
        ["What? | New."],
        ["messages 1"],
    )
    assert read(("a.json", dump({"messages": [tree]}))) == (
        ["What? | New."],
        ["messages 1"],
    )
    failed = [*LIBRE[:1], LIBRE[2] | {"error": True}]
    assert read(("a.json", dump({"messages": failed})))[1] == [
        "messages 2",
        "import-kind",
    ]
    pictured = [LIBRE[0] | {"files": [{"type": "image/png"}]}, LIBRE[2]]
    assert read(("a.json", dump({"messages": pictured})))[1] == ["import-part"]
    run = {
        "v": 1,
        "model_type": "task_run",
        "input": "A?",
        "output": {"output": "B.", "rating": {"value": 1}},
    }
    assert read(("a.kiln", dump(run))) == (
        ["A? | B."],
        ["v", "model_type", "output.rating.value"],
    )
    whatsapp = "[12.01.2026, 10:00:00] Anna: How?\n[12.01.2026, 10:01:00] Boris: So.\n"
    (line,) = read_import_files([(whatsapp.encode(), "chat.txt")])
    assert (
        line.findings[0].text("en").startswith("This is a chat exported from WhatsApp.")
    )


@pytest.mark.parametrize(
    ("text", "is_courtesy"),
    [
        *(
            ("Спасибо большое за ответ!", True),
            ("Got it, thank you very much", True),
            ("👍", True),
        ),
        *(
            ("Рады были помочь, хорошего дня", True),
            ("Понятно?", False),
            ("Спасибо, а где?", False),
        ),
        *(("Да", False), ("No", False), ("1", False)),
    ],
)
def test_thanks_and_goodbyes_are_no_answers(text, is_courtesy):
    talks, found = answered(chat(("S", "How?"), ("T", text)), "T")
    assert talks == ([] if is_courtesy else [f"How? | {text}"])
    assert found.get("courtesies", 0) == is_courtesy


def test_neighbours_count_where_nobody_replies_and_a_reply_to_oneself_goes_on():
    group = (("A", "When."), ("T", "At 9."), ("B", "Where."), ("T", "Room 1."))
    assert answered(chat(*group), "T")[0] == ["When. | At 9.", "Where. | Room 1."]
    own = (("A", "When?"), ("T", "At 9.", 1), ("T", "In room 1.", 2), ("B", "Who?"))
    assert answered(chat(*own), "T")[0] == ["When? | At 9.\nIn room 1."]


def test_pictures_of_a_word_document_are_errors_and_struck_through_text_is_left_out():
    document = make_document(
        "Question: How?", "Answer: ", "Question: Why?", "Answer: So."
    )
    pixel = io.BytesIO()
    Image.new("RGB", (1, 1)).save(pixel, "PNG")
    document.paragraphs[1].runs[0].add_picture(pixel)
    document.paragraphs[3].add_run(" Or not.").font.strike = True
    talks, found = read(("a.docx", save(document)))
    assert (talks, found) == (["Why? | So."], ["struck 1", "import-part"])
