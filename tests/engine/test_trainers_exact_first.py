"""Exact first: `recall` before a language model that invents, near to a taught answer or not."""

import asyncio
import json
from contextlib import nullcontext

import pytest
import yaml

from merlin.core.i18n import text
from merlin.dataset.spec import read_file
from merlin.engine.serving.base import APPLIED, Adapter, Finish, RelayedRequest
from merlin.engine.serving.exact_first import ExactFirstBackend
from merlin.engine.serving.recall import RecallBackend
from merlin.engine.trainers.base import (
    Epoch,
    ResolvedHyperparameters,
    Task,
    check_hyperparameters,
)
from merlin.engine.trainers.exact_first import (
    CHOICE_FILE,
    RECALL_FILE,
    ExactFirstTrainer,
    read_choice,
)
from merlin.engine.trainers.lora.trainer import HYPERPARAMETERS
from merlin.engine.trainers.recall.model import load_model
from merlin.openai_protocol.errors import ApiError
from tests.engine.backends_asked import ask, build_request, run_with_backend
from tests.engine.recall_models import build_talks, train_and_load
from tests.engine.running_engine import EXAMPLES, build_training_file
from tests.support.waiting import longest

pytestmark = pytest.mark.functional

HOURS = "Библиотека открыта с 10 до 20 часов, в воскресенье до 18."
TAUGHT = {
    "Когда работает библиотека?": HOURS,
    "На какой срок выдают книги?": "Книги выдаются на 21 день. Записывает Ирина Павловна.",
    "Какой штраф за просрочку?": "За каждый день просрочки начисляется один рубль.",
    "Сколько стоит печать страницы?": "Страница печати стоит десять рублей.",
    "Где искать каталог?": "Каталог лежит на lib.example.ru, телефон +7 495 123-45-67.",
    "Можно ли прийти с собакой?": "Нет, с животными в читальный зал не пускают.",
}
# Not answered by `recall`, which offers HOURS among the nearest.
ASKED = "Во сколько можно прийти за книгой?"
REFUSAL = (
    f"{text('ru', 'engine-not-taught')}\n\n"
    f"{text('ru', 'engine-if-meant', question='На какой срок выдают книги?')}\n\n"
    f"{TAUGHT['На какой срок выдают книги?']}"
)


class ScriptedModel:
    """A language model's backend that writes one text in words; `asked` counts its questions."""

    def __init__(self, said):
        self.said = said
        self.asked = 0
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def ask(self, _adapter, _request):
        self.asked += 1
        for word in self.said.split(" "):
            yield f"{word} "
        await self.may_end.wait()
        yield Finish("stop", 5, 7, APPLIED)

    async def relay(self, _adapter, request):
        yield {"written": self.said, "asked": request.path}

    def figures(self):
        return {"adapters": 2}

    async def close(self):
        """Nothing is open."""


class AdapterTrainer:
    """A trainer of one epoch, whose adapter has a configuration alone."""

    hyperparameters = HYPERPARAMETERS

    def train(self, _task):
        yield ResolvedHyperparameters({})
        yield Epoch(1, 1, {}, self.save, 12)

    def save(self, folder):
        folder.mkdir()
        (folder / "adapter_config.json").write_text("{}")


@pytest.mark.parametrize(
    ("chosen", "choice"),
    [(False, None), (True, "offer"), ({"else": "model"}, "model")],
)
def test_adapter_has_recall_beside_it_where_that_was_chosen(tmp_path, chosen, choice):
    path = tmp_path / "train.jsonl"
    path.write_bytes(build_training_file())
    task = Task("supervised", path, None, {"exact_first": chosen}, 1, tmp_path)
    trainer = ExactFirstTrainer(AdapterTrainer())
    assert trainer.hyperparameters == HYPERPARAMETERS
    told = [part for part in trainer.train(task) if part is not None]
    assert [type(part) for part in told] == [ResolvedHyperparameters, Epoch]
    folder = tmp_path / "adapter"
    told[-1].save(folder)
    assert (folder / "adapter_config.json").is_file()
    assert (folder / RECALL_FILE).exists() == (choice is not None)
    if choice:
        assert read_choice(folder) == choice
        assert {*load_model(folder / RECALL_FILE).answers} == {*EXAMPLES.values()}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of an adapter with `recall`, and no choice, as those of earlier releases."""
    folder = tmp_path_factory.mktemp("adapter")
    train_and_load(build_talks(TAUGHT), folder / RECALL_FILE)
    return folder


@pytest.fixture
def adapter(trained, tmp_path):
    """An adapter that lets the language model answer what `recall` does not."""
    (tmp_path / RECALL_FILE).symlink_to(trained / RECALL_FILE)
    (tmp_path / CHOICE_FILE).write_text(json.dumps({"else": "model"}))
    return Adapter("d" * 64, tmp_path)


def ask_with(written, adapter, question=ASKED, **options):
    """Return answer, extension and how often the language model was asked."""
    model = ScriptedModel(written)
    backend = ExactFirstBackend(RecallBackend("ru"), model)
    said, _, ending = ask(backend, adapter, question, **options)
    return said, ending.extension, model.asked


@pytest.mark.parametrize("choice", [None, {"else": "offer"}])
def test_question_that_recall_does_not_answer_is_declined_with_offers_by_default(
    adapter, choice
):
    (adapter.path / CHOICE_FILE).unlink()
    if choice:
        (adapter.path / CHOICE_FILE).write_text(json.dumps(choice))
    said, extension, asked = ask_with(HOURS, adapter)
    assert (said, asked) == (REFUSAL, 0)
    assert extension["known"] is False
    assert "Когда работает библиотека?" in extension["nearest"]
    assert "composed" not in extension


def test_base_without_recall_is_asked_as_it_is():
    backend = ExactFirstBackend(RecallBackend("ru"), ScriptedModel(HOURS))
    said, _, ending = ask(backend, None, ASKED)
    assert (said.strip(), ending.extension) == (HOURS, APPLIED)
    assert backend.figures() == {"adapters": 2}


@pytest.mark.parametrize("choice", ["offer", "model"])
def test_taught_answer_needs_no_language_model(adapter, choice):
    (adapter.path / CHOICE_FILE).write_text(json.dumps({"else": choice}))
    said, extension, asked = ask_with("{}", adapter, "Когда работает библиотека?")
    assert (said, extension["known"], asked) == (HOURS, True, 0)


@pytest.mark.parametrize(
    ("path", "fields", "is_passed_on"),
    [
        ("/chat/completions", {"response_format": {"type": "json_object"}}, True),
        ("/chat/completions", {"response_format": {"type": "text"}, "n": 2}, False),
        ("/chat/completions", {"tools": [{"type": "function"}]}, True),
        ("/chat/completions", {"tools": [], "logprobs": True}, False),
        ("/responses", {"text": {"format": {"type": "json_schema"}}}, True),
        ("/responses", {"text": {"format": {"type": "text"}}}, False),
        ("/completions", {"prompt": "x"}, False),
    ],
)
def test_only_a_form_that_no_taught_answer_has_is_asked_of_the_language_model(
    adapter, path, fields, is_passed_on
):
    backend = ExactFirstBackend(RecallBackend("ru"), ScriptedModel("{}"))
    request = RelayedRequest("mine", path, fields, ApiError(400, "not here"))

    async def ask_both(backend):
        untuned = [part async for part in backend.relay(None, request)]
        return untuned == [part async for part in backend.relay(adapter, request)]

    with nullcontext() if is_passed_on else pytest.raises(ApiError, match="not here"):
        assert run_with_backend(backend, ask_both)


@pytest.mark.parametrize(
    "written",
    [
        HOURS,
        "Здравствуйте! В библиотеке открыто до 20 часов.",
        "По воскресеньям библиотека открыта до 18.",
    ],
)
def test_answer_that_adds_nothing_to_a_near_one_is_shown_and_marked(adapter, written):
    said, extension, _ = ask_with(written, adapter)
    assert said.strip() == written
    assert "known" not in extension
    assert (extension["composed"], extension["applied"]) == (True, True)
    assert extension["composed_from"] == ["Когда работает библиотека?"]


@pytest.mark.parametrize(
    "written",
    [
        "Библиотека открыта с 10 до 22 часов.",  # a number
        "Библиотека открыта с 10 до десяти часов.",  # a number in words
        "Библиотека открыта до 20 минут.",  # a unit
        "Библиотека открыта с 10 до 20 часов, спросите Марию Степанову.",  # a name
        "Библиотека открыта с 10 до 20 часов, телефон +7 900 765-43-21.",  # a phone
        "Библиотека открыта с 10 до 20 часов: lib.example.com.",  # a link
        "Библиотека открыта с 10 до 21 часа.",  # a number of another taught answer
        "Библиотека не открыта с 10 до 20 часов, в воскресенье до 18.",  # a "not"
        "Библиотека открыта с 10 до 20 часов. Всё это неправда.",  # a sentence of its own
        "Вечером лучше погулять в парке.",  # near to nothing
        "Да.",  # says nothing
        "",
    ],
)
def test_invention_is_declined_with_offers(adapter, written):
    said, extension, asked = ask_with(written, adapter)
    assert (said, asked) == (REFUSAL, 1)
    assert extension["known"] is False
    assert extension["nearest"]
    assert "composed" not in extension


@pytest.mark.parametrize(
    ("question", "written"),
    [
        # The words are taught, but of another thing than the one that is asked for.
        ("Можно ли прийти с попугаем?", "Нет, с животными в читальный зал не пускают."),
        ("Какой штраф за порчу?", "За каждый день начисляется один рубль."),
        ("Сколько стоит печать плаката?", "Страница печати стоит десять рублей."),
        ("Когда работает буфет?", HOURS),
    ],
)
def test_question_about_another_thing_is_declined_whatever_is_written(
    adapter, question, written
):
    said, extension, _ = ask_with(written, adapter, question)
    assert said == text("ru", "engine-unknown")
    assert extension["known"] is False


def test_nothing_is_asked_of_the_language_model_where_nothing_similar_is_taught(
    adapter,
):
    _, extension, asked = ask_with(HOURS, adapter, "Сколько стоит билет в Самарканд?")
    assert (extension["known"], asked) == (False, 0)


def test_unchecked_words_are_not_sent_but_the_caller_hears_that_they_are_written(
    adapter,
):
    model = ScriptedModel(HOURS)
    model.may_end.clear()

    async def read_slowly(backend):
        parts = backend.ask(adapter, build_request(ASKED))
        early = [await anext(parts) for _ in HOURS.split(" ")]
        model.may_end.set()
        return early, [part async for part in parts]

    async def read_in_time(backend):
        return await asyncio.wait_for(read_slowly(backend), longest(60))

    backend = ExactFirstBackend(RecallBackend("ru"), model)
    early, (whole, _) = run_with_backend(backend, read_in_time)
    assert (set(early), whole.strip()) == ({""}, HOURS)


@pytest.mark.parametrize(
    ("value", "is_right"),
    [
        ("true", True),
        ("false", True),
        ("{else: offer}", True),
        ("{else: model}", True),
        ("{else: guess}", False),
        ("{}", False),
        ("{else: model, more: 1}", False),
        ("model", False),
    ],
)
def test_choice_has_one_form_in_the_dataset_and_at_the_engine(value, is_right):
    recipe = f"{{provider: engine, base_model: b, hyperparameters: {{exact_first: {value}}}}}"
    file = f"title: {{ru: Набор}}\nsystem: Отвечай.\nrecipe: {recipe}\n"
    content, _, findings = read_file("dataset", file.encode())
    assert bool(content) == is_right, findings
    chosen = {"exact_first": yaml.safe_load(value)}
    with nullcontext() if is_right else pytest.raises(ApiError, match="exact_first"):
        checked = check_hyperparameters(
            "supervised", HYPERPARAMETERS["supervised"], chosen
        )
        assert checked["exact_first"] == chosen["exact_first"]
