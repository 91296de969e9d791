"""Proposed examples from the command line: listed, approved by one commit, declined."""

import re

import pytest

from merlin.dataset.commit_message import format_subject
from merlin.dataset.example import parse_example
from merlin.dataset.proposals import Draft, ProposalFollower, Proposals
from merlin.engine.trainers.recall import train_and_answer
from merlin.wiring.context import make_cipher, open_migrated_database

pytestmark = pytest.mark.functional


@pytest.fixture
def lab(committed_lab):
    committed_lab.tick("fetch")
    return committed_lab


@pytest.fixture
def proposed(lab):
    """Propose two drafts of a teacher and a person's correction; return their numbers."""
    taught = {"model_id": "big", "origin": "distil", "cost_micro": 1200, "currency": "USD"}
    taught["note"] = "materials/a.md\n\nБуквы."
    with open_migrated_database(lab.config) as database:
        database.cipher = make_cipher(lab.config, database)
        rows = Proposals(database)
        rows.add_drafts([Draft(f"Что такое {it}?", "Это.", "trial", **taught) for it in "жз"])
        rows.add(7, Draft("Что это?", "\x00", "trial"))
        return [each.proposal_id for each in rows.list_waiting()]


def test_all_waiting_proposals_without_errors_become_one_commit(lab, run_json, run, proposed):
    first, second, third = proposed
    told = run_json("proposals", "list", "trial")
    assert [each["proposal"] for each in told] == proposed
    assert (told[0]["source"], told[0]["cost"]) == ("distil: big", "0.0012 USD")
    assert told[-1]["cost"] == ""
    code, table = run("proposals", "list", "trial")
    assert (code, "Что такое ж?" in table.out) == (0, True)
    assert re.search("distil: big +materials/a.md Буквы. +0.0012 USD\n", table.out), table.out
    result = run_json("proposals", "approve", "trial", "--all")
    assert (result["approved"], result["left"]) == ([first, second], 1)
    assert result["commit"] == lab.repository.git("rev-parse", "HEAD")
    told = lab.repository.git("log", "-1", "--format=%an %s")
    assert told == "boris Add 2 examples to trial"
    assert [each["proposal"] for each in run_json("proposals", "list", "trial")] == [third]


def test_text_of_several_lines_is_one_row_of_the_table(lab, run):
    with open_migrated_database(lab.config) as database:
        database.cipher = make_cipher(lab.config, database)
        Proposals(database).add_drafts([Draft("Что это?", "1. Раз.\n2. Два 👩\u200d🔧.", "trial")])
    code, table = run("proposals", "list", "trial")
    assert (code, "1. Раз. 2. Два 👩\u200d🔧." in table.out) == (0, True), table.out


def test_approving_all_succeeds_if_none_waits(lab, run_json, run):
    code, captured = run("proposals", "approve", "trial", "--all")
    assert (code, "trial has no waiting proposals" in captured.err) == (0, True)
    assert run_json("proposals", "approve", "trial", "--all") == {"approved": [], "left": 0}
    assert run("proposals", "approve", "nowhere", "--all")[0] == 1


def test_named_proposals_are_declined_and_the_rest_waits(run_json, proposed):
    assert run_json("proposals", "decline", "trial", str(proposed[0]), "999") == {"declined": 1}
    document = [each["proposal"] for each in run_json("proposals", "list", "trial")]
    assert document == proposed[1:]


def test_command_without_ids_says_what_it_needs(run, proposed):
    for verb in ("approve", "decline"):
        code, captured = run("proposals", verb, "trial")
        assert (code, "--all" in captured.err) == (2, True)
        code, captured = run("proposals", verb, "trial", "999")
        assert (code, "merlin proposals list trial" in captured.err) == (1, True)
    for command in (["list", "nowhere"], ["tests", "nowhere"], ["decline", "nowhere", "1"]):
        code, captured = run("proposals", *command)
        assert (code, "nowhere" in captured.err) == (1, True), captured.err


def taught(lab):
    """Return the examples that lie on the branch: name -> what each says."""
    folder = lab.repository.folder / "datasets/trial/examples"
    return {path.stem: parse_example(path.read_text("utf-8")) for path in folder.rglob("*.yaml")}


def test_correction_replaces_the_old_example_and_withdrawing_it_restores_nothing(
    lab, run_json, run
):
    old, new = "Понятие 3 значит ответ 21.", "Номер три стоит за вторым."
    lab.repository.example("trial", 10, answer=old, is_test=True)
    lab.repository.commit()
    lab.tick("fetch")
    text = parse_example((lab.repository.folder / "datasets/trial/examples/q3.yaml").read_text())
    with open_migrated_database(lab.config) as database:
        database.cipher = make_cipher(lab.config, database)
        # The second question has one word more than the example, so its proposal replaces nothing.
        for turn, words in enumerate((text.question.upper(), f"{text.question} Да?"), 1):
            Proposals(database).add(7, Draft(words, new, "trial", turn))
    first, second = run_json("proposals", "list", "trial")
    assert (first["replaces"], first["tests"]) == ({"q3": old}, ["q10"])
    assert (second["replaces"], second["tests"]) == ({}, [])
    code, table = run("proposals", "list", "trial")
    assert (code, "Test question q10 still expects" in table.out + table.err) == (0, True)
    before = taught(lab)
    result = run_json("proposals", "approve", "trial", str(first["proposal"]))
    assert result["commit"] == lab.repository.git("rev-parse", "HEAD")
    after = taught(lab)
    (added,) = after.keys() - before.keys()
    assert (before.keys() - after.keys(), after[added].answer) == ({"q3"}, new)
    subject = lab.repository.git("log", "-1", "--format=%s")
    assert subject == f"Replace example q3 with from-chat/{added}"
    assert format_subject(subject, "ru").endswith("» вместо q3")
    lessons = [each.messages for each in after.values() if each.split is None]
    assert train_and_answer((lessons, [text.question])) == [new]
    lab.tick("fetch")
    with open_migrated_database(lab.config) as database:
        database.cipher = make_cipher(lab.config, database)
        following = ProposalFollower(database)
        following.follow()
        Proposals(database).withdraw(7)
        following.follow()
    lab.tick("changes", "fetch")
    assert taught(lab).keys() == before.keys() - {"q3"}
