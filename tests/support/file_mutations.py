"""Example files with random byte mutations that no editor would produce."""

from tests.support.dataset_tree import example_yaml

LIST_ANSWER = """\
messages:
  - user: Что?
  - assistant: |
      Это
      1. Форма лба.
      2. Форма профиля.
"""
LONG_FORM = """\
messages:
  - {role: user, content: a, name: anna}
  - {role: assistant, content: b, weight: 0}
"""
FLOW_FORM = """\
messages: [{user: "a\\tb"}, {assistant: "c"}]
tools: [{type: function, function: {name: x}}]
"""
WHOLE = example_yaml(more="tags: [face, fixation]\nsplit: train\nsource: Лекция\n")
GOOD = [WHOLE, LIST_ANSWER, LONG_FORM, FLOW_FORM]
PIECES = [
    *[
        b"\x00",
        b"\xff",
        b"\t",
        b"\r",
        b"\n",
        b":",
        b": ",
        b"- ",
        b"[",
        b"{",
        b"&a ",
        b"*a",
        b"!!x ",
    ],
    *[
        b"<<: ",
        b"---\n",
        b"...\n",
        b"%YAML",
        b"|",
        b">",
        b'"',
        b"'",
        b"#",
        b"? ",
        b"@",
        b"`",
        b"~",
    ],
    *[
        "\u202e".encode(),
        "\ufeff".encode(),
        "\u2028".encode(),
        "\x85".encode(),
        b"\xed\xa0\x80",
    ],
    *[
        b"null",
        b"1e999",
        b"9" * 400,
        b"messages:",
        b"  - user: x\n",
        b" " * 300,
        b"[" * 300,
    ],
]


def mutate(random, text):
    data = bytearray(text.encode())
    for _ in range(random.randint(1, 4)):
        position = random.randrange(len(data) + 1)
        span = random.randint(0, 12)
        kind = random.randrange(5)
        if kind == 0:
            del data[position : position + span]
        elif kind == 1:
            data[position:position] = random.choice(PIECES)
        elif kind == 2:
            data[position : position + 1] = bytes([random.randrange(256)])
        elif kind == 3:
            data[position:position] = data[position : position + span]
        else:
            data[position:position] = random.choice(PIECES) * random.randint(1, 50)
    return bytes(data)
