"""Measure whether corrected answers are the answers of the next model, and no old one is.

The sample dataset `algorithms`, with another wording for 30 answers, is trained by `recall`. People
ask 30 paraphrases and correct what they get; an editor accepts all; the model is trained again and
asked the paraphrases and every wording. Then the same of a swimming pool (`corrections_hard.yaml`):
questions far from the taught ones in words, for which an editor replaces the answer of the example
that is shown with the correction. Jobs run at a stand-in: both models are trained here, on the
training files of the builds.
"""

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.recall import ROOT, AskFunction, example_files, read_yaml, train_recall
from merlin.account.users import Consents
from merlin.app import changes, feedback, near, proposals
from merlin.app.actor import Actor
from merlin.app.context import Context
from merlin.chat.model_catalogue import ModelCatalogue
from merlin.chat.sessions import ChatPlace, Sessions
from merlin.chat.turns import Question, StoredAnswer, Turns
from merlin.core.permissions import Authority
from merlin.dataset.example_file import write_turns

NAME = "algorithms"
BOT = 7
FIRST_PERSON = 1000
PARAPHRASES: Mapping[str, str] = read_yaml(Path(__file__).with_suffix(".yaml"))


def run() -> None:
    """Print how many paraphrases and wordings get the new answer, and how many an old one."""
    taught = {
        name: example["messages"]
        for name, example in example_files(NAME, test=False).items()
    }
    cases = read_yaml(ROOT / f"tests/engine/questions/{NAME}.yaml")["paraphrases"]
    wordings = {
        case["expect"]: case["ask"] for case in cases if case["expect"] in PARAPHRASES
    }
    old = {name: taught[name][-1]["assistant"].strip() for name in PARAPHRASES}
    again = {
        f"{name}-again": [{"user": wording}, taught[name][-1]]
        for name, wording in wordings.items()
    }
    with _teach({**taught, **again}) as lab:
        ask = _train(lab)
        first = {name: ask(question) for name, question in PARAPHRASES.items()}
        pairs = {
            PARAPHRASES[name]: (first[name], _new_answer(name)) for name in PARAPHRASES
        }
        _correct(lab, pairs)
        lab.approve_proposals(dataset=NAME)
        ask = _train(lab)
    # A correction of a refusal is a new example: the answer of the wordings was not corrected.
    answered = [name for name in PARAPHRASES if first[name].text.strip() == old[name]]
    print("asked | new answer | an old answer")
    questions = {name: taught[name][0]["user"] for name in answered}
    others = {name: wordings[name] for name in answered}
    rows = {
        "paraphrases": PARAPHRASES,
        "their questions": questions,
        "other wordings": others,
    }
    for title, asked in rows.items():
        now = {name: ask(question).text.strip() for name, question in asked.items()}
        right = sum(now[name] == _new_answer(name) for name in now)
        stale = sum(answer in old.values() for answer in now.values())
        print(f"{title} | {right} of {len(now)} | {stale}")
        for name, answer in now.items():
            if answer != _new_answer(name):
                print(f"  {asked[name]} → {answer[:60] or 'refused'}")
    run_hard()


def run_hard() -> None:
    """Print how many asked and taught wordings of the pool get the new answer, how many the old."""
    cases = read_yaml(Path(__file__).with_name("corrections_hard.yaml"))
    taught = {
        f"{place}-{number}": [{"user": question}, {"assistant": case["answer"]}]
        for place, case in enumerate(cases)
        for number, question in enumerate(case["taught"])
    }
    with _teach(taught) as lab:
        ask = _train(lab)
        corrections = {
            case["asked"]: (ask(case["asked"]), case["corrected"]) for case in cases
        }
        _correct(lab, corrections)
        shown = _approve_near(lab, {case["asked"]: case["answer"] for case in cases})
        ask = _train(lab)
    said = {
        question: (ask(question).text.strip(), case)
        for case in cases
        for question in (case["asked"], *case["taught"])
    }
    right = [
        question for question, (text, case) in said.items() if text == case["corrected"]
    ]
    asked = {case["asked"] for case in cases}
    print(f"hard: shown | {shown} of {len(cases)}")
    print(f"hard: asked | {len(asked & {*right})} of {len(asked)}")
    print(f"hard: taught | {len({*right} - asked)} of {len(said) - len(asked)}")
    print(
        f"hard: an old answer | {sum(text == case['answer'] for text, case in said.values())}"
    )


def _approve_near(lab: Any, old: Mapping[str, str]) -> int:
    """Accept each correction, with the answer of the example that it is about, if it is shown."""
    replaced = dict[int, str]()
    with lab.services() as services:
        ctx = Context(config=lab.config, db=services.db)
        editor = Actor.operator()
        waiting = proposals.list_waiting(ctx, editor, 0, len(old), NAME)
        files = changes.read_files(ctx, editor, NAME)
        found = near.find_near_corrections(
            ctx,
            files,
            waiting,
            proposals.find_corrected(ctx, editor, waiting),
            near.list_offered(ctx, editor, waiting),
        )
    for each in waiting:
        answer = old[each.draft.question]
        if answer in {example.answer for example in found.get(each.proposal_id, ())}:
            replaced[each.proposal_id] = answer
    lab.approve_proposals(replaced=replaced, dataset=NAME)
    known = sum(bool(each.draft.known_answer) for each in waiting)
    return len(replaced) + known


def _new_answer(name: str) -> str:
    return f"Исправленный ответ о теме {name}."


@contextmanager
def _teach(examples: Mapping[str, list[dict[str, str]]]) -> Iterator[Any]:
    """Yield a pipeline whose dataset has these examples, and a live model of them."""
    from tests.support.pipeline_lab import Lab
    from tests.support.stand_ins import ProviderStandIn

    with tempfile.TemporaryDirectory() as folder, ProviderStandIn() as provider:
        lab = Lab(Path(folder), provider.base_url)
        lab.repository.dataset(NAME, count=0)
        for name, turns in examples.items():
            path = lab.repository.folder / f"datasets/{NAME}/examples/{name}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            pairs = [pair for turn in turns for pair in turn.items()]
            path.write_text(write_turns(pairs, ()), "utf-8")
        lab.repository.commit()
        lab.repository.git("config", "receive.denyCurrentBranch", "updateInstead")
        lab.until_serving(f"{NAME}-1", NAME)
        yield lab


def _train(lab: Any) -> AskFunction:
    """Train `recall` on the training file of the newest build."""
    (*_, newest) = sorted((lab.config.state_dir / "builds" / NAME).iterdir())
    lines = (newest / "train.jsonl").read_text("utf-8").splitlines()
    conversations = [
        [
            {message["role"]: message["content"]}
            for message in json.loads(line)["messages"]
        ]
        for line in lines
    ]
    ask, _seconds = train_recall(conversations, lab.folder / newest.name)
    return ask


def _correct(lab: Any, asked: Mapping[str, tuple[Any, str]]) -> None:
    """Ask each question as another person, who gets this answer and corrects it so."""
    with lab.services() as services:
        ctx = Context(config=lab.config, db=services.db)
        db = services.db
        serving = ModelCatalogue(db).find_serving(NAME)
        assert serving is not None
        for number, (text, (answer, better)) in enumerate(asked.items(), FIRST_PERSON):
            Consents(db).give(number, "2026-11-22")
            session = Sessions(db, BOT).open(ChatPlace(number, number, dataset=NAME))
            question = Question(session.session_id, number, number, text, number)
            turn = Turns(db, BOT).ask(question, number)
            model_id = serving.model.model_id
            shown = answer.text or "Этого я не знаю."
            offered = "\n".join(answer.nearest)
            stored = StoredAnswer(
                shown, model_id=model_id, known=answer.known, nearest=offered
            )
            Turns(db, BOT).write(number, stored)
            person = Actor.person(number, Authority())
            feedback.correct(ctx, person, turn.turn_id, better, "ru")
