engine-lora-missing = Language models can't be trained here: { $parts } isn't installed. Run make engine in the checkout, for services sudo make install EXTRA=engine and create the job again.
engine-lora-killed = The training process was killed several times, most likely because the memory ran out. Take a smaller batch_size, shorter examples, gradient_checkpointing, a quantised base model, or a machine with more memory.
engine-lora-died = { $n ->
    [one] The training process died { $n } time without getting further; its log says why. Create the job again; if that doesn't help, tell the operator.
   *[other] The training process died { $n } times without getting further; its log says why. Create the job again; if that doesn't help, tell the operator.
}
engine-lora-out-of-memory = The memory ran out while training. Take a smaller batch_size, shorter examples, gradient_checkpointing, or a quantised base model.
engine-lora-not-finite = The loss is no longer a number at step { $step }. Use a smaller learning_rate_multiplier, and look for broken examples.
engine-lora-too-long = { $n ->
    [one] The example in line { $line } has { $tokens } tokens, at most { $most } fit; it's the only one too long. Shorten it or split it.
   *[other] The example in line { $line } has { $tokens } tokens, at most { $most } fit; { $n } examples are too long. Shorten them or split them.
}
engine-lora-nothing-taught = The file has no answer to learn: every answer has weight 0. Add answers to learn.
engine-lora-template-refuses = The base model's chat template refuses the example in line { $line }: { $reason }. Change the order of its roles, or take another base model.
engine-lora-damaged = The base model { $name } is damaged: { $reason }. Remove it and fetch it again with merlin engine pull { $name }.
engine-lora-no-quantisation = A quantised base model needs bitsandbytes, which isn't installed. Run pip install bitsandbytes, or set quantised: none for this base model.
engine-lora-no-device = The device { $device } is wanted for training, and isn't there. Correct engine.training.devices, or look at the GPU's driver.
engine-lora-early-stop = Stopped early after epoch { $epoch }: the test loss gets no better. The best was epoch { $best }, and that is the model.
engine-lora-nothing-to-test = early_stop watches the test loss, but the job has no validation file: it's trained to the end.
engine-lora-unproved = The adapter changes the answers so little that it can't be seen to be applied: it has learnt hardly anything. Train for more epochs, or take a larger learning_rate_multiplier.
