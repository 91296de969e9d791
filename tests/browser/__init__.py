"""A package, so that the browser can be shared by its tests and stopped after them."""
