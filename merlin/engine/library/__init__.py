"""The library: bases on this machine. Where one lies, how it comes, what it needs.

    folder_of(model, root)      the folder to load, for trainers and backends
    pull(model, engine, tell)   bring it: from the hub, or out of a .gguf file
    listed(models, engine, …)   every base with its state, size and memory
    remove(name, …)             take one away

`engine` is the engine's folder, `root` the library in it (`library_of`). A base lies in
`<root>/<name>/` beside its card `merlin.json`; a folder that the configuration
names stays where it is. Nothing there is ever executed: safetensors only, no code of a model.
"""

from merlin.engine.library.place import files_of, folder_of
from merlin.engine.library.pull import library_of, pull
from merlin.engine.library.shelf import listed, remove

__all__ = ["files_of", "folder_of", "library_of", "listed", "pull", "remove"]
