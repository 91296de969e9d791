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
