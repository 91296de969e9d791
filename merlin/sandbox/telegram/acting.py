"""What people do: write, hand over files, press keys, gather in groups."""

from __future__ import annotations

from merlin.sandbox.telegram.gathering import Gathering
from merlin.sandbox.telegram.handing import Handing
from merlin.sandbox.telegram.pressing import Pressing
from merlin.sandbox.telegram.writing import Writing


class Acting(Writing, Handing, Pressing, Gathering):
    """The people's side of the world; acts return the update_id they led to, 0 for none.

    How people and places are named is told in `presence`.
    """
