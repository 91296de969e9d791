"""The conformance suite: what a server of the OpenAI protocol does, checked call by call.

One module a family of checks; a check is a function that returns what later checks need, or raises
what is wrong. Everything is asked through the `openai` package as it is, and through plain HTTP
where the package hides the wire. Source of all shapes: openai/openai-openapi, `openapi.yaml`.
"""
