"""The word for a commit is the same on every surface, after any history.

The surfaces: board, story, list of commits and page of the edit; REST; `merlin log` and `merlin
status`; the demo's page; the status at the forge and the message to the editor, which tell what was
found and not what came after.
"""

import json
import random
import re
from dataclasses import replace
from functools import partial

import pytest

from merlin.app.actor import Actor
from merlin.app.reviews import approve
from merlin.app.verdicts import REPORTED, find, list_of_condition, notify_editors
from merlin.cli import main
from merlin.core.clock import utc_now
from merlin.core.errors import MerlinError
from merlin.core.i18n import text
from merlin.core.permissions import Authority, Role
from merlin.dataset.changes import BatchResult, Changes
from merlin.dataset.commit_message import telegram_editor
from merlin.dataset.proposals import Draft, Proposals, example_yaml
from merlin.dataset.verdicts import ON_BRANCH
from merlin.db.tables import CHANGE, VERDICT
from merlin.sandbox.demo.story import find_newest_progress
from merlin.training.commit_state import CommitState, compute_state
from merlin.training.jobs import JobState
from merlin.training.promote import roll_back
from tests.api.running_api import NOT_LIMITED, VERA, run_site
from tests.api.staff_api import DaemonSite
from tests.db.pipeline_rows import (
    FACE,
    PipelineRows,
    commit_edit,
    make_examples,
    make_spec,
    push_wrong,
)
from tests.support.forge_standin import PROJECT, TOKEN, ForgeServer
from tests.support.http_servers import serve_http
from tests.support.pipeline_lab import Lab
from tests.support.process_settings import ProcessSettings

pytestmark = pytest.mark.integration

EDITOR = telegram_editor(VERA, "Vera")
UNREACHED = text("ru", "reach-none")
CHIP = r'<span class="chip[^"]*">(?:<svg.*?</svg>)?([^<]*)</span>'


@pytest.fixture
def site(tmp_path, monkeypatch, clock):
    monkeypatch.setenv("MERLIN_FORGE_TOKEN", TOKEN)
    with serve_http(ForgeServer("github")) as forge:
        statuses = {"kind": "github", "url": forge.api, "project": PROJECT}
        repository = {"url": "repository", "interval_s": 0.2, "statuses": statuses}
        lab = Lab(tmp_path, "http://127.0.0.1:1", repository=repository, language="en")
        settings = ProcessSettings(
            database=lab.config.database,
            state_dir=lab.config.state_dir,
            listening=NOT_LIMITED,
            config=lab.config,
        )
        with run_site(settings, partial(DaemonSite, lab)) as site, site.admin:
            # A forge is told what is not older than a week.
            clock.move((utc_now() - clock()).total_seconds() - 3600)
            site.forge, site.world = forge, PipelineRows(site.db, clock)
            yield site


class History:
    """Random acts of people and of Merlin upon one dataset, each at the next position."""

    def __init__(self, world, seed):
        self.world = world
        self.chance = random.Random(seed)  # noqa: S311 - no secret
        self.position = 0
        self.texts = {}
        self.acts = []

    def act(self):
        """Do one act, on from the newest commit."""
        acts = [getattr(self, name) for name in vars(History) if name.startswith("do_")]
        chosen = self.chance.choice([*acts, self.do_edit, self.do_undo, self.do_undo])
        self.position += 1
        self.acts.append(chosen.__name__)
        self.world.clock.move(60)
        chosen()

    def push(self):
        return self.world.push(
            self.position, make_examples(12 + self.position), name=self.name
        )

    @property
    def name(self):
        """Return the first digits of the commit's hash: no other one has them."""
        return f"{len(self.acts):03x}"

    def edit(self, path, new):
        texts = (self.texts.get(path), new)
        paths = (path,)
        commit_edit(self.world, self.position, texts, paths=paths, name=self.name)
        self.texts[path] = new

    def do_commit(self):
        self.push()

    def do_edit(self):
        name = self.chance.choice("xy")
        self.edit(f"examples/{name}.yaml", f"text {self.position}")

    def do_undo(self):
        path = self.chance.choice([*self.texts, "examples/x.yaml"])
        self.edit(path, None if self.texts.get(path) else "text")

    def do_correction(self):
        rows = Proposals(self.world.db)
        draft = Draft("Когда?", f"В {self.position}.", FACE, 0)
        number = rows.add(VERA, replace(draft, turn_id=self.position))
        admin = Actor.person(VERA, Authority(Role.ADMIN))
        approve(self.world.ctx, admin, number, example_yaml(draft), EDITOR)
        sha = self.push()
        changes = Changes(self.world.db, self.world.clock)
        changes.settle(changes.claim(), BatchResult(sha))

    def do_break(self):
        push_wrong(self.world, self.position, 3, name=self.name)

    def do_serve(self):
        self.world.serve(
            self.position, make_examples(12 + self.position), name=self.name
        )

    def do_fail(self):
        self.push()
        for job in self.world.launch():
            self.world.finish(job, JobState.FAILED)

    def do_train(self):
        self.push()
        self.world.launch()

    def do_pin(self):
        self._of_live(partial(self.world.promotions.pin, is_pinned=True))

    def do_roll_back(self):
        self._of_live(partial(roll_back, self.world.promotions, by="cli:vera"))

    def _of_live(self, act):
        self.push()
        try:
            act(dataset=FACE)
        except MerlinError:
            self.acts.append("nothing to do that with")

    def do_force_push(self):
        self.position = max(self.position - 2, 1)
        self.world.history.drop_commits(self.position - 1, self.world.clock())
        self.push()


@pytest.mark.parametrize("seed", range(8))
def test_word_for_a_commit_is_the_same_everywhere(site, capsys, seed):
    history = History(site.world, seed)
    with site.browser_client(VERA) as vera:
        for _ in range(12):
            history.act()
            notify_editors(site.db, site.lab.config)
        site.lab.tick("status")
        listed = list_of_condition(
            site.world.ctx, ON_BRANCH & (VERDICT.dataset == FACE)
        )
        states = {view.commit: view.state for view in listed}
        assert len(states) > 1, history.acts
        assert states == read_log(site, capsys), history.acts
        words = {commit: text("ru", state.text_key) for commit, state in states.items()}
        assert words == read_list(vera), history.acts
        newest = listed[0]
        assert read_status(site, capsys) == (newest.commit, newest.state), history.acts
        shown = find_newest_progress(site.world.ctx, FACE, "ru")
        word = shown["commit"], shown["state"]["text"]
        assert word == (newest.commit, words[newest.commit]), history.acts
        for commit, word in read_board(vera).items():
            # The model that answers may be of a commit that a force push took away.
            state = find(site.world.ctx, FACE, commit).state
            assert word == text("ru", state.text_key), history.acts
        for view in listed:
            assert read_story(vera, view.commit) == words[view.commit], history.acts
            check_what_was_told(site, view)
        check_edits(site, vera, history.acts)


def test_pages_say_which_live_model_people_cannot_ask(site):
    site.world.serve(1, make_examples())
    site.world.serve(2, make_examples(), spec=make_spec("trial"), name="b")
    commit = site.world.verdict(2).commit
    with site.browser_client(VERA) as vera:
        pages = {
            "/admin/board": 1,
            f"/admin/board?commit={commit}": 2,
            "/admin/models": 1,
        }
        found = {path: vera.get(path).text.count(UNREACHED) for path in pages}
    assert found == pages


def word_of(chip):
    """Return a chip's word: one that counts the left out examples says the same."""
    is_count = chip.startswith("не учт")
    return text("ru", CommitState.LEFT_OUT.text_key) if is_count else chip


def read_log(site, capsys):
    """Return the states of `merlin log`."""
    capsys.readouterr()
    assert main(["log", "--json", "--limit", "50", "--config", str(site.lab.path)]) == 0
    rows = json.loads(capsys.readouterr().out)
    return {row["commit"]: row["state"] for row in rows}


def read_status(site, capsys):
    """Return the newest commit and its state of `merlin status`."""
    assert main(["status", "--json", "--config", str(site.lab.path)]) == 0
    row = json.loads(capsys.readouterr().out)["datasets"][FACE]
    return row["commit"], row["state"]


def read_list(client):
    """Return the words of the list of all commits."""
    page = client.get(f"/datasets/{FACE}/commits").text
    rows = re.findall(rf"<li><div><a.*?commit=(\w+)#.*?{CHIP}", page, re.DOTALL)
    return {commit: word_of(chip) for commit, chip in rows}


def read_board(client):
    """Return the words of the board's cards."""
    cards = re.findall(
        r'<li class="slip.*?</li>', client.get("/admin/board").text, re.DOTALL
    )
    return {
        re.search(r'id="card-(\w+)-' + FACE, card)[1]: word_of(re.search(CHIP, card)[1])
        for card in cards
    }


def read_story(client, commit):
    """Return the word of a commit's story."""
    page = client.get("/admin/board", params={"commit": commit}).text
    return word_of(re.search(CHIP, page[page.index(f'id="story-{FACE}"') :])[1])


def check_what_was_told(site, view):
    """Check the status at the forge, and the message to the editor: what was found."""
    found = compute_state(view.status, view.reason)
    moved = (CommitState.WAS_LIVE, CommitState.TESTING)
    assert view.state is found or view.state.is_of_later or view.state in moved
    status = site.forge.statuses_of(view.commit, f"merlin/{FACE}")[-1]
    word = text("en", f"status-{found}", build=view.build or FACE)
    assert (status["state"], status["description"][: len(word)]) == (found.forge, word)
    told = [
        row.reported_status
        for row in site.db.rows(CHANGE.select().where(CHANGE.commit_sha == view.commit))
    ]
    assert not told or view.status not in REPORTED or {*told} == {found.value}


def check_edits(site, client, acts):
    """Check the page of each edit and its answer of REST."""
    rows = {row.batch: row for row in site.db.rows(CHANGE.select())}
    for batch, row in rows.items():
        state = find(site.world.ctx, FACE, row.commit_sha).state
        page = client.get(f"/changes/{batch}").text
        assert word_of(re.search(CHIP, page)[1]) == text("ru", state.text_key), acts
        answer = site.admin.get(f"/api/changes/{batch}").json()
        assert (answer["state"], answer["commit_state"]) == (row.state, state), acts
