### The library of bases: why a base cannot be used.

library-no-folder = Folder { $folder } not found. Correct engine.models in config.yaml, or copy the base model there.
library-no-config = { $folder } has no config.json, so it isn't a base model. A base model needs config.json, the weights as .safetensors, and a tokenizer.
library-no-template = The base model in { $folder } has no chat template. Use its instruct variant, or put a chat_template.jinja next to its tokenizer.
library-no-weights = { $folder } has no weights in .safetensors. Other weights aren't loaded, since reading them may run a stranger's code. Take a variant that has them.
library-not-pulled = The files of the base model { $name } aren't here yet. Run: merlin engine pull { $name }

library-no-extra = Language models need the package { $package }, which isn't installed. Run: pip install 'merlin-gitops[engine]', or in the checkout make engine, for services sudo make install EXTRA=engine
library-gated = You can download { $hub } only after accepting its licence. Accept it on the model's page at the hub, create a read token there, and set HF_TOKEN to it.
library-not-at-hub = { $hub } (revision { $revision }) isn't at the hub, or it's private. Correct hub and revision in engine.models, or set HF_TOKEN to a token that can read it.
library-hub-unreachable = The hub gave nothing: { $reason }. What's already here is kept. Run the command again, or copy the base model here and give its path in engine.models.
library-unknown = Base model { $name } isn't in engine.models. Known: { $known }.
library-no-bases = engine.models has no base model yet. To choose one, see docs/en/bases.md.
library-pulling = { $name }: { $source }
library-pulled = { $name } is here: { $folder }
library-already-pulled = { $name } was already here: { $folder }
library-advises-no-4bit = { $name } is of Qwen3.5, which 4 bits hurt more than other base models: unsloth's guide advises against it. Set quantised: none, or take a smaller one of the family.
library-advises-sampling = { $name } is of Qwen3.5, whose makers warn of answers without sampling (temperature 0), but its generation_config.json doesn't switch sampling on. Put the file from the hub beside its weights, with do_sample: true and a temperature.

# `merlin engine` without a configuration.
engine-lone-config = These options are for an engine without a configuration, but { $path } is one. Leave out either, or put the model into engine.models there.
engine-lone-no-model = { $model } is neither a folder nor a name at the hub, which looks like Qwen/Qwen3-0.6B. Correct --model.
engine-lone-ready = The engine is ready: { $address }
    Key: { $secret }
    Models: { $models }
    Everything is stored in { $folder }. Ctrl-C stops the engine.
engine-lone-curl = Ask it:
engine-lone-python = Or in Python (pip install openai):
engine-lone-question = What can you do?
