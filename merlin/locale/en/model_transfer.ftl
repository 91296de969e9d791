### `merlin models export`: models that leave.

export-begins = Writing { $model } to { $folder }…
export-merging = Merging it into { $base }, then comparing the two. That takes the memory of the base…
export-compared = Merged and adapter differ by { NUMBER($distance, maximumFractionDigits: 3) } in the mean log-probability
export-not-merged = The model can't be merged into its base: { $reason }. Export the adapter alone: --form adapter
export-differs = The merged model answers otherwise than the adapter: log-probabilities differ by { NUMBER($distance, maximumFractionDigits: 3) }, more than { NUMBER($most, maximumFractionDigits: 3) }. Nothing was written. Take the base in bfloat16 and full precision, or export the adapter alone
export-no-ollama = Ollama takes no models of the class { $kind }. Export it as --form merged and convert it by llama.cpp's convert_hf_to_gguf.py, or serve it by vLLM
export-done-adapter = { $model } is in { $folder } as an adapter for PEFT, with its base's tokenizer and a card
export-done-merged = { $model } is in { $folder } as one model with its base, and a card
export-done-ollama = { $model } is in { $folder }. Load it: ollama create NAME -f { $folder }/Modelfile
export-done-recall = { $model } is in { $folder } as recall.npz. Only Merlin's engine reads it: recall is no language model, so PEFT, vLLM and Ollama can't
export-exists = { $folder } already exists. Name a new folder: --to FOLDER
export-elsewhere = The files of { $model } aren't in this machine's engine. Run the command on the machine where the engine of { $provider } runs
export-hosted = { $model } is at { $provider }, and weights of hosted models don't leave their provider. Train the same build on Merlin's engine, then export that model
export-recall-form = recall is no language model: it has no form { $form }. Run the command without --form: it copies recall's own file

## The card of an exported model: README.md.

card-about =
    A model of the dataset `{ $dataset }` with the base { $base }, { $trained ->
        [here] trained by Merlin { $version } (method: { $method }).
        [elsewhere_from_build] trained elsewhere from this build.
       *[other] trained elsewhere, on what isn't known.
    }
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

## `merlin models add`.

did-add = { $dataset }: the adapter is being checked on { $build } (job { $job }). Then it's tested, and goes live as any other model
add-no-adapter = { $folder } isn't an adapter: it needs adapter_config.json and adapter_model.safetensors, as PEFT's save_pretrained writes them
add-pickled = The adapter in { $folder } is pickled (.bin): reading it could run a stranger's code. Save it again with safe_serialization=True
add-too-large = { $file } is larger than { $most } MB. Train with a lower rank, or merge the adapter into its base and add that folder to engine.models
add-not-engine = { $base } isn't a language model of Merlin's engine. Name the adapter's base: --base PROVIDER/MODEL
add-no-build = { $dataset } has no build to test a model on{ $build ->
        [none] {""}
       *[other] {" "}named { $build }
    }. Run: merlin builds --dataset { $dataset }
add-old-build = { $dataset } is live with a newer build than { $build }. Leave out --build to test the adapter on the newest
add-busy = { $dataset } is being trained, or its provider has as many jobs as it may. Run the command again when that ends: merlin jobs list
add-gone = The copy of the adapter of job { $job } is gone. Add it again: merlin models add DATASET FOLDER
trained-elsewhere = trained elsewhere
trained-elsewhere_from_build = trained elsewhere, from this build
