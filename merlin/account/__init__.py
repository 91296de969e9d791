"""Accounts: who the people are that talk to Merlin."""
