# Builds
build-no-spec = The dataset { $dataset } is not built: dataset.yaml is missing or wrong.
build-too-few = The dataset { $dataset } is not built: good examples { $good }, at least { $fewest } are needed.
build-strict = The dataset { $dataset } is not built: { $rejected ->
        [one] { $rejected } example is
       *[other] { $rejected } examples are
    } rejected and it is strict (strict: true).
build-not-found = There is no build { $name }.
build-damaged = The build { $name } is damaged: its files differ from its manifest.
build-not-again = { $name } cannot be made again: its commit gives other files now; commit the dataset anew
build-no-commit = No commit of { $name } is in the mirror any more: it cannot be made again to compare. Fetch it: merlin build { $dataset }
verify-same = { $build } is the same: commit { $commit } gives the files that lie in its folder, byte for byte (sha256 { $digest }).
verify-restored = The folder of { $build } was made again from commit { $commit } (sha256 { $digest }).
verify-missing = The folder of { $build } is not there. Commit { $commit } still gives the recorded bytes (sha256 { $digest }): merlin verify { $build } --restore makes it again.
verify-different = { $build } differs from what commit { $commit } gives:
verify-digest = the commit gives other files now: sha256 { $made } instead of { $digest }; they follow from Merlin's version and the limits of `models` in config.yaml too
verify-may-restore = its commit still gives the recorded bytes: merlin verify { $build } --restore puts them back
verify-line = { $file }, line { $line }: { $example ->
        [none] other bytes
       *[other] other bytes, example { $example }
    }
verify-absent = { $file } is not in the folder
verify-strange = { $file } in the folder is none of the build's
did-diff = The difference is in { $path }
did-prune = { $count ->
        [0] Nothing was removed: every build that lies here is needed.
        [one] Removed the folder of { $count } build: { $bytes } bytes are free.
       *[other] Removed the folders of { $count } builds: { $bytes } bytes are free.
    }
would-prune = { $count ->
        [0] Nothing would be removed: every build that lies here is needed.
        [one] The folder of { $count } build would be removed: { $bytes } bytes.
       *[other] The folders of { $count } builds would be removed: { $bytes } bytes.
    }
