"""The story of a commit: the lines of its errors, and what it changed, read from the mirror."""

import re
from dataclasses import replace

import pytest

from merlin.git.repository import GitSource
from merlin.wiring import api
from tests.api.running_api import VERA, check_page
from tests.api.staff_api import run_daemon_api

pytestmark = pytest.mark.integration

BROKEN = """\
messages:
  - user: Что такое <b>зонт</b>?
  - assistent: Колесо без ребра.
tag: [графы]
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with run_daemon_api(tmp_path_factory.mktemp("office")) as site:
        services = site.services
        configured = api.services_of(site.lab.config, services.store)
        site.app.state.services = replace(services, source=configured.source)
        yield site


@pytest.fixture
def vera(site):
    with site.browser_client(VERA) as client:
        yield client


def write(site, path, text):
    file = site.lab.repository.folder / "datasets" / "trial" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def open_story(site, client, subject):
    commit = site.lab.repository.commit(subject)
    site.lab.tick("fetch")
    page = client.get("/admin/board", params={"commit": commit})
    assert page.status_code == 200
    return page.text


def test_error_is_shown_at_its_line_and_leads_to_the_filled_form(site, vera):
    write(site, "examples/graphs/umbrella.yaml", BROKEN)
    page = open_story(site, vera, "Teach an umbrella")
    assert 'aria-current="true"><code>  - assistent: Колесо без ребра.</code>' in page
    assert "&lt;b&gt;зонт&lt;/b&gt;" in page
    assert "не учтён" in page
    assert page.count(">Исправить</a>") == 1
    link = re.search(r'href="(/datasets/trial/examples/one[^"#]*)', page)[1]
    check_page(
        vera.get(link),
        "Что такое &lt;b&gt;зонт&lt;/b&gt;?</textarea>",
        "Колесо без ребра.</textarea>",
        "- assistent:",
    )


def test_changes_are_side_by_side_and_notes_on_other_files_are_folded(site, vera):
    site.lab.repository.example("trial", 3, answer="Иначе.")
    page = open_story(site, vera, "Answer otherwise")
    (row,) = re.findall(r'<tr class="changed">.*</tr>', page)
    assert re.findall(r'class="(del|add)"><code><span>.</span>(.*?)</code>', row) == [
        ("del", "  - assistant: Понятие 3 значит ответ 21."),
        ("add", "  - assistant: Иначе."),
    ]
    parts = re.findall(r'<details class="fold">.*?</details>', page, re.DOTALL)
    (folded,) = [part for part in parts if "прежн" in part]
    # The umbrella's error is left, and is not this commit's.
    link = re.search(
        r'commit=(\w+)#story-trial">осталась ошибка прежнего коммита', page
    )
    assert (
        "Teach an umbrella" in vera.get("/admin/board", params={"commit": link[1]}).text
    )
    assert "/datasets/trial/examples/one" not in page
    assert "chip bad" not in page
    # One more leads to the commit whose error is left.
    assert folded.count("<li") + 1 == page.count('<li class="warn">')


@pytest.mark.parametrize("is_lost", [False, True])
def test_commit_without_the_mirror_says_where_the_changes_are(
    site, vera, tmp_path, is_lost
):
    remote = str(site.lab.repository.folder)
    lost = GitSource(remote, "main", "datasets", tmp_path / "mirror.git")
    source = (lambda: lost) if is_lost else None
    site.app.state.services = replace(site.services, source=source)
    site.lab.repository.example("trial", 3, answer=f"И так, {is_lost}.")
    page = open_story(site, vera, "Answer so")
    assert "они есть в git" in page
