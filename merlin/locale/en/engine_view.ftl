### `merlin engine jobs` and `status`.

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
