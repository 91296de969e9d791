"""A correction that an editor approves replaces the example that asks the same."""

import pytest

from merlin.app import proposals
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.dataset.commit_message import format_subject
from merlin.dataset.example import parse_example
from merlin.dataset.proposals import Draft, ProposalFollower, Proposals
from merlin.wiring.context import make_cipher, open_migrated_database
from tests.engine.recall_models import train_and_ask
from tests.support.pipeline_lab import Lab
from tests.support.stand_ins import ProviderStandIn

pytestmark = pytest.mark.functional


@pytest.fixture
def lab(tmp_path):
    with ProviderStandIn() as provider:
        lab = Lab(tmp_path, provider.base_url)
        lab.repository.dataset()
        lab.repository.commit("First words")
        lab.repository.git("config", "receive.denyCurrentBranch", "updateInstead")
        lab.tick("fetch")
        yield lab


def taught(lab):
    """Return the examples that lie on the branch: name -> what each says."""
    folder = lab.repository.folder / "datasets/trial/examples"
    return {path.stem: parse_example(path.read_text("utf-8")) for path in folder.rglob("*.yaml")}


def test_correction_replaces_the_old_example_and_withdrawing_it_restores_nothing(
    lab,
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
        ctx, editor = Context(config=lab.config, db=database), Actor.operator()
        first, second = proposals.list_waiting(ctx, editor, 0, 10, "trial")
        found = proposals.find_replacements(ctx, editor, [first, second])
    replaced = found[first.proposal_id]
    assert [(example.id, example.answer) for example in replaced.examples] == [("q3", old)]
    assert [example.id for example in replaced.tests] == ["q10"]
    assert found[second.proposal_id].examples == found[second.proposal_id].tests == ()
    before = taught(lab)
    assert lab.approve_proposals(first.proposal_id) == [first.proposal_id]
    after = taught(lab)
    (added,) = after.keys() - before.keys()
    assert (before.keys() - after.keys(), after[added].answer) == ({"q3"}, new)
    subject = lab.repository.git("log", "-1", "--format=%s")
    assert subject == f"Replace example q3 with from-chat/{added}"
    assert format_subject(subject, "ru").endswith("» вместо q3")
    lessons = [each.messages for each in after.values() if each.split is None]
    assert train_and_ask(lessons, text.question, lab.config.state_dir) == new
    lab.tick("fetch")
    with open_migrated_database(lab.config) as database:
        database.cipher = make_cipher(lab.config, database)
        following = ProposalFollower(database)
        following.follow()
        Proposals(database).withdraw(7)
        following.follow()
    lab.tick("changes", "fetch")
    assert taught(lab).keys() == before.keys() - {"q3"}
