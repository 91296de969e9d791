"""Where the real browser lies, and how it is started in a box without privileges."""

from __future__ import annotations

from pathlib import Path

# The one without a window takes a third of the other's processor time for the same pages.
PROGRAMS = (Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium"))
CHROMIUM = next((program for program in PROGRAMS if program.exists()), PROGRAMS[0])
ARGUMENTS = ("--no-sandbox", "--disable-gpu")
