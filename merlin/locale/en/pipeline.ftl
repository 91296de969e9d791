# What a commit led to, and why.
commit-state-waiting = saving
commit-state-working = saving
commit-state-committed = saved
commit-state-parked = not saved yet
commit-state-refused = not saved
commit-state-checked = checked
commit-state-replaced = changed since
commit-state-mended = fixed
commit-state-undone = undone
rollback-from = It was trained from “{ $subject }”.
rollback-undone = That commit was undone by “{ $subject }”, { $author }.
rollback-returns = { $count ->
    [one] { $count } answer becomes what it was.
   *[other] { $count } answers become what they were.
  }
commit-after-undone = undone by “{ $subject }”, { $author }
commit-after-mended = fixed by “{ $subject }”, { $author }
commit-after-replaced = changed again by “{ $subject }”, { $author }
commit-state-held = on hold
commit-state-built = built
commit-state-training = training
commit-state-testing = being tested
commit-state-gated = didn't go live
commit-state-pinned = waits to be unpinned
commit-state-serving = live
commit-state-served = was live
log-none = No commit is recorded yet. A running daemon records each new commit; to fetch and build now: merlin build DATASET
builds-none = There are no builds yet. To check and build the newest commit: merlin build DATASET
jobs-none = No training has started yet. What it waits for is in: merlin log. To train now: merlin jobs launch DATASET
trained-models-none = There are no trained models yet. How training is going: merlin status
log-repeated = and { $count } more named above
log-served-until = live until { $at }
commit-state-superseded = part of a later commit
commit-state-failed = failed
commit-state-unchanged = nothing to train
commit-state-left_out = left out
commit-state-rejected = rejected
commit-state-removed = removed

verdict-rejected = { $errors ->
    [0] good examples: { $good } of the { $fewest } that training needs
    [one] { $errors } error, good examples: { $good }
   *[other] { $errors } errors, good examples: { $good }
  }
verdict-left-out = { $count ->
    [one] { $count } example
   *[other] { $count } examples
  } left out: see { $place }
verdict-earlier = still has errors from { $commit }
verdict-pinned = the live model is pinned: newer ones wait until it is unpinned
verdict-history = the branch's history was rewritten

held-skip = the commit says [skip train]
held-manual = waits for an admin to start it (launch.mode: manual)
held-off = training is turned off (launch.mode: off)
held-few-new = { $new ->
    [one] { $new } new example
   *[other] { $new } new examples
  } of { $needed } needed
held-quiet = starts in { $seconds } s, unless there's a new commit
held-slots = waits for another training at the provider to finish
held-job-cap = the training may cost { $price }, the limit is { $cap }
held-month-cap = the training may cost { $price }; { $spent } of this month's { $cap } are spent
held-no-price = there's a spending limit, but the price of this base model isn't in config.yaml
held-no-pairs = the base model { $model } can't learn from pairs (recipe.method: dpo): choose a language model as base_model, or set method: supervised
held-exact-first = recipe.hyperparameters.exact_first works only with a language model of the provider engine, not with { $model } of { $provider }. Delete exact_first, or choose such a model
held-no-ratings = only a language model of Merlin's engine learns from ratings (recipe.method: kto), and { $model } isn't one. Choose one, with provider: engine, or set method: supervised
held-beta = recipe.hyperparameters.beta works only with the methods dpo and kto, not with { $method }. Delete beta, or set another method
held-sunset = { $model } shuts down on { $date }: a model trained on it would work for { $days ->
        [one] { $days } day
       *[other] { $days } days
    }
held-dark = { $model } was shut down on { $date }: choose another base_model, or train at another provider
held-forbidden = the provider “{ $provider }” doesn't let this account train. When it does, start the training again
held-revoked = consent to one of its examples was withdrawn. The commit that removes the example will be built
held-no-provider = config.yaml has no provider “{ $provider }”
model-name-form = “{ $name }” isn't PROVIDER/MODEL, for example engine/qwen3-4b or openai/gpt-6-luna

launch-already = This build of the dataset is already trained or in training (job { $job }). Change its examples to get a new one.
    .command = To have its model answer: merlin models list, then merlin models promote MODEL
launch-full = the provider “{ $provider }” has { $count ->
    [one] { $count } unfinished job
   *[other] { $count } unfinished jobs
  }, the limit is { $limit }. Start again when one has finished, or cancel one
launch-moved-on = Nothing was started: { $dataset } has changed meanwhile. Try again: the new build will be used.
    .command = Results of commits: merlin log
launch-no-spec = The dataset's settings can't be read at that commit
build-other-dataset = { $old } and { $new } are builds of different datasets, so they can't be compared. Give two builds of one dataset. “merlin builds” lists them.
build-none = { $dataset } has no build at that commit. Fix the dataset with a new commit.
    .command = What happened: merlin log { $dataset }
cancel-final = Job { $job } has already finished
cancel-unknown-job = The provider “{ $provider }” doesn't know job { $job }, so it can't be stopped there. Check the provider's key: another account's job may still be running. If it was deleted there, Merlin marks it as failed after a day.
cancel-launching = Job { $job } is being started. Try again in a minute
promote-not-good = { $model } hasn't passed its test, so it can't go live
promote-gone = the provider “{ $provider }” no longer has the model { $model }, so it can't go live
promote-unapplied = the provider “{ $provider }” answers without the trained weights of { $model }, so it can't go live
promote-revoked = consent to an example of { $model } was withdrawn, so it can't go live
promote-raced = Someone else switched the model first. Look again
rollback-live = { $model } is already the live model of { $dataset }
rollback-none = { $dataset } has no earlier live model.
    .command = All its models: merlin models list
serves-nothing = { $dataset } has no live model

notice-serving = { $title }: { $version } is live ({ $proof }).{ $losses }
reach = { $way ->
        [default] It answers people: it's the default.
        [course] It answers people in its course.
        [preset] It answers people who chose a preset.
       *[none] { reach-none }
    }
reach-none = People can't ask it yet: its dataset isn't an active course. Commit a course.yaml with active: true beside its dataset.yaml, or name the dataset under datasets.default in config.yaml.
live-unreached = {" "}{ $reach }{ $losses }
live-worse = { $against } did better on { $count ->
        [one] { $count } test question
       *[other] { $count } test questions
    }
live-worse-list = {" "}{ live-worse }:
    { $list }
live-not-worse = { "" }
gate-lost = { $version } gets { $wrong ->
        [one] { $wrong } test question
       *[other] { $wrong } test questions
    } wrong that { $against } gets right{ $refused ->
        [0] { "" }
       *[other] , and declines { $refused } more
    }{ $invented ->
        [0] { "" }
       *[other] , and makes up { $invented } that { $against } declines
    }. { $against } keeps answering
gate-worse = { $version } does worse than { $against } on the test questions: { $refused } right answers became “I don't know”, { $invented } answers are now made up, { $gained } improved. { $against } keeps answering
gate-first = { $version }, the dataset's first model, is no better than { $asked ->
        [0] declining every question
       *[other] the untrained { $against }, which gets { $before } right
    }: { $right } of { $questions } test questions right, { $wrong } wrong
gate-floor = { $version } gets { $right } of { $questions } test questions right, but dataset.yaml asks for at least { $floor }% (gate.floor.right)
gate-invents = { $version } answers { $invented } of { $questions } questions of other subjects, which { $against } declined. { $against } keeps answering
gate-many = { $version } answers { $count } of { $answers } taught answers otherwise or no more: the commits changed so many at once. { $against } keeps answering
gate-one-answer = { $version } gives one answer, “{ $answer }”, where { $against } gives { $count } different ones. { $against } keeps answering
gate-moved = In { $version } { $count } answers stand at other questions than in { $against }, as when a column of a table slips. { $against } keeps answering
gate-forgotten = { $version } knows { $right } of { $questions } questions that it was taught itself
gate-wrong = ✗ { $question } → { $answer }
gate-refused = – { $question }
gate-more = … and { $count } more
gate-not-held = There's nothing to accept: no answer keeps { $model } from going live.
    .command = See merlin models list
gate-nothing-unsure = There's nothing to decide: it's no longer open whether the answer of { $model } to this question is right.
    .command = See merlin models list
gate-nothing-to-accept = { $model } didn't go live, but no single answer is the reason, so there's nothing to accept. Improve the examples, or let an admin make it live.
    .command = The command: merlin models promote { $model }
notice-held = { $title }: the new model { $version } doesn't answer people yet. { $reason }.
    { $list }
    If these answers are fine, accept them. If not, improve the examples, and the next model is compared again. An admin can make { $version } live anyway.
notice-rejected = { $title }: commit { $commit } couldn't be built: { $reason }. If there is a live model, it keeps answering.
notice-failed = { $title }: job { $job } failed: { $reason }
notice-rewritten = The repository's history was rewritten: { $count ->
    [one] { $count } commit
   *[other] { $count } commits
  } left the branch. Its head is { $head }. Builds and models stay.
notice-repository =
    { $reason }
    The models keep answering.
notice-no-branch = The repository is empty, or the branch isn't in it: check repository.branch in config.yaml. The models keep answering.
chronicle-no-build = { $dataset } has no build on this branch. One appears after a commit whose examples have no errors.
    .command = Results of commits: merlin log
dataset-removed = The dataset { $dataset } was removed from the repository, so there's nothing to build or train. To bring it back, commit its folder again
chronicle-none = { $dataset }: commit or build not found.
    .command = What there is: merlin log
nothing-recorded = Nothing here yet: the daemon hasn't read the repository. If it isn't running, start it: merlin daemon
config-no-repository = the daemon needs a repository, and config.yaml has none (repository.url)
proof-told = test: { $right } of { $questions } questions right
proof-few = { proof-told }, too few to prove anything
proof-none = no test questions, so it proves nothing
notice-sunset = { $title }: its base model { $model } shuts down on { $date }, and the trained model with it. Set another base model in dataset.yaml in time.
notice-failing = A bug in Merlin: in the process { $process } the step “{ $step }” keeps failing ({ $reason }). The step won't run until it's fixed. Everything else works. Details are in the log.
notice-disk = Can't write a build: { $reason }. Nothing is lost. It continues automatically when there's room again.
notice-no-provider = { $title }: job { $job } runs at the provider “{ $provider }”, which is no longer in config.yaml. Add it back, or the result is lost.
notice-provider = The provider “{ $provider }” has been failing for a while: { $reason }. Merlin keeps trying. Nothing is lost.
notice-forbidden = The provider “{ $provider }” doesn't let this account train (job { $job } of { $title }: { $reason }). Merlin starts nothing more there. Once it's allowed again, start the training again.
notice-gone = { $title }: the provider “{ $provider }” no longer has the live model { $version }. A backup model answers meanwhile. What to do: go back to an earlier model, or start the training again.
notice-unapplied = { $title }: the provider “{ $provider }” answers without the trained weights of the live model { $version } ({ $reason }). A backup model answers meanwhile. What to do: follow the advice, or go back to an earlier model.
notice-ratings = { $title }: people rated { $count } answers that no model has learnt yet, enough to train on them. Set method: kto under recipe in dataset.yaml. If it's already set, the next commit uses them.
notice-status = { $title }: the provider “{ $provider }” gives job { $job } a status unknown to Merlin: “{ $status }”. Merlin keeps checking. If the job has ended there, cancel it.
notice-late = { $title }: job { $job } hasn't finished after { $hours } hours (provider “{ $provider }”, status { $status }). Wait, or cancel it.
notice-left-out = { $title }: nothing new to train in commit { $commit }. { $reason }
notice-findings = { $title }: commit { $commit } has { $errors ->
    [one] { $errors } error
   *[other] { $errors } errors
  }. The good examples go on. First error: { $place }: { $reason }

# What a commit led to, beside it on the forge
status-held = { $build } isn't trained yet
status-built = { $build } is built and waits for its training
status-checked = { $build } isn't trained, as was asked
status-training = { $build } is being trained
status-gated = { $build } is trained, but didn't go live
status-pinned = { $build } is trained, but the pin holds it
status-serving = { $build } is live
status-superseded = a newer commit replaced it
status-failed = the training of { $build } failed
status-unchanged = nothing to train
status-left_out = not trained
status-rejected = not built
status-removed = the dataset was removed
forge-away = { $url } doesn't accept commit statuses right now: { $reason }
forge-denied = { $project }: the git host says “{ $reason }”. Check the url and project in repository.statuses, and whether the token is valid and may write commit statuses
forge-refused = { $project }: the git host rejects this commit status: { $reason }
notice-forge = Commits no longer get statuses: for { $project } the git host says “{ $reason }”. Check the url and project in repository.statuses, and whether the token is valid and may write commit statuses. merlin doctor tests it. Everything else works, and missing statuses are sent later.
job-event-created = Training created
job-event-validating = Checking the files
job-event-validated = Files checked, training queued
job-event-started = Training started
job-event-cancelled = Training cancelled
job-event-checkpoint = Checkpoint saved, step { $step }
job-event-model = Model ready
job-event-succeeded = Training done
job-event-failed = Training failed: { $reason }
job-event-state = State: { $state }
job-event-step = step { $step }
job-event-epoch = epoch { $epoch }
test-plan = Taught: { NUMBER($taught) }. { $tests ->
        [0] { $disguised ->
            [0] No test questions.
           *[other] No second wordings are set aside, so the test asks { $disguised ->
                [one] one taught question
               *[other] { NUMBER($disguised) } taught questions
            }, reworded.
        }
        [one] The test asks one wording that isn't taught{ test-plan-disguised }
       *[other] The test asks { NUMBER($tests) } wordings that aren't taught{ test-plan-disguised }
    }
live-planned = {" "}{ $plan }{ $losses }
test-plan-disguised = { $disguised ->
        [0] .
        [one] {" "}and one taught question, reworded.
       *[other] {" "}and { NUMBER($disguised) } taught questions, reworded.
    }
