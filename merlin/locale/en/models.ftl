# Choosing a model: /model.
bot-command-model = choose a model
models-now = { $model } answers now, { $provider }.
models-provider = { $host ->
        [here] provider { $provider }
       *[other] provider { $provider } ({ $host })
    }
models-line =
    { $count }. { $model } — { $standing ->
        [serving] the usual model of these chats
        [earlier] an earlier version
        [base] the base, without our examples
       *[general] a general model
    }
    { $provider }
    { $price }; { $window ->
        [0] window unknown
        [one] a window of { NUMBER($window) } token
       *[other] a window of { NUMBER($window) } tokens
    }
models-price = { $asked } for questions and { $answered } for answers, { $currency } per million tokens
models-price-free = free of charge
models-price-unknown = price unknown
models-hint = "Always the newest" goes along with every new version. The choice counts in this conversation only.
models-nobody = There is nothing to choose from yet: no model is connected.
models-chosen = Done: { $model } answers in this conversation.
models-chosen-version = { $newest ->
        [none] It stays, also when a newer version comes: we will say so under an answer then.
       *[other] This is an earlier version: the newest one is { $newest }.
    }
models-newer = A newer version answers everybody else by now: { $model }. You stay with the one that you chose.
models-company = This model belongs to another company: your questions in this conversation go to { $provider }. Details: /privacy
models-auto = { $model ->
        [none] Done: nothing is chosen any more.
       *[other] Done: the newest model answers, now { $model }.
    }
models-gone = This model is not there now, or your plan does not include it. Open the list again: /model
models-newest = Always the newest
models-button-newest = Use the newest
models-button-list = List of models
