"""Random courses in the styles that people write, and random edits of them."""

import copy
import json

from hypothesis import strategies as st

from merlin.dataset.yaml_io import format_flow, format_scalar

WORDS = st.one_of(
    st.text(
        st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"),
        min_size=1,
        max_size=20,
    ),
    st.sampled_from(
        [
            *["no", "3", "a: b", "a #b", "# a", "- a", "[a", "{a}", "'", '"', "a, b", " a", "a "],
            *["Много\nстрок", "с концом\n", "\nс начала", "  глубоко\nмелко", "~", "a:", "---"],
            *["x\n# нет\ny", "\ttab", "a\n\n\nb", "a\n\n", "null", "true", "?", "? a", "&a", "*a"],
        ]
    ),
)
LOCALISED = st.dictionaries(st.sampled_from(["ru", "en"]), WORDS, min_size=1)
MATERIAL = st.fixed_dictionaries(
    {
        "lesson": st.integers(1, 1000),
        "type": st.sampled_from(["lecture", "seminar", "lab"]),
        "title": LOCALISED,
        "file_url": st.sampled_from(["https://example.com/a.pdf", "https://e.org/?a=1#b,c"]),
    },
    optional={"text": st.sampled_from(["materials/a.md", "materials/no.md"])},
)
COURSE = st.fixed_dictionaries(
    {"semester": st.integers(1, 12), "name": LOCALISED},
    optional={
        "description": LOCALISED,
        "active": st.booleans(),
        "teachers": st.lists(WORDS.filter(lambda w: len(w) < 20), max_size=3, unique=True),
        "materials": st.lists(MATERIAL, max_size=4),
    },
)


class YamlWriter:
    """Writes a value as YAML in random styles, with numbered comments."""

    def __init__(self, draw):
        self.draw = draw
        self.comments = 0

    def draw_bool(self):
        return self.draw(st.booleans())

    def write_comment(self, indent):
        if not self.draw_bool():
            return ""
        self.comments += 1
        return f"{' ' * indent}# note {self.comments}\n"

    def write_end_comment(self):
        return "  # beside" if self.draw_bool() else ""

    def write_value(self, value, indent):
        if isinstance(value, dict) and self.draw_bool():
            return f"\n{self.write_map(value, indent + 2)}"
        if isinstance(value, list) and value and self.draw_bool():
            item_indent = indent + self.draw(st.sampled_from([0, 2, 4]))
            return "\n" + "".join(self.write_item(item, item_indent) for item in value)
        if isinstance(value, str) and "\n" in value and self.draw_bool():
            return f" {format_scalar(value, indent)}\n"
        is_json = self.draw_bool()
        text = json.dumps(value) if is_json else format_flow(value)
        return f" {text}{self.write_end_comment()}\n"

    def write_item(self, value, indent):
        before = self.write_comment(indent)
        if isinstance(value, dict) and self.draw_bool():
            return f"{before}{' ' * indent}- {self.write_map(value, indent + 2).lstrip()}"
        return f"{before}{' ' * indent}- {format_flow(value)}{self.write_end_comment()}\n"

    def write_map(self, value, indent):
        keys = self.draw(st.permutations(list(value)))
        lines = []
        for number, key in enumerate(keys):
            before = self.write_comment(indent) if number else ""
            lines.append(f"{before}{' ' * indent}{key}:{self.write_value(value[key], indent)}")
        return "".join(lines)


@st.composite
def written_courses(draw):
    value, writer = draw(COURSE), YamlWriter(draw)
    if draw(st.integers(0, 9)) == 0:
        text = format_flow(value) + "\n"
    else:
        text = writer.write_comment(0) + writer.write_map(value, 0) + writer.write_comment(0)
    return text if draw(st.booleans()) else text.removesuffix("\n")


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
