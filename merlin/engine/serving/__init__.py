"""Answers by a model's name: `recall` in this process, language models behind a Backend."""
