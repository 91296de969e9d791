"""The one place that picks adapters: each process is put together here from its parts."""
