engine-taught = { $n ->
    [0] The training file has no question with an answer: every answer is empty or has weight 0. Add answers to be taught.
    [one] The training file has { $n } question with an answer, the most is { $most }. Split the file.
   *[other] The training file has { $n } questions with answers, the most is { $most }. Split the file.
}
engine-contradicting = { $n ->
    [one] { $n } question is asked with different answers, not all of them can be learned: { $shown }
   *[other] { $n } questions are asked with different answers, not all of them can be learned: { $shown }
}
engine-left = { $n ->
    [one] { $n } question still does not get its taught answer: { $shown }
   *[other] { $n } questions still do not get their taught answers: { $shown }
}
engine-threshold-lowered = The confidence threshold went down to the weakest taught question: the model will say "I do not know" less often than it should.
engine-base-gone = The base model “{ $base }” is no longer in engine.models of the config: put it back and create the job again.
engine-encoder-fails = The encoder { $name } gave no vectors: { $reason }. Correct that, then create the job again; the models there are stay as they are.
engine-encoder-changed = The encoder { $name } is not the one this model was trained with: its files, or the length of its vectors, have changed. Put the earlier files back, or train the model again.
