### The engine's pages: what is trained, what answers, what the machine is busy with.

engine-page-skip = To the content
engine-page-home = Engine: front page
engine-page-name = Engine
engine-page-title = Engine
engine-page-lead = What is trained and what answers on this machine.
engine-page-other-language = ru
engine-page-other-language-name = Русский
engine-page-to-dark = Switch to the dark theme
engine-page-to-light = Switch to the light theme
engine-page-sign-out = Sign out
engine-page-busy = One moment…
engine-page-no = No
engine-page-lost = The engine does not answer. What stands here was the last known; the page goes on by itself when it is back.

engine-page-running = Running now
engine-page-waiting = Waiting
engine-page-over = Finished
engine-page-older = Older
engine-page-newest = To the newest
engine-page-no-jobs = There were no jobs yet
engine-page-no-jobs-hint = A program of the OpenAI protocol creates one: send a file to /v1/files, then POST /v1/fine_tuning/jobs. Merlin does it by itself after a commit with examples.
engine-page-nothing-runs = Nothing is being trained now
engine-page-nothing-runs-hint = A new job will show up here by itself, with its loss curve.
engine-page-no-curve = No loss was measured yet.

engine-page-state-validating_files = checking files
engine-page-state-queued = queued
engine-page-state-running = training
engine-page-state-paused = paused
engine-page-state-succeeded = trained
engine-page-state-failed = failed
engine-page-state-cancelled = cancelled
engine-page-method-supervised = supervised
engine-page-method-dpo = preferences (DPO)

engine-page-epoch-of = epoch { $epoch } of { $epochs }
engine-page-epoch = epoch { $epoch }
engine-page-step-of = step { $step } of { $steps }
engine-page-pace = { $tokens } tokens/s
engine-page-left = about { $span } left
engine-page-span-days = { $count } d
engine-page-span-hours = { $count } h
engine-page-span-minutes = { $count } min
engine-page-span-seconds = { $count } s
engine-page-size-gb = { $size } GB
engine-page-size-mb = { $size } MB
engine-page-size-kb = { $size } kB
engine-page-size-b = { $size } B
engine-page-of = { $part } of { $whole }

engine-page-progress-of = Progress of job { $job }
engine-page-losses-of = Losses of { $job }
engine-page-losses-caption = Loss by step, log scale: lower is better. Dots: test loss.
engine-page-no-losses = No loss was measured yet.
engine-page-curve-train = Train loss: from { $first } to { $last } by step { $step }.
engine-page-curve-test = Test loss: from { $first } to { $last } by step { $step }.
engine-page-picture = As a picture
engine-page-picture-of = Losses of { $job } as a picture

engine-page-machine = Machine
engine-page-cpu = Processor
engine-page-cores = { $count ->
    [one] { $count } core
   *[other] { $count } cores
}
engine-page-cpu-of = { $share } % · { $cores }
engine-page-gpu-of = { $share } % · { $memory }
engine-page-memory = Memory
engine-page-memory-own = The engine's part
engine-page-models-size = Models on disk
engine-page-disk-free = Free on disk

engine-page-questions = Questions
engine-page-no-questions = Nobody has asked since the engine began.
engine-page-figure-running = Being answered
engine-page-figure-waiting = Waiting
engine-page-figure-adapters = Models in memory
engine-page-figure-prompt-tokens = Tokens in questions
engine-page-figure-restarts = Started anew
engine-page-figure-completion-tokens = Tokens in answers

engine-page-bases = Bases
engine-page-bases-hint = Models that can be tuned, and that answer by themselves.
engine-page-pulled = in place
engine-page-not-pulled = not pulled
engine-page-unfit = unfit
engine-page-backend = { $backend } answers
engine-page-window = window { $tokens } tokens
engine-page-no-licence = licence not told
engine-page-models = Tuned models
engine-page-no-models = None yet. A model shows up when the first job is done.

engine-page-job-title = Job { $job }
engine-page-back = All jobs
engine-page-now = Job: { $state }
engine-page-job-safe = The files are safe, the job can be created again.
engine-page-pause = Pause
engine-page-resume = Go on
engine-page-cancel = Stop
engine-page-pausing = Pausing after the step…
engine-page-resuming = Going on…
engine-page-cancelling = Stopping…
engine-page-cancel-sure = Stop the training for good? Its checkpoints stay.
engine-page-yes-cancel = Yes, stop
engine-page-facts = About the job
engine-page-base = Base
engine-page-method = Method
engine-page-created = Created
engine-page-finished = Finished
engine-page-trained-tokens = Tokens shown
engine-page-training-file = Training file
engine-page-validation-file = Test file
engine-page-seed = Seed
engine-page-job-id = Id
engine-page-hyperparameters = Hyper-parameters
engine-page-yes-word = yes
engine-page-no-word = no
engine-page-its-models = What can be asked
engine-page-no-checkpoints = No checkpoints yet.
engine-page-final = the finished model
engine-page-after-step = after step { $step }
engine-page-diary = Diary
engine-page-log = Training log
engine-page-no-log = No log: recall is trained within the engine.

engine-page-sign-in = Sign in
engine-page-sign-in-title = Sign in to the engine
engine-page-sign-in-lead = The engine's key opens its pages: the one in MERLIN_ENGINE_KEY. The browser stays signed in for a week or until the engine begins anew; the key itself is not kept.
engine-page-key = The engine's key
engine-page-wrong-key = This key does not fit. See that it is this engine's and was pasted whole.
engine-page-wait = Too many wrong keys. Try again in { $span }.

engine-page-trouble-403 = Not from here
engine-page-trouble-403-hint = The call came from another site's page, or under a foreign name. Open the engine by its own address.
engine-page-trouble-404 = There is no such page
engine-page-trouble-404-hint = The job may have been deleted, or the address was not copied whole.
engine-page-trouble-409 = The job is in another state by now
engine-page-trouble-409-hint = It moved on while you were pressing. Nothing was changed; see how it stands now.
engine-page-trouble-413 = Too much at once
engine-page-trouble-413-hint = The form brought more than it can have. Nothing was changed.
engine-page-trouble-422 = The call cannot be understood
engine-page-trouble-422-hint = Something is missing in the address or the form. Begin at the front page.
engine-page-trouble-500 = The page failed
engine-page-trouble-500-hint = This is a bug of the engine, its log says more. Jobs and answers go on.
engine-page-trouble-507 = The disk refuses
engine-page-trouble-507-hint = The engine's disk is full or broken. Make room; the jobs are safe.
engine-page-to-board = To the front page
engine-page-to-job = To the job

col-engine-job = job
col-base = base
col-progress = steps
col-train-loss = train
col-test-loss = test
col-pace = tokens/s
col-left = left
col-answers = answers
col-running = running
col-waiting = waiting
col-adapters = in memory
col-made = tokens
engine-view-silent = The engine does not answer ({ $place }: { $reason }). Does it run? merlin engine
engine-view-key = The engine did not take the key ({ $place }). MERLIN_ENGINE_KEY must be the key that it was started with.
engine-view-error = { $job }: { $error }
engine-view-counts = Jobs: { $counts }. Tuned models: { $models }.
engine-view-machine = Memory: { $own } GB of { $total }. Models: { $models } GB, { $free } GB free. GPUs: { $gpus }
