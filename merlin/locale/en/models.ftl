# Choosing a model: /model.
bot-command-model = choose a model
models-now = { $model ->
        [first] Now answering: { $provider }.
       *[other] Now answering: { $model }, { $provider }.
    }
models-provider = { $host ->
        [here] provider { $provider }
       *[other] provider { $provider } ({ $host })
    }
models-line =
    { $count }. { $model } — { $kind ->
        [serving] default model
        [earlier] an earlier model
        [base] the base model, without our examples
       *[general] a general model
    }
    { $provider }
    { $price }; { $window ->
        [0] memory unknown
        [one] memory of { NUMBER($window) } token
       *[other] memory of { NUMBER($window) } tokens
    }
models-price = { $asked } for questions and { $answered } for answers, { $currency } per million tokens
models-price-unknown = price unknown
models-hint = “Always the newest” follows every new model. Applies to this conversation only.
models-none = No models to choose from yet.
models-chosen = { $model } answers in this conversation.
models-chosen-version = It stays even when a newer one comes.
models-company = This model belongs to another company: { $provider } gets your questions in this conversation. Details: /privacy
models-auto = { $model ->
        [none] Back to the default model.
       *[other] Back to the newest model, now { $model }.
    }
models-not-available = This model isn't available, or your plan doesn't include it. Open the list again: /model
models-newest = Always the newest
models-button-list = List of models
