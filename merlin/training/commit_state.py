"""Where a commit stands for a dataset: the one word that every surface shows of it.

A verdict says what was decided (merlin.dataset.verdicts). The word also tells what became of the
edit before its commit, of the model after its training, and what later commits did to it
(merlin.dataset.came_after). Nothing else derives or compares these words: board, story, page of the
edit, command line, bot, the forge's statuses and the demo ask a member for what they need.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from merlin.dataset.came_after import CameAfter
from merlin.dataset.changes import ChangeState
from merlin.dataset.verdicts import HOLDS, PIN, VerdictStatus

_CARE = "care"
_MOVES = "moves"
_REST = "rest"
_Forge = Literal["pending", "success", "failure", "error"]


class CommitState(StrEnum):
    """The word, with what it looks like and what it asks of people.

    `style` and `icon` are those of a badge, `forge` is the state of a commit at a forge: pending,
    success, failure or error. Its text has the key `commit-state-<value>`.
    """

    style: str
    icon: str
    forge: _Forge
    # Whether it waits for a person; whether it proceeds without anybody.
    needs_care: bool
    is_moving: bool

    # Edits without a commit, or without a verdict yet.
    WAITING = "waiting", "warn", "clock", "pending", _MOVES
    WORKING = "working", "run", "run", "pending", _MOVES
    SAVED = "committed", "ok", "check", "pending", _MOVES
    PARKED = "parked", "bad", "warn", "pending", _CARE
    REFUSED = "refused", "bad", "error", "failure", _REST
    # Commits; checked: not to be trained on purpose.
    REJECTED = "rejected", "bad", "error", "failure", _CARE
    LEFT_OUT = "left_out", "bad", "error", "failure", _CARE
    UNCHANGED = "unchanged", "", "check", "success", _REST
    CHECKED = "checked", "", "check", "pending", _REST
    BUILT = "built", "run", "build", "pending", _MOVES
    HELD = "held", "warn", "clock", "pending", _CARE
    TRAINING = "training", "run", "run", "pending", _MOVES
    FAILED = "failed", "bad", "error", "error", _CARE
    TESTING = "testing", "run", "run", "pending", _MOVES
    GATED = "gated", "warn", "gate", "failure", _CARE
    PINNED = "pinned", "warn", "clock", "pending", _CARE
    LIVE = "serving", "ok", "check", "success", _REST
    WAS_LIVE = "served", "", "history", "success", _REST
    # What later commits made of it.
    SUPERSEDED = "superseded", "", "history", "success", _REST
    REPLACED = "replaced", "", "history", "success", _REST
    MENDED = "mended", "ok", "check", "success", _REST
    UNDONE = "undone", "", "undo", "success", _REST
    REMOVED = "removed", "", "close", "success", _REST

    def __new__(
        cls,
        value: str,
        style: str = "",
        icon: str = "",
        forge: _Forge = "pending",
        asks: str = _REST,
    ) -> "CommitState":
        """Return a member; its value alone finds it."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.style = style
        member.icon = icon
        member.forge = forge
        member.needs_care = asks == _CARE
        member.is_moving = asks == _MOVES
        return member

    @property
    def text_key(self) -> str:
        """Return the Fluent key of the word."""
        return f"commit-state-{self.value}"

    @property
    def is_open(self) -> bool:
        """Return whether another word follows without a later commit."""
        return self.forge == "pending"

    @property
    def is_of_edit(self) -> bool:
        """Return whether it is the word for an edit without a commit or a verdict."""
        return self.value in {*ChangeState}

    @property
    def is_of_later(self) -> bool:
        """Return whether a later commit made it."""
        return self in (CommitState.UNDONE, CommitState.MENDED, CommitState.REPLACED)

    @property
    def is_kept_back(self) -> bool:
        """Return whether its tested model waits for a person's decision."""
        return self in (CommitState.GATED, CommitState.PINNED)


_NOTHING = CameAfter()
# Reasons of a hold that somebody meant.
_MEANT = ("held-skip", "held-off", "held-few-new")
_BY_REASON: Mapping[tuple[VerdictStatus, str], CommitState] = {
    **{(VerdictStatus.HELD, reason): CommitState.CHECKED for reason in _MEANT},
    **{(VerdictStatus.TRAINING, reason): CommitState.GATED for reason in HOLDS},
    (VerdictStatus.TRAINING, PIN): CommitState.PINNED,
}
_BROKEN = (CommitState.REJECTED, CommitState.LEFT_OUT)
# What is final, and wanted by nobody any more once its files are other ones.
_REPLACEABLE = (
    *_BROKEN,
    CommitState.FAILED,
    CommitState.SUPERSEDED,
    CommitState.WAS_LIVE,
)


def compute_state(
    status: VerdictStatus,
    reason: str = "",
    *,
    is_trained: bool = False,
    was_live: bool = False,
    after: CameAfter = _NOTHING,
) -> CommitState:
    """Return the word for a verdict with this reason.

    `is_trained`: its job has made a model. `was_live`: that model served, and does not any more.
    """
    own = _compute_own(status, reason, is_trained=is_trained, was_live=was_live)
    if own.is_moving or own is CommitState.LIVE:
        return own
    later = (
        (CommitState.UNDONE, after.undone_by),
        (CommitState.MENDED, own in _BROKEN and after.mended_by),
        (CommitState.REPLACED, own in _REPLACEABLE and after.replaced_by),
    )
    return next((state for state, is_so in later if is_so), own)


def _compute_own(
    status: VerdictStatus, reason: str, *, is_trained: bool, was_live: bool
) -> CommitState:
    """Return the state without what came after."""
    state = _BY_REASON.get((status, reason), CommitState(status.value))
    if state is CommitState.TRAINING and is_trained:
        return CommitState.TESTING
    if state is CommitState.LIVE and was_live:
        return CommitState.WAS_LIVE
    return state
