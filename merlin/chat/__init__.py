"""The chat: sessions, windows, presets, and who answers."""
