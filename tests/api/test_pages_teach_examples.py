"""A dataset's page of examples with a real daemon: an edit becomes a commit."""

import html
import json
import re
from itertools import count

import pytest

from merlin.account.users import Roles
from merlin.app.verdicts import view_notice
from merlin.core.permissions import Role
from merlin.dataset.example_file import parse_example
from merlin.dataset.proposals import Draft, Proposals
from merlin.db.notices import Notices
from tests.api.running_api import BORIS, VERA, check_page
from tests.api.staff_api import page_text, run_daemon_api
from tests.support.pressed_wordings import add_presses

pytestmark = pytest.mark.integration

BASE = "/datasets/trial/examples"
PROPOSALS = "/datasets/trial/proposals"
BOT = 8
numbers = count(1)
OLD = "Понятие 1 значит ответ 7."
NEW = "Понятие 1 значит другое слово."


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site whose example q1 changed after the first build, with a broken example added."""
    teacher = {"assistant": "stand-in/stand-in-base"}
    with run_daemon_api(tmp_path_factory.mktemp("office"), chat=teacher) as site:
        site.lab.until_serving("trial-1")
        site.lab.repository.example("trial", 1, answer=NEW)
        broken = site.lab.repository.folder / "datasets/trial/examples/broken.yaml"
        broken.write_text("messages: [\n", encoding="utf-8")
        site.lab.repository.commit("Say it better")
        site.lab.until_serving("trial-2")
        yield site


def read_form(vera, **query):
    """Return the values of the open example's hidden fields."""
    page = vera.get(f"{BASE}/one", params=query).text.split('id="edit"')[1]
    return {
        name: html.unescape(value)
        for name, value in re.findall(
            r'name="(\w+)" value="([^"]*)"', page.split("</form>")[0]
        )
    }


def test_edit_becomes_one_commit_and_personal_data_is_asked_about(site, vera):
    mail = {"question": "Куда писать?", "answer": "Позвоните: +7 916 123-45-67."}
    mail |= {"once": "a" * 32}
    asked = vera.post(BASE, data=mail)
    check_page(
        asked,
        "Всё равно сохранить?",
        "+7 9** ***-**-67",
        'name="allow" value="agreed"',
        status=422,
    )
    assert asked.text.index("Control+Enter") < asked.text.index('name="allow"')
    saved = mail | {"allow": "agreed"}
    responses = [vera.post(BASE, data=saved) for _ in range(2)]
    assert [each.status_code for each in responses] == [303, 303]
    assert responses[0].headers["location"] == responses[1].headers["location"]
    site.lab.tick("changes", "fetch")
    assert "+allow:\n+  personal: Человек согласен." in site.lab.repository.git(
        "show", "HEAD"
    )
    names = site.lab.repository.git("log", "-1", "--name-status", "--format=").split()
    assert (names.count("A"), len(names)) == (1, 2)


def test_edit_refused_by_the_dataset_check_stays_in_its_form(site, vera):
    question = "Что значит слово номер 5, понятие ееее?"
    form = {"question": question, "answer": "Одно.", "split": "train"}
    check_page(
        vera.post(BASE, data=form),
        f'href="{BASE}/one?example=q5#open" target="_blank"',
        "Понятие 5 значит ответ 35.</p>",
        status=422,
    )
    form |= {"near": "other", "shown": "examples/q5.yaml"}
    assert vera.post(BASE, data=form).status_code == 303
    check_page(
        vera.post(BASE, data=form | {"answer": "Другое.", "split": "test"}),
        "Не сохранено: проверка нашла ошибки",
        ">\nДругое.<",
        status=422,
    )
    site.lab.tick("changes", "fetch")


def test_broken_example_is_mended_with_what_its_file_says(site, vera):
    text = (
        "messages:\n  - user: |\n      Кто\n      это?\n  - assistant: Он.\n"
        "tag: [лицо]\nnote: x\n"
    )
    folder = site.lab.repository.folder / "datasets/trial/examples"
    (folder / "misspelt.yaml").write_text(text, encoding="utf-8")
    site.lab.repository.commit("Misspell a key")
    site.lab.tick("fetch")
    page = vera.get(f"{BASE}/one", params={"example": "misspelt"}).text
    assert 'name="tags" value="лицо"' in page
    before, form = page.split('id="edit"')
    assert "может быть, «tags»?" in before
    assert '<li class="hit" aria-current="true"><code>tag: [лицо]</code>' in form
    assert "не читается" not in before.split('class="wrong"')[1]
    check_page(
        vera.get(f"{BASE}/one", params={"example": "broken"}),
        "Файл примера не читается",
        'class="hit"',
    )
    form = read_form(vera, example="misspelt") | {
        "question": "Кто\nэто?",
        "answer": "Он.",
    }
    assert vera.post(BASE, data=form).status_code == 303
    site.lab.tick("changes", "fetch")
    assert read_file(site, "misspelt") == text.replace("tag:", "tags:")


def test_removal_of_the_shown_version_alone_becomes_a_commit(site, vera):
    form = read_form(vera, example="q3")
    check_page(
        vera.post(f"{BASE}/remove", data=form | {"revision": "1" * 40}),
        "Конфликт правок",
        status=422,
    )
    assert vera.post(f"{BASE}/remove", data=form).status_code == 303
    site.lab.tick("changes", "fetch")
    assert vera.get(f"{BASE}/one", params={"example": "q3"}).status_code == 404
    check_page(
        vera.post(
            BASE, data=form | {"question": "Что?", "answer": "То.", "near": "other"}
        ),
        'name="example" value=""',
        status=422,
    )


def test_selected_examples_stay_selected_when_one_changed_or_cannot_be_read(site, vera):
    rows = dict(reversed(each.split(" ")) for each in read_rows(vera))
    tagged = f"{rows['q4']} q4"
    for row, act, tags, said in (
        ([tagged, f"{'1' * 40} q5"], "tag", "новый", "изменили или удалили"),
        ([f"{rows['broken']} broken"], "tag", "новый", "Не читаются: broken."),
        ([tagged], "tag", "", "Напишите тег"),
        ([tagged], "untag", "новый", "Ничего не изменено"),
    ):
        form = {"act": act, "tags": tags, "row": row}
        check_page(
            vera.post(f"{BASE}/several", data=form),
            said,
            f'value="{row[0]}" checked',
            f'value="{tags}"',
            status=422,
        )


def read_rows(vera):
    return re.findall(r'name="row" value="([^"]*)"', vera.get(BASE).text)


def read_file(site, name):
    """Return the text of an example in the repository."""
    folder = site.lab.repository.folder / "datasets/trial/examples"
    return (folder / f"{name}.yaml").read_text("utf-8")


def read_change(vera, location):
    """Return the page of the edit that a redirect leads to."""
    return page_text(vera.get(f"/changes/{location.partition('changed=')[2]}"))


def test_drafts_of_a_teacher_model_need_no_course_and_name_it(site, vera):
    fields = {
        "origin": "distil",
        "model_id": "big-model",
        "note": "materials/a.md\n\nДом.",
    }
    draft = Draft("Что такое дом?", "Здание.", "trial", **fields)
    Proposals(site.db).add_drafts([draft])
    check_page(vera.get(BASE), f'href="{PROPOSALS}"')
    page = page_text(vera.get(PROPOSALS))
    assert "materials/a.md" in page
    assert "distil: big-model ·" in page
    (waiting,) = Proposals(site.db).list_waiting()
    form = {"act": "approve", "proposal": waiting.proposal_id}
    location = vera.post(PROPOSALS, data=form).headers["location"]
    site.lab.tick("changes", "fetch")
    assert "from-teacher/что-такое-дом" in read_change(vera, location)


def test_correction_of_known_examples_is_shown_beside_their_answer_and_may_be_narrowed(
    site, vera
):
    old = "Понятие 5 значит ответ 35."
    for turn, question in enumerate(
        ("Пятое слово — что это?", "Что за слово пять?"), 1
    ):
        draft = Draft(question, "Пятый ответ.", "trial", turn, known_answer=old)
        Proposals(site.db).add(BOT, draft)
    page = page_text(vera.get(PROPOSALS))
    assert f"Сейчас {old}" in page
    assert "Новый ответ Пятый ответ." in page
    assert (
        "Изменит ответ примера: Что значит слово номер 5, понятие ееее? · examples/q5"
        in page
    )
    narrow, wide = (each.proposal_id for each in Proposals(site.db).list_waiting())
    form = {"act": "approve", "proposal": [narrow, wide], "only": [narrow]}
    location = vera.post(PROPOSALS, data=form).headers["location"]
    site.lab.tick("changes", "fetch")
    changed = read_change(vera, location)
    assert "from-chat/пятое-слово-что-это" in changed
    assert "from-chat/что-за-слово-пять" in changed
    assert "examples/q5.yaml" in changed
    assert (
        "3 − - assistant: Понятие 5 значит ответ 35. 3 + - assistant: Пятый ответ."
        in changed
    )


def test_correction_is_reworded_before_it_is_accepted_and_no_text_is_lost(site, vera):
    rows = Proposals(site.db)
    drafts = [
        ("Где касса?", "Справа."),
        ("где касса", "Справа."),
        ("Где лифт?", "Слева."),
    ]
    first, same, other = (
        rows.add(
            BOT + user, Draft(*texts, "trial", 1, split="" if user == 2 else "test")
        )
        for user, texts in enumerate(drafts)
    )
    check_page(
        vera.get(PROPOSALS), f'name="row" value="{first} {same}"', "Одинаковых: 2"
    )
    form = {
        "row": [f"{first} {same}", other],
        "question": ["Где касса института?", "Где лифт?"],
        "answer": ["Звоните: [телефон].", "У входа."],
        "reason": ["", ""],
    }
    refused = vera.post(PROPOSALS, data={**form, "approve": first})
    assert (refused.status_code, "«[телефон]»" in refused.text) == (409, True)
    assert read_texts(refused) == [*form["question"], *form["answer"]]
    check_page(
        vera.post(
            PROPOSALS, data={**form, "answer": ["", "У входа."], "approve": first}
        ),
        "и вопрос, и ответ",
        status=409,
    )
    form["answer"] = ["Справа\r\nот входа.", "У входа."]
    accepted = vera.post(PROPOSALS, data={**form, "approve": first})
    assert (accepted.status_code, read_texts(accepted)) == (
        200,
        ["Где лифт?", "У входа."],
    )
    assert {rows.get(each).state for each in (first, same)} == {"approved"}
    assert rows.get(first).draft.question == "Где касса института?"
    check_page(
        vera.post(PROPOSALS, data={**form, "approve": first}),
        "Справа\nот входа.",
        status=409,
    )
    site.lab.tick("changes", "fetch", "proposals")
    why = {**form, "row": [other], "reason": ["Лифта нет."], "decline": other}
    assert vera.post(PROPOSALS, data=why).status_code == 303
    (notice, *_) = Notices(site.db).list_newest(str(BOT + 2), 5)
    assert view_notice(site.db, notice).text("ru").endswith("Причина: Лифта нет.")


def read_texts(page):
    """Return the questions, then the answers that stand in the form."""
    texts = re.findall(r'name="(question|answer)"[^>]*>\n([^<]*)</textarea>', page.text)
    return [
        words
        for name in ("question", "answer")
        for each, words in texts
        if each == name
    ]


def test_another_editor_reads_who_is_editing_a_correction(site, vera):
    number = Proposals(site.db).add(BOT, Draft("Где буфет?", "Внизу.", "trial", 1))
    assert "Сейчас это правит" not in vera.post(f"/proposals/{number}/editing").text
    assert "Сейчас это правит" not in vera.get(PROPOSALS).text
    Roles(site.db).grant(BORIS, Role.EDITOR, "vera")
    with site.browser_client(BORIS) as boris:
        boris.headers["Accept-Language"] = "ru"
        assert (
            f"Сейчас это правит {VERA}"
            in boris.post(f"/proposals/{number}/editing").text
        )
    assert f"Сейчас это правит {BORIS}" in page_text(vera.get(PROPOSALS))
    Proposals(site.db).decline(number)


def test_correction_of_another_question_is_narrowed_beforehand(site, vera):
    old = "Понятие 6 значит ответ 42."
    draft = Draft(
        "Что говорят о тонких бровях?", "Брови.", "trial", 1, known_answer=old
    )
    number = Proposals(site.db).add(BOT, draft)
    page = vera.get(PROPOSALS)
    assert "Похоже, в примерах с этим ответом спрашивают о другом" in page_text(page)
    assert f'name="only" value="{number}" checked' in page.text
    Proposals(site.db).decline(number)


def test_contradiction_by_meaning_is_settled_by_one_press(site, vera):
    path = "/datasets/trial/proposals/contradictions"
    broken = site.lab.repository.folder / "datasets/trial/examples/broken.yaml"
    broken.write_text("messages:\n")
    pairs = (
        ("Где находится столовая?", "В подвале."),
        ("Где расположена столовая?", "На крыше."),
        ("Что ещё есть на крыше?", "На крыше."),
        ("Где вход?", "Справа от лестницы."),
        ("Где вход", "Слева от лестницы."),
    )
    for number, (question, answer) in enumerate(pairs, 30):
        site.lab.repository.example("trial", number, question=question, answer=answer)
    site.lab.repository.commit()
    site.lab.tick("fetch")
    page = "/datasets/trial/proposals?compare=true"
    assert f'href="{page}#contradictions"' in vera.get(PROPOSALS).text
    shown = page_text(vera.get(page))
    assert "В подвале." in shown
    assert "examples/q31.yaml, examples/q32.yaml" in shown
    assert re.search(r"Сравнили: \d+\. 1 файл с ошибками не сравнили\.", shown)
    form = {"holds": "examples/q30.yaml", "other": "examples/q31.yaml"}
    location = vera.post(path, data={**form, "differ": "true"}).headers["location"]
    site.lab.tick("changes", "fetch")
    settled = read_change(vera, location)
    assert "examples/q30.yaml 1 messages:" in settled
    assert "examples/q31.yaml 1 messages:" in settled
    assert "same-meaning: Это разные вопросы." in read_file(site, "q30")
    left = page_text(vera.get(page)).partition("Самые близкие вопросы")[2]
    assert "Справа от лестницы. examples/q33.yaml" in left
    assert not re.search("В подвале.{,80}На крыше", left)
    assert vera.post(path, data=form).headers["location"].startswith(f"{page}&changed=")
    site.lab.tick("changes", "fetch")
    assert "- assistant: В подвале." in read_file(site, "q31")
    check_page(vera.post(path, data=form), "уже рассмотрено", status=409)


@pytest.mark.parametrize(
    ("act", "number", "known", "question", "answers"),
    [
        ("other", 40, "Пароль от Wi-Fi?", "Какой пароль у сети?", ["11", "22"]),
        ("same", 41, "Когда обед?", "Во сколько обедают?", ["44", "44"]),
        ("replace", 42, "Номер аудитории?", "В какой аудитории лекция?", ["55", "55"]),
    ],
)
def test_near_question_is_shown_before_saving_and_decided_by_one_press(
    site, vera, act, number, known, question, answers
):
    path = f"examples/q{number}.yaml"
    new, old = {"other": ("11", "22"), "same": ("33", "44"), "replace": ("55", "66")}[
        act
    ]
    site.lab.repository.commit_example(
        "trial", number, question=known, answer=f"Это {old}."
    )
    site.lab.tick("fetch")
    form = {"question": question, "answer": f"Это {new}."}
    asked = vera.post(BASE, data=form)
    assert (asked.status_code, "Пока не сохранено" in asked.text) == (422, True)
    choice = act if act == "other" else f"{act} {path}"
    assert f'value="{choice}"' in asked.text
    shown = re.findall('name="shown" value="(.*?)"', asked.text)
    assert shown[0] == path
    saving = vera.post(BASE, data=form | {"near": choice, "shown": shown})
    site.lab.tick("changes", "fetch")
    assert "examples/" in read_change(vera, saving.headers["location"])
    name = question.lower().replace(" ", "-").strip("?")
    saved = [read_file(site, each) for each in (name, f"q{number}")]
    assert [re.search(r"Это (\d+)", each)[1] for each in saved] == answers
    assert all(("same-meaning:" in each) == (act == "other") for each in saved)


@pytest.mark.parametrize(
    ("act", "number", "known", "old", "question", "new"),
    [
        ("same", 50, "Цена проезда?", "25 р.", "Почём автобус?", "30 р."),
        (
            "replace",
            51,
            "Когда вы открываетесь?",
            "С девяти.",
            "Во сколько вы открыты?",
            "С десяти.",
        ),
    ],
)
def test_correction_of_an_offered_question_takes_or_gives_its_answer(
    site, vera, act, number, known, old, question, new
):
    site.lab.repository.commit_example("trial", number, question=known, answer=old)
    site.lab.tick("fetch")
    proposal = Proposals(site.db).add(BOT, Draft(question, new, "trial", 1))
    choice = f"{act} {proposal} examples/q{number}.yaml"
    check_page(vera.get(PROPOSALS), f'value="{choice}"', "Это другой вопрос, принять")
    vera.post(PROPOSALS, data={"near": choice})
    site.lab.tick("changes", "fetch", "proposals")
    name = question.lower().replace(" ", "-").strip("?")
    asked, taught = (
        parse_example(read_file(site, each))
        for each in (f"from-chat/{name}", f"q{number}")
    )
    assert {asked.answer, taught.answer} == {old if act == "same" else new}
    assert asked.split == "train"


def test_correction_of_an_example_is_accepted_without_a_question_about_itself(
    site, vera
):
    question = "Где лежат костюмы драмкружка?"
    site.lab.repository.commit_example(
        "trial", 61, question=question, answer="В подсобке."
    )
    site.lab.tick("fetch")
    proposal = Proposals(site.db).add(BOT, Draft(question, "За сценой.", "trial", 1))
    page = vera.get(PROPOSALS).text
    card = page.partition(f'id="proposal-{proposal}"')[2].partition("</li>\n<li")[0]
    assert "examples/q61.yaml" in card
    assert "Это другой вопрос" not in card
    vera.post(PROPOSALS, data={"approve": proposal})
    site.lab.tick("changes", "fetch", "proposals")
    assert parse_example(read_file(site, "q61")).answer == "За сценой."


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"answer": "Деревья.", "tags": f"лес, {'д' * 65}"},
            "<span>Теги: String should have at most 64 characters",
        ),
        (
            {"answer": "Деревья.\nМного\fдеревьев."},
            "<span>Ответ: В строке 2 есть невидимый знак U+000C",
        ),
    ],
)
def test_refused_field_is_named_as_on_the_form(vera, fields, said):
    check_page(
        vera.post(BASE, data={"question": "Что такое лес?", **fields}), said, status=422
    )


def test_edit_of_another_tab_is_not_overwritten_unseen(site, vera):
    form = read_form(vera, example="q2") | {
        "question": "Что значит слово?",
        "near": "other",
    }
    first = {**form, "answer": "Первая вкладка."}
    second = {**form, "answer": "  Вторая вкладка."}
    assert vera.post(BASE, data=first).status_code == 303
    answer = vera.post(BASE, data=second)
    check_page(
        answer, "Конфликт правок", "Первая вкладка.", "Вторая вкладка.", status=422
    )
    second["revision"] = re.search('name="revision" value="([^"]*)"', answer.text)[1]
    assert vera.post(BASE, data=second).status_code == 303
    site.lab.tick("changes", "fetch")
    assert ">\n  Вторая вкладка.<" in vera.get(f"{BASE}/one?example=q2").text


def read_ticks(page):
    """Return the values of the boxes of wordings, as a browser sends them."""
    return [
        json.loads(html.unescape(each))
        for each in re.findall(r"name=\"wording\" value='([^']+)'", page)
    ]


def test_wordings_that_people_used_are_ticked_into_one_commit_and_live(site, vera):
    taught = site.lab.repository.folder / "datasets/trial/examples/q7.yaml"
    question = parse_example(taught.read_text("utf-8")).question
    asked = ["Седьмое слово - 'это' <что>?", "Про седьмое расскажи"]
    add_presses(site.db, "trial", asked[0], question, [1, 2, 3])
    add_presses(site.db, "trial", asked[1], question, [4])
    page = page_text(vera.get(PROPOSALS))
    assert "2 формулировки от людей" in page
    assert page.index("3 человека") < page.index("Спросили меньше трёх человек: 1")
    ticks = read_ticks(vera.get(PROPOSALS).text)
    assert ticks == [[question, each] for each in asked]
    check_page(
        vera.post(f"{PROPOSALS}/wordings", data={"act": "used"}),
        "Выберите хотя бы одну",
        status=409,
    )
    form = {"act": "used", "wording": [json.dumps(each) for each in ticks]}
    location = vera.post(f"{PROPOSALS}/wordings", data=form).headers["location"]
    assert vera.post(f"{PROPOSALS}/wordings", data=form).status_code == 409
    site.lab.tick("changes", "fetch", "proposals")
    assert "from-chat/" in read_change(vera, location)
    files = [
        parse_example(each.read_text("utf-8"))
        for each in taught.parent.glob("from-chat/*седьмое*.yaml")
    ]
    assert {each.question for each in files} == {*asked}
    assert {(each.split, each.source) for each in files} == {("train", "chat")}
    assert read_ticks(vera.get(PROPOSALS).text) == []


def test_wordings_are_dropped_or_shown_as_pulling_answers_together(site, vera):
    folder = site.lab.repository.folder / "datasets/trial/examples"
    one, other = (
        parse_example((folder / f"q{number}.yaml").read_text("utf-8")).question
        for number in (8, 9)
    )
    add_presses(site.db, "trial", "Расскажи о восьмом", one, [1, 2, 3])
    add_presses(site.db, "trial", "Восьмое или девятое?", one, [1])
    add_presses(site.db, "trial", "Восьмое или девятое?", other, [2])
    page = vera.get(PROPOSALS).text
    offered = page.partition('id="shared"')[0]
    assert "Расскажи о восьмом" in offered
    assert "Восьмое или девятое?" not in offered
    assert page_text(vera.get(PROPOSALS)).count(f"«{other}»: 1 человек") == 1
    ticks = [json.dumps(each) for each in read_ticks(page)]
    form = {"act": "decline", "wording": ticks}
    assert vera.post(f"{PROPOSALS}/wordings", data=form).status_code == 303
    assert "Восьмое" not in vera.get(PROPOSALS).text


def test_wording_that_may_not_be_taught_waits_with_its_error(site, vera):
    folder = site.lab.repository.folder / "datasets/trial/examples"
    question = parse_example((folder / "q6.yaml").read_text("utf-8")).question
    secret = "Чей это номер: +7 916 123-45-67?"
    form = {"act": "frames", "wording": json.dumps([question, secret])}
    page = vera.post(f"{PROPOSALS}/wordings", data=form)
    check_page(page, "похоже на телефон", status=409)
    waiting = Proposals(site.db).list_waiting(datasets=["trial"])
    assert [each.draft.question for each in waiting] == [secret]
    vera.post(PROPOSALS, data={"decline": waiting[0].proposal_id})


def test_answers_found_by_one_wording_are_a_task_with_a_way(site, vera):
    way = f'href="{PROPOSALS}?single=true#single"'
    check_page(vera.get("/admin/board"), way, "Находится по единственной формулировке")
    assert way in vera.get(PROPOSALS).text
    page = vera.get(PROPOSALS, params={"single": "true"}).text
    ticks = read_ticks(page)
    question, _ = ticks[0]
    assert "/examples/new?like=" in page
    form = {"act": "frames", "wording": json.dumps(ticks[0])}
    assert vera.post(f"{PROPOSALS}/wordings", data=form).status_code == 303
    site.lab.tick("changes", "fetch", "proposals")
    text = site.lab.repository.git("show", "HEAD")
    assert "+source: frames" in text
    single = vera.get(PROPOSALS, params={"single": "true"}).text
    assert question not in [each for each, _ in read_ticks(single)]
