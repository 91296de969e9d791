# The database
store-busy = The database is busy: another process has been writing for too long. Try again.
store-unavailable = The database can't be opened. Reason: { $reason }. Check its server or disk, and database in config.yaml
store-full = The disk of the database is full. Free some space: Merlin then continues automatically, nothing is lost.
store-encoding = The PostgreSQL database has the encoding { $encoding }, which can't store every character. Create one with UTF8, as an administrator of the server: CREATE DATABASE name OWNER user ENCODING 'UTF8' TEMPLATE template0 — and pg_restore a dump into it
store-denied = PostgreSQL denies its user a right: { $reason }. Make it the owner, as an administrator of the server: ALTER DATABASE name OWNER TO user. For tables that already exist: REASSIGN OWNED BY former TO user
store-read-only = The database is read-only: its file, file system or server refuses writes. Once it's writable again, Merlin continues automatically.
store-no-room = The disk of { $folder } is full. Free some space: Merlin then continues automatically, nothing is lost.
store-unreadable = A stored document isn't as this version writes it: { $reason }. Another version or program changed it: start that version, or restore a backup.
store-damaged = The database is damaged: { $found }. Stop Merlin and restore your backup.
store-damaged-start = The database { $path } is damaged: { $found }. To lose nothing more, Merlin doesn't start. Stop Merlin, move this file and those next to it (-wal, -shm) away, restore your backup and start again.
store-lost = There are builds in { $folder }, but the database is empty: it's lost, or config.yaml names another one. Restore your backup: merlin restore ARCHIVE. Without one, move { $folder } away: Merlin starts again from the branch's newest commit and finds its models at the provider. People, conversations and payments are lost. Until then Merlin doesn't start.
store-newer-schema = This Merlin can't read the schema of the database (steps { $steps }): a newer version made it, or one from before the first release. Install that version, or restore a backup of this one.
store-older-schema = The database was made by an earlier version of Merlin. Start Merlin, which upgrades it, or run: merlin upgrade
store-bad-url = database must be sqlite:///absolute/path or postgresql://…, not { $scheme ->
        [empty] an address without a scheme
       *[other] “{ $scheme }”
    }.
store-folder = database in config.yaml must be a file, and { $path } is a folder. Add the file's name, for example { $path }/merlin.db
store-bad-key = { $where } isn't a key: 32 bytes in url-safe base64 are needed.
store-no-key = A stored text was encrypted with the key { $key_id }, which isn't here. Add your copy of that key to text.key or MERLIN_TEXT_KEY. See: merlin key list
store-other-form = { $where } in the database holds a text that Merlin didn't encrypt: another program wrote it, or it's damaged. Restore your backup, or empty that field if its text can be lost.
store-no-text-key = The key of people's texts isn't here. Put your copy of it back into text.key or MERLIN_TEXT_KEY.
store-seal-broken = A stored text was changed and can't be read. An earlier backup may still have it.
store-no-request = Task { $request } not found. Finished tasks are deleted after a while: check their result instead.
store-no-job = Job { $job } not found.
    .command = All jobs: merlin jobs list
store-no-build = Build { $build } not found.
    .command = All builds: merlin builds
store-no-number = There's nothing with this number. Check it.
store-no-model = Model { $model } not found.
    .command = All models: merlin models list

# Why a verdict failed
verdict-job-failed = job { $job } failed: { $error }
verdict-job-cancelled = job { $job } was cancelled
verdict-model-refused = the model { $model } didn't pass its test ({ $note }). Start the training again
verdict-model-revoked = consent to an example that the model { $model } learnt was withdrawn
verdict-model-gone = the provider no longer has the model { $model }. Start the training again
verdict-model-unapplied = the provider answers without the trained weights of the model { $model } ({ $note })
