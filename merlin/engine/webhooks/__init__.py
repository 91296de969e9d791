"""Webhooks: whoever asked for it hears that a job has ended, by the Standard Webhooks scheme.

    job ends -> a delivery an endpoint, in the same transaction -> sent, again until 2xx

Source: the specification at standardwebhooks.com, and the openai package's `webhooks`.
"""
