"""A stand-in for YooKassa's API v3: payments, refunds, receipts, saved methods, notifications.

It checks requests as the vendor does, keeps Idempotence-Keys, and lets a person, a test or a rule
choose how each payment ends. Nobody's money moves, and its page says so.
"""
