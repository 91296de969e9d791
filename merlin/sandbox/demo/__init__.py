"""`merlin demo`: all of Merlin on this machine, with stand-ins for Telegram and a chat model.

`run` runs it and serves the outside services, `place` lays out its folder, ports and repository,
`story` tells each step as it happens, `check` walks the whole road and judges it.
"""
