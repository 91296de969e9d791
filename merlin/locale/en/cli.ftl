cli-bug = a bug in Merlin. A report was written to { $path }: please send it to the project.
cli-no-place = { $path }: { $reason }. Make it writable for the user that runs Merlin, or set another path in config.yaml; merlin doctor checks all paths
cli-no-current-folder = The current folder was deleted. Change to a folder that exists (cd), and try again
cli-no-utf8 = This isn't UTF-8: { $text }. Type it again, in a terminal whose locale is UTF-8
cli-disk-full = The disk is full: not everything could be written. Free some space, then run the command again
config-valid = { $path }: no errors. Providers, Telegram and servers of repositories weren't asked.{ $default ->
        [none] {""}
       *[other] {" "}Whether there is a dataset { $default }, nothing on this machine tells yet.
    }{ $closed ->
        [none] {""}
       *[other] {" "}Not looked at, for lack of rights: { $closed }.
    }
config-absent = { $path } not found: name another (--config FILE), or create a minimal one: merlin config sample > config.yaml
config-unreadable = { $path } can't be read: { $reason }
credential-no-url = the secret { $name } must be an https address, such as https://hc-ping.com/…, without spaces
credential-not-text = the file { $path } of the secret { $name } isn't a text in UTF-8: write the secret into it again, as one line
credential-no-header = the secret { $name } can't be sent: it has a line break, or characters other than English letters, digits and punctuation. Enter it again, as one line
credential-missing = the secret { $name } isn't set, or its file can't be read. Set the environment variable { $name }, or put a file { $name } into the folder credentials next to config.yaml
already-running = { $holder ->
        [elsewhere] The daemon or another command of Merlin is at work on another machine.
       *[other] The daemon or another command of Merlin is at work (process { $holder }).
    } Stop it, or wait until the command has ended, and try again.
init-not-empty = { $folder } isn't empty; name another folder
init-no-folder = can't create { $folder }: { $reason }. Name another folder: merlin init FOLDER
init-bad-name = “{ $dataset }” isn't a valid dataset ID: use letters, digits, “.”, “_” and “-”, and no device of Windows such as con or aux. For example: { $proposed }
init-done =
    Created { $folder }: config.yaml, and a dataset `{ $dataset }` with { $count ->
        [one] { $count } example
       *[other] { $count } examples
    }, committed. Next, in that folder:
    1. check the examples: merlin check
    2. train a model: merlin engine, and in another terminal merlin daemon. In about a minute it's live: merlin status
    3. ask it: merlin ask { $question }
    4. write your own examples in datasets/{ $dataset }/examples and commit them.
    For Telegram: put your bot's token into credentials/TELEGRAM_BOT_TOKEN, then run merlin run.
init-subject = Start the dataset { $dataset }
init-keys = What this dataset teaches, and how its model is trained. All keys: `merlin schema dataset`.
init-first = Comes first in every example and before every question.
init-system = You answer briefly and to the point.
init-split = The share of unmarked examples that test each model instead of training it. recall answers only what it learnt: with 0, the test questions are those marked `split: test`.
init-gate = not_worse: a new model waits for an editor if it answers the test questions worse than the previous one. none: every tested model goes live.
init-launch = auto, manual or off. It starts after quiet_s seconds without commits.
init-hook = `pre-commit install` once: then a commit with an error in a dataset is refused.
init-readme =
    # Datasets

    One folder per dataset, one file per example: `datasets/<dataset>/examples/**/<name>.yaml`.
    A model needs at least 10 good examples. Start with 50, two wordings per answer.

        merlin check            # what is wrong, with file, line and column
        git commit && git push  # Merlin builds, trains and puts the model live

    `schemas/` tells editors which keys are allowed; after an update of Merlin write it again:

        merlin schema example > schemas/example.schema.json

    A file deeper in `examples` names it in its first line with one more `../` per folder.
next-command = Next: { $command }
no-daemon = No daemon is running, so this command does the work itself.
queued-waiting = Queued for the daemon; waiting…
queued-only = The daemon will do it (task { $request }).
daemon-late = The daemon hasn't responded for { $seconds } s; task { $request } is saved. Check: merlin health daemon
dataset-unknown =
    { $known ->
        [none] dataset { $dataset } not found; there are none yet
       *[other] { $near ->
            [none] dataset { $dataset } not found; there are: { $known }
           *[other] dataset { $dataset } not found; did you mean { $near }?
        }
    }
ask-empty = no question: write one in quotes
ask-no-live-model = No model is live yet. See how training is going: merlin status. If nothing is running: merlin run
ask-dataset-no-live-model = { $dataset } has no live model yet. See how far its training is: merlin status
cli-not-launched = No training was started: { $names } is missing. The daemon starts it.
ask-by = answered by { $build } ({ $model })
ask-nearest = Did you mean: { $questions }
quote-refused = It can't be launched now: { $reason }
did-launch = Starting job { $job } of { $dataset }
did-cancel = job { $job } is { $state }
did-switch = { $dataset }: { $build } is live now ({ $model })
did-rollback = { $dataset }: { $build } is live again ({ $model }) and pinned
did-accept = { $build }: { $count ->
        [one] { $count } answer accepted
       *[other] { $count } answers accepted
    }; it goes live when the daemon next looks
did-pin = { $dataset }: the model is pinned, newer ones wait
did-unpin = { $dataset }: newer models may go live again
did-build = { $build } (commit { $commit }, { $verdict })
status-line = running: { $alive }; waiting: { $queues }
status-failed-request = task { $request } ({ $what }) of { $at } failed: { $reason }. Remove the cause, then run its command again
health-unknown = unknown process { $process }; choose one of daemon, bot, api, engine
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
col-evaluation = right, chrF, =, ?
col-applied = training applied
col-example = example
col-good = { "" }
col-job = job
col-level = level
level-info = info
level-warn = warning
level-warning = { level-note }
level-error = error
level-note = note
col-message = message
col-metrics = figures
col-model = model
col-outcome = model or error
col-provider = provider
col-provider-job = provider ID
col-serving = live
col-rows = rows
col-split = part
col-state = state
col-status = provider status
col-step = step
col-system = instructions
col-table = table
col-test = test
col-test-tokens = test tokens
col-tests = in the test of
col-answers = answers
col-turn = answer
col-trained-at = trained
col-examples = examples
col-tokens = tokens
col-train = train
col-train-tokens = train tokens
col-trained-tokens = provider's tokens
col-duration = duration
col-estimate = estimated cost
col-verdict = result
col-what = what
models-legend = On the test questions: right answers of all, chrF (similarity to the reference). Blank: not asked.
queue-requests = tasks
queue-notices = notifications
queue-jobs = training jobs
model-new = not tested yet
model-good = tested
model-held = didn't go live
model-serves = live
model-refused = rejected
model-gone = removed
model-unapplied = not applied
model-revoked = consent withdrawn
why-newest = new build
why-returned = an earlier build is back
why-by_hand = chosen by hand
why-rollback = rolled back
why-revoked = consent withdrawn
why-no-turn = Answer { $turn } not found
why-no-model = Answer { $turn } isn't from a model: it's Merlin's own text, or still being written
impact-not-found = No build holds the example { $example }: write its path, or DATASET/ID
impact-several = { $example } is in several datasets ({ $datasets }): add --dataset
cli-yes-or-no = [yes/No]
