# The database
store-busy = The database is busy: another process has been writing for too long. Try again.
store-away = The database cannot be opened: { $reason }
store-damaged = The database is damaged: { $found }. Stop Merlin and put your copy of it in its place.
store-damaged-start = The database { $path } is damaged: { $found }. Nothing is started on it, so that no more is lost. Stop Merlin, move this file and those beside it (-wal, -shm) away, put your copy in its place, and start again.
store-newer-schema = The database was made by a newer Merlin (steps { $steps }). Install that version, or restore an older backup.
store-bad-url = database must be sqlite:///absolute/path or postgresql://…, not { $scheme ->
        [empty] an address without a scheme
       *[other] "{ $scheme }"
    }.
store-bad-key = { $where } is not a key: 32 bytes in url-safe base64 are needed.
store-no-key = A stored text was encrypted with the key { $key_id }, which is not here.
store-seal-broken = A stored text was changed and cannot be read.
store-no-request = There is no request { $request }.
store-no-job = There is no job { $job }.
store-no-build = There is no build { $build }.
store-no-model = There is no model { $model }.

# Why a verdict failed
verdict-job-failed = job { $job } failed: { $error }
verdict-job-cancelled = job { $job } was cancelled
verdict-model-refused = the model { $model } did not answer: { $note }
verdict-model-revoked = the consent to an example that the model { $model } learnt was taken back
verdict-model-gone = the provider no longer has the model { $model }
