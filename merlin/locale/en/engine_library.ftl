### The library of bases: why a base cannot be used.

library-no-folder = Folder { $folder } not found. Correct engine.models in config.yaml, or copy the base model there.
library-no-config = { $folder } has no config.json, so it isn't a base model. A base model needs config.json, the weights as .safetensors, and a tokenizer.
library-no-tokenizer = { $folder } has no tokenizer (tokenizer.json or tokenizer.model). Copy it from where the base model came from.
library-no-template = The base model in { $folder } has no chat template. Use its instruct variant, or put a chat_template.jinja next to its tokenizer.
library-no-shard = Part of the weights is missing in { $folder }: { $file }. Copy it from where the base model came from.
library-pickled = The weights in { $folder } are pickled (.bin, .pt), and reading such a file may run a stranger's code. Take the base model as .safetensors.
library-no-weights = { $folder } has no weights (model.safetensors). Copy them from where the base model came from.
library-broken-weights = { $folder }: { $file } isn't a complete safetensors file. Copy it again.
library-not-pulled = The files of the base model { $name } aren't here yet. Run: merlin engine pull { $name }
library-other-source = The base model { $name } here came from a different source than config.yaml names. Run: merlin engine pull { $name }
library-damaged = The base model { $name } is damaged. Run: merlin engine pull { $name }

library-no-extra = The package { $package } isn't installed. Run: make engine in the checkout, for services sudo make install EXTRA=engine
library-gated = You can download { $hub } only after accepting its licence. Accept it on the model's page at the hub, create a read token there, and set HF_TOKEN to it.
library-not-at-hub = { $hub } isn't at the hub, or it's private. Correct hub in engine.models, or set HF_TOKEN to a token that can read it.
library-no-revision = { $hub } has no revision { $revision }. Correct revision in engine.models.
library-hub-refuses = The hub refused to give { $hub } (status { $status }). Try again later.
library-hub-unreachable = The hub can't be reached: { $reason }. What's already here is kept. Run the command again.
library-offline = HF_HUB_OFFLINE is set, so { $hub } can't be downloaded. Unset it, or copy the base model here and give its path in engine.models.
library-hub-no-safetensors = { $hub } has no .safetensors, and other weights aren't loaded, since reading them may run a stranger's code. Take a variant of it that has them.
library-disk-full = The disk is full. The written part of the base model was deleted. Free some space and run the command again.
library-source-in-use = { $n ->
    [one] { $n } trained model or job depends on { $name } as it is ({ $dependents }), and pulling would replace its weights.
   *[other] { $n } trained models or jobs depend on { $name } as it is ({ $dependents } …), and pulling would replace its weights.
} Give the new base model another name, or delete the folder engine/bases/{ $name } first
library-unknown = Base model { $name } isn't in engine.models. Known: { $known }.
library-no-bases = engine.models has no base model yet. To choose one, see docs/en/bases.md.
library-pulling = { $name }: { $source }
library-pulled = { $name } is here: { $folder }
library-already-pulled = { $name } was already here: { $folder }
