"""Embeddings through the openai package, with a stand-in of vLLM behind the engine."""

import base64
import struct

import openai
import pytest

from merlin.config.engine import EngineModelConfig
from tests.engine.running_engine import serve_engine
from tests.engine.vllm_standin import VllmStandin
from tests.support.http_servers import serve_app

pytestmark = pytest.mark.functional


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with serve_app(VllmStandin(can_embed=True).app) as url:
        models = {
            "vectors": EngineModelConfig(backend="vllm", url=url, embeddings=True),
            "words": EngineModelConfig(backend="vllm", url=url),
        }
        folder = tmp_path_factory.mktemp("engine")
        with serve_engine(folder, models=models) as engine:
            yield engine.openai


def test_list_of_texts_gives_vectors_in_its_order(client):
    response = client.embeddings.create(model="vectors", input=["one two", "three"])
    assert [row.embedding for row in response.data] == [[7.0, 2.5], [5.0, 1.5]]
    assert [row.index for row in response.data] == [0, 1]
    assert response.model == "vectors"
    assert (response.usage.prompt_tokens, response.usage.total_tokens) == (3, 3)


def test_single_text_gives_a_list_of_one(client):
    response = client.embeddings.create(model="vectors", input="three", encoding_format="float")
    assert [row.embedding for row in response.data] == [[5.0, 1.5]]


def test_base64_holds_little_endian_floats(client):
    body = {"model": "vectors", "input": "three", "encoding_format": "base64"}
    response = client.post("/embeddings", body=body, cast_to=object)
    packed = base64.b64decode(response["data"][0]["embedding"])
    assert struct.unpack("<2f", packed) == (5.0, 1.5)


def test_defaults_given_explicitly_change_nothing(client):
    plain = {"model": "vectors", "input": "three"}
    given = {"dimensions": 2, "encoding_format": None}
    default, same = (
        client.post("/embeddings", body=body, cast_to=object) for body in (plain, plain | given)
    )
    assert same == default


def test_other_number_of_dimensions_is_refused_with_the_bases_own(client):
    with pytest.raises(openai.BadRequestError, match="this base has 2"):
        client.embeddings.create(model="vectors", input="three", dimensions=8)


def test_base_without_embeddings_is_refused(client):
    for model in ("words", "recall"):
        with pytest.raises(openai.BadRequestError, match="embeddings") as refused:
            client.embeddings.create(model=model, input="three")
        assert refused.value.param == "model"


def test_unknown_model_returns_model_not_found(client):
    with pytest.raises(openai.NotFoundError) as refused:
        client.embeddings.create(model="nobody", input="three")
    assert refused.value.code == "model_not_found"


def test_embeddings_of_a_tuned_model_are_refused_with_its_base_named(engine, tuned):
    with pytest.raises(openai.BadRequestError, match="come from bases: recall"):
        engine.openai.embeddings.create(model=tuned.fine_tuned_model, input="three")


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"model": ""}, "model"),
        ({"input": []}, "input"),
        ({"input": ""}, "input"),
        ({"input": ["one", ""]}, "input"),
        ({"input": [[1, 2]]}, "input"),
        ({"input": ["x"] * 2049}, "input"),
        ({"dimensions": 8}, "dimensions"),
        ({"dimensions": 0}, "dimensions"),
        ({"encoding_format": "hex"}, "encoding_format"),
        ({"encoding_format": []}, "encoding_format"),
    ],
)
def test_invalid_input_names_its_field(client, options, param):
    body = {"model": "vectors", "input": "three", **options}
    with pytest.raises(openai.BadRequestError) as refused:
        client.post("/embeddings", body=body, cast_to=object)
    assert refused.value.param == param
