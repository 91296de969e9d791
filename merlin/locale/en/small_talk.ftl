# Answers to greetings, thanks and "who are you?" where the dataset has none of its own.
small-talk-greeting = Hello! Ask a question, and I'll answer it.
small-talk-thanks = Glad to help! Ask again whenever you like.
small-talk-who = I'm a program that answers questions about “{ $title }”. I can be wrong: check what matters.
small-talk-bye = Goodbye! Write whenever you have a question.
