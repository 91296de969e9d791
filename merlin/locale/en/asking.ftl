# Commands that ask models many questions.
asking-price = { $questions ->
        [one] { NUMBER($questions) } question to ask. Estimated price: { $price }.
       *[other] { NUMBER($questions) } questions to ask. Estimated price: { $price }.
    }
asking-price-unknown = unknown (config.yaml has no price for this model)
asking-sure = Ask them?
asking-not-sure = Nothing was asked. To accept the cost, add --yes.
asking-progress = answers
asking-failed = { $count ->
        [one] { NUMBER($count) } question wasn't answered: { $reason }
       *[other] { NUMBER($count) } questions weren't answered. The first reason: { $reason }
    }
prompt-no-build = { $dataset } has no build yet. Commit the dataset, then run merlin build { $dataset }
prompt-no-test = { $build } has no test questions. Mark examples with `split: test`, or set `split.test` in dataset.yaml.
prompt-no-base = The base model { $model } doesn't follow prompts, and config.yaml names no other chat model. Name one: --base PROVIDER/MODEL
prompt-nothing-answered = No question was answered by every model, so there's nothing to compare.
prompt-other-base = { $base } doesn't follow prompts. Asking { $model } ({ $provider }) instead.
prompt-variant-prompt = base model, instructions only
prompt-variant-examples = base model, nearest examples shown
prompt-variant-tuned = trained model
prompt-col-variant = model
prompt-col-model = name
prompt-col-chrf = chrF
prompt-col-right = right
prompt-col-tokens = tokens
prompt-col-cost = 1,000 answers
prompt-legend = { $questions ->
        [one] { NUMBER($questions) } test question of { $build }.
       *[other] { NUMBER($questions) } test questions of { $build }.
    } chrF: similarity to the reference answer, out of 100. “right” means the reference answer, or nearly word for word. Tokens are per question.
prompt-left-out = { $count ->
        [one] { NUMBER($count) } question is left out, because not every model answered it.
       *[other] { NUMBER($count) } questions are left out, because not every model answered them.
    }
prompt-verdict-few = { $questions ->
        [one] { NUMBER($questions) } test question is too few to tell whether fine-tuning pays. You need 10 or more.
       *[other] { NUMBER($questions) } test questions are too few to tell whether fine-tuning pays. You need 10 or more.
    }
prompt-verdict-enough = Fine-tuning isn't needed: the base model with a prompt answers { $right } of { $questions } questions right.
prompt-verdict-try = Fine-tuning may pay: the base model with the better prompt answers { $right } of { $questions } questions right. Train a model, then run this again.
prompt-verdict-pays = Fine-tuning pays: the trained model is { $points } points ahead of the better prompt.
prompt-verdict-same = Fine-tuning doesn't give better answers: the difference from the better prompt ({ $points } points) may be chance. Let the price decide.
prompt-verdict-worse = Fine-tuning doesn't pay: the trained model is { $points } points behind the better prompt.
