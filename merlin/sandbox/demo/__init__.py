"""`merlin demo`: all of Merlin on this machine, with stand-ins for the outside services.

`run` runs it and serves the stand-ins, `place` prepares its folder, ports and repository, `story`
reports each step as it happens, `check` runs the whole workflow once and verifies it.
"""
