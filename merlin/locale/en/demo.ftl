demo-ports = the ports { $ports } are taken; choose others with --port
demo-folder = { $folder } holds something else; choose another folder with --state
demo-no-git = git is not installed
demo-no-samples = the sample datasets are not installed
demo-checked = { $errors ->
    [0] no errors
    [one] { $errors } error
   *[other] { $errors } errors
  }{ $others ->
    [0] { "" }
    [one] , { $others } remark
   *[other] , { $others } remarks
  }
demo-first-error = { $counted }. { $place }: { $sentence }
demo-unchanged = { $build }: the same as before, nothing to train
demo-built = { $build }: { $train } for training, { $test } for the test
demo-epoch = { $state }, epoch { $epoch }, loss { NUMBER($loss, minimumFractionDigits: 2, maximumFractionDigits: 2) }
demo-proved = { $right } of { $questions } test questions right
job-launching = being launched
job-queued = queued
job-running = trains
job-paused = paused
job-succeeded = trained
job-failed = failed
job-cancelled = cancelled
demo-begins = Demo started in { $folder }. The first model is on its way…
demo-goes-on = Merlin's demo goes on in { $folder }, with all that was there…
demo-step-committed = committed
demo-step-checked = checked
demo-step-built = built
demo-step-training = training
demo-step-proved = proved
demo-step-serving = serving
demo-front = Open { $url }
demo-other-language = This demo was begun { $language } and stays so; `{ $again }` begins another one.
demo-language-ru = in Russian
demo-language-en = in English
demo-repository = Commit examples here: { $path }
demo-commands = Commands work on it, for example: { $merlin } status --config { $path }
demo-stopped = Stopped. Everything is saved in { $folder }; `{ $again }` starts over.
demo-committed = ✔ committed a new example by plain git: { $commit }
demo-asks = { $person } asks: { $question }
demo-answers = Merlin answers: { $answer }
demo-failed = ✘ the demo failed: { $reason }
demo-late = { $what } did not come within { $seconds } s
demo-wait-first-model = the first model
demo-wait-second-model = the second model
demo-wait-chat-page = the chat page
demo-wait-answer = the answer
demo-wrong-model = "{ $question }" was answered by { $model }, while { $serving } serves
demo-wrong-answer = "{ $question }" got another answer: { $answer }
demo-restarted = ! the process { $child } ended by itself (times: { $times }) and starts again. More: { $logs }
demo-running = a demo runs in { $folder } already; stop it (Ctrl-C), or choose another folder with --state
demo-no-folder = { $folder } cannot be made: { $reason }; choose another folder with --state
