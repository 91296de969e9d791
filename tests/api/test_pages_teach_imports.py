"""The page that imports a file: it shows what the examples will be, and makes one commit."""

import html
import json
import re
import secrets
import signal
import socket
import zlib
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.api.running_api import check_page
from tests.api.staff_api import page_text, run_daemon_api
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

PAGE = "/datasets/trial/import"
FAQ = "ЧаВо кафедры;;\nВопрос;Ответ;\nКак войти?;По <b>ссылке</b>.;\n".encode("cp1251")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with run_daemon_api(tmp_path_factory.mktemp("import")) as site:
        yield site


def send(vera, content, name="faq.csv", language="ru"):
    files = {"file": (name, content)}
    return vera.post(
        PAGE,
        params={"lang": language},
        data={"once": secrets.token_hex(16)},
        files=files,
    )


def read_form(page):
    """Return the hidden fields of the form that follows the first rows."""
    fields = re.findall(
        r'type="hidden" name="(\w+)" value="([^"]*)"', page.text.split("</form>")[1]
    )
    return {name: html.unescape(value) for name, value in fields}


def test_file_is_shown_as_examples_and_saved_in_one_commit(site, vera):
    assert "Загрузить файл" in page_text(vera.get("/datasets/trial/examples"))
    page = send(vera, FAQ)
    for shown in (
        "1 новый пример. Уже известны: 0. Пропущены с ошибками: 0.",
        "Как войти?",
        "По ссылке.",
        "прочитан как cp1251",
        "1 строка над заголовком",
    ):
        assert shown in page_text(page)
    form = read_form(page) | {"act": "save"}
    saved = [vera.post(PAGE, data=form) for _ in range(2)]
    assert [each.status_code for each in saved] == [303, 303]
    assert saved[0].headers["location"] == saved[1].headers["location"]
    site.lab.tick("changes", "fetch")
    shown = site.lab.repository.git("show", "HEAD")
    assert "+  - user: Как войти?\n+  - assistant: По ссылке." in shown
    assert "1003@telegram.invalid" in shown
    again = send(vera, FAQ)
    assert "Уже известны: 1" in page_text(again)
    check_page(
        vera.post(PAGE, data=read_form(again) | {"act": "save"}),
        "все примеры файла уже известны",
        status=422,
    )


def test_columns_of_a_table_with_other_names_are_chosen(site, vera):
    page = send(vera, "Name,Text\nHow?,So.\n", language="en")
    assert "These columns are there: Name, Text." in page_text(page)
    found = re.findall(r"<option(?: selected)?>(\w+)</option>", page.text)
    assert found == ["Name", "Text"] * 2
    chosen = read_form(page) | {"question": "Name", "answer": "Text"}
    page = vera.post(PAGE, data=chosen)
    assert "So." in page_text(page)
    kept = read_form(page)
    assert (kept["question"], kept["answer"]) == ("Name", "Text")


def test_columns_that_what_stands_below_proposes_are_chosen_already(site, vera):
    page = send(
        vera, "№,О чём,Что отвечаем\n1,Как войти?,По ссылке.\n2,А если?,Никак.\n"
    )
    assert re.findall(r"<option selected>([^<]+)</option>", page.text) == [
        "О чём",
        "Что отвечаем",
    ]
    chosen = read_form(page) | {"question": "О чём", "answer": "Что отвечаем"}
    shown = vera.post(PAGE, data=chosen)
    assert "Никак." in page_text(shown)


def test_several_files_are_read_together(site, vera):
    nlu = "nlu:\n- intent: hi\n  examples: '- Hi'\n"
    domain = "responses:\n  utter_hi:\n  - text: Hello.\n"
    files = [("file", ("nlu.yml", nlu)), ("file", ("domain.yml", domain))]
    page = vera.post(PAGE, params={"lang": "en"}, data={"once": "a" * 32}, files=files)
    assert "1 new example." in page_text(page)


def test_file_that_is_too_large_missing_or_cut_is_refused(site, vera):
    check_page(
        send(vera, b"x" * (4 * 1024 * 1024 + 1), language="en"),
        "larger than 4 MB",
        status=422,
    )
    huge = send(vera, b"x" * (7 * 1024 * 1024), language="en")
    assert huge.status_code == 413
    none = vera.post(PAGE, params={"lang": "en"}, data={"once": "a" * 32})
    check_page(none, "Choose a file.", status=422)
    forged = ["[" * 150_000, '["a"]', '[["a", 1]]', '[["ж", "a.csv"]]', "{}"]
    packed = [urlsafe_b64encode(zlib.compress(each.encode())) for each in forged]
    for kept in ("AAAA", "ключ", *(each.decode() for each in packed)):
        for act in ("show", "save"):
            cut = vera.post(
                PAGE, params={"lang": "en"}, data={"kept": kept, "act": act}
            )
            assert cut.status_code == 422
            assert "didn't arrive whole" in html.unescape(cut.text)


def test_file_with_errors_alone_shows_them_and_nothing_to_save(site, vera):
    page = send(vera, '{"prompt": "A?", "completion": ""}', "a.jsonl", "en")
    assert "the answer has no text" in page_text(page)
    assert 'value="save"' not in page.text


CHECKED = "question,answer,Checked,Comment\nOn?,Press.,yes,a\nOff?,Pull.,no,b\n"


def test_fields_that_may_mean_something_are_asked_before_anything_is_saved(site, vera):
    page = send(vera, CHECKED, "faq.csv", "en")
    shown = page_text(page)
    assert "Nothing is saved yet: say what 2 fields mean." in shown
    assert "yes (1)" in shown
    assert 'value="save"' not in page.text
    ticked = re.findall(r"name=\"taken\" value='([^']*)' checked", page.text)
    assert ticked == ['["Checked", "yes"]', '["Comment", "a"]', '["Comment", "b"]']
    assert page.text.count('value=\'["only", ') == 2
    form = read_form(page)
    unasked = vera.post(PAGE, data=form | {"act": "save"})
    check_page(unasked, "Nothing is saved yet", status=422)
    said = {
        "meaning": ['["only", "Checked"]', '["note", "Comment"]'],
        "taken": ['["Checked", "yes"]'],
    }
    page = vera.post(PAGE, data=form | said)
    assert "1 new example." in page_text(page)
    assert "1 record with another value" in page_text(page)
    saved = vera.post(PAGE, data=read_form(page) | said | {"act": "save"})
    assert saved.status_code == 303
    site.lab.tick("changes", "fetch")
    added = site.lab.repository.git("show", "HEAD")
    assert "+  - user: On?\n+  - assistant: Press." in added
    assert "+note: a" in added
    assert "Off?" not in added


def test_meanings_that_the_page_did_not_offer_are_refused(site, vera):
    form = read_form(send(vera, CHECKED, "faq.csv", "en"))
    for name, value in (("meaning", "x"), ("meaning", '["a"]'), ("taken", "[1, 2]")):
        page = vera.post(PAGE, data=form | {name: value})
        assert page.status_code == 422


def test_downloaded_examples_are_all_known_to_an_import(site, vera):
    shown = vera.get("/datasets/trial/examples")
    found = re.findall(r'href="/datasets/trial/export/(\w+)" download', shown.text)
    assert found == ["xlsx", "csv", "jsonl"]
    for form in found:
        file = vera.get(f"/datasets/trial/export/{form}")
        name = f"trial.{form}"
        said = file.headers["content-disposition"]
        assert said == f"attachment; filename*=UTF-8''{name}"
        again = page_text(send(vera, file.content, name, "en"))
        count = len(vera.get("/datasets/trial/export/jsonl").text.splitlines())
        assert f"Nothing to save. Already known: {count}." in again


SHAPE = "id,question,answer,Reviewed,Remark\n1,Open?,At nine.,yes,a\n2,Close?,At six.,no,b\n"
DECIDED = {
    "meaning": ['["only", "Reviewed"]', '["leave", "Remark"]'],
    "taken": ['["Reviewed", "yes"]'],
}


def read_chosen(page):
    """Return what the table of fields and the name say already."""
    chosen = re.findall(r"<option value='([^']*)' selected>", page.text)
    ticked = re.findall(r"name=\"taken\" value='([^']*)' checked", page.text)
    name = re.findall(r'name="as_name" value="([^"]*)"', page.text)
    return {"meaning": chosen, "taken": ticked, "as_name": name[0] if name else ""}


def save(site, vera, page, **more):
    """Save what a page shows, as it is shown; return the commit."""
    form = read_form(page) | read_chosen(page) | more | {"act": "save"}
    saved = vera.post(PAGE, data=form)
    assert saved.status_code == 303, page_text(saved)
    site.lab.tick("changes", "fetch")
    return site.lab.repository.git("show", "HEAD")


def test_next_file_of_the_same_fields_is_saved_as_it_comes(site, vera):
    page = send(vera, SHAPE, "hours.csv", "en")
    assert read_chosen(page)["as_name"] == "hours"
    page = vera.post(PAGE, data=read_form(page) | DECIDED | {"as_name": "times"})
    first = save(site, vera, page)
    assert "+times:\n+  only:\n+    Reviewed:" in first
    assert "(imports.yaml: times)" in first
    page = send(vera, SHAPE.replace("nine", "ten"), "winter.csv", "en")
    assert "No new examples. 1 changed example." in page_text(page)
    content = SHAPE.replace("nine", "ten") + "3,Lunch?,At one.,yes,a\n"
    page = send(vera, content, "winter.csv", "en")
    shown = page_text(page)
    assert "The fields mean what they did last time, as times." in shown
    assert "1 new example. 1 changed example." in shown
    assert "Before Open? At nine." in shown
    assert read_chosen(page) == DECIDED | {"as_name": "times"}
    second = save(site, vera, page)
    assert "-  - assistant: At nine." in second
    assert "imports.yaml" not in second
    # A value that no one has decided on is asked about, the rest is not.
    page = send(vera, content.replace("no,b", "soon,b"), "spring.csv", "en")
    assert "say what 1 field means" in page_text(page)
    assert read_chosen(page) == DECIDED | {
        "meaning": ['["leave", "Remark"]'],
        "as_name": "times",
    }


def test_last_question_of_a_conversation_stands_above_its_answer(vera):
    turns = [("user", "Hi?"), ("assistant", "Hello."), ("user", "Open?")]
    messages = [
        {"role": role, "content": content}
        for role, content in (*turns, ("assistant", "At nine."))
    ]
    shown = page_text(send(vera, json.dumps({"messages": messages}), "a.jsonl", "en"))
    assert "Open? At nine." in shown


def test_known_example_with_another_answer_is_named_before_saving(vera):
    (record,) = vera.get("/datasets/trial/export/jsonl").text.splitlines()[:1]
    question = json.loads(record)["messages"][-2]["content"]
    other = json.dumps({"question": question, "answer": "Nobody knows."})
    shown = page_text(send(vera, other, "other.json", "en"))
    assert "1 new example." in shown
    assert "answers this question differently." in shown


def test_gone_records_are_removed_if_ticked(site, vera):
    content = "id,question,answer\n1,Left?,Yes.\n2,Right?,No.\n"
    save(site, vera, send(vera, content, "ways.csv", "en"))
    rest = content.replace("2,Right?,No.\n", "")
    page = send(vera, rest, "ways.csv", "en")
    assert "Remove 1 example whose record is gone from the file Right?" in page_text(
        page
    )
    assert 'name="remove_gone" value="true">' in page.text
    kept = vera.post(PAGE, data=read_form(page) | {"act": "save"})
    check_page(kept, "all examples of the file are known", status=422)
    assert 'name="remove_gone" value="true" checked>' not in kept.text
    removed = save(site, vera, page, remove_gone="true")
    assert "-  - user: Right?" in removed


def test_name_that_is_none_is_refused(site, vera):
    form = read_form(send(vera, SHAPE, "hours.csv", "en"))
    page = vera.post(PAGE, data=form | DECIDED | {"as_name": "a b"})
    check_page(page, "For example: a-b", status=422)


def list_all_children():
    """Return the process ids of the children of every thread."""
    lists = Path("/proc/self/task").glob("*/children")
    return {child for each in lists for child in each.read_text().split()}


def test_others_are_answered_while_a_slow_file_is_read_and_who_leaves_ends_it(
    site, vera
):
    before = list_all_children()
    slow = b"Q: a\n" + b"A: b\n" * 700_000
    files = {"file": ("slow.md", slow)}
    request = vera.build_request("POST", PAGE, data={"once": "b" * 32}, files=files)
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    address = (request.url.host, request.url.port)
    with capture_logs() as logs:
        with socket.create_connection(address) as connection:
            connection.sendall(f"POST {PAGE} HTTP/1.1\r\n{head}\r\n".encode())
            connection.sendall(request.read())
            wait_until(lambda: list_all_children() - before)
            assert vera.get("/datasets/trial/examples").status_code == 200
            assert list_all_children() - before, "it is still being read"
        wait_until(lambda: any("reader ended" in each["event"] for each in logs))
        assert vera.get("/datasets/trial/examples").status_code == 200
    assert not [each for each in logs if each["log_level"] == "error"]
    ended = [each for each in logs if "reader ended" in each["event"]]
    assert [each["status"] for each in ended] == [-signal.SIGKILL]
    assert not list_all_children() - before
