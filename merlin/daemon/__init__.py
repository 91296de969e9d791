"""`merlin daemon`: git and fine-tune jobs; the only process that touches either."""
