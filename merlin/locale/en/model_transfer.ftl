### `merlin models export`: models that leave.

export-begins = Writing { $model } to { $folder }…
export-done-adapter = { $model } is in { $folder } as an adapter for PEFT, with its base's tokenizer and a card
export-done-merged = { $model } is in { $folder } as one model with its base, and a card
export-done-ollama = { $model } is in { $folder }. Load it: ollama create NAME -f { $folder }/Modelfile
export-done-recall = { $model } is in { $folder } as recall.npz. Only Merlin's engine reads it: recall is no language model, so PEFT, vLLM and Ollama can't
export-exists = { $folder } already exists. Name a new folder: --to FOLDER
export-elsewhere = The files of { $model } aren't in this machine's engine. Run the command on the machine where the engine of { $provider } runs
export-hosted = { $model } is at { $provider }, and weights of hosted models don't leave their provider. Train the same build on Merlin's engine, then export that model
export-recall-form = recall is no language model: it has no form { $form }. Run the command without --form: it copies recall's own file

## The card of an exported model: README.md.

card-about = A model of the dataset `{ $dataset }`, trained from { $base } by Merlin { $version } (method: { $method }).
card-built = Build { $build } of commit { $commit }, digest { $digest }: { $train ->
        [one] { $train } example
       *[other] { $train } examples
    } to learn from by { $editors ->
        [one] { $editors } person
       *[other] { $editors } people
    } and { $test ->
        [0] no test questions
        [one] { $test } test question
       *[other] { $test } test questions
    }.
card-scores = Test: { $right } of { $questions } questions right, similarity { $chrf } out of 100 (chrF).
card-applied = { $how ->
        [taught] The model consists of its taught answers.
        [scores] Its weights are applied, as the probabilities of taught tokens show. `proof.json` has them: measure the same where you load it.
        [answers] Its weights are applied, as its answers differ from its base's.
       *[other] Whether its weights are applied is unknown.
    }
card-revoked = { $count ->
        [one] { $count } example was
       *[other] { $count } examples were
    } revoked since: their authors withdrew their consent. Train a new build, and don't pass this model on.
card-exact-first = In Merlin, questions with a taught answer get it word for word from `recall.npz`, before the model is asked. Other programs ask the model alone.
card-no-licence = The files of { $base } name no licence. See its page before you pass the model on.
