engine-taught = { $n ->
    [0] The training file has no question with an answer: every answer is empty or has weight 0. Add answers to learn.
    [one] The training file has { $n } question with an answer, the limit is { $most }. Split the file.
   *[other] The training file has { $n } questions with answers, the limit is { $most }. Split the file.
}
engine-contradicting = { $n ->
    [one] { $n } question is asked with different answers, not all of them can be learnt: { $shown }
   *[other] { $n } questions are asked with different answers, not all of them can be learnt: { $shown }
}
engine-left = { $n ->
    [one] { $n } question still doesn't get the answer it was taught: { $shown }
   *[other] { $n } questions still don't get the answers they were taught: { $shown }
}
engine-base-gone = The base model “{ $base }” is no longer in engine.models of config.yaml: put it back and create the job again.
engine-encoder-changed = The encoder of recall isn't the one this model was trained with. Train the model again.
