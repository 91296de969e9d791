"""`merlin demo`: all of Merlin on this machine, with stand-ins for Telegram and a chat model.

`place` lays out its folder and ports, `repository` makes the git repository that is followed,
`story` tells each step as it happens, `check` walks the whole road and judges it.
"""
