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
eval-no-answers = The answers of { $model } to its test questions weren't saved. An earlier version of Merlin tested it, or consent to an example was withdrawn.
# How it is known that the trained weights are applied: in a table, then as a sentence.
applied-taught = yes, it consists of its taught answers
applied-scores = yes, by probabilities
applied-answers = yes, by answers
applied-unasked = unknown
applied-undecided = unknown
applied-told = { $how ->
        [scores] The training is applied: the engine compares the probabilities of taught answers at each load.
        [answers] The training is applied: a trained question gets another answer than from the base model.
        [unasked] It's unknown whether the training is applied: the base model can't be asked.
       *[other] It's unknown whether the training is applied: too few answers can be compared with the base model's.
    }
