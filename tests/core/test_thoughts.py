"""Borders of messages that a server has left in the text of an answer."""

import pytest

from merlin.core.thoughts import ThoughtFilter

pytestmark = pytest.mark.unit


def join_pieces(pieces):
    """Return what is shown of an answer that arrives in these pieces."""
    thoughts = ThoughtFilter()
    shown = ""
    for place, piece in enumerate(pieces, 1):
        text = thoughts.drop(piece, is_last=place == len(pieces))
        shown = text if thoughts.is_replaced else shown + text
    return shown.strip()


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        # ChatML, Llama 3, Llama 2, Gemma, Mistral: the end of the message and what follows it.
        ("Красную.<|im_end|>\n<|im_start|>user\nА лампу?", "Красную."),
        ("Красную.<|eot_id|><|start_header_id|>user", "Красную."),
        ("Красную.</s>", "Красную."),
        ("Красную.<end_of_turn>\n<start_of_turn>user", "Красную."),
        ("Красную. [/INST] Синюю.", "Красную."),
        # The beginning of the message.
        ("<|im_start|>assistant\nКрасную.", "Красную."),
        ("<|start_header_id|>assistant<|end_header_id|>\n\nКрасную.", "Красную."),
        ("<start_of_turn>model\nКрасную.", "Красную."),
        ("<|assistant|>\nКрасную.", "Красную."),
        ("[INST] Красную.", "Красную."),
        ("<think>?</think><|im_start|>assistant\nКрасную.<|im_end|>", "Красную."),
        ("<|im_end|>", ""),
        # Text of people that looks alike.
        (
            "Знак `<|im_end|>` кончает сообщение.",
            "Знак `<|im_end|>` кончает сообщение.",
        ),
        ("```\n</s>\n``` — вот он.", "```\n</s>\n``` — вот он."),
        ("`a` и<|im_end|>", "`a` и"),
        ("<s>100</s> 80 ₽", "<s>100</s> 80 ₽"),
        ("Было <s>100</s>, стало 80", "Было <s>100</s>, стало 80"),
        ("a < b, [x] и <b>", "a < b, [x] и <b>"),
        ("в конце <", "в конце <"),
        ("<|im_start|>assistants lie", "assistants lie"),
    ],
)
def test_answer_ends_at_a_border_outside_of_code(written, shown):
    assert join_pieces([written]) == shown
    assert join_pieces([*written, ""]) == shown
    for cut in range(1, len(written)):
        assert join_pieces([written[:cut], written[cut:]]) == shown


def test_thoughts_that_nobody_opened_take_their_borders_with_them():
    pieces = ["Лампа?<|im_end|>", " Да.\n</think>", "\n\nКрасную."]
    assert join_pieces(pieces) == "Красную."


def test_piece_is_shown_at_once_unless_it_may_go_on_as_a_border():
    thoughts = ThoughtFilter()
    assert thoughts.drop("Если a < b, ", is_last=False) == "Если a < b, "
    assert thoughts.drop("то <", is_last=False) == "то "
    assert thoughts.drop("b>так</b>", is_last=False) == "<b>так</b>"
