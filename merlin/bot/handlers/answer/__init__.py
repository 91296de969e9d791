"""Answer: a question on its way to a whole answer, and what people do with the answer."""
