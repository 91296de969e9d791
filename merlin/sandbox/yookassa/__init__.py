"""A stand-in of YooKassa's API v3: payments, refunds, notifications.

It validates requests as YooKassa does, honours Idempotence-Keys, and lets a person or a test decide
how each payment ends. No real money moves, and its page says so.
"""
