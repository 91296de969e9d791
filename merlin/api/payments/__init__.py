"""Payments through YooKassa: orders, refunds, renewals, the worker that attends to them."""
