### Who may call the engine, and how much it may keep.

engine-key-made = Key of “{ $name }”. It is shown this once; keep it now:
engine-key-revoked = The key of “{ $name }” counts no more. What was made with it stays; a new key of the same name will find it again.
engine-key-taken = “{ $name }” has a key already. Revoke it first, or take another name.
engine-key-unknown = There is no key of “{ $name }” that counts. See them all: merlin engine keys list
engine-key-bad-name = A name needs 1 to { $most } printable characters.
engine-key-state-good = counts
engine-key-state-revoked = revoked
engine-key-col-name = Name
engine-key-col-key = Key
engine-key-col-state = State
engine-key-col-made = Made
engine-key-col-used = Last used
engine-key-col-answers = Answers today
engine-key-col-tokens = Tokens today
engine-key-col-jobs = Unfinished jobs
engine-key-col-bytes = Bytes of files
engine-key-col-pace = Calls a minute
engine-disk-quota = Models and jobs have { $used } GB, of { $quota } GB that they may have (engine.training.quota_gb), and there is nothing left to clear away. Delete models that nobody asks (DELETE /v1/models/…) or raise the quota, then create the job again.
engine-checkpoints-cleared = { $n ->
    [one] { $n } old checkpoint was removed to make room.
   *[other] { $n } old checkpoints were removed to make room.
}
