"""Where Chromium is installed, and its arguments in a container without privileges."""

from pathlib import Path

# The headless shell takes a third of the processor time of the full browser.
PROGRAMS = (Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium"))
CHROMIUM = next((program for program in PROGRAMS if program.exists()), PROGRAMS[0])
# Without a GPU, drawing needs no process of its own for OpenGL either. The scripts of the pages are
# short: other threads that compile them and collect garbage cost more than they save.
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-software-rasterizer"),
    "--js-flags=--single-threaded",
)
