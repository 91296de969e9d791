"""Pages for operators: jobs, models, builds, verdicts, people.

And for accounting: payments, refunds, codes.
"""
