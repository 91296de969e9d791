"""`merlin eval`: two models of one repository, compared by their stored answers."""

import pytest

from merlin.db.tables import MODEL, PROOF_ANSWER
from merlin.wiring.context import open_migrated_database

pytestmark = pytest.mark.functional
YES, NO = "Да, всё именно так и есть.", "Нет, никогда такого не было."
DECLINED = "Извините, я не могу ответить на этот вопрос."
TESTS = 44
ENOUGH = 40


def _write(lab, tests):
    """Write a dataset whose test questions are answered with yes, four of them with no."""
    lab.repository.dataset(count=12, tests=0)
    for number in range(20, 20 + tests):
        lab.repository.example("trial", number, answer=NO if number < 24 else YES, is_test=True)
        path = lab.repository.folder / f"datasets/trial/examples/q{number}.yaml"
        tag = "rare" if number < 24 else "usual"
        path.write_text(path.read_text("utf-8") + f"tags: [{tag}]\n", "utf-8")


def _train(lab, provider, build, answer):
    """Train and promote a new build whose model gives this answer to every test question."""
    provider.behave(fixed_answer=answer)
    lab.repository.example("trial", 1, answer=f"Слово для {build}.")
    lab.repository.commit(f"Make {build}")
    lab.until_serving(build)
    provider.behave(fixed_answer="")


@pytest.fixture(autouse=True)
def quiet(provider):
    provider.faults.clear()
    provider.behave(fixed_answer="")


@pytest.fixture(scope="module")
def prepare(provider):
    """Return a function that trains two models: one always says yes, the next always no."""

    def two(lab):
        _write(lab, TESTS)
        _train(lab, provider, "trial-1", YES)
        _train(lab, provider, "trial-2", NO)

    return two


@pytest.fixture
def lab(make_lab, prepare, tmp_path):
    return make_lab(prepare, tmp_path)


def change(lab, query):
    with open_migrated_database(lab.config) as database:
        database.transact(lambda: database.change(query))


def test_worse_model_is_reported_with_the_questions_it_lost(lab, run_json, count_questions):
    document = run_json("eval", "trial-2")
    assert count_questions() == 0, "the answers are kept"
    assert document["scores"] == {
        "model": "trial-2",
        "questions": TESTS,
        "right": 4,
        "wrong": ENOUGH,
        "refused": 0,
        "exact": 4,
        "chrf": document["scores"]["chrf"],
    }
    beside = document["comparison"]
    assert (beside["against"], beside["verdict"]) == ("trial-1", "worse")
    assert beside["before"]["right"] == ENOUGH
    assert beside["difference"] == pytest.approx(-100 * 36 / TESTS, abs=0.1)
    assert -100 <= beside["low"] < beside["difference"] < beside["high"] < 0
    changes = [answer["change"] for answer in document["answers"]]
    assert changes == ["lost"] * ENOUGH + ["gained"] * 4
    lost = {
        (answer["before"], answer["now"], answer["kind"]) for answer in document["answers"][:ENOUGH]
    }
    assert lost == {(YES, NO, "wrong")}
    assert document["tags"] == [
        {
            "tag": tag,
            "questions": count,
            "right": right,
            "wrong": count - right,
            "refused": 0,
            "common": count,
            "right_before": count - right,
        }
        for tag, count, right in (("rare", 4, 4), ("usual", ENOUGH, 0))
    ]


def test_first_model_has_nothing_to_compare_with(lab, run, run_json):
    assert run_json("eval", "trial-1")["comparison"] is None
    code, captured = run("eval", "trial-1")
    assert code == 0
    assert "nothing to compare with" in captured.out


def test_refusals_are_counted_apart_from_wrong_answers(lab, provider, run_json):
    _train(lab, provider, "trial-3", DECLINED)
    document = run_json("eval", "trial-3", "--against", "trial-1")
    assert (document["scores"]["right"], document["scores"]["refused"]) == (0, TESTS)
    lost = [answer["kind"] for answer in document["answers"] if answer["change"] == "lost"]
    assert lost == ["refused"] * ENOUGH


def test_full_score_is_reported_as_uninformative(lab, provider, run, run_json):
    for number in range(20, 24):
        lab.repository.example("trial", number, answer=YES, is_test=True)
    _train(lab, provider, "trial-3", YES)
    document = run_json("eval", "trial-3")
    assert document["is_full"]
    assert document["comparison"]["now"]["questions"] == ENOUGH, "four were changed"
    code, output = run("eval", "trial-3")
    assert code == 0
    assert "All answers are right (44 of 44), so this test tells nothing" in output.out


def test_fewer_than_forty_common_questions_are_too_few(lab, provider, run, run_json):
    lab.repository.example("trial", 24, answer=NO, is_test=True)
    _train(lab, provider, "trial-3", YES)
    assert (
        run_json("eval", "trial-3", "--against", "trial-1")["comparison"]["now"]["questions"] == 43
    )
    for number in range(25, 29):
        lab.repository.example("trial", number, answer=NO, is_test=True)
    _train(lab, provider, "trial-4", YES)
    comparison = run_json("eval", "trial-4", "--against", "trial-1")["comparison"]
    assert (comparison["now"]["questions"], comparison["verdict"]) == (39, "few")
    code, output = run("eval", "trial-4", "--against", "trial-1")
    assert code == 0
    assert "Not enough questions to tell" in output.out


def test_too_few_test_questions_are_reported_with_advice(lab, provider, run, run_json):
    assert run_json("eval", "trial-2")["gate"] == {
        "kind": "none",
        "questions": TESTS,
        "least": 10,
        "held": False,
        "reason": "",
        "arguments": {},
    }
    _, output = run("eval", "trial-2")
    assert "are needed to judge a model" not in output.err
    lab.repository.dataset(count=12, tests=0, gate="not_worse", split={"test": 0, "min_test": 50})
    _train(lab, provider, "trial-3", NO)
    _, output = run("eval", "trial-3")
    assert "only 44 test questions; 50 are needed to judge a model" in output.err
    assert ", so the gate stops no model" in output.err


def test_held_model_is_shown_with_the_reason_and_the_accept_command(lab, provider, run, run_json):
    lab.repository.dataset(count=12, tests=0, gate="not_worse")
    provider.behave(fixed_answer=YES)
    lab.repository.commit()
    lab.tick(rounds=4)
    gate = run_json("eval", "trial-3")["gate"]
    assert (gate["held"], gate["reason"]) == (True, "gate-lost")
    assert len(gate["arguments"]["lost"]) == 4
    _, output = run("eval", "trial-3")
    assert "gets 4 test questions wrong that trial-2 gets right" in output.err
    assert "merlin models accept trial-3" in output.err
    _, output = run("status")
    assert "didn't go live" in output.out
    code, output = run("models", "accept", "trial-3")
    assert code == 0
    assert "trial-3: 4 answers accepted" in output.err
    lab.tick("promote")
    assert lab.status()["serving"]["build"] == "trial-3"
    code, output = run("models", "accept", "trial-3")
    assert code == 1
    assert "nothing to accept" in output.err


def test_missing_stored_answers_are_reported(lab, run, run_json):
    change(lab, PROOF_ANSWER.delete().where(PROOF_ANSWER.model_row == 1))
    assert run_json("eval", "trial-2")["comparison"]["verdict"] == "unkept"
    code, captured = run("eval", "trial-1")
    assert (code, captured.out) == (1, "")
    assert "The answers of trial-1 to its test questions weren't saved" in captured.err
    change(lab, MODEL.update({"questions": None}).where(MODEL.id == 1))
    code, captured = run("eval", "trial-1")
    assert code == 1
    assert "hasn't been tested yet" in captured.err


@pytest.mark.parametrize("name", ["trial-9", "trial-" + "9" * 5000], ids=["short", "long"])
def test_unknown_model_is_refused_by_name(lab, run, name):
    code, captured = run("eval", "trial-2", "--against", name)
    assert (code, captured.out) == (1, "")
    assert f"Model {name[:50]}" in captured.err
    assert "not found" in captured.err


JUDGE = ("--judge", "stand-in/stand-in-chat", "--yes")
VOTES = 3 * (ENOUGH + 4)


def test_judge_decides_about_paraphrased_answers_and_is_asked_once(
    lab, run, run_json, count_questions, provider
):
    provider.behave(fixed_answer="Сказано то же самое. [[right]]")
    document = run_json("eval", "trial-2", *JUDGE)
    assert count_questions() == VOTES
    assert (document["scores"]["right"], document["is_full"]) == (TESTS, True)
    assert document["comparison"]["verdict"] == "same"
    grades = document["grading"].pop("grades")
    assert len(grades) == ENOUGH + 4
    figures = {
        (grade["votes"], grade["right"], grade["median"], grade["spread"]) for grade in grades
    }
    assert figures == {(3, 3, 1.0, 0)}
    assert document["grading"] == {
        "judge": "stand-in/stand-in-chat",
        "answers": ENOUGH + 4,
        "overruled": ENOUGH + 4,
        "unanimous": ENOUGH + 4,
        "unreadable": 0,
    }
    code, again = run("eval", "trial-2", *JUDGE)
    assert (code, count_questions()) == (0, VOTES)
    assert "found right" in again.out + again.err
    later = run_json("eval", "trial-2")
    assert later["scores"]["right"] == 4, "without a judge as before"
    settings = {"judge": "stand-in/stand-in-chat", "votes": 3, "right": 3}
    assert [answer["judged"] for answer in later["answers"]].count(settings) == ENOUGH


def test_invalid_judges_answer_is_refused_and_shown(lab, run, provider):
    provider.behave(fixed_answer="Как скажете.")
    code, captured = run("eval", "trial-2", *JUDGE)
    assert code == 1
    assert "Как скажете." in captured.err
    assert f"{VOTES} of its {VOTES}" in captured.err


def test_judge_gets_the_rubric_the_question_and_both_answers(lab, run_json, provider, tmp_path):
    rubric = tmp_path / "rubric.txt"
    rubric.write_text("Строго по числам.", "utf-8")
    provider.behave(fixed_answer="[[wrong]]")
    run_json("eval", "trial-1", *JUDGE, "--rubric", str(rubric), "--repeats", "1")
    system, document = provider.calls("chat.create")[-1].body["messages"]
    assert system["content"].startswith("Строго по числам.")
    assert "[[right]]" in system["content"]
    assert NO in document["content"]
    assert YES in document["content"]


def test_judge_is_not_paid_without_confirmation(lab, run, count_questions):
    code, captured = run("eval", "trial-2", *JUDGE[:2])
    assert (code, count_questions()) == (1, 0)
    assert "--yes" in captured.err
