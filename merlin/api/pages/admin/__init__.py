"""The pages of those who watch and keep the pipeline: jobs, models, builds, verdicts, people.

And of those who keep the money: payments, refunds, codes.
"""
