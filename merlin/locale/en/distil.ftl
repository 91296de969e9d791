# What a teacher model is asked for.
proposals-none-chosen = Select at least one correction.
proposals-have-errors = Not accepted: { $reason } Change the text and accept it again.

distil-system = You write training examples for an assistant. Answer with JSON alone, in this form: { $shape }. Write every question and answer in the language of the material. Each answer is complete, correct, and in the manner that the assistant's own instruction asks for. The instruction:
distil-materials = Write up to { $pairs } questions that people may ask about the text below, each with its answer. Ask about what matters most. Word each question in this many ways: { $wordings }; use different words, as different people would, not only another word order. The answers follow from the text alone and can be understood without it: do not mention the text. Where the text holds nothing to ask about, return an empty list.
distil-question = Answer the question below as the assistant should: one entry of the list. Beside the answer give this many other wordings of the same question: { $others }; use different words, as different people would, not only another word order. The question:
distil-no-price = The price of { $model } is unknown, so a budget can't be enforced. Set it under `models` in config.yaml.
distil-file = Give a file of questions with --from questions, and no file otherwise.
distil-long-line = Line { $line } is too long for a question: up to { NUMBER($limit) } characters.
distil-nothing = There's nothing to ask about: { $dataset } has no texts under materials/, or the file has no questions.
distil-plan = { $calls ->
        [0] Nothing left to ask.
        [one] { NUMBER($calls) } call is left. Highest cost: { $most }.
       *[other] { NUMBER($calls) } calls are left. Highest cost: { $most }.
    } Answered before: { NUMBER($done) }. The run stops before spending more than { $rest }.
distil-done = { $proposed ->
        [0] No new examples.
        [one] { NUMBER($proposed) } example waits for an editor in the bot and on the page /datasets/{ $dataset }/proposals
       *[other] { NUMBER($proposed) } examples wait for an editor in the bot and on the page /datasets/{ $dataset }/proposals
    }
    Answers: { NUMBER($answered) }, cost: { $price }, calls left: { NUMBER($left) }.
distil-rejected-unreadable = { $count ->
        [one] { NUMBER($count) } answer isn't in the requested form.
       *[other] { NUMBER($count) } answers aren't in the requested form.
    }
distil-rejected-broken = { $count ->
        [one] { NUMBER($count) } draft was rejected by the check.
       *[other] { NUMBER($count) } drafts were rejected by the check.
    }
distil-rejected-numbers = { $count ->
        [one] { NUMBER($count) } draft has a number that its source lacks.
       *[other] { NUMBER($count) } drafts have a number that their source lacks.
    }
distil-rejected-duplicate = { $count ->
        [one] { NUMBER($count) } draft asks what the dataset already has.
       *[other] { NUMBER($count) } drafts ask what the dataset already has.
    }
distil-rejected-missing = { $count ->
        [one] The teacher model sent { NUMBER($count) } wording fewer than requested.
       *[other] The teacher model sent { NUMBER($count) } wordings fewer than requested.
    }
distil-failed = { $count ->
        [one] { NUMBER($count) } call failed: { $reason }
       *[other] { NUMBER($count) } calls failed. The first reason: { $reason }
    }
distil-over-budget = The budget is used up. To continue, run the command again with a higher --budget.
baseline-currencies = The models have prices in several currencies, so one budget can't be enforced. Record them one after another.
baseline-done = { $model }: { $answered ->
        [one] { NUMBER($answered) } answer recorded
       *[other] { NUMBER($answered) } answers recorded
    }, recorded before: { NUMBER($known) }, left: { NUMBER($left) }, cost: { $price }
