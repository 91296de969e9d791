# Commands that ask models many questions.
asking-price = { $questions ->
        [one] { NUMBER($questions) } question to ask. Estimated price: { $price }.
       *[other] { NUMBER($questions) } questions to ask. Estimated price: { $price }.
    }
asking-price-unknown = unknown (config.yaml has no price for this model)
asking-no-price = The price of this model is unknown, so no budget can be kept. Add it to `models` in config.yaml, or leave --budget out.
asking-budget = The estimated price is { $price }, the budget { $budget }. Nothing was asked. Ask fewer questions (--limit) or raise --budget.
asking-sure = Ask them?
asking-not-sure = Nothing was asked. To accept the price, add --yes.
asking-progress = answers
asking-stopped = Stopped. The answers that came are kept: run the command again to continue.
asking-over-budget = The budget is used up. The answers that came are kept: run the command again with a higher --budget to continue.
asking-failed = { $count ->
        [one] { NUMBER($count) } question was not answered: { $reason }
       *[other] { NUMBER($count) } questions were not answered. The first reason: { $reason }
    }
asking-base = Asking { $model } ({ $provider }) what it knows without training.
prompt-no-build = { $dataset } has no build yet. Commit the dataset, then run merlin build { $dataset }
prompt-no-test = { $build } has no test questions. Mark examples with `split: test`, or set `split.test` in dataset.yaml.
prompt-bad-base = "{ $base }" is not PROVIDER/MODEL, for example openai/gpt-4o-mini
prompt-no-base = The base { $model } does not follow prompts, and config.yaml names no other chat model. Name one: --base PROVIDER/MODEL
prompt-nothing-answered = There is no question that all of them answered, so there is nothing to compare.
prompt-other-base = { $base } does not follow prompts; { $model } ({ $provider }) is asked instead.
prompt-variant-prompt = base, system text alone
prompt-variant-examples = base, nearest examples shown
prompt-variant-tuned = tuned model
prompt-col-variant = who
prompt-col-model = model
prompt-col-chrf = chrF
prompt-col-right = right
prompt-col-tokens = tokens
prompt-col-cost = 1,000 answers
prompt-col-seconds = seconds
prompt-legend = { $questions ->
        [one] { NUMBER($questions) } test question of { $build }.
       *[other] { NUMBER($questions) } test questions of { $build }.
    } chrF: similarity to the example's answer, out of 100; right: as the example says, or nearly word for word; tokens: of one question; seconds: until one answer is whole.
prompt-left-out = { $count ->
        [one] { NUMBER($count) } question is left out, because not all of them answered it.
       *[other] { NUMBER($count) } questions are left out, because not all of them answered them.
    }
prompt-verdict-few = { $questions ->
        [one] { NUMBER($questions) } test question is too few to tell whether tuning pays. 10 or more are needed.
       *[other] { NUMBER($questions) } test questions are too few to tell whether tuning pays. 10 or more are needed.
    }
prompt-verdict-enough = Tuning isn't needed: the base with a prompt answers { $right } of { $questions } questions right.
prompt-verdict-try = Tuning may pay: the base with the better prompt answers { $right } of { $questions } questions right. Train a model, then run this again.
prompt-verdict-pays = Tuning pays: the tuned model is { $points } points ahead of the better prompt.
prompt-verdict-same = Tuning doesn't pay by its answers: the difference to the better prompt, { $points } points, may be chance. Let price and speed decide.
prompt-verdict-worse = Tuning doesn't pay: the tuned model is { $points } points behind the better prompt.
