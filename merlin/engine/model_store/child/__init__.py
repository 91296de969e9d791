"""The process that brings one base: the only one of the library to load torch or the hub's client.

It gets one order as a JSON line, tells its progress as JSON lines, and leaves with its parent.
"""
