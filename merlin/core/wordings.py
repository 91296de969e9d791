"""Judge whether an answer says what a taught one says, in other words or not.

Both are read as tokens (`merlin.core.facts`). Right: the same ones, each with the same marks, in an
order that says the same. Wrong: a fact or noun more, less, or in another's place. Unsure: another
verb, or an order that may say something else; a person decides (docs/adr/0068).
"""

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from enum import StrEnum
from functools import cache, lru_cache
from itertools import chain, combinations, pairwise

from merlin.core.facts import Token, read_tokens
from merlin.core.opposites import find_opposites
from merlin.core.vocabulary import fold

# Tokens of which each is compared with each other one. A longer text is right only as it is.
MOST_COMPARED = 1_000
_SHORT = 2  # tokens of a taught answer that may stand among words of the question
_ALIKE = 4  # letters with which two forms of a word begin: «выдаст», «выдаёт»
_MOST_VERBS = 2  # that one text may have and the other not
_SIGNS = re.compile(r"[*_`«»\"“”]|[.,;:!?…](?=\s|$)")
_VERB_ENDINGS = re.compile("(?:ст|д|ва|[аиея]|т|[еиуюая]т|[еи]м)?")
_CONDITIONS = frozenset({"if", "unless"})
_OPPOSED = (
    {"upto", "from"},
    {"later", "earlier"},
    {"we", "us"},
)
_OPTIONAL = frozenset({"1", "да yes"})  # may be said or not
_VOWELS = "аеиоуыэюяй"
_EXCHANGED = 3  # runs of words: two, and what stands between them


class Judgement(StrEnum):
    """What an answer is beside a taught one, the worst first."""

    WRONG = "wrong"
    UNSURE = "unsure"
    RIGHT = "right"


# A token of the answer and that of the taught one, with their places.
Pair = tuple[int, Token, int, Token]
Sentences = Sequence[Sequence[Token]]


@lru_cache(maxsize=4096)  # cached: pages compare the stored answers on every view
def judge_wording(answer: str, taught: str, question: str = "") -> Judgement:
    """Return whether an answer says what a taught one says; a short one may repeat the question."""
    if _SIGNS.sub("", fold(answer)) == _SIGNS.sub("", fold(taught)):
        return Judgement.RIGHT
    known = read_tokens(taught)
    said = read_tokens(answer)
    if not any(known) or not any(said):
        is_wrong = any(known) or any(said) or not answer
        return Judgement.WRONG if is_wrong else Judgement.UNSURE
    if not _are_comparable(said, known):
        return Judgement.WRONG
    asked = read_tokens(question) if sum(map(len, known)) <= _SHORT else []
    orders = (said, _order_like(said, known))
    return max(
        (_judge(order, known, asked) for order in orders), key=[*Judgement].index
    )


def _are_comparable(*texts: Sentences) -> bool:
    return max(sum(map(len, sentences)) for sentences in texts) <= MOST_COMPARED


def _judge(said: Sentences, taught: Sentences, asked: Sentences) -> Judgement:
    """Judge sentences in the order in which they are compared."""
    new = [*chain.from_iterable(said)]
    old = [*chain.from_iterable(taught)]
    pairs, added, lost = _pair(new, old)
    known = {token.root for token in chain.from_iterable(asked)}
    added = [each for each in added if each.root not in known]
    found = {
        _judge_difference(added, lost, pairs),
        _judge_marks(pairs),
        _judge_order(pairs),
    }
    return next(each for each in Judgement if each in found)


def adds_nothing(text: str, *known: str, least: float) -> bool:
    """Return whether a text says nothing that known ones don't say; it may be shorter.

    `least` is the share of each sentence's words that must be known; of the others none may be a
    fact or an opposite.
    """
    taught = [*chain.from_iterable(map(read_tokens, known))]
    old = [*chain.from_iterable(taught)]
    written = [each for each in read_tokens(text) if each]
    if not _are_comparable(written, taught):
        return False
    said = _order_like(written, taught)
    pairs, added, _ = _pair([*chain.from_iterable(said)], old)
    if any(each.is_fact or "not" in each.marks for each in added):
        return False
    for sentence in said:
        own = list_new(sentence, old)
        is_turned = find_opposites([each.word for each in own])
        if is_turned or len(own) > (1 - least) * len(sentence):
            return False
    return bool(said) and _judge_marks(pairs) is not Judgement.WRONG


def list_new(said: Sequence[Token], known: Sequence[Token]) -> list[Token]:
    """Return the tokens that are none of the known ones, nor a form of one."""
    roots = {token.root for token in known}
    return [
        token
        for token in said
        if token.root not in roots
        and not any(_is_form(token, each, ()) for each in known)
    ]


def _order_like(said: Sentences, taught: Sentences) -> Sentences:
    """Return sentences in the order of the taught ones with which they share most words.

    One without words stays with the sentence before it («Терапевт: 1500»).
    """
    known = [{token.root for token in sentence} for sentence in taught]
    place = 0
    places = list[int]()
    for sentence in said:
        own = {token.root for token in sentence if not token.is_fact}
        shared = [len(own & words) for words in known]
        place = shared.index(max(shared)) if any(shared) else place
        places.append(place)
    order = sorted(range(len(said)), key=places.__getitem__)
    return [said[index] for index in order]


def _pair(
    new: Sequence[Token], old: Sequence[Token]
) -> tuple[list[Pair], list[Token], list[Token]]:
    """Return the tokens that both texts have, in the taught order, and those of one alone."""
    places = defaultdict[str, list[int]](list)
    for place, token in enumerate(new):
        places[token.root].append(place)
    pairs = list[Pair]()
    lost = list[int]()
    for place, token in enumerate(old):
        if own := places[token.root]:
            at = own.pop(0)
            pairs.append((at, new[at], place, token))
        else:
            lost.append(place)
    added = sorted(chain.from_iterable(places.values()))
    bare = _load_bare() | ({each.unit for each in new} & {each.unit for each in old})
    for place in [*lost]:
        for at in [*added]:
            if _is_form(new[at], old[place], bare):
                pairs.append((at, new[at], place, old[place]))
                added.remove(at)
                lost.remove(place)
                break
    rest = [new[at] for at in added], [old[place] for place in lost]
    return sorted(pairs, key=lambda pair: pair[2]), *rest


@cache
def _load_bare() -> frozenset[str]:
    """Return the units that need not be said: «в 16 часов», «ребёнку 7 лет»."""
    return frozenset(token.unit for token in chain(*read_tokens("1 час, 1 год")))


def _is_form(one: Token, other: Token, bare: Collection[str]) -> bool:
    """Return whether two tokens are one: a number without its unit, a verb's other form."""
    if one.is_fact or other.is_fact:
        is_bare = "" in (one.unit, other.unit) and {one.unit, other.unit} <= {"", *bare}
        return is_bare and one.unit != other.unit and one.word == other.word
    rests = _list_rests(one, other)
    is_verb = one.is_verb and other.is_verb and bool(rests)
    return is_verb and all(map(_VERB_ENDINGS.fullmatch, rests))


def _list_rests(one: Token, other: Token) -> list[str]:
    """Return what follows in two stems where they differ, nothing if they begin differently."""
    begin = 0
    while one.root[begin : begin + 1] == other.root[begin : begin + 1] != "":
        begin += 1
    return [one.root[begin:], other.root[begin:]] if begin >= _ALIKE else []


def _judge_difference(
    added: Sequence[Token], lost: Sequence[Token], common: Sequence[Pair]
) -> Judgement:
    """Judge the tokens that one text alone has; «один» may be left out, and a word said again."""
    known = {pair[1].root for pair in common}
    rest = [each for each in (*added, *lost) if each.root not in _OPTIONAL]
    own = [each for each in rest if each.root not in known]
    if not own and all(not each.is_fact for each in rest):
        return Judgement.RIGHT
    is_kin = [*map(len, (added, lost))] == [1, 1] and bool(_list_rests(*added, *lost))
    is_soft = all(each.is_verb or is_kin for each in own) and not any(
        each.is_fact and (each in own or each.unit or each.root == each.word)
        for each in rest
    )
    sides = find_opposites([each.word for each in own])
    is_few = max(len(added), len(lost)) <= _MOST_VERBS and len(common) >= len(own)
    return Judgement.UNSURE if is_soft and is_few and not sides else Judgement.WRONG


def _judge_marks(pairs: Sequence[Pair]) -> Judgement:
    """Judge what stands elsewhere: a mark that one token lost and another one gained."""
    gained = set[str]()
    missing = set[str]()
    for _, one, _, other in pairs:
        new = one.marks - other.marks
        old = other.marks - one.marks
        if "not" in new | old or any(new & pair and old & pair for pair in _OPPOSED):
            return Judgement.WRONG
        gained |= new
        missing |= old
    if gained & missing:
        return Judgement.WRONG
    is_other = bool(_CONDITIONS & (gained | missing))
    return Judgement.UNSURE if is_other else Judgement.RIGHT


def _judge_order(pairs: Sequence[Pair]) -> Judgement:
    """Judge the order of the tokens that both texts have."""
    order = {
        place: rank for rank, place in enumerate(sorted(pair[0] for pair in pairs))
    }
    places = [order[pair[0]] for pair in pairs]
    found = {Judgement.RIGHT}
    start = 0
    for end in range(len(places)):
        if max(places[start : end + 1]) == end:
            part = slice(start, end + 1)
            runs = 1 + sum(
                after - before != 1 for before, after in pairwise(places[part])
            )
            if runs >= _EXCHANGED:
                found.add(_judge_turned(places[part], pairs[part], runs))
            start = end + 1
    return next(each for each in Judgement if each in found)


def _judge_turned(places: Sequence[int], pairs: Sequence[Pair], runs: int) -> Judgement:
    """Judge tokens that stand in another order than one block of them moved.

    English says who does what to whom by the order. Russian says it by the endings: two words with
    the same ones may have changed their parts.
    """
    if pairs[0][1].word.isascii():
        return Judgement.WRONG if runs == _EXCHANGED else Judgement.UNSURE
    words = [each for each in zip(places, pairs, strict=True) if not each[1][1].is_verb]
    found = {Judgement.RIGHT}
    for (place, first), (other_place, second) in combinations(words, 2):
        is_list = second[2] - first[2] == 1 and place - other_place == 1
        if place > other_place and not is_list:
            found.add(_judge_exchanged(first, second))
    return next(each for each in Judgement if each in found)


def _judge_exchanged(first: Pair, second: Pair) -> Judgement:
    tokens = (first[1], second[1])
    is_changed = any(pair[1].word != pair[3].word for pair in (first, second))
    if len({token.marks for token in tokens}) > 1 and not is_changed:
        return Judgement.RIGHT
    if all(token.is_fact for token in tokens):
        return Judgement.WRONG
    endings = {token.word[-1] if token.word[-1] in _VOWELS else "" for token in tokens}
    return Judgement.UNSURE if is_changed or len(endings) == 1 else Judgement.RIGHT
