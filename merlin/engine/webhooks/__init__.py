"""Webhooks: endpoints, signed deliveries, and addresses that they may go to."""
