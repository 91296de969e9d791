"""Accounts: users, roles, consents, passwords, sign-ins and API keys."""
