"""Find or mask keys, passwords and personal data in a text.

Numbers are recognised by their check digits and by the words before them. What is found is never
shown in full: of a number the first and last two digits, of a key nothing. What belongs to an
organisation is no personal data: toll-free numbers, addresses such as info@, and the values that
dataset.yaml allows. Masking takes simpler
patterns: a reviewer sees what they miss, and the user confirms the masked text.

Sources: ISO/IEC 7812-1 (cards), the rules of the Federal Tax Service and of the Social Fund (INN,
SNILS), the providers' documentation (keys).
"""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from merlin.dataset.finding import shorten

_SIGN = r"[\w!@#%^&*+/~-]"  # of a password
_MIXED = (
    rf"(?={_SIGN}{{0,99}}\d)(?={_SIGN}{{0,99}}[A-Z])(?={_SIGN}{{0,99}}[a-z]){_SIGN}{{8,99}}+"
    r"(?![\w(\[]|\.\w)"
)
SECRET = re.compile(
    r"\d{6,12}:[A-Za-z0-9_-]{30,64}"
    # In one group: elsewhere in a word none of them is tried.
    r"|\b(?:sk-[A-Za-z0-9_-]{16,}|mrl_[A-Za-z0-9_-]{12,}"
    r"|(?:gh[oprsu]_|github_pat_|hf_)[A-Za-z0-9_]{30,}|gl[a-z]{2,5}-[A-Za-z0-9_-]{20,}"
    # The key of Amazon's documentation ends in EXAMPLE.
    r"|(?:AKIA|ASIA)(?![A-Z0-9]{9}EXAMPLE)[A-Z0-9]{16}\b"
    r"|AQVN[A-Za-z0-9_-]{35,}|y[0-3]_[A-Za-z0-9_-]{50,}"
    r"|t1\.[A-Za-z0-9_-]{8,}={0,2}\.[A-Za-z0-9_-]{80,}"
    r"|live_(?=[a-z_-]{0,60}[A-Z0-9])[A-Za-z0-9_-]{40,}|npm_[A-Za-z0-9]{36}\b"
    r"|SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"
    r"|AIza[A-Za-z0-9_-]{35}|xox[abeprs]-[A-Za-z0-9-]{20,}|[rs]k_live_[A-Za-z0-9]{20,}"
    r"|eyJ[A-Za-z0-9_-]{8,400}\.eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,}"
    r"|dop_v1_[0-9a-f]{64}\b|whsec_[A-Za-z0-9+/=]{24,}|django-insecure-\S{30,99}"
    r"|pypi-AgE[A-Za-z0-9_-]{50,}|xapp-\d-[A-Za-z0-9-]{40,}|PuTTY-User-Key-File-\d)"
    r"|(?i:secret_(?:access_)?key)[\"' =:]{1,5}[A-Za-z0-9/+]{40}"
    r"|(?<=://)[\w.-]{0,64}:(?=[^\s:/@]{0,99}\d)[^\s:/@]{6,99}"
    r"@(?!(?:[\w-]{1,63}\.){0,4}example\.|127\.)[\w-]+\.(?!invalid\b|test\b)"
    r"|(?:hooks\.slack\.com/services|discord\.com/api/webhooks)/[\w/-]{30,}"
    r"|(?<=-u )[\w.@-]{1,64}:(?=[^\s:]{0,99}\d)[^\s:]{8,99}"
    # A value named as a secret, if it is no call or expression.
    r"|(?i:(?:pass(?:w(?:or)?d)?|пароль(?: \w{1,20})?|token|токен|api[ _-]?key|secret|bearer)"
    r"(?: (?:от|для|к|на|for|of|to)(?: [\w./-]{1,20}){1,4})?)"
    rf"(?:(?:[\"' ]{{0,2}}[:=][\"' ]{{0,2}}| (?:is|это|[—–-]) [\"']?){_MIXED}"
    r"|(?:[\"' :=]{1,5}| is )(?=\w{0,99}\d)[0-9a-f]{32,99}+(?![\w(\[]|\.\w))"
    r"|(?:[,;] (?i:пароль|password)|(?i:\b(?:и|and) (?:пароль|password)|паролем|with password))"
    rf" {_MIXED}"
    r"|-----BEGIN [A-Z ]{0,20}PRIVATE KEY(?: BLOCK)?-----"
)
# Addresses in the domains reserved by RFC 2606 belong to nobody. The last label of a domain has no
# digits: vue@3.4.1 is a package, root@10.0.0.1 a login, as root@x.local. git@host is a git server,
# name@x.service a unit of systemd.
MAIL = re.compile(
    r"(?<![\w.+-])(?!git@)[\w.+-]{1,64}@(?!(?:[\w-]{1,63}\.){0,4}example\.|test\b|localhost\b)"
    r"(?:[\w-]{1,63}\.){1,8}(?!(?:service|local)\b)(?:xn--[\w-]{2,59}|[^\W\d_]{2,24})(?![^\W_])"
)
_GAP = "[ \u00a0()\u2010\u2011-]"
# Numbers in this range belong to organisations.
_TOLL_FREE = rf"\+?[78]{_GAP}{{0,2}}800"
PHONE = re.compile(
    rf"(?<![\d+])(?!{_TOLL_FREE})\+\d(?:{_GAP}{{0,2}}\d){{9,13}}(?!\d)"
    # Not within a hash or an identifier, whose letters stand at both sides.
    rf"|(?<![\dA-Za-z.,+-])(?!{_TOLL_FREE})[78]{_GAP}{{0,2}}[3489]\d{{2}}(?:{_GAP}{{0,2}}\d){{7}}(?![\dA-Za-z]|[.,]\d)"
    r"|(?<![\d.])(?:8|\+7)\.\d{3}\.\d{3}\.\d{2}\.\d{2}(?![\d.]\d)"
    rf"|(?!\(800)\(\d{{3,5}}\) ?\d{{1,3}}[ \u2011-]\d{{2}}[ \u2011-]?\d{{2}}(?!\d)"
    r"|(?<![\d.,+-])[3489]\d{2}[ -]\d{3}[ -]\d{2}[ -]\d{2}(?![\d-]|[.,]\d)|\b07\d{3} \d{6}\b"
    r"|(?:(?<=[Тт]ел[.:] )|(?<=[Тт]елефон )|(?<=[Тт]елефон: ))9\d{9}(?!\d)"
    r"|(?<![\d.-])[2-9]\d{2}(?:-[2-9]\d{2}-|\.[2-9]\d{2}\.)\d{4}(?!\d|[.-]\d)"
)
# A house without a flat may be an institution.
ADDRESS = re.compile(
    r"(?i:\b(?:ул|улица|пр-т|проспект|пер|переулок|дом|д)\b)[^\n]{0,50}?\b\d[\w/-]{0,4}"
    r"(?:,? ?к(?:орпус|орп\.)? ?\d+)?,? ?кв(?:\.|артира) ?\d+\b(?! ?к?м)"
    r"|\b\d{1,5}[A-Z]? (?:[A-Z]\w+ ){1,3}?(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Terrace"
    r"|Boulevard|Blvd|Court|Way|Place)\b[^\n]{0,20}\b(?:Apt|Apartment|Flat)\b\W{0,3}\d+"
)
_CARD = re.compile(r"(?<![\w.,-])[2-6](?:[ \u00a0-]?\d){13,18}(?!\w|[.,-]\d)")
# Technical passports, lamps and time series have numbers too, farther from each other.
_SERIES = r"\d{2}[ \u00a0]?\d{2}[ \u00a0,;/-]{0,3}(?:(?i:№|номер|n|number)[ \u00a0:№]{0,3})?\d{6}"
PASSPORT = re.compile(
    r"(?i:паспорт|passport|водительск\w+ удостоверени)[^\d\n]{0,60}"
    rf"(?:{_SERIES}|\d{{2}}[ \u00a0]?(?:№ ?)?\d{{7}}|\b[A-Z]{{1,2}} ?\d{{6,8}})(?!\d)"
    rf"|(?i:\bсери[ияю](?: и номер)?)[ :№]{{1,4}}{_SERIES}(?!\d)"
    r"|(?i:\bssn\b|\bsocial security)[^\d\n]{0,25}\d{3}-\d{2}-\d{4}(?!\d)"
)
SNILS = re.compile(
    r"(?<![\d-])\d{3}([ \u00a0-])\d{3}\1\d{3}[ \u00a0-]\d{2}(?![\d-])"
    r"|(?i:снилс|snils)[^\d\n]{0,25}\d{11}(?!\d)"
)
INN = re.compile(r"(?i:\b(?:инн|inn|tin)\b)[^\d\n]{0,25}(?:\d{12}|\d{10})(?!\d)")

_PHONE_DIGITS = 10
_MIN_DIGITS = 9  # of a number: an SSN
# Length of a card number -> its first digits (Diners Club, American Express, JCB, the others).
_ISSUED = {
    14: ("30", "36", "38"),
    15: ("34", "37"),
    16: ("2", "35", "4", "5", "6"),
    18: ("5", "6"),
    19: ("2", "4", "5", "6"),
}
_PLAIN = 3  # different digits in a number of documentation: 5555 5555 5555 4477, +7 999 999-99-99

# Most texts contain nothing sensitive: one fast search decides whether to look closer.
_KEY_HINT = re.compile(r"[A-Za-z0-9_-]{16}")
_KEY_WORDS = ("PRIVATE KEY", "pass", "Pass", "PASS", "арол", "curl ")
_FLAT_HINTS = ("кв.", "квартира ", "Ap", "Flat")
_NUMBER_HINT = re.compile(r"\d(?:[ \u00a0().\u2010\u2011-]{0,2}\d){5}")


# Addresses of a role, which an organisation gives to whoever fills it.
_ROLE_MAIL = re.compile(
    r"(?i)(?:admin|admissions?|contacts?|dekanat|hello|help(?:desk)?|hr|info|library|mail|no-?reply"
    r"|office|press|priem|sales|security|service|support)@"
)
_TOLL_FREE_NUMBER = re.compile(rf"(?<![\d+]){_TOLL_FREE}(?:{_GAP}{{0,2}}\d){{7}}(?!\d)")


def contact_key(value: str) -> str:
    """Return the form in which a number, address or domain is compared with the allowed ones.

    The digits of a number, without the country of a phone's; else the text in lower case.
    """
    digits = re.sub(r"\D", "", value)
    if "@" in value or len(digits) < _MIN_DIGITS:
        return " ".join(value.casefold().split()).removeprefix("@")
    return digits[-_PHONE_DIGITS:] if len(digits) == _PHONE_DIGITS + 1 else digits


def _is_contact(found: str, allowed: Collection[str]) -> bool:
    """Return whether a match is an organisation's; `allowed` are keys of addresses and domains."""
    key = contact_key(found)
    labels = key.partition("@")[2].split(".")
    keys = {key, *(".".join(labels[start:]) for start in range(len(labels) - 1))}
    is_known = any(pattern.match(found) for pattern in (_ROLE_MAIL, _TOLL_FREE_NUMBER))
    return is_known or not keys.isdisjoint(allowed)


def find_sensitive(
    words: str, before: str = "", allowed: Collection[str] = ()
) -> Iterator[tuple[str, str]]:
    """Yield the rule and the masked text of the first match of each pattern.

    `before` is the message before this one: a question can name what the number in its answer is.
    `allowed` are the keys (`contact_key`) of what the dataset allows.
    """
    has_hint = _KEY_HINT.search(words) or any(hint in words for hint in _KEY_WORDS)
    if (has_hint or ("@" in words and "://" in words)) and SECRET.search(words):
        yield "secret", ""
        words = SECRET.sub("", words)  # a key before @ is not part of an address
    for rule, matches in _find_personal(words, before):
        for found in matches:
            if not _is_contact(found, allowed):
                yield rule, found if "@" in found else mask_digits(found)
                break


def _find_personal(words: str, before: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the rule and the matches of each pattern of personal data."""
    if "@" in words:
        yield "personal", MAIL.findall(words)
    if any(hint in words for hint in _FLAT_HINTS):
        yield "personal", ADDRESS.findall(words)
    if _NUMBER_HINT.search(words) is None:
        return
    words = f"{before} {words}"
    start = len(before)
    for rule, pattern, is_valid in _NUMBERS:
        matches = [
            match.group()
            for match in pattern.finditer(words)
            if match.end() > start and is_valid(re.sub(r"\D", "", match.group()))
        ]
        yield rule, matches
        for found in matches:  # a card number is not also a phone number
            words = words.replace(found, " " * len(found))


def mask_digits(text: str) -> str:
    """Return the text, shortened, with all digits but the first and last two as `*`."""
    digits = [index for index, character in enumerate(text) if character.isdigit()]
    masked_indices = {*digits[2:-2]}
    masked = "".join(
        "*" if index in masked_indices else character
        for index, character in enumerate(text)
    )
    return shorten(masked.replace("\u00a0", " "))


def _is_card(digits: str) -> bool:
    """Check length, first digits and check digit; exclude those of documentation."""
    is_issued = digits.startswith(_ISSUED.get(len(digits), ()))
    # Luhn's sum.
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    total = doubled + sum(int(digit) for digit in digits[-1::-2])
    return is_issued and len(set(digits)) > _PLAIN and total % 10 == 0


def _is_snils(digits: str) -> bool:
    total = sum(
        int(digit) * weight
        for digit, weight in zip(digits, range(9, 0, -1), strict=False)
    )
    return total % 101 % 100 == int(digits[9:])


_NUMBERS: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
    ("bank-card", _CARD, _is_card),
    ("passport", PASSPORT, bool),
    ("snils", SNILS, _is_snils),
    ("personal", _TOLL_FREE_NUMBER, bool),
    (
        "personal",
        PHONE,
        lambda digits: len(digits) >= _PHONE_DIGITS and len({*digits}) > _PLAIN,
    ),
)


_CARD_DIGITS = re.compile(r"(?<!\d)\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}(?!\d)")
_HANDLE = re.compile(
    r"(?<![\w@/.])@[A-Za-z]\w{4,31}\b|\b(?:https?://)?t\.me/[\w+/-]{3,64}"
)
# Only the name is masked, not the words that lead to it.
_NAME = re.compile(
    r"(?P<lead>(?i:\b(?:меня зовут|моё имя|мое имя|моя фамилия|my name is|my name's|call me))"
    r"[\s:—–-]{1,4})[^\W\d_][\w'’-]*(?: [A-ZА-ЯЁ][\w'’-]*){0,2}"
)
# What is masked. The order matters: a card number also matches a phone, an e-mail address a handle.
_MASKED = (
    ("secret", SECRET),
    ("mail", MAIL),
    ("address", ADDRESS),
    *(("document", pattern) for pattern in (PASSPORT, SNILS, INN)),
    ("card", _CARD_DIGITS),
    ("phone", PHONE),
    ("handle", _HANDLE),
    ("name", _NAME),
)


@dataclass(frozen=True, slots=True)
class MaskedText:
    """Masked text and the kinds of data masked in it (secret, mail, card …)."""

    words: str
    found: tuple[str, ...] = ()


def mask_personal_data(words: str, language: str) -> MaskedText:
    """Return the message with personal data and secrets replaced by labels in `language`."""
    from merlin.core.i18n import text  # noqa: PLC0415 - the check of examples does without it

    found: dict[str, None] = {}
    for kind, pattern in _MASKED:
        if pattern.search(words):
            lead = r"\g<lead>" if "lead" in pattern.groupindex else ""
            words = pattern.sub(lead + text(language, f"mask-{kind}"), words)
            found[kind] = None
    return MaskedText(words, tuple(found))
