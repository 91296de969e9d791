### The library of bases: why a base cannot be used.

library-no-folder = There's no folder { $folder }. Correct engine.models in the configuration, or copy the base model there.
library-no-config = { $folder } has no config.json, so it isn't a base model. It needs config.json, the weights as .safetensors, and a tokenizer.
library-no-tokenizer = { $folder } has no tokenizer (tokenizer.json or tokenizer.model). Copy it from where the base model came from.
library-no-template = The base model in { $folder } has no chat template. Use its instruct variant, or put a chat_template.jinja next to its tokenizer.
library-no-shard = Part of the weights is missing in { $folder }: { $file }. Copy it from where the base model came from.
library-pickled = The weights in { $folder } are pickled (.bin, .pt), and reading such a file may run a stranger's code. Take the base model as .safetensors.
library-no-weights = { $folder } has no weights (model.safetensors). Copy them from where the base model came from.
library-broken-weights = { $folder }: { $file } isn't a whole file of safetensors. Copy it again.
library-not-pulled = The files of the base model { $name } aren't here yet. Run: merlin engine pull { $name }
library-other-source = The base model { $name } here came from another source than the configuration names. Run: merlin engine pull { $name }
library-damaged = The base model { $name } is damaged. Run: merlin engine pull { $name }

library-no-extra = The package { $package } isn't installed. Run: make engine in the checkout, for services sudo make install EXTRA=engine
library-gated = { $hub } is given out only to those who accepted its licence. Accept it on its page at the hub, make a token for reading there, and set HF_TOKEN to it.
library-not-at-hub = The hub knows no { $hub }, or it is private. Correct hub in engine.models, or set HF_TOKEN to a token that may read it.
library-no-revision = { $hub } has no revision { $revision }. Correct revision in engine.models.
library-hub-refuses = The hub refused to give { $hub } (status { $status }). Try again later.
library-hub-unreachable = The hub can't be reached: { $reason }. What has come is kept; run the command again.
library-offline = HF_HUB_OFFLINE is set, so { $hub } can't be downloaded. Unset it, or copy the base model here and give its path in engine.models.
library-hub-no-safetensors = { $hub } has no .safetensors, and other weights aren't loaded, since reading them may run a stranger's code. Take a variant of it that has them.
library-disk-full = The disk is full; the written part of the base model was deleted. Free some space and run the command again.
library-source-in-use = { $n ->
    [one] { $n } trained model or job depends on { $name } as it is ({ $dependents }), and a pull would replace its weights.
   *[other] { $n } trained models or jobs depend on { $name } as it is ({ $dependents } …), and a pull would replace its weights.
} Give the new base model another name, or delete the folder engine/bases/{ $name } first
library-unknown = engine.models names no base model { $name }. It names: { $known }.
library-no-bases = engine.models names no base model yet. The page docs/en/bases.md tells which to take.
library-pulling = { $name }: { $source }
library-pulled = { $name } is here: { $folder }
library-already-pulled = { $name } was already here: { $folder }
