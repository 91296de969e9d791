# How a model answered its test questions, beside another model.
eval-not-tested = { $model } { $state ->
        [refused] was rejected: it didn't pass its test ({ $note }).
        [revoked] won't be tested: consent to an example that it learnt was withdrawn.
       *[other] hasn't been tested yet.
    }
    .command = { $state ->
        [refused] To train it again: merlin jobs launch { $dataset }
       *[other] See merlin models list
    }
eval-no-answers = The answers of { $model } to its test questions weren't saved: it was tested by an earlier version of Merlin, or consent to an example was withdrawn.
# How it is known that the trained weights are applied: in a table, then as a sentence.
applied-taught = yes, the model is the taught answers
applied-scores = yes, by probabilities
applied-answers = yes, by answers
applied-unasked = not known
applied-undecided = not known
applied-told = { $how ->
        [taught] Applied: the model is the taught answers themselves.
        [scores] Applied: the engine compares the probabilities of taught answers at each load.
        [answers] Applied: to a trained question it answers otherwise than its base model.
        [unasked] Not known whether its training is applied: its base model can't be asked.
       *[other] Not known whether its training is applied: too few answers could be compared with its base model's.
    }
