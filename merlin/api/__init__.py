"""`merlin api`: the only process that listens to the world; every hook is one of its routes."""
