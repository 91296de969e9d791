"""`merlin distil`: a teacher model drafts examples within a budget, and editors approve them."""

import json
from io import BytesIO, TextIOWrapper

import pytest
import yaml

from merlin.core.i18n import text
from merlin.dataset.proposals import Proposals
from merlin.sandbox.provider.chat import prompt_tokens
from tests.support.ending import kill
from tests.support.faults import Fault, FaultKind
from tests.support.forked_processes import run_command, start_function
from tests.support.opened_databases import open_with_key
from tests.support.stand_ins import ProviderStandIn
from tests.support.standard_input import pipe
from tests.support.waiting import wait_until

pytestmark = pytest.mark.functional

TEACHER = ("--teacher", "stand-in/stand-in-chat", "--yes")
MATERIALS = ("--from", "materials", *TEACHER)
TEXT = """\
# Циклы

Цикл повторяет одни и те же действия, пока верно условие в его начале.

Бесконечный цикл не кончается сам, потому что его условие никогда не становится ложным.

```python
while True: pass
```
"""


@pytest.fixture
def provider():
    with ProviderStandIn(key="stand-in") as stand_in:
        yield stand_in


def fetch_materials(lab):
    lab.repository.dataset()
    folder = lab.repository.folder / "datasets/trial/materials"
    folder.mkdir()
    (folder / "loops.md").write_text(TEXT, "utf-8")
    lab.repository.commit("First words")
    lab.tick("fetch")


@pytest.fixture
def lab(provider, copy_lab, tmp_path):
    # A thousand tokens cost one cent, input and output alike.
    price = {"currency": "USD", "input": 10, "output": 10, "training": 0}
    models = {"stand-in-chat": {"price": price}}
    return copy_lab(fetch_materials, tmp_path, provider.base_url, models=models)


@pytest.fixture
def questions(tmp_path):
    """Return a function that writes a file of questions and returns the command's arguments."""

    def write(*lines):
        path = tmp_path / "questions.txt"
        path.write_text("\n".join(lines), "utf-8")
        return ("distil", "trial", str(path), "--from", "questions", *TEACHER)

    return write


def waiting_proposals(lab):
    with open_with_key(lab.config) as database:
        return Proposals(database).list_waiting(limit=1000)


def draft_calls(provider):
    """Return the model calls that asked for examples."""
    return [
        call for call in provider.calls("chat.create") if "response_format" in call.body
    ]


def set_teacher_answer(provider, *examples):
    """Make the teacher model answer with these examples."""
    told = {
        "examples": [
            {"questions": list(asked), "answer": said} for *asked, said in examples
        ]
    }
    provider.behave(fixed_answer=json.dumps(told))


def test_text_becomes_proposals_that_are_trained_after_an_editors_approval(
    lab, run_json, provider
):
    lab.until_serving("trial-1")
    document = run_json("distil", "trial", *MATERIALS, "--budget", "1")
    assert (document["answered"], document["left"], document["proposed"]) == (1, 0, 6)
    assert document["rejected"] == {}
    (call,) = draft_calls(provider)
    assert TEXT.strip() in call.body["messages"][1]["content"]
    assert 10 * prompt_tokens(call.body["messages"]) < document["spent_micro"] < 40_000
    first, *_ = waiting_proposals(lab)
    assert first.draft.question == "Что значит «Цикл повторяет одни и»?"
    assert first.draft.source == "distil: stand-in-chat"
    assert first.draft.note.startswith("materials/loops.md\n\n# Циклы")
    lab.tick()
    assert (
        lab.status()["serving"]["build"] == "trial-1"
    )  # nothing is trained without an editor's approval
    lab.approve_proposals()
    files = sorted(
        (lab.repository.folder / "datasets/trial/examples/from-teacher").iterdir()
    )
    assert len(files) == 6
    kept = yaml.safe_load(files[0].read_text("utf-8"))
    assert kept["source"] == "distil: stand-in-chat"
    assert kept["note"].startswith("materials/loops.md")
    lab.until_serving("trial-2")
    set_teacher_answer(provider, ("О чём речь?", "Расскажи об этом слове.", "Неважно."))
    document = run_json(
        "distil", "trial", "--from", "examples", *TEACHER, "--budget", "1"
    )
    assert document["answered"] == 8, "2 of 10 test questions exist"
    assert {each.draft.split for each in waiting_proposals(lab)} == {"test"}
    lab.approve_proposals()
    worded = yaml.safe_load((files[0].parent / "о-чём-речь.yaml").read_text("utf-8"))
    assert worded["split"] == "test"
    assert worded["messages"][1]["assistant"] != "Неважно."


def test_answers_found_by_one_wording_get_four_others_that_are_taught(
    lab, run_json, provider
):
    lab.until_serving("trial-1")
    more = tuple(f"Вопрос {number} про слово" for number in "абвгд")
    set_teacher_answer(provider, (*more, "Неважно."))
    document = run_json(
        "distil", "trial", "--from", "wordings", *TEACHER, "--budget", "1"
    )
    first, *_ = draft_calls(provider)
    assert (
        text("ru", "distil-question", others=4)
        in (first.body["messages"][1]["content"])
    )
    assert (document["answered"], document["proposed"]) == (10, 4)
    # The same words are proposed once, for the first answer.
    drafts = [each.draft for each in waiting_proposals(lab)]
    assert [each.question for each in drafts] == [*more[:4]]
    assert {each.split for each in drafts} == {"train"}
    assert {each.answer for each in drafts}.isdisjoint({"Неважно."})
    lab.approve_proposals()
    folder = lab.repository.folder / "datasets/trial/examples/from-teacher"
    kept = [yaml.safe_load(each.read_text("utf-8")) for each in folder.iterdir()]
    assert {(each["split"], each["source"]) for each in kept} == {
        ("train", "distil: stand-in-chat")
    }


def test_answered_text_is_not_sent_again(lab, run_json, provider):
    first = run_json("distil", "trial", *MATERIALS, "--budget", "1")
    again = run_json("distil", "trial", *MATERIALS, "--budget", "1")
    assert (first["answered"], again["answered"], again["spent_micro"]) == (1, 0, 0)
    assert len(provider.calls("chat.create")) == 1


def test_given_questions_are_answered_in_several_wordings(lab, run_json, questions):
    question_arguments = questions(
        "\ufeffЧто такое рекурсия?", " \u200b", "Зачем нужен стек вызовов?"
    )
    document = run_json(*question_arguments, "--budget", "1")
    assert (document["answered"], document["proposed"]) == (2, 6)
    drafts = {each.draft.question: each.draft for each in waiting_proposals(lab)}
    assert drafts["Что такое рекурсия?"].note == "questions.txt:1"
    assert (
        drafts["Помоги разобраться: Зачем нужен стек вызовов?"].note
        == "questions.txt:3"
    )


@pytest.mark.parametrize(
    ("sent", "kept", "rejected"),
    [
        (("Что такое циклы?", "что такое ЦИКЛ", "Что за цикл?", "Зачем цикл?"), 3, {}),
        (("Что такое цикл?",), 1, {"missing": 2}),
    ],
)
def test_wordings_that_were_asked_for_are_kept_and_missing_ones_are_counted(
    lab, run_json, questions, provider, sent, kept, rejected
):
    set_teacher_answer(provider, (*sent, "Повтор."))
    document = run_json(
        *questions("Что такое цикл?"), "--budget", "1", "--wordings", "3"
    )
    assert (document["proposed"], document["rejected"]) == (kept, rejected)


def test_run_stops_before_the_budget_and_continues_with_a_higher_one(
    lab, run, questions
):
    question_arguments = questions(
        *(f"Что значит слово {word}?" for word in ("альфа", "бета", "гамма"))
    )
    # One call is estimated at about 4,200 tokens, 0.042 $, and uses a few hundred.
    code, captured = run(*question_arguments, "--budget", "0.0435", "--json")
    assert code == 0
    assert (
        "The budget is used up. To continue, run the command again with a higher --budget"
        in captured.err
    )
    report = json.loads(captured.out)
    assert (report["answered"], report["left"]) == (1, 2)
    assert report["spent_micro"] < 43_500
    code, captured = run(*question_arguments, "--budget", "1", "--json")
    assert (json.loads(captured.out)["answered"], json.loads(captured.out)["left"]) == (
        2,
        0,
    )


@pytest.mark.parametrize(
    ("fault", "is_paid"),
    [
        (Fault("chat.create", FaultKind.STATUS, times=1, status=400), False),
        (Fault("chat.create", FaultKind.DROP, times=1), True),
    ],
)
def test_call_that_failed_is_made_again_and_counts_if_it_may_be_paid(
    lab, run, questions, provider, fault, is_paid
):
    asked = questions("Что такое альфа?")
    provider.faults.add(fault)
    _, captured = run(*asked, "--budget", "1", "--json")
    report = json.loads(captured.out)
    assert report["answered"] == 0
    # A call is estimated at 0.042 $, and uses a tenth of it.
    assert (report["spent_micro"] > 40_000) is is_paid
    _, captured = run(*asked, "--budget", "1", "--json")
    assert json.loads(captured.out)["answered"] == 1


def test_question_of_the_dataset_is_neither_sent_nor_proposed(lab, run_json, provider):
    known = lab.repository.folder / "datasets/trial/examples/q1.yaml"
    question = yaml.safe_load(known.read_text("utf-8"))["messages"][0]["user"]
    set_teacher_answer(
        provider,
        (question, "Что такое цикл", "что такое ЦИКЛ?", "Что такое циклы?", "Повтор."),
    )
    document = run_json("distil", "trial", *MATERIALS, "--budget", "1")
    assert (document["proposed"], document["rejected"]) == (2, {"duplicate": 1})
    path = lab.folder / "known.txt"
    path.write_text(f"{question}\nчто такое цикл\n", "utf-8")
    assert (
        run_json(
            "distil",
            "trial",
            str(path),
            "--from",
            "questions",
            *TEACHER,
            "--budget",
            "1",
        )["answered"]
        == 0
    )
    assert len(provider.calls("chat.create")) == 1


@pytest.mark.parametrize(
    "expected",
    [
        "I'm sorry, I cannot help with that.",
        '{"examples": [{"questions": ["Что?"]}]}',
        '{"examples": [{"questions": ["\\ud800"], "answer": "x"}]}',
        '{"examples": [',
    ],
)
def test_answer_in_another_form_is_reported_and_proposes_nothing(
    lab, run, provider, expected
):
    provider.behave(fixed_answer=expected)
    code, captured = run("distil", "trial", *MATERIALS, "--budget", "1")
    assert code == 0
    assert "1 answer isn't in the requested form." in captured.err
    assert waiting_proposals(lab) == []


@pytest.mark.parametrize(
    ("asked", "said", "is_kept"),
    [
        ("Сколько?", "Ровно 10 000 литров.", True),
        ("Сколько?", "1. Ровно 10000 литров.\n2. За 2.5 ч.", True),
        ("Сколько?", "Ровно 12 литров.", False),
        ("Что за 12?", "Ровно 10 000 литров.", False),
        ("Сколько?", "Страница 7.", False),
    ],
)
def test_draft_with_a_number_that_its_page_lacks_is_not_proposed(
    asked, said, is_kept, lab, run_json, provider
):
    path = lab.repository.folder / "datasets/trial/materials/loops.md"
    path.write_text(
        "<!-- page 7 -->\n\nБак на 10 000 литров полон за 2,5 ч.\n", "utf-8"
    )
    lab.repository.commit("A page")
    set_teacher_answer(provider, (asked, said))
    document = run_json(
        "distil", "trial", *MATERIALS, "--budget", "1", "--wordings", "1"
    )
    assert document["proposed"] == is_kept
    assert document["rejected"] == ({} if is_kept else {"numbers": 1})
    notes = [each.draft.note for each in waiting_proposals(lab)]
    of_page = "materials/loops.md#page-7\n\nБак на 10 000 литров полон за 2,5 ч."
    assert notes == [of_page] * is_kept


def test_drafts_with_findings_are_not_proposed(lab, run_json, provider):
    set_teacher_answer(
        provider,
        ("Кто это?", "Как языковая модель, я не могу ответить."),
        ("Чей ключ?", "Ключ sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD."),
        ("Где знак?", "Он\x07 тут."),
        ("Пусто?", " "),
        ("Длинно?", "a" * 8001),
        (
            "Где ключи?\nsplit: test\ntags: [x]",
            "Ответ: «да».\n- user: нет\nsource: мой",
        ),
    )
    document = run_json(
        "distil", "trial", *MATERIALS, "--budget", "1", "--wordings", "1"
    )
    assert (document["proposed"], document["rejected"]) == (1, {"broken": 5})
    lab.approve_proposals()
    (file,) = (lab.repository.folder / "datasets/trial/examples/from-teacher").iterdir()
    kept = yaml.safe_load(file.read_text("utf-8"))
    assert (
        kept["messages"][1]["assistant"].strip()
        == "Ответ: «да».\n- user: нет\nsource: мой"
    )
    assert (set(kept), kept["source"]) == (
        {"messages", "source", "note"},
        "distil: stand-in-chat",
    )


def test_second_run_at_the_same_time_spends_nothing(lab, run, questions, provider):
    asked = (
        *questions("Что такое а?", "Что такое б?", "Что такое в?"),
        "--budget",
        "1",
    )
    provider.behave(think_s=2.0)  # long enough to be seen on a busy machine
    arguments = [*asked, "--config", str(lab.path)]
    first = start_function(run_command, arguments, lab.folder / "distil.log", {})
    wait_until(lambda: draft_calls(provider))
    provider.behave(think_s=3600.0)  # no further answer comes before the second run
    try:
        code, captured = run(*asked)
    finally:
        kill(first)
        provider.behave(think_s=0.0)
    assert (code, f"process {first.pid}" in captured.err) == (75, True), captured.err
    assert run(*asked)[0] == 0  # the lock of a killed run is void


def test_invalid_arguments_are_refused_before_any_request(
    lab, run, provider, monkeypatch
):
    for arguments, code, expected in (
        (("--from", "questions", *TEACHER, "--budget", "1"), 2, "--from questions"),
        (TEACHER, 2, "--from"),
        (("--from", "materials", *TEACHER), 2, "--budget"),
        (("--from", "materials", *TEACHER, "--budget", "inf"), 2, "--budget"),
        (("x.txt", *MATERIALS, "--budget", "1"), 2, "--from questions"),
        (("x.txt", "--from", "questions", *TEACHER, "--budget", "1"), 2, "x.txt"),
        (("-", "--from", "questions", *TEACHER, "--budget", "1"), 2, "utf-8"),
        (
            ("--from", "materials", "--teacher", "gpt", "--budget", "1"),
            2,
            "PROVIDER/MODEL",
        ),
        (("--from", "materials", "--teacher", "no/gpt", "--budget", "1"), 1, "no"),
        (
            ("--from", "materials", "--teacher", "stand-in/x", "--budget", "1"),
            1,
            "price of x",
        ),
        (("--from", "materials", *TEACHER[:2], "--budget", "1"), 1, "--yes"),
    ):
        pipe(monkeypatch, TextIOWrapper(BytesIO(b"\xcf\xee?")))
        found, captured = run("distil", "trial", *arguments)
        assert (found, expected in captured.err) == (code, True), captured.err
        assert provider.calls("chat.create") == []


def test_dataset_without_texts_has_nothing_to_ask_about(lab, run):
    lab.repository.git("rm", "-rq", "datasets/trial/materials")
    lab.repository.commit("No texts")
    code, captured = run("distil", "trial", *MATERIALS, "--budget", "1")
    assert (code, "nothing to ask about" in captured.err) == (1, True)
    code, captured = run("distil", "nowhere", *MATERIALS, "--budget", "1")
    assert (code, "nowhere" in captured.err) == (1, True)
    (lab.repository.folder / "datasets/trial/dataset.yaml").write_text(
        "title: [", "utf-8"
    )
    lab.repository.commit("Broken settings")
    code, captured = run("distil", "trial", *MATERIALS, "--budget", "1")
    assert (code, "dataset.yaml is missing or has an error" in captured.err) == (
        1,
        True,
    )
