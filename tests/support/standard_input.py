"""What is typed or piped to standard input."""

import sys


def pipe(monkeypatch, stream):
    """Let commands of this process read a stream as their standard input."""
    monkeypatch.setattr(sys, "stdin", stream)
