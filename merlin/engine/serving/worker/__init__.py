"""The process that holds a base and answers with it; only here is torch imported."""
