"""`merlin api`: the only process with a public port; every webhook is one of its routes."""
