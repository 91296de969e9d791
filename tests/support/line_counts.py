"""The lines that an act runs: how its work grows, without a clock."""

import sys


def count_lines(module, act):
    """Return how many lines of a module are run, each turn of a loop counted."""
    lines, before = [], sys.gettrace()

    def trace(frame, event, _):
        if frame.f_code.co_filename != module.__file__:
            return None
        lines.extend([frame.f_lineno] if event == "line" else [])
        return trace

    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(before)
    return len(lines)
