# What a commit led to, and why.
word-held = held
word-built = built
word-training = training
word-testing = being tested
word-gated = stopped by the test
word-canary = answers some people
word-serving = serving
word-served = served earlier
log-served-until = served until { $at }
word-superseded = superseded
word-failed = failed
word-unchanged = unchanged
word-rejected = rejected
word-removed = removed

verdict-rejected = { $errors ->
    [one] { $errors } error
   *[other] { $errors } errors
  }, { $good ->
    [one] { $good } good example
   *[other] { $good } good examples
  }
verdict-history = the branch's history was rewritten
verdict-commit-unreadable = the commit itself cannot be read (its author, date or message); commit the files again, and they are built

held-skip = the commit says [skip train]
held-manual = waits for a launch by hand (launch.mode: manual)
held-off = launches are switched off (launch.mode: off)
held-few-new = { $new ->
    [one] { $new } new example
   *[other] { $new } new examples
  } of { $needed } needed
held-quiet = waits until there have been no commits for { $seconds } s
held-slots = waits until the provider has finished another job
held-job-cap = the job may cost { $price }, the cap is { $cap }
held-month-cap = the job may cost { $price }; { $spent } of this month's { $cap } are spent
held-no-price = there is a cap, but the price of this base model is not in config.yaml
held-no-pairs = the base { $model } can't learn from pairs (recipe.method: dpo): name a language model as base_model, or set method: supervised
held-beta = recipe.hyperparameters.beta belongs to method: dpo alone, and the method is { $method }: delete beta, or set method: dpo
held-no-method = the provider “{ $provider }” doesn't offer the method { $method }: set recipe.method: supervised, or train elsewhere
held-hyperparameters = the provider “{ $provider }” doesn't know these hyperparameters: { $names }; it knows { $known }. Take them out of recipe.hyperparameters
held-sunset = { $model } goes dark on { $date }: a model tuned on it would live { $days } days
held-dark = { $model } was shut down on { $date }: name another base_model, or train elsewhere with merlin migrate
held-forbidden = the provider "{ $provider }" does not let this account train; when it does again: merlin jobs launch { $dataset }
held-revoked = the consent to one of its examples was taken back; the commit that takes the example out is built anew
held-no-provider = config.yaml names no provider "{ $provider }"

launch-already = job { $job } has this build already
launch-full = the provider "{ $provider }" has { $count ->
    [one] { $count } unfinished job
   *[other] { $count } unfinished jobs
  } and may have { $limit }: launch again when one has ended, or cancel one
launch-moved-on = the verdict has moved on meanwhile; look again
launch-no-spec = the dataset's settings cannot be read at that commit
migrate-form = “{ $said }” names no base model: write PROVIDER/BASE, for example openai/gpt-4.1-mini-2025-04-14
migrate-training = job { $job } of { $dataset } is still training: wait until it ends, or stop it with merlin jobs cancel { $job }
migrate-no-base = the provider “{ $provider }” doesn't list a base model { $model }: check the name, or give its price under the provider's `prices` in config.yaml
build-none = { $dataset } has no build at that commit: see `merlin log { $dataset }`
cancel-final = job { $job } has ended already
cancel-launching = job { $job } is being launched; try again in a moment
promote-not-good = { $model } has not been proved, so it cannot serve
promote-gone = the provider "{ $provider }" no longer has the model { $model }, so it cannot serve
promote-revoked = the consent to an example of { $model } was taken back, so it cannot serve
promote-raced = another switch came first; look again
rollback-none = no earlier model of { $dataset } has served
serves-nothing = { $dataset } serves no model

notice-serving = { $dataset }: { $version } answers from now on ({ $proof }).
gate-lost = { $version } answers { $wrong ->
        [one] { $wrong } test question
       *[other] { $wrong } test questions
    } wrong that { $against } answers right{ $refused ->
        [0] { "" }
       *[other] , and declines { $refused } more
    }. { $against } goes on answering
gate-worse = { $version } declines { $refused ->
        [one] { $refused } test question
       *[other] { $refused } test questions
    } that { $against } answers right, of { $questions } in all: more than chance explains. { $against } goes on answering
gate-floor = { $version } answers { $right } of { $questions } test questions right; dataset.yaml asks for { $floor }% at least (gate.floor.right)
canary = { $version } answers { $share }% of the people, the others hear { $against }. All will hear it when both gave { $answers } answers and it does no worse
canary-worse = { $version } was tried on some of the people and is worse: { $sign ->
        [failures] { $bad } of { $of } questions were left without its answer
       *[dislikes] { $bad } people pressed 👎 under { $of } answers
    }; with { $against } it was { $serving_bad } of { $serving_of }. { $against } answers everybody again
notice-canary = { $dataset }: { $version } answers { $share }% of the people from now on, the others hear { $against }. All will hear it when both gave { $answers } answers and it does no worse. To end the trial: merlin models promote { $version }, or merlin models pin { $dataset }.
notice-canary-worse = { $dataset }: { $reason }. What to do: improve the examples, or let it answer nevertheless: merlin models promote { $version }.
gate-wrong = ✗ { $question } → { $answer }
gate-refused = – { $question }
gate-more = … and { $count } more
gate-not-held = The test doesn't stop { $model }, so there is nothing to accept. See merlin models list
gate-nothing-to-accept = { $model } is held, but not for single questions that could be accepted. Improve the examples, or let an admin make it live: merlin models promote { $model }
notice-held = { $dataset }: the new model { $version } doesn't answer people yet. { $reason }.
    { $list }
    If these answers are fine, accept them; if not, improve the examples, and the next model is compared again. An admin can make { $version } live as it is.
notice-rejected = { $dataset }: commit { $commit } could not be built: { $reason }. The model before, if there was one, goes on answering. More: merlin log { $dataset }
notice-failed = { $dataset }: job { $job } failed: { $reason }
notice-rewritten = The repository's history was rewritten: { $count ->
    [one] { $count } commit
   *[other] { $count } commits
  } left the branch, its head is { $head }. Builds and models stay.
notice-repository = The repository cannot be read: { $reason }. The models go on answering.
notice-no-branch = The repository has no such branch (or is empty). The models go on answering.
chronicle-none = { $dataset } has no such commit or build: see `merlin log`
nothing-recorded = Nothing has been recorded yet: start the daemon (merlin daemon) and wait for its first look at the repository.
config-no-repository = config.yaml names no repository (repository.url); the daemon needs one
proof-told = { $right } of { $questions } test questions answered as taught
proof-none = no test questions
notice-sunset = { $dataset }: its base model { $model } goes dark on { $date }, and the tuned model with it. Name another base in dataset.yaml in time.
notice-failing = A bug of Merlin: in the process { $process } the step "{ $step }" fails again and again ({ $reason }). What it does stands still until it is mended, the rest goes on. The log has the whole story.
notice-disk = No build can be written: { $reason }. Nothing is lost; it goes on by itself when there is room again.
notice-no-provider = { $dataset }: job { $job } runs at the provider "{ $provider }", which config.yaml does not name any more. Name it again, or the job is never read.
notice-provider = The provider "{ $provider }" has not done its part for a while: { $reason }. It is asked again and again; nothing is lost.
notice-forbidden = The provider "{ $provider }" does not let this account train (job { $job } of { $dataset }: { $reason }). Nothing more is launched there by itself. When it does again: merlin jobs launch { $dataset }
notice-gone = { $dataset }: the provider "{ $provider }" no longer has the model { $version }, which should answer. The bot answers along the chain. What to do: merlin models rollback { $dataset }, or train it again: merlin jobs launch { $dataset }
notice-status = { $dataset }: the provider "{ $provider }" calls job { $job } "{ $status }", a word that Merlin does not know. It goes on asking.
notice-late = { $dataset }: job { $job } has not ended after { $hours } hours (the provider "{ $provider }" says: { $status }). Wait, or stop it: merlin jobs cancel { $job }
notice-findings = { $dataset }: commit { $commit } has { $errors ->
    [one] { $errors } error
   *[other] { $errors } errors
  }; the good examples go on. The first: { $place }: { $reason } More: merlin log { $dataset }

# What a commit led to, beside it on the forge
status-held = { $build } is not trained yet
status-built = { $build } is built and waits for its training
status-training = { $build } is being trained
status-canary = { $build } answers some people
status-gated = { $build } is trained, and the test stopped it
status-serving = { $build } answers people
status-superseded = a newer commit took its place
status-failed = the training of { $build } failed
status-unchanged = nothing to learn has changed
status-rejected = not built
status-removed = the dataset was removed
forge-away = { $url } takes no commit statuses now: { $reason }
forge-denied = { $project }: the forge says "{ $reason }". Look whether repository.statuses names the right url and project, and whether the token is still valid and may write commit statuses
forge-refused = { $project }: the forge takes no such commit status: { $reason }
notice-forge = Commits get no statuses any more: for { $project } the forge says "{ $reason }". Look whether repository.statuses names the right url and project, and whether the token is still valid and may write commit statuses; merlin doctor tries it. All else goes on, and what is owed is sent then.
