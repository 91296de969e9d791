engine-lora-missing = Language models can't be trained here: { $parts } isn't installed. Run pip install 'merlin-gitops[engine]', or in the checkout make engine, for services sudo make install EXTRA=engine, and create the job again.
engine-lora-killed = The training process was killed several times, most likely because the memory ran out. Take a smaller batch_size, shorter examples, gradient_checkpointing, a quantised base model, or a machine with more memory.
engine-lora-died = { $n ->
    [one] The training process died { $n } time without getting further. Its log says why. Create the job again. If that doesn't help, tell the operator.
   *[other] The training process died { $n } times without getting further. Its log says why. Create the job again. If that doesn't help, tell the operator.
}
engine-lora-out-of-memory = The memory ran out while training. Take a smaller batch_size, shorter examples, gradient_checkpointing, or a quantised base model.
engine-lora-not-finite = The loss is no longer a number at step { $step }. Use a smaller learning_rate_multiplier, and look for broken examples.
engine-lora-too-long = { $n ->
    [one] The example in line { $line } has { $tokens } tokens, at most { $most } fit. No other example is too long. Shorten it or split it.
   *[other] The example in line { $line } has { $tokens } tokens, at most { $most } fit. { $n } examples are too long: shorten or split them.
}
engine-lora-nothing-taught = The file has no answer to learn from: every answer has weight 0. Add some.
engine-lora-template-refuses = The base model's chat template refuses the example in line { $line }: { $reason }. Change the order of its roles, or take another base model.
engine-template-broken = The chat template of the base model { $name } can't be used: { $detail }. Take another base model.
engine-template-prompt = The base model { $name } is asked with a prompt that ends in “{ $detail }”, and its chat template leaves that out of what is trained. It thinks before each answer. Take its instruct variant.
engine-template-endless = The chat template of the base model { $name } puts no end mark after an answer, so a trained model wouldn't know where to stop. Take its instruct variant, or another base model.
engine-base-unknown = The base model { $name } is of the class { $kind }. No one has trained and served that with Merlin yet, so it isn't known which of its layers to train. Take a base model of one of these classes (architectures in its config.json): { $known }.
engine-lora-damaged = The base model in the folder { $name } is damaged: { $reason }. Remove this folder, then fetch it again with merlin engine pull.
engine-lora-no-quantisation = A quantised base model needs bitsandbytes, which isn't installed. Run pip install bitsandbytes, or set quantised: none for this base model.
engine-lora-no-device = Training needs the device { $device }, which isn't there. Correct engine.training.device, or check the GPU's driver.
engine-lora-unproved = The adapter barely changes the answers: it has learnt almost nothing, and no test can show that it's applied. Train for more epochs, or raise learning_rate_multiplier.
engine-adapter-kind = This isn't a LoRA adapter of PEFT: adapter_config.json needs peft_type LORA, and r and lora_alpha as numbers. Save it with save_pretrained.
engine-adapter-parts = The adapter has more than low-rank matrices: { $parts }. Servers don't load that. Train without it, or merge the adapter into its base and add that folder to engine.models as a base of its own.
engine-adapter-damaged = The adapter's weights can't be read: { $reason }. Copy the folder again.
engine-adapter-not-finite = The adapter's weights aren't numbers: { $tensor } has NaN or infinity. Train it again with a lower learning rate.
engine-adapter-dtype = The adapter's weights are { $dtype } in { $tensor }. Servers load float32, float16 and bfloat16: save it in one of them.
engine-adapter-too-large = The adapter adds far too large numbers to its base: see lora_alpha in adapter_config.json. Train it again with a lower learning rate.
engine-adapter-other-base = The adapter was trained on another base model: { $theirs }, not { $ours }. Name its base in engine.models and add it there: --base PROVIDER/MODEL.
engine-adapter-inert = The adapter changes nothing: the base answers alike with it and without it. See that the training really changed it, and that the saved file is the trained one.
engine-adapter-worse = With the adapter the taught answers are less probable than without it. It was trained on something else, or on another base model of the same size.
