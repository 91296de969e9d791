"""Random courses, and random edits of them."""

import copy

from hypothesis import strategies as st

WORDS = st.one_of(
    st.text(
        st.characters(
            exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"
        ),
        min_size=1,
        max_size=20,
    ),
    st.sampled_from(
        [
            *[
                "no",
                "3",
                "a: b",
                "a #b",
                "# a",
                "- a",
                "[a",
                "{a}",
                "'",
                '"',
                "a, b",
                " a",
                "a ",
            ],
            *[
                "Много\nстрок",
                "с концом\n",
                "\nс начала",
                "  глубоко\nмелко",
                "~",
                "a:",
                "---",
            ],
            *[
                "x\n# нет\ny",
                "\ttab",
                "a\n\n\nb",
                "a\n\n",
                "null",
                "true",
                "?",
                "? a",
                "&a",
                "*a",
            ],
        ]
    ),
)
LOCALISED = st.dictionaries(st.sampled_from(["ru", "en"]), WORDS, min_size=1)
MATERIAL = st.fixed_dictionaries(
    {
        "lesson": st.integers(1, 1000),
        "type": st.sampled_from(["lecture", "seminar", "lab"]),
        "title": LOCALISED,
        "file_url": st.sampled_from(
            ["https://example.com/a.pdf", "https://e.org/?a=1#b,c"]
        ),
    },
    optional={"text": st.sampled_from(["materials/a.md", "materials/no.md"])},
)
COURSE = st.fixed_dictionaries(
    {"semester": st.integers(1, 12), "name": LOCALISED},
    optional={
        "description": LOCALISED,
        "active": st.booleans(),
        "teachers": st.lists(
            WORDS.filter(lambda w: len(w) < 20), max_size=3, unique=True
        ),
        "materials": st.lists(MATERIAL, max_size=4),
    },
)


@st.composite
def edits(draw, value):
    """Draw one edit of a course."""
    wanted = copy.deepcopy(value)
    materials = wanted.get("materials", [])
    kind = draw(st.sampled_from(["card", "add", "change", "drop", "move"]))
    if kind == "card" or (kind != "add" and not materials):
        wanted.update(draw(st.fixed_dictionaries({}, optional=COURSE_PARTS)))
    elif kind == "add":
        place = draw(st.integers(0, len(materials)))
        wanted["materials"] = [*materials[:place], draw(MATERIAL), *materials[place:]]
    elif kind == "change":
        materials[draw(st.integers(0, len(materials) - 1))] = draw(MATERIAL)
    else:
        one = materials.pop(draw(st.integers(0, len(materials) - 1)))
        if kind == "move":
            materials.insert(draw(st.integers(0, len(materials))), one)
    return wanted


COURSE_PARTS = {
    "semester": st.integers(1, 12),
    "name": LOCALISED,
    "description": LOCALISED,
    "active": st.booleans(),
    "teachers": st.lists(WORDS.filter(lambda w: len(w) < 20), max_size=3, unique=True),
}
