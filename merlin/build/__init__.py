"""From good examples to a build: train.jsonl, test.jsonl and a manifest, named by content."""
