# The pages of those who watch the training and keep the people.
page-nav-admin = Admin
page-admin = Admin
page-admin-sections = Admin sections
page-section-home = Commits
page-section-jobs = Training
page-section-models = Models
page-users-all = Everyone
page-section-users = People
page-section-audit = Activity log
page-older = Show earlier ones

page-request-waiting = queued
page-request-working = running
page-request-done = done
page-request-failed = failed
page-request-late = The daemon isn't running. The task is saved and will run when it starts.
page-request-fetch = Read the repository
page-request-census = Recount the models
page-request-build = Build { $target }
page-request-launch = Start training: { $target }
page-request-cancel = Stop job { $target }
page-request-accept = Accept the answers of { $target }
page-request-promote = Make { $target } live
page-request-rollback = Roll back: { $target }
page-request-pin = Pin the model: { $target }
page-request-unpin = Unpin the model: { $target }
page-request-add = Add an adapter: { $target }

page-serving-now = Live now
page-no-serving = No trained models yet
page-no-serving-hint = The first one appears here once it's trained and passes its test.
page-answers-since = Live since
page-score = Test
page-score-of = { $right } of { $questions } right
page-base = Base model

page-jobs-running = In progress
page-jobs-finished = Finished
page-no-jobs = No training yet
page-no-jobs-hint = Training starts automatically after a commit with new examples.
page-launch = Start training
page-dataset = Dataset
page-ask-price = Estimate cost
page-price-unknown = unknown
page-launch-for = Start training: { $price }
page-launching = Starting…
page-trains-on = Trains on
page-examples-count = { $count ->
        [one] { $count } example
       *[other] { $count } examples
    }
page-epochs = Epochs
page-spent-month = This month
page-spent-of = { $spent } of { $cap }

page-offers = Every provider
page-offer-where = Base model
page-offer-cost = Cost
page-offer-time = Time
page-offer-fit = Memory
page-offer-seen = Who sees the examples
offer-where = { $base } · { $provider }
offer-chosen = { $base } · { $provider } (chosen)
offer-unknown = unknown
offer-seen-nobody = no one else
offer-fit = { $fit ->
        [yes] enough here
        [no] not enough here
        [unknown] unknown
       *[other] not needed here
    }
offer-fit-gb = { $fit ->
        [yes] enough here: about { $gb } GB
        [no] not enough here: about { $gb } GB
       *[other] about { $gb } GB
    }

page-job-title = Job { $job }
page-stop-job = Stop training
page-stop-job-sure = Stop the training? Money spent isn't refunded. The live model keeps answering.
page-yes-stop = Yes, stop
page-stopping = Stopping…
page-progress-of = Progress of job { $job }
page-launch-again = Train again
page-job-reason = Reason: { $error }
page-job-safe = The data is safe, you can train again.
page-job-now = Training: { $state }
page-no-losses = { chart-none }
page-losses-of = Losses of { $job }
page-losses-caption = Loss by step, log scale: lower is better. Circles are checkpoints.
page-curve-train = Training loss: from { $first } to { $last } by step { $step }.
page-curve-test = Test loss: from { $first } to { $last } by step { $step }.
page-epoch = epoch { $epoch }
page-epoch-of = epoch { $epoch } of { $epochs }
page-facts = Details
page-started = Started
page-took = Duration
page-attempt = Attempt
page-estimate = Estimated cost
page-trained-tokens = Tokens at the provider
page-at-provider = At the provider
page-events = Events
page-no-events = No events yet.
page-build-of = Build { $build }
page-its-test = Its test

page-only-dataset = Only dataset “{ $dataset }”.
page-show-all-models = Show all
page-nothing-serves = No trained model yet, a general one answers: { $datasets }{ $more ->
        [0] {""}
       *[other] {" "}and { $more } more
    }.
page-pinned = pinned
page-until = until { $day }
page-roll-back = Roll back
page-roll-back-what = What would change
page-roll-back-sure = Roll “{ $dataset }” back to { $model }? It starts answering at once and is pinned: new ones won't replace it until you unpin it.
page-yes-roll-back = Yes, roll back
page-pin = Pin
page-pin-sure = Pin the model of “{ $dataset }”? New ones won't replace it until you unpin it.
page-yes-pin = Yes, pin
page-unpin = Unpin
page-unpin-sure = Unpin the model of “{ $dataset }”? A newer tested model may go live right away.
page-yes-unpin = Yes, unpin
page-accept-meant = I meant it
page-accept-meant-sure = Make { $model } live in “{ $dataset }”, with all these changes?
page-yes-accept-meant = Yes, I meant it
page-accept-lost = Accept these answers
page-accept-lost-sure = Make { $model } live in “{ $dataset }”, although it answers these questions differently? They won't stop later models while their answers in the dataset stay the same.
page-yes-accept-lost = Yes, accept
page-promote = Make live
page-promote-sure = Make { $model } the live model of “{ $dataset }”? It starts answering at once.
page-yes-promote = Yes, make live
page-other-models = Other models
page-history = History: which model answered when
page-history-model = Model
page-why = Why
page-state = State

page-and-more = and { $count } more
page-split = Used for

page-no-build = No build
page-no-job = No training
page-no-model = No model
page-model-of = Model { $model }
page-step-serves = Live
page-step-serves-not = Not live

page-people-count = { $count ->
        [one] { $count } person has written to the bot.
       *[other] { $count } people have written to the bot.
    }
page-find-person = Name, username or Telegram ID
page-no-users-found = No one found
page-no-users-found-hint = Enter a full Telegram ID or username, or part of a name.
page-nameless = No name
page-blocked = blocked
page-telegram-id = Telegram ID
page-plan = Plan
page-beyond = { $count } extra
page-left-of-plan = Left in the plan
page-role = Role
page-not-self = Another admin has to change your role.
page-remove-scope = Remove course
page-remove-scope-sure = Remove the course { $scope } from this teacher?
page-yes-remove-scope = Yes, remove
page-change-role = Change role
page-role-to = Which role
page-scope-of-teacher = A teacher's course
page-role-hint = Replaces the current role. Teachers can have several courses. The person is notified.
page-yes-role = Yes, give this role
page-block = Block
page-block-sure = Block { $person }? The bot stops answering, and auto-renewal in Stars is turned off. Conversations are kept.
page-yes-block = Yes, block
page-unblock = Unblock
page-unblock-sure = Unblock this person? The bot answers them again.
page-yes-unblock = Yes, unblock
page-no-expiry = no expiry
page-result-done = Saved.
page-audit-empty = No entries.


page-percent = { $share }%
page-rated-enough = { $count } rated answers can train the next model: set recipe.method to kto.
