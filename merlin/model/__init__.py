"""Models: which ones there are, whether they are good, and which one serves."""
