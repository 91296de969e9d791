"""Talk: the sessions of a person and what they are made of: model, preset, course, window."""
