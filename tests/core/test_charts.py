"""Charts of losses and scores: PNG of the requested size, in both themes; reading losses."""

import subprocess
import sys
from io import BytesIO

import pytest
from PIL import Image

from merlin.core.charts import DARK, LIGHT, plot_png, read_losses, read_positive
from merlin.core.score_charts import Score, plot_scores
from merlin.core.training_events import describe_event

pytestmark = pytest.mark.unit

LANGUAGE_AND_TITLE = ("ru", "neurotypology-8")
TRAIN = [(step, 3 - step / 50) for step in range(1, 101)]
TEST = [(25, 2.8), (50, 2.4), (75, 2.0), (100, 1.6)]


def open_picture(content):
    picture = Image.open(BytesIO(content))
    assert picture.format == "PNG"
    return picture.convert("RGB")


def count_pixels(picture, colour, tolerance=24):
    """Return how many pixels have this colour, or nearly so."""
    expected = tuple(int(colour[index : index + 2], 16) for index in (1, 3, 5))
    return sum(
        count
        for count, pixel in picture.getcolors(picture.width * picture.height)
        if max(abs(a - b) for a, b in zip(pixel, expected, strict=True)) <= tolerance
    )


def get_background(colours):
    return tuple(int(colours.ground[index : index + 2], 16) for index in (1, 3, 5))


@pytest.mark.parametrize("dark", [False, True])
def test_chart_has_the_requested_size_and_the_colours_of_its_theme(dark):
    colours = DARK if dark else LIGHT
    picture = open_picture(
        plot_png(TRAIN, TEST, *LANGUAGE_AND_TITLE, width=640, height=360, dark=dark)
    )
    assert picture.size == (640, 360)
    assert picture.getpixel((1, 1)) == get_background(colours)
    assert count_pixels(picture, colours.train) > 500
    assert count_pixels(picture, colours.test) > 300


SCORES = [
    Score(share=82, low=59, high=94, name="-1", day="3 окт"),
    Score(share=95, low=75, high=99, name="-2", day="12 ноя", style="serves", text="текущая"),
    Score(share=84, low=62, high=94, name="-3", day="20 ноя", style="this", text="эта"),
]


def test_score_axis_begins_below_the_lowest_bar_and_ends_at_100():
    chart = plot_scores(SCORES, "ru")
    assert [row.text for row in chart.rows] == ["40", "60", "80", "100"]
    assert [day.text for day in chart.days] == ["3 окт", "20 ноя"]
    assert [name.text for name in chart.names] == ["текущая", "эта"]
    assert all(0 <= bar.high <= bar.y <= bar.low <= 300 for bar in chart.bars)
    assert plot_scores([], "ru") is None
    (alone,) = plot_scores([SCORES[0]], "ru").days
    assert alone.text == "3 окт"


def test_without_a_test_file_there_is_one_line():
    picture = open_picture(plot_png(TRAIN, [], *LANGUAGE_AND_TITLE, width=640, height=360))
    assert count_pixels(picture, LIGHT.train) > 500
    assert count_pixels(picture, LIGHT.test) == 0


def test_chart_without_losses_says_so():
    picture = open_picture(plot_png([], [], *LANGUAGE_AND_TITLE, width=640, height=360))
    assert count_pixels(picture.crop((200, 160, 440, 200)), LIGHT.pale) > 100


def test_single_loss_is_a_dot():
    picture = open_picture(plot_png([(1, 2.0)], [], *LANGUAGE_AND_TITLE, width=640, height=360))
    assert count_pixels(picture, LIGHT.train) > 40


def test_each_cyrillic_letter_has_its_own_shape():
    letters = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя0123456789«»"
    pictures = {plot_png([], [], "ru", letter * 5, width=320, height=180) for letter in letters}
    assert len(pictures) == len(letters)


@pytest.mark.parametrize(
    "title", ["n" * 500, "", "model\nof two lines", "модель 🦅", "\x00\ud800\u202e"]
)
def test_any_title_makes_a_chart(title):
    assert open_picture(plot_png(TRAIN, TEST, "en", title, width=640, height=360)).size == (
        640,
        360,
    )


@pytest.mark.parametrize(
    "train", [[(0, 0.0)], [(5, 1e-9)], [(1, 1e9), (2, 3.0)], [(1, 1.0)] * 2, [(0.5, 0.1), (1, 0.1)]]
)
def test_unusual_losses_still_make_a_chart(train):
    assert open_picture(
        plot_png(train, train, *LANGUAGE_AND_TITLE, width=640, height=360)
    ).size == (640, 360)


def test_same_losses_make_the_same_small_file():
    first = plot_png(TRAIN, TEST, *LANGUAGE_AND_TITLE)
    assert first == plot_png(TRAIN, TEST, *LANGUAGE_AND_TITLE)
    assert len(first) < 40_000


def test_process_without_charts_does_not_load_the_image_library():
    code = "import sys, merlin.core.charts; sys.exit('PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_checkpoint_losses_override_event_losses():
    events = [
        {"step": 2, "train_loss": 1.5, "valid_loss": 2},
        {"epoch": 1, "train_loss": 3.0},
        {"step": 3, "train_loss": "many", "valid_loss": float("nan")},
        {"train_loss": 9.0},
        None,
    ]
    checkpoints = [
        (2, {"train_loss": 1.25, "full_valid_loss": 1.75}),
        (4, {}),
    ]
    losses = read_losses(events, checkpoints)
    assert losses == {"train": [(1, 3.0), (2, 1.25)], "test": [(2, 1.75)]}


def test_job_without_measurements_has_no_losses():
    assert read_losses([]) == {"train": [], "test": []}


def test_epoch_mean_is_not_among_the_losses_of_steps():
    events = [
        {"step": 1, "train_loss": 3.0},
        {"step": 2, "train_loss": 1.0},
        {"step": 2, "epoch": 1, "train_loss": 2.0, "valid_loss": 1.5},
    ]
    checkpoints = [(2, {"step": 2, "train_loss": 2.0})]
    losses = read_losses(events, checkpoints)
    assert losses == {"train": [(1, 3.0), (2, 1.0)], "test": [(2, 1.5)]}


def test_epoch_losses_are_used_when_there_are_no_step_losses():
    events = [{"step": 5 * n, "epoch": n, "train_loss": 3.0 - n} for n in (1, 2)]
    assert read_losses(events)["train"] == [(5, 2.0), (10, 1.0)]


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 10**400, -(10**400)], ids=["nan", "inf", "big", "-big"]
)
def test_numbers_that_no_float_holds_are_no_measurements(value):
    measured = {"step": 1, "train_loss": 2.0, "epoch": 1}
    events = [measured, {**measured, "step": value}, {"step": 2, "train_loss": value}]
    assert read_losses(events)["train"] == [(1, 2.0)]
    assert read_positive(value) == 0
    for name in measured:
        assert describe_event("message", {**measured, name: value}, "en")
