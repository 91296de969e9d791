### The engine's pages: what is trained, what answers, what the machine is busy with.

engine-page-home = Engine: front page
engine-page-name = Engine
engine-page-lead = What is trained and what answers on this machine.
engine-page-other-language-name = Русский
engine-page-busy = One moment…
engine-page-not-responding = The engine isn't responding. Showing the latest data; the page updates when it's back.

engine-page-running = Running now
engine-page-waiting = Waiting
engine-page-older = Older
engine-page-newest = To the newest
engine-page-no-jobs-hint = Any OpenAI-compatible program can start one: send a file to /v1/files, then POST /v1/fine_tuning/jobs. Merlin does it automatically after a commit with examples.
engine-page-nothing-runs = Nothing is being trained
engine-page-nothing-runs-hint = New training appears here with its loss curve.

engine-page-method-supervised = supervised
engine-page-method-dpo = preferences (DPO)

engine-page-step-of = step { $step } of { $steps }
engine-page-pace = { $tokens } tokens/s
engine-page-left = about { $span } left
engine-page-size-gb = { $size } GB
engine-page-size-mb = { $size } MB
engine-page-size-kb = { $size } kB
engine-page-size-b = { $size } B
engine-page-of = { $part } of { $whole }

engine-page-losses-caption = Loss by step, log scale: lower is better. Dots: test loss.

engine-page-machine = Machine
engine-page-cpu = Processor
engine-page-cores = { $count ->
    [one] { $count } core
   *[other] { $count } cores
}
engine-page-cpu-of = { $share } % · { $cores }
engine-page-gpu-of = { $share } % · { $memory }
engine-page-memory = Memory
engine-page-memory-own = Used by the engine
engine-page-models-size = Models on disk
engine-page-disk-free = Free on disk

engine-page-no-questions = No questions since the engine started.
engine-page-figure-running = Answering now
engine-page-figure-waiting = Waiting
engine-page-figure-adapters = Models in memory
engine-page-figure-prompt-tokens = Tokens in questions
engine-page-figure-restarts = Restarts
engine-page-figure-completion-tokens = Tokens in answers

engine-page-bases = Base models
engine-page-bases-hint = Models you can train from; they can also answer as they are.
engine-page-pulled = downloaded
engine-page-not-pulled = not downloaded
engine-page-not-usable = not usable
engine-page-backend = { $backend } answers
engine-page-window = window { $tokens } tokens
engine-page-no-licence = licence not stated
engine-page-models = Trained models
engine-page-no-models = None yet. A model appears when the first training is done.

engine-page-back = All training
engine-page-pause = Pause
engine-page-resume = Resume
engine-page-pausing = Pausing after the step…
engine-page-resuming = Resuming…
engine-page-cancel-sure = Stop the training for good? Its checkpoints stay.
engine-page-method = Trainer
engine-page-created = Created
engine-page-finished = Finished
engine-page-training-file = Training file
engine-page-validation-file = Test file
engine-page-seed = Seed
engine-page-job-id = ID
engine-page-hyperparameters = Hyperparameters
engine-page-its-models = Models to ask
engine-page-no-checkpoints = No checkpoints yet.
engine-page-final = the finished model
engine-page-after-step = after step { $step }
engine-page-log = Training log
engine-page-no-log = No log: recall is trained within the engine.

engine-page-sign-in-title = Sign in to the engine
engine-page-sign-in-lead = The engine's key opens its pages: the one in MERLIN_ENGINE_KEY. This browser stays signed in for a week or until the engine restarts; the key itself isn't stored.
engine-page-key = The engine's key
engine-page-wrong-key = Wrong key. Check that it's this engine's and was pasted whole.
engine-page-wait = Too many wrong keys. Try again in { $span }.

engine-page-error-403-hint = The request came from another site or address. Open the engine at its own address.
engine-page-error-404-hint = The training may have been deleted, or the address is incomplete.
engine-page-error-409 = The training has moved on
engine-page-error-409-hint = Its state changed while you were pressing. Nothing else was changed; reload the page.
engine-page-error-413 = Too much data
engine-page-error-413-hint = The form is too large. Nothing was changed.
engine-page-error-422 = Check the address or form
engine-page-error-422-hint = Something is missing. Start at the home page.
engine-page-error-500 = Something broke in the engine
engine-page-error-500-hint = See its log for details. Training and answers continue.
engine-page-error-507 = Check the disk
engine-page-error-507-hint = The engine's disk is full or broken. Free some space; the training is safe.
engine-page-to-board = Home page
engine-page-to-job = Go to training

col-engine-job = job
col-base = base model
col-progress = steps
col-train-loss = training loss
col-test-loss = test loss
col-pace = tokens/s
col-left = left
col-backend = answers
col-running = running
col-waiting = waiting
col-adapters = in memory
col-made = tokens
engine-view-silent = The engine isn't responding ({ $place }: { $reason }). Is it running? merlin engine
engine-view-key = The engine rejected the key ({ $place }). MERLIN_ENGINE_KEY must be the key it was started with.
engine-view-error = { $job }: { $error }
engine-view-counts = Jobs: { $counts }. Trained models: { $models }.
engine-view-machine = Memory: { $own } GB of { $total }. Models: { $models } GB, { $free } GB free. GPUs: { $gpus }
