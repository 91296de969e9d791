### Who may call the engine, and how much it may keep.

engine-key-made = Key of “{ $name }”. It's shown only once; save it now:
engine-key-revoked = The key of “{ $name }” no longer works. What it created stays; a new key with the same name finds it again.
engine-key-exists = “{ $name }” already has a key. Revoke it first, or choose another name.
engine-key-unknown = “{ $name }” has no active key. See all keys: merlin engine keys list
engine-key-bad-name = A name needs 1 to { $most } printable characters.
engine-key-state-good = active
engine-key-state-revoked = revoked
engine-key-col-name = Name
engine-key-col-key = Key
engine-key-col-state = State
engine-key-col-made = Created
engine-key-col-used = Last used
engine-key-col-answers = Answers today
engine-key-col-tokens = Tokens today
engine-key-col-jobs = Unfinished jobs
engine-key-col-bytes = Bytes of files
engine-key-col-pace = Requests per minute
engine-disk-quota = Models and jobs use { $used } of { $quota } GB (engine.training.quota_gb), and nothing can be cleared automatically. Delete models that aren't used (DELETE /v1/models/…) or raise the quota, then create the job again.
engine-checkpoints-cleared = { $n ->
    [one] { $n } old checkpoint was removed to make room.
   *[other] { $n } old checkpoints were removed to make room.
}
