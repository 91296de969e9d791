"""The worker process that serves a base with torch, or an ONNX encoder without it."""
