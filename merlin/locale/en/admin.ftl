# The screens of those who keep Merlin: /admin.
bot-command-admin = administration
admin-title = Administration
admin-home = Your role: { $role }.
admin-page = 🖥 Everything else: the page
admin-live-model-none = { $dataset }: no trained model yet
admin-examples = 📚 Examples
admin-jobs = ⚙️ Training
admin-models = 🧠 Models
admin-sure = Are you sure?
admin-refresh = 🔄 Refresh
admin-continue = Continue ›
admin-queued = Queued
admin-queued-wait = Working on it. The result will appear here.
admin-queued-late = The training service isn't running. The task is saved and will run when it starts. The result will appear here.
admin-queued-already = Already queued, waiting for the result.
admin-refused = It didn't work: { $reason }
admin-no-dataset = This dataset is no longer here. All datasets: /admin
admin-no-datasets = No datasets yet: the repository hasn't been read.
admin-no-model = Job { $job } has no model.
admin-did-cancel = Job { $job }: { $state ->
        [cancelled] cancelled
        [succeeded] it had already finished, but its model won't go live
        [failed] it had already failed
       *[other] being cancelled
    }.
admin-did-rollback = { $dataset }: { $build } is live again ({ $model }) and pinned: newer ones wait.
admin-jobs-list = Newest first. Tap a job for details.
admin-jobs-none = No training yet.
admin-job = Job { $job } · { $build }
admin-job-state =
    State: { $state }
    Provider: { $provider }, base model: { $base }, attempt { $attempt }
admin-job-cost = Estimated cost: { $cost }
admin-job-tokens = { page-trained-tokens }: { NUMBER($tokens) }
admin-job-times = Started { $created }, duration { $took }
admin-job-last = Now: { $message }
admin-job-error = Reason: { $error }
admin-job-page = 🖥 Events and losses: the page
admin-cancel-job = ⏹ Stop training
admin-ask-cancel = Stop job { $job } ({ $build })? Money spent isn't refunded. The live model keeps answering.
admin-models-which = These models are live. Tap a dataset for more about its model.
admin-all-models = 🖥 All models: the page
admin-serving-now = { $build } ({ $model }, { $provider }) is live since { $since }.{ $pinned ->
        [yes] { " " }📌 Pinned: newer ones wait.
       *[no] { "" }
    }
admin-to-model = 🔎 View the model
admin-rollback = ⏪ Roll back
admin-ask-rollback = Roll “{ $dataset }” back to { $build }? It'll be pinned: newer ones wait until you unpin it.
admin-not-available = This is no longer available to you.
admin-to-job = ⚙️ Go to training
admin-grouped = { $count ->
        [one] { $count } message about the same thing:
       *[other] { $count } messages about the same thing:
    }
admin-grouped-more = and { $count } more
people-not-self = You can't change your own role or access: ask another admin.
people-not-admin = This is an admin: remove the role first.
notice-role = Your role is now: { $role }.
notice-role-scopes = Your role is now: { $role } ({ $scopes }). Start with /admin
step-serving = answering
step-telegram-down = Telegram is unreachable
step-updates-elsewhere = another program uses its token and gets the messages
step-fetch-fails = can't read new commits
step-working = working
step-commits = processing commits, { NUMBER($done) } of { NUMBER($total) } done
bot-blocked = An admin has blocked you, so I can't answer. You can still download or delete your data: /export, /delete_me

runbook-provider =
    Check the provider's status page, the key and the account balance. merlin doctor checks them, too.
    If there are no answers, go back to another provider's model in “Models”.
    Waiting jobs continue automatically. “Training” says why one failed, and starts it again.
runbook-repository =
    Run merlin doctor: it reads the repository.
    Check the address and the key in config.yaml, and whether the git host is up.
    The live models keep answering and all edits are saved. The next fetch continues automatically.
runbook-telegram =
    Check that only one program uses this bot's token, and stop the other one.
    If Telegram is slow, wait: messages are queued and sent later. merlin doctor shows where updates go.
runbook-machine =
    Check free space: merlin status shows what builds take. Builds that never went live are deleted after 30 days.
    For a bug, send the newest file in the reports folder to the person who looks after Merlin, with that process's log.
    Only that step stops. The rest keeps working.
runbook-sunset =
    Set the new base model in dataset.yaml. The model trained on it is tested before it goes live.
    For voice, photos, presets and the assistant, change the model in config.yaml.
