### What the engine itself says to people; a model's answers are the datasets' own words.

engine-unknown = I do not know the answer to this question.
