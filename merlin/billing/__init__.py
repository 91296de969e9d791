"""Billing: what people may ask, how much of it is left."""
