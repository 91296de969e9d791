"""The outside world, one file a service: each fulfils a Protocol of the domain.

An adapter knows the domain and no process; wiring picks it. No exception of an outside
library leaves this package: each becomes one of `merlin.core.errors`.
"""
