"""`merlin models`: which model is live, how good each is, and why one can't leave or come."""

import pytest

pytestmark = pytest.mark.functional


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("accept", "trial-1"), "trial-1"),
        (
            ("export", "trial-1", "--to", "{folder}/new"),
            "weights of hosted models don't leave their provider",
        ),
        (("add", "trial", "{folder}"), "adapter_config.json"),
    ],
)
def test_what_a_model_cannot_do_is_refused_in_a_sentence(
    run, tmp_path, arguments, words
):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    code, captured = run("models", *(each.format(folder=folder) for each in arguments))
    last = captured.err.strip().splitlines()[-1]
    assert (code, captured.out, last.startswith("merlin: ")) == (1, "", True)
    assert words in last
    assert [*folder.iterdir()] == []
