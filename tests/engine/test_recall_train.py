"""Training of `recall`: epochs, metrics, checkpoints, "auto", and invalid input."""

import asyncio
import random
from dataclasses import replace

import pytest

from merlin.core.encoder import TEXTS_AT_ONCE, digest_encoder
from merlin.core.i18n import LANGUAGES, text
from merlin.core.messages import Message
from merlin.engine.serving.base import Adapter
from merlin.engine.serving.recall import RecallBackend
from merlin.engine.trainers.base import (
    Epoch,
    Hyperparameters,
    Task,
    TrainerNote,
    Untrainable,
    check_hyperparameters,
)
from merlin.engine.trainers.recall import RecallTrainer
from merlin.engine.trainers.recall.model import load_model
from tests.engine import tiny_base
from tests.engine.recall_models import train_recall
from tests.engine.running_engine import build_training_file

pytestmark = pytest.mark.unit

FACTS = {
    "Что такое стек?": "Структура «последним пришёл, первым ушёл».",
    "Что такое очередь?": "Структура «первым пришёл, первым ушёл».",
    "Как развернуть список?": "Перевесить ссылки узлов.",
    "Почему хеш-таблица быстрая?": "Место ключа вычисляют.",
    "Кто придумал граф?": "Эйлер.",
    "Чем дерево отличается от графа?": "У дерева нет циклов.",
    "Зачем нужна рекурсия?": "Свести задачу к меньшей.",
    "Можно ли сортировать быстрее n log n?": "Сравнениями нельзя.",
    "Назови обходы дерева": "Прямой, обратный, симметричный.",
    "Что значит O(1)?": "Время не растёт.",
    "Как работает двоичный поиск?": "Делит отрезок пополам.",
    "What is a heap?": "A tree with the least key on top.",
}


def build_pair(question, answer):
    return [Message("user", question), Message("assistant", answer)]


FIRST = next(iter(FACTS))
TALKS = [build_pair(*fact) for fact in FACTS.items()]


def run(talks, test=(), seed=1, **hyperparameters):
    settings = check_hyperparameters("supervised", Hyperparameters, hyperparameters)
    steps = list(train_recall(talks, list(test), settings, seed))
    epochs = [step for step in steps if isinstance(step, Epoch)]
    return epochs, [step for step in steps if isinstance(step, TrainerNote)]


def build_model(epoch, tmp_path, name="model"):
    epoch.save(tmp_path / name)
    return load_model(tmp_path / name)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return build_model(run(TALKS)[0][-1], tmp_path_factory.mktemp("recall"))


def ask(model, *card):
    roles = ("user", "assistant")
    return model.answer([Message(roles[n % 2], line) for n, line in enumerate(card)])


def test_auto_trains_until_every_question_gets_its_trained_answer(tmp_path):
    epochs, remarks = run(TALKS)
    assert 100 <= len(epochs) <= 200
    assert epochs[-1].metrics["train_accuracy"] == 1.0
    assert remarks == []
    model = build_model(epochs[-1], tmp_path)
    assert {question: ask(model, question).text for question in FACTS} == FACTS


def test_question_of_each_length_is_trained_and_answered(tmp_path):
    # 150 characters are encoded, 300 suggested: all but the first begin alike.
    subjects = {"поезд": 149, "письмо": 150, "пицца": 151, "карта": 299, "такси": 300}
    facts = {
        f"{'помогите ' * 1_200}"[: length - len(subject) - 2]
        + f" {subject}?": f"Вот {subject}."
        for subject, length in {**subjects, "врач": 301, "автобус": 10_000}.items()
    }
    assert {*map(len, facts)} == {149, 150, 151, 299, 300, 301, 10_000}
    model = build_model(
        run([*TALKS, *(build_pair(*fact) for fact in facts.items())])[0][-1], tmp_path
    )
    assert {question: ask(model, question).text for question in facts} == facts


def test_loss_falls_and_is_reported_for_train_and_test():
    epochs, _ = run(
        TALKS,
        [build_pair("Объясни, как развернуть список", FACTS["Как развернуть список?"])],
    )
    first = epochs[0].metrics
    last = epochs[-1].metrics
    assert last["train_loss"] < first["train_loss"]
    assert last["valid_loss"] < first["valid_loss"]
    assert last["valid_accuracy"] == 1.0
    assert [epoch.number for epoch in epochs] == list(range(1, len(epochs) + 1))
    assert epochs[2].step == 3 * epochs[0].step


def test_untrained_test_answer_has_accuracy_zero_and_no_loss():
    epochs, _ = run(
        TALKS, [build_pair("Что такое стек?", "Чего не учили.")], n_epochs=2
    )
    assert epochs[-1].metrics["valid_accuracy"] == 0.0
    assert "valid_loss" not in epochs[-1].metrics


def test_same_task_gives_the_same_bytes_and_another_seed_others(tmp_path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        run(TALKS, seed=seed, n_epochs=3)[0][-1].save(tmp_path / name)
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_number_of_loaded_models_is_limited(model, tmp_path):
    model.save(tmp_path / "model")
    backend = RecallBackend("ru")
    for number in range(20):
        adapter = Adapter(str(number), tmp_path / "model")
        answer = asyncio.run(backend.answer(adapter, TALKS[0]))
        assert answer.text == FACTS["Что такое стек?"]
    assert backend.figures()["adapters"] == 16


def test_model_of_another_encoder_is_refused(model, tmp_path):
    other = replace(model, space=replace(model.space, encoder="another"))
    other.save(tmp_path / "model")
    asked = RecallBackend("ru").answer(Adapter("1", tmp_path / "model"), TALKS[0])
    with pytest.raises(Untrainable, match="base_changed"):
        asyncio.run(asked)


def test_conversation_without_a_question_is_unknown(model):
    answer = model.answer([Message("assistant", FACTS["Что такое стек?"])])
    assert (answer.known, answer.text) == (False, "")


def test_follow_up_is_answered_only_in_its_own_conversation(tmp_path):
    dialogue = [*TALKS[0], *build_pair("А где его применяют?", "В вызовах функций.")]
    model = build_model(run([dialogue, *TALKS[1:]])[0][-1], tmp_path)
    assert ask(model, FIRST).text == FACTS[FIRST]
    assert (
        ask(model, FIRST, FACTS[FIRST], "А где его применяют?").text
        == "В вызовах функций."
    )
    assert ask(model, FIRST, FACTS[FIRST], "Спасибо").text != "В вызовах функций."
    assert ask(model, FIRST, FACTS[FIRST], "Кто придумал граф?").text == "Эйлер."


@pytest.mark.parametrize(
    "talks",
    [
        [[*build_pair("Привет!", "Здравствуйте!"), *talk] for talk in TALKS],
        [[message for talk in TALKS for message in talk]],
    ],
    ids=["after a greeting", "in one conversation"],
)
def test_complete_question_of_a_later_turn_is_answered_alone_and_in_its_conversation(
    tmp_path, talks
):
    model = build_model(run(talks)[0][-1], tmp_path)
    assert {question: ask(model, question).text for question in FACTS} == FACTS
    for talk in talks:
        for place in range(1, len(talk), 2):
            assert model.answer(talk[:place]).text == talk[place].content


@pytest.mark.parametrize("question", ["А почему?", "А в какой задаче его встретишь?"])
def test_incomplete_question_of_a_later_turn_is_not_answered_alone(tmp_path, question):
    dialogue = [*TALKS[0], *build_pair(question, "В вызовах функций.")]
    model = build_model(run([dialogue, *TALKS[1:]])[0][-1], tmp_path)
    assert model.answer(dialogue[:3]).text == "В вызовах функций."
    assert not ask(model, question).known


def test_question_with_several_answers_is_answered_by_its_conversation(tmp_path):
    question = "Сколько стоит билет?"
    tours = [
        [
            *build_pair(f"Расскажите про {place}", f"Это {place}."),
            *build_pair(question, price),
        ]
        for place, price in (("музей", "Сто."), ("театр", "Тысяча."))
    ]
    epochs, notes = run([*TALKS, *tours])
    model = build_model(epochs[-1], tmp_path)
    assert [model.answer(tour[:3]).text for tour in tours] == ["Сто.", "Тысяча."]
    assert not notes
    assert not ask(model, question).known


def test_exact_text_of_a_question_gets_its_own_answer_whatever_the_order_of_its_words(
    tmp_path,
):
    facts = {
        "Сколько котов живёт на Марсе?": "Ни одного.",
        "Сколько на Марсе живёт котов?": "Семь.",
    }
    pairs = [build_pair(*fact) for fact in facts.items()]
    model = build_model(run([*TALKS, *pairs])[0][-1], tmp_path)
    for question, answer in facts.items():
        assert ask(model, question).text == answer
        assert ask(model, question.rstrip("?").upper()).text == answer
        assert model.answer([*TALKS[0], Message("user", question)]).text == answer


def test_only_answer_of_a_file_is_given_to_its_wordings_alone(tmp_path):
    wordings = [
        *(
            "Как записаться на курс?",
            "Где можно записаться на курс?",
            "Хочу записаться на курс",
        ),
        *(
            "Как попасть на курс?",
            "Что нужно для записи на курс?",
            "Подскажите, как записаться",
        ),
    ]
    epochs, _ = run([build_pair(wording, "Напишите нам.") for wording in wordings])
    model = build_model(epochs[-1], tmp_path)
    assert [ask(model, wording).text for wording in wordings] == ["Напишите нам."] * 6
    others = (
        "Какая завтра погода?",
        "Кто написал «Войну и мир»?",
        "How do I cook rice?",
    )
    assert [ask(model, other).text for other in others] == [""] * 3


def test_threshold_of_answers_that_no_word_tells_apart_stays_above_other_questions(
    tmp_path,
):
    goods = (
        *(
            "оплату",
            "доставку",
            "возврат",
            "скидку",
            "гарантию",
            "ремонт",
            "обмен",
            "подарок",
        ),
        *(
            "сертификат",
            "бонусы",
            "магазин",
            "склад",
            "курьера",
            "чек",
            "паспорт товара",
            "размер",
        ),
    )
    forms = (
        "Расскажите про {}",
        "Как оформить {}?",
        "Хочу узнать про {}",
        "Где найти {}?",
    )
    answers = ("Позвоните нам.", "Напишите нам.")
    questions = [
        form.format(name) for name in goods for form in (*forms, "Подскажите насчёт {}")
    ]
    talks = [build_pair(text, answers[n % 2]) for n, text in enumerate(questions)]
    model = build_model(run(talks)[0][-1], tmp_path)
    right = sum(ask(model, talk[0].content).text == talk[1].content for talk in talks)
    assert right > len(talks) * 0.9
    others = (
        "Какая завтра погода?",
        "Кто написал «Войну и мир»?",
        "Где найти друзей?",
        "привет",
    )
    assert [ask(model, other).text for other in others] == [""] * len(others)


def test_contradicting_questions_are_named_and_do_not_delay_training():
    epochs, remarks = run([*TALKS, build_pair("Что такое стек?", "Другое.")])
    assert len(epochs) < 200
    (event,) = (remark for remark in remarks if remark.key == "engine-contradicting")
    assert event.arguments == {"n": 1, "shown": "«Что такое стек?»"}


def test_questions_left_unlearned_by_too_few_epochs_are_named():
    _, remarks = run(TALKS, n_epochs=1)
    assert "engine-left" in [remark.key for remark in remarks]


def test_large_file_trains_until_all_answers_are_right(tmp_path):
    draw = random.Random(5)  # noqa: S311 - a made-up file
    words = [
        word.strip("?,.«»").lower() for question in FACTS for word in question.split()
    ]
    pairs = {
        f"{' '.join(draw.sample(words, 4))} слово{n}": f"Ответ {n}."
        for n in range(2_100)
    }
    epochs, _ = run([build_pair(*fact) for fact in pairs.items()])
    model = build_model(epochs[-1], tmp_path)
    assert len(epochs) < 100
    assert all(
        ask(model, question).text == answer
        for question, answer in list(pairs.items())[::50]
    )
    assert model.space.dimensions == 128


@pytest.mark.parametrize(
    "talks", [[], [[Message("user", "Кто?"), Message("assistant", "Я", {"weight": 0})]]]
)
def test_file_without_trained_turns_is_refused_in_both_languages(talks):
    with pytest.raises(Untrainable) as refused:
        run(talks)
    assert refused.value.code == "invalid_n_examples"
    for language in LANGUAGES:
        assert text(language, refused.value.key, **refused.value.arguments)


def test_example_order_does_not_change_the_model(tmp_path):
    run(TALKS, n_epochs=3)[0][-1].save(tmp_path / "as-is")
    for number in range(3):
        shuffled = TALKS[:]
        random.Random(number).shuffle(shuffled)  # noqa: S311 - chance orders
        assert shuffled != TALKS
        run(shuffled, n_epochs=3)[0][-1].save(tmp_path / "other")
        assert (tmp_path / "other").read_bytes() == (tmp_path / "as-is").read_bytes()


BARE = ("а почему?", "как?", "зачем?", "Кто?", "why?", "Понятно", "и что это такое?")


def test_question_without_a_content_word_is_answered_only_when_trained(model, tmp_path):
    for bare in BARE:
        assert not ask(model, bare).known, bare
        assert not ask(model, FIRST, FACTS[FIRST], bare).known, bare
    follow_up = [*TALKS[0], *build_pair("А почему?", "Так удобно.")]
    talks = [follow_up, *TALKS[1:], build_pair("Кто ты?", "Помощник.")]
    model = build_model(run(talks)[0][-1], tmp_path)
    assert ask(model, "Ты кто?").text == "Помощник."
    assert ask(model, FIRST, FACTS[FIRST], "а почему").text == "Так удобно."
    assert not ask(model, "А почему?").known


def test_refused_question_gets_the_nearest_trained_wordings(tmp_path):
    paraphrase = build_pair(
        "Расскажи про двоичный поиск по массиву", FACTS["Как работает двоичный поиск?"]
    )
    model = build_model(run([*TALKS, paraphrase])[0][-1], tmp_path)
    refused = ask(model, "Как работает двоичная звезда над Самаркандом?")
    assert (refused.known, refused.nearest[0]) == (
        False,
        "Как работает двоичный поиск?",
    )
    refused = ask(model, "Расскажи про двоичную звезду над горным массивом")
    assert (refused.known, refused.nearest[0]) == (
        False,
        "Расскажи про двоичный поиск по массиву",
    )
    assert not ask(model, "Как развернуть палатку в лесу?").nearest
    assert not ask(model, "Сколько стоит билет в Самарканд?").nearest
    assert not ask(model, "Как работает двоичный поиск?").nearest


def test_question_with_several_about_equally_likely_answers_is_refused_with_them(
    tmp_path,
):
    days = {
        "лук": "1 мая.",
        "чеснок": "2 мая.",
        "редис": "3 мая.",
        "укроп": "4 мая.",
        "горох": "5 мая.",
    }
    crops = {f"Когда сажать {crop} в огороде?": day for crop, day in days.items()}
    talks = [*TALKS, *(build_pair(question, day) for question, day in crops.items())]
    model = build_model(run(talks)[0][-1], tmp_path)
    assert {question: ask(model, question).text for question in crops} == crops
    answer = ask(model, "Когда сажать в огороде?")
    assert (answer.known, len(answer.nearest)) == (False, 5)
    assert set(answer.nearest) == set(crops)
    assert not answer.if_meant


def test_long_text_and_question_of_an_earlier_turn_are_not_suggested(tmp_path):
    text = f"Вот мой отчёт про граф: {'вершины и рёбра, ' * 30}"
    talks = [
        [*TALKS[0], *build_pair("А в жизни?", "Стопка тарелок.")],
        *TALKS[1:],
        build_pair(text, "Хорошо."),
    ]
    model = build_model(run(talks)[0][-1], tmp_path)
    offered = {question for each in model.asked for question in each}
    assert offered == set(FACTS)


def test_untrained_follow_up_is_completed_by_the_earlier_question(tmp_path):
    talks = [
        *TALKS,
        build_pair("Почему стек называют магазином?", "Патроны достают так же."),
    ]
    model = build_model(run(talks)[0][-1], tmp_path)
    answer = ask(model, FIRST, FACTS[FIRST], "а почему?")
    assert (answer.known, answer.is_follow_up) == (False, True)
    assert answer.nearest[0] == "Почему стек называют магазином?"
    assert not ask(model, "а почему?").is_follow_up
    assert not ask(model, FIRST, FACTS[FIRST], "Где купить билет?").is_follow_up


PRICE = build_pair("Сколько стоит абонемент?", "Сто рублей.")


def test_general_follow_up_does_not_get_the_answer_of_another_subject(tmp_path):
    model = build_model(run([*TALKS, PRICE])[0][-1], tmp_path)
    general = "и сколько это стоит?"
    assert ask(model, general).text == "Сто рублей."
    assert ask(model, "Привет!", "Здравствуйте!", general).text == "Сто рублей."
    answer = ask(model, FIRST, FACTS[FIRST], general)
    assert (answer.known, answer.is_follow_up) == (False, True)
    assert not ask(model, FIRST, FACTS[FIRST], "а почему?", "Не знаю.", general).known


@pytest.mark.parametrize(
    "text",
    ["Спасибо!", "ок", "понятно", "Ага", "👍", "привет", "как дела?", "ok, thank you"],
)
def test_small_talk_after_an_answer_is_no_follow_up(model, text):
    refused = ask(model, FIRST, FACTS[FIRST], text)
    assert (refused.known, refused.is_follow_up, refused.nearest) == (False, False, ())
    assert ask(model, FIRST, FACTS[FIRST], "а почему?").is_follow_up


def test_trained_general_question_is_answered_after_another_subject(tmp_path):
    model = build_model(
        run([*TALKS, build_pair("Сколько стоит?", "Десять.")])[0][-1], tmp_path
    )
    assert ask(model, FIRST, FACTS[FIRST], "сколько стоит").text == "Десять."


def test_word_of_the_english_list_is_a_subject_in_a_russian_question(tmp_path):
    pairs = [
        build_pair("Что делает time?", "Даёт число секунд."),
        build_pair("Что делает next?", "Даёт следующий элемент."),
    ]
    model = build_model(run([*TALKS, *pairs])[0][-1], tmp_path)
    assert (
        ask(model, "Что делает time?", "Даёт число секунд.", "а что такое next?").text
        == "Даёт следующий элемент."
    )


def test_file_of_more_texts_than_are_encoded_at_once_keeps_the_encoder(tmp_path):
    path = tmp_path / "train.jsonl"
    facts = {
        f"{question} {number}": answer
        for question, answer in FACTS.items()
        for number in range(9)
    }
    path.write_bytes(build_training_file(facts))
    assert len(facts) > TEXTS_AT_ONCE
    settings = check_hyperparameters("supervised", Hyperparameters, {"n_epochs": 1})
    steps = RecallTrainer().train(Task("supervised", path, None, settings, 1, tmp_path))
    (epoch,) = (step for step in steps if isinstance(step, Epoch))
    made = build_model(epoch, tmp_path)
    assert made.space.encoder == digest_encoder()
    assert len(made.question_vectors) == len(facts)


@pytest.mark.parametrize(
    ("method", "write"),
    [("dpo", tiny_base.write_preferences), ("kto", tiny_base.write_ratings)],
)
def test_of_compared_and_rated_answers_only_the_right_ones_are_taught(
    tmp_path, method, write
):
    path = write(tmp_path / "train.jsonl")
    settings = check_hyperparameters("supervised", Hyperparameters, {"n_epochs": 1})
    steps = RecallTrainer().train(Task(method, path, None, settings, 1, tmp_path))
    (epoch,) = (step for step in steps if isinstance(step, Epoch))
    right = {tiny_base.make_answer(*fact) for fact in tiny_base.FACTS.items()}
    assert {*build_model(epoch, tmp_path).answers} == right


def test_number_alone_decides_between_no_two_answers(tmp_path):
    wordings = {
        "Сколько стоит номер {}?": "Номер {} стоит 2000 рублей.",
        "Какой вид из номера {}?": "Из номера {} виден парк.",
        "На каком этаже номер {}?": "Номер {} на третьем этаже.",
        "Есть ли балкон в номере {}?": "В номере {} есть балкон.",
    }
    rooms = [
        build_pair(question.format(room), answer.format(room))
        for question, answer in wordings.items()
        for room in range(301, 313)
    ]
    model = build_model(run(rooms)[0][-1], tmp_path)
    assert ask(model, "этаж номера 305").text == "Номер 305 на третьем этаже."
    given = ask(model, "почём 305 номер")
    assert (given.known, len(given.nearest)) == (False, 8)
