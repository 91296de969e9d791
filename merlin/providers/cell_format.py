"""Numbers and moments as a spreadsheet shows them, by the number format of their cell.

Dividers are those of the format itself: what a language puts in their place is in no file.
Source: ECMA-376, part 1, 18.8.31.
"""

import re
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|[_*].|\[\$(?P<currency>[^\]-]*)(?:-[^\]]*)?\]'
    r"|\[(?:black|blue|cyan|green|magenta|red|white|yellow|color ?\d+)\]"
    r"|\[(?P<elapsed>h+|m+|s+)\]|(?P<half>AM/PM)|(?P<moment>y+|m+|d+|h+|s+(?:\.0+)?)"
    r"|(?P<fraction>[0#?]+/[0#?]+)|(?P<digit>[0#?])|(?P<point>\.)|(?P<group>,)"
    r"|(?P<unknown>[a-z@\[\]])|(?P<sign>.)",
    re.IGNORECASE | re.DOTALL,
)
_SECTION_END = re.compile(r';(?=(?:[^"]*"[^"]*")*[^"]*\Z)')
# Dates of the language of the computer, names of months and days, thousands that are cut.
_UNKNOWN = re.compile(
    r"(?i)mm-dd-yy|m/d/yy(?: h:mm)?|.*\[\$-(?:x-)?(?:f[48]00|sys).*|.*(?:mmm|ddd).*"
    r"|.*[0#?],(?![0#?]).*"
)

_MOST_EXACT = 1e15  # a spreadsheet keeps fifteen digits
Tokens = Sequence[re.Match[str]]


def show_cell(value: float | datetime | time | timedelta, code: str) -> str | None:
    """Return a value as its format shows it; None if that isn't known."""
    sections = _SECTION_END.split(code)
    number = value if isinstance(value, int | float) else 1
    at = 1 if number < 0 else 2 * (number == 0)
    tokens = [*_TOKEN.finditer((sections[at:] or sections)[0])]
    is_moment = any(token["moment"] or token["elapsed"] for token in tokens)
    has_unknown = any(token["unknown"] for token in tokens) or _UNKNOWN.fullmatch(code)
    if has_unknown or abs(number) >= _MOST_EXACT:
        return None
    if not isinstance(value, int | float):
        return _show_moment(value, tokens).strip() if is_moment else None
    sign = "-" if value < 0 and at >= len(sections) else ""
    shown = _show_number(Decimal(repr(abs(value))), tokens)
    return None if is_moment else (sign + shown).strip()


def _show_number(value: Decimal, tokens: Tokens) -> str:
    kinds = [str(token.lastgroup) for token in tokens]
    value *= 100 ** sum(token["sign"] == "%" for token in tokens)
    point = kinds.index("point") if "point" in kinds else len(tokens)
    whole = [at for at in range(point) if kinds[at] == "digit"]
    parts = [at for at in range(point, len(tokens)) if kinds[at] == "digit"]
    shown = {point: "."}
    if "fraction" in kinds:
        at = kinds.index("fraction")
        most = 10 ** len(tokens[at][0].partition("/")[2]) - 1
        shown[at] = (
            str(Fraction(value % 1).limit_denominator(most)) if value % 1 else ""
        )
        value //= 1
    number = value.quantize(Decimal(1).scaleb(-len(parts)), ROUND_HALF_UP)
    front, _, rest = f"{number:f}".partition(".")
    least = next(
        (len(whole) - n for n, at in enumerate(whole) if tokens[at][0] == "0"), 0
    )
    is_grouped = "group" in kinds[whole[0] : whole[-1]] if whole else False
    digits = (
        [f"{int(front):,}"] if is_grouped else [*front.lstrip("0").rjust(least, "0")]
    )
    shown |= {at: digits.pop() for at in reversed(whole) if digits}
    if whole and digits:
        shown[whole[0]] = "".join(digits) + shown[whole[0]]
    kept = max((n for n, at in enumerate(parts, 1) if tokens[at][0] == "0"), default=0)
    shown |= dict(zip(parts, rest[:kept] + rest[kept:].rstrip("0"), strict=False))
    return "".join(shown.get(at, _literal(token)) for at, token in enumerate(tokens))


def _literal(token: re.Match[str]) -> str:
    return (
        token["quoted"] or token["escaped"] or token["currency"] or token["sign"] or ""
    )


def _show_moment(value: datetime | time | timedelta, tokens: Tokens) -> str:
    start = datetime(1900, 1, 1)  # noqa: DTZ001 - a spreadsheet has no zone
    span = value if isinstance(value, timedelta) else timedelta()
    when = datetime.combine(start, value) if isinstance(value, time) else value
    moment = start + span if isinstance(when, timedelta) else when
    letters = [
        (token["moment"] or token["elapsed"] or "")[:1].lower() for token in tokens
    ]
    hour = "%I" if any(token["half"] for token in tokens) else "%H"
    signs = {"y": "%Y", "d": "%d", "h": hour, "s": "%S"}
    written = ""
    for at, (letter, token) in enumerate(zip(letters, tokens, strict=True)):
        others = (
            [*filter(None, letters[:at])][-1:],
            [*filter(None, letters[at + 1 :])][:1],
        )
        month = "%M" if others[0] == ["h"] or others[1] == ["s"] else "%m"
        text = moment.strftime("%p" if token["half"] else signs.get(letter, month))
        if token["elapsed"]:
            text = str(span // timedelta(seconds={"h": 3600, "m": 60, "s": 1}[letter]))
        if letter:
            length = len((token["moment"] or token["elapsed"]).partition(".")[0])
            text = (
                text[-2:]
                if letter == "y" and length < len("yyy")
                else text.lstrip("0").rjust(length, "0")
            )
        written += (
            text
            if letter or token["half"]
            else token["point"] or token["group"] or _literal(token)
        )
    return written
