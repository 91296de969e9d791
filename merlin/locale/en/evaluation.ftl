# How a model answered its test questions, beside another model.
eval-not-tested = { $model } { $state ->
        [refused] was rejected: at its test it didn't answer ({ $note }).
        [revoked] won't be tested: consent to an example that it learnt was withdrawn.
       *[other] hasn't been tested yet.
    }
    .command = { $state ->
        [refused] To train it again: merlin jobs launch { $dataset }
       *[other] See merlin models list
    }
eval-no-answers = The answers of { $model } to its test questions weren't saved: it was tested by an earlier version of Merlin, or consent to an example was withdrawn.
