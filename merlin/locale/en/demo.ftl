demo-ports = the ports { $ports } are taken; choose others with --port
demo-folder = { $folder } isn't a demo folder; choose another with --state
demo-no-git = git isn't installed
demo-no-samples = the sample datasets aren't installed
demo-checked = { $errors ->
    [0] no errors
    [one] { $errors } error
   *[other] { $errors } errors
  }{ $others ->
    [0] { "" }
    [one] , { $others } note
   *[other] , { $others } notes
  }
demo-unchanged = { $build }: saved, nothing to train
demo-built = { $build }: { $train } for training, { $test } for the test
demo-epoch = epoch { $epoch }, loss { $loss }
demo-tested = { $right } of { $questions } test questions right
job-launching = starting
job-validating_files = checking files
job-queued = queued
job-running = training
job-succeeded = done
job-failed = failed
job-cancelled = cancelled
demo-begins = Preparing the demo…
demo-started = Demo started in { $folder }. The first model is on its way…
demo-continues = Demo continues in { $folder }. Everything is saved…
demo-starting = Starting the engine, the daemon, the bot and the pages
demo-training-of = Training { $number } of { $all }, { $name }
demo-seconds = { $seconds } s
demo-front = Open { $url }
demo-edited-config = { $path } was edited and is used as it is. To have it written again, delete it.
demo-other-language = This demo was started { $language } and stays so. `{ $again }` starts another one.
demo-language-ru = in Russian
demo-language-en = in English
demo-repository = Commit examples here: { $path }
demo-commands = Commands work on it, for example: { $merlin } status --config { $path }
demo-stopped = Stopped. Everything is saved in { $folder }. `{ $again }` starts over.
demo-committed = ✔ committed a new example with plain git: { $commit }
demo-asks = { $person } asks: { $question }
demo-answers = Merlin answers: { $answer }
demo-failed = ✘ the demo failed: { $reason }
demo-late = { $what } didn't come within { $seconds } s
demo-wait-first-model = the first model
demo-wait-second-model = the second model
demo-wait-chat-page = the chat page
demo-wait-answer = the answer
demo-wrong-model = “{ $question }” was answered by { $model }, while { $serving } is live
demo-wrong-answer = “{ $question }” got another answer: { $answer }
demo-restarted = ! the process { $child } stopped by itself (times: { $times }) and is starting again. More: { $logs }
demo-running = a demo is already running in { $folder }; stop it (Ctrl-C), or choose another folder with --state
demo-no-folder = can't create { $folder }: { $reason }; choose another folder with --state
