"""Handlers: what is done with an update, one file a topic; `dispatch` picks the right one."""
