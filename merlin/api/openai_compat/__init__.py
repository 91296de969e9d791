"""The OpenAI protocol under /v1: questions of programs and pages."""
