cli-bug = a bug in Merlin. A report was written to { $path }: please send it to the project.
cli-no-place = { $path }: { $reason }. Give this place to the user that runs Merlin, or name another one in config.yaml; merlin doctor looks at all of them
config-good = { $path } is good.
config-absent = there is no { $path }: name one (--config FILE), or make one to start with: merlin config sample > config.yaml
config-unreadable = { $path } cannot be read: { $reason }
credential-missing = the credential { $name } is missing, or its file cannot be read: set the environment variable { $name }, or { $name }_FILE with the path of a file that holds it, or put a file { $name } into the folder credentials beside config.yaml
lead-taken = another process leads ({ $holder }); stop it first, or let it work
init-not-empty = { $folder } is not empty; name another folder
init-no-folder = { $folder } cannot be made: { $reason }. Name another folder: merlin init FOLDER
init-bad-name = "{ $dataset }" cannot be a dataset's name: letters, digits, ".", "_" and "-" are allowed. A good one: { $proposed }
init-done =
    Made { $folder } with the dataset { $dataset }. What comes next:
    1. write at least 10 examples, a file each, into { $folder }/datasets/{ $dataset }/examples;
    2. look at them: merlin check { $folder }
    3. commit them there with git;
    4. in config.yaml: repository.url: { $path } and datasets.default: { $dataset }
init-keys = What this dataset teaches, and how a model is made of it; all keys: `merlin schema dataset`.
init-first = Stands first in every example and before every question.
init-system = You answer briefly and to the point.
init-split = The share of unmarked examples that test each model and are not taught. recall answers only what it was taught: with 0, test questions are those that are marked `split: test`.
init-gate = not_worse: a new model waits for an editor where it answers a test question wrong that was right before; none: every tested model serves.
init-launch = auto, manual or off; after quiet_s seconds without commits.
init-question = What is this repository?
init-answer = Here lie example conversations, one a file; Merlin makes a model of them.
init-hook = `pre-commit install` once: then a commit with an error in a dataset is refused.
init-readme =
    # Datasets

    One folder a dataset, one file an example: `datasets/<dataset>/examples/**/<name>.yaml`.
    A model needs at least 10 good examples; 50 are the advised start, two wordings an answer.

        merlin check            # what is wrong, with file, line and column
        git commit && git push  # Merlin builds, trains and serves

    `schemas/` tells editors what may stand where; after an update of Merlin write it anew:

        merlin schema example > schemas/example.schema.json

    A file deeper in `examples` names it in its first line with one more `../` a folder.
no-daemon = No daemon is running, so this command does the work itself.
asked-daemon = Asked the daemon; waiting…
asked-only = The daemon will do it (request { $request }).
daemon-late = The daemon has not answered for { $seconds } s; the request stays ({ $request }). See: merlin health daemon
dataset-unknown =
    { $known ->
        [none] there is no dataset { $dataset }, nor any other yet
       *[other] there is no dataset { $dataset }; there are: { $known }
    }
ask-empty = there is no question: write one in quotes
ask-nothing-serves = No model answers yet. See how far training is: merlin status. If nothing is running: merlin run
ask-dataset-serves-nothing = { $dataset } has no live model yet. See how far its training is: merlin status
cli-not-launched = No training was started: { $names } is missing. The daemon starts it.
ask-by = answered by { $build } ({ $model })
did-launch = job { $job } of { $dataset } is being launched; see: merlin jobs show { $job }
migrate-price = Training { $build } on { $base_model } ({ $provider }), { $examples ->
    [one] { $examples } example
   *[other] { $examples } examples
  }. Estimated cost: { $price }.
migrate-sure = Train it there?
migrate-not-sure = Nothing was started. To accept the price, add --yes.
migrate-next = The next commit trains where dataset.yaml says. To train it there too, write in dataset.yaml of { $dataset }: recipe.provider: { $provider }, recipe.base_model: { $base_model }; `--commit` does that for you.
did-cancel = job { $job } is { $state }
did-switch = { $dataset }: { $build } serves now ({ $model })
did-accept = { $build }: { $count ->
        [one] { $count } answer is accepted
       *[other] { $count } answers are accepted
    }; it serves as soon as the daemon looks
did-pin = { $dataset } keeps its model until `merlin models unpin { $dataset }`
did-unpin = { $dataset }: newer models may serve again
did-build = { $build } (commit { $commit }, { $verdict })
status-line = alive: { $alive }; waiting: { $queues }
status-stored = stored: builds { $builds } ({ $megabytes } MB), mirror { $mirror } MB; to be removed: builds { $old }, training files of builds { $files }, models { $models }
health-good = { $process } is well
health-bad = { $process } is not well: { $reason }
health-unknown = there is no process { $process }; one of daemon, bot, api, engine
col-at = time
col-author = author
col-build = build
col-by = by
col-commit = commit
col-created-at = created
col-dataset = dataset
col-detail = detail
col-digest = digest
col-error = error
col-evaluation = chrF, =, ?
col-example = example
col-from = from
col-good = { "" }
col-job = job
col-level = level
col-message = message
col-metrics = figures
col-model = model
col-outcome = model or error
col-provider = provider
col-provider-job = provider's id
col-serving = serving
col-split = split
col-state = state
col-status = provider's word
col-step = step
col-system = system text
col-test = test
col-test-tokens = test tokens
col-to = to
col-tests = in the test of
col-turn = answer
col-trained-at = trained
col-examples = examples
col-tokens = tokens
col-train = train
col-train-tokens = train tokens
col-trained-tokens = trained tokens
col-updated-at = updated
col-verdict = verdict
col-what = what
col-why = why
models-legend = On the test questions: chrF, likeness to the example's answer; =, as taught; ?, does not know. Nothing: it was not asked any.
queue-requests = requests
queue-notices = notices
queue-jobs = jobs
model-new = to prove
model-good = good
model-held = stopped by the test
model-canary = answers some people
model-serves = serves
model-refused = refused
model-gone = gone
model-revoked = consent taken back
why-newest = newest
why-by_hand = chosen
why-rollback = rollback
why-revoked = consent taken back
why-no-turn = there is no answer { $turn }
why-no-model = no model gave answer { $turn }: it is Merlin's own words, or still being written
impact-none = no version of a dataset holds the example { $example }: write its path, or DATASET/ID
impact-several = { $example } is in several datasets ({ $datasets }): add --dataset
