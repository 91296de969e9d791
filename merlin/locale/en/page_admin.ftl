# The pages of those who watch the training and keep the people.
page-nav-admin = Jobs
page-admin = Overview
page-admin-rooms = Rooms
page-room-home = Journey
page-room-jobs = Jobs
page-room-models = Models
page-room-builds = Builds
page-room-verdicts = Commits
page-room-users = People
page-room-audit = Log
page-room-health = Health
page-older = Show earlier ones

page-asked-waiting = waits
page-asked-working = being done
page-asked-done = done
page-asked-failed = failed
page-asked-late = The daemon is not running. The request is kept and will be done when it starts.
page-asked-fetch = Read the repository
page-asked-poll = Ask the providers
page-asked-census = Count the models anew
page-asked-build = Build { $target }
page-asked-launch = Train { $target }
page-asked-cancel = Stop job { $target }
page-asked-accept = Accept the answers of { $target }
page-asked-promote = Let { $target } answer
page-asked-rollback = Return to the model before: { $target }
page-asked-pin = Pin the model: { $target }
page-asked-unpin = Unpin the model: { $target }
page-asked-restore = Make the folder again: { $target }
page-asked-prune = Remove folders of builds

page-silent = Process { $process } is silent
page-sunset-soon = { $model } goes dark in { $count ->
        [one] { $count } day
       *[other] { $count } days
    }
page-serving-now = Answering now
page-no-serving = No tuned models yet
page-no-serving-hint = The first one will be here once a training has ended and its model was proven.
page-answers-since = Answers since
page-score = Likeness
page-score-of = { $score } of 100
page-base = Base

page-jobs-lead = What is being trained, and what was.
page-jobs-running = Running now
page-jobs-over = Ended
page-no-jobs = No jobs yet
page-no-jobs-hint = A job begins by itself after a commit with new examples.
page-launch = Train now
page-dataset = Dataset
page-ask-price = Ask the price
page-price = Price, about
page-price-unknown = unknown
page-launch-for = Train: about { $price }
page-launching = Launching…
page-taught = Teaches
page-examples-count = { $count ->
        [one] { $count } example
       *[other] { $count } examples
    }
page-epochs = Epochs
page-spent-month = This month
page-spent-of = { $spent } of { $cap }

page-job-title = Job { $job }
page-stop-job = Stop
page-stop-job-sure = Stop the training? What was paid is not returned; the model before answers on.
page-yes-stop = Yes, stop
page-stopping = Stopping…
page-progress-of = Progress of job { $job }
page-launch-again = Train again
page-job-safe = The data are safe, the job can be repeated.
page-job-now = Job: { $state }
page-no-losses = No losses measured yet.
page-losses-of = Losses of { $job }
page-losses-caption = Loss by step, log scale: lower is better. Circles are checkpoints.
page-losses-picture = As a picture
page-losses-picture-of = Losses of { $job } as a picture
page-losses-table = Losses in numbers
page-loss-train = train
page-loss-test = test
page-step = Step
page-curve-train = Train loss: from { $first } to { $last } at step { $step }.
page-curve-test = Test loss: from { $first } to { $last } at step { $step }.
page-epoch = epoch { $epoch }
page-epoch-of = epoch { $epoch } of { $epochs }
page-facts = Facts
page-began = Began
page-news = Newest word
page-attempt = Attempt
page-estimate = Estimate
page-trained-tokens = Trained tokens
page-at-provider = At the provider
page-its-word = The provider's word
page-diary = Diary
page-no-diary = No entries yet.
page-build-of = Build { $build }
page-its-model = Its model

page-only-dataset = Only dataset { $dataset }.
page-show-all-models = Show all
page-nothing-serves = No model of their own yet, a general one answers: { $datasets }.
page-pinned = pinned
page-until = until { $day }
page-roll-back = Roll back
page-roll-back-sure = Return { $dataset } to the model before? People will see it at once.
page-yes-roll-back = Yes, roll back
page-pin = Pin
page-pin-sure = Pin the model of { $dataset }? New ones will not replace it until you unpin it.
page-yes-pin = Yes, pin
page-unpin = Unpin
page-unpin-sure = Unpin { $dataset }? A new proven model may answer at once.
page-yes-unpin = Yes, unpin
page-accept-lost = Accept these answers
page-accept-lost-sure = Let { $model } answer in { $dataset } although it answers these questions otherwise? No later model is stopped for them while their answers in the dataset stay as they are.
page-yes-accept-lost = Yes, accept
page-promote = Let it answer
page-promote-sure = Let { $dataset } answer by { $model }? People will see it at once.
page-yes-promote = Yes, let it answer
page-all-models = All models
page-pick = Pick { $model } to compare
page-compare = Compare two
page-compare-hint = Tick two models.
page-no-models = No models yet
page-no-models-hint = Every training that succeeds gives one model.
page-history = What answered before
page-came = Came to answer
page-why = Why
page-state = State
page-made = Made

page-builds-lead = Versions of the training files: what exactly teaches a model.
page-no-builds = No builds yet
page-no-builds-hint = A build comes with the first good commit.
page-build = Build
page-train-examples = Train
page-test-examples = Test
page-tokens = Tokens
page-against = Against { $build }
page-against-same = Teaches the same as { $build }.
page-diff-added = New
page-diff-changed = Changed
page-diff-removed = Removed
page-diff-moved = Changed sides
page-comparison-lead = What only the older build says is struck through, what only the newer one says is underlined.
page-comparison-counts = How many examples differ
page-comparison-same = Nothing differs: the same examples, the same system text.
page-turn-system = System text
page-turn-user = Question
page-turn-assistant = Answer
page-turn-rejected = Rejected answer
page-turn-tool = Answer of a tool
page-and-more = and { $count } more
page-split = Side
page-split-train = train
page-split-test = test
page-author = Author
page-its-jobs = Jobs of this dataset
page-system-text = System text

page-verdicts-lead = What each commit led to.
page-no-verdicts = No commits yet
page-no-verdicts-hint = They will be here once the daemon has read the repository.
page-no-commit = There is no such commit
page-no-commit-hint = It was not read yet, or it did not touch datasets that you watch.
page-commit-head = Commit
page-what-done = What was done
page-verdict = Verdict
page-no-build = No build
page-no-job = No job
page-job-number = Job { $job }
page-no-model = No model
page-model-of = Model { $model }
page-step-serves = Answers people
page-step-serves-not = Does not answer people

page-people-count = { $count ->
        [one] { $count } person is known here.
       *[other] { $count } people are known here.
    }
page-find-person = Name or Telegram number
page-nobody-found = Nobody was found
page-nobody-found-hint = A whole Telegram number or a part of a name is needed.
page-nameless = Nameless
page-blocked = shut out
page-unreachable = has blocked the bot
page-telegram-id = Telegram number
page-plan = Plan
page-left-of-plan = Left of the plan
page-role = Role
page-not-self = Your own role is changed by another admin.
page-take-scope = Take away
page-take-scope-sure = Take the course { $scope } away?
page-yes-take = Yes, take it
page-change-role = Change the role
page-role-to = Which role
page-scope-of-teacher = A teacher's course
page-role-hint = The role before ends; a teacher's courses add up. The person is told.
page-yes-role = Yes, give this role
page-block = Shut out
page-block-sure = Answer { $person } no more? The conversations stay.
page-yes-block = Yes, shut out
page-unblock = Let in
page-unblock-sure = Answer this person again?
page-yes-unblock = Yes, let in
page-gift = Give questions
page-gift-hint = Beyond the plan. They are used when the plan has no room; the person is told.
page-gift-go = Choose
page-gift-format = Which
page-gift-amount = How many
page-gift-days = For how long
page-for-ever = for ever
page-yes-gift = Yes, give
page-said-given = Given.
page-said-done = Done.
page-what-was-done = What was done
page-nothing-done = No entries.

page-processes = Processes
page-alive = alive
page-silent-now = silent
page-up-for = { $step }, up { $time }
page-silent-for = last word { $time } ago
page-queues = Queues
page-failures = Failed within a day
page-failed-updates = Answers
page-failed-requests = Requests
page-failed-jobs = Jobs
page-budget = Money this month
page-budget-of = Spent at { $provider }
page-no-budget = There are no paid providers.
page-sunsets = Going dark
page-no-sunsets = No model in use has a date on which it goes dark.
page-goes-dark = { $day }, in { $count ->
        [one] { $count } day
       *[other] { $count } days
    }
page-disk = Disk
page-disk-free = { $free } GiB free of { $total }
page-disk-used = Used on the disk
page-alarms = What was told
page-no-alarms = Nothing.

page-as-of = as of { $at } { $zone }
page-span-day = Day
page-span-week = Week
page-span-month = Month
page-process-none = none
page-process-none-bot = start it: merlin bot
page-process-none-daemon = start it: merlin daemon
page-process-none-api = start it: merlin api
page-process-none-engine = not set up: only the provider trains
page-queues-about = age of the oldest entry; a full bar is an alarm
page-queue-waits = { $count }, { $time }
page-queue-empty = empty
page-seconds-brief = { $seconds } s
page-percent = { $share }%
page-trend-none = the first answer shows here within a minute
page-trend-answers-title = Answers
page-trend-answers-now = { $span ->
        [day] in a day
        [week] in a week
       *[month] in a month
    }; { $now } this hour
page-trend-answers-usual = { $span ->
        [day] in a day
        [week] in a week
       *[month] in a month
    }; { $now } this hour, usually { $usual }
page-trend-times-title = Answer time
page-trend-times = half are faster; 95 of 100 within { $nearly }
page-trend-half = half
page-trend-nearly-all = 95 of 100
page-trend-failures-title = Errors
page-trend-failures = of { $asked } questions, { $share }%
page-trend-failures-at = of { $asked } questions, { $share }%; most at { $provider }
page-trend-failures-none = every question was answered
page-trend-ratings-title = Ratings and refusals
page-trend-ratings = liked { $liked }, disliked { $disliked }; did not know { $unknown }
page-trend-key-p = liked
page-trend-key-w = did not know
page-trend-key-b = disliked
page-trend-money-title = Money
page-trend-money = { $count ->
        [one] in { $count } day
       *[other] in { $count } days
    }: income { $income }, spend { $spend }
page-trend-income = income
page-trend-spend = spend
process-bot = Bot
process-daemon = Daemon
process-api = Pages and API
process-engine = Engine
