### How much the engine may keep.

engine-disk-quota = Models and jobs use { $used } of { $quota } GB (engine.training.quota_gb), and nothing can be cleared automatically. Delete models that aren't used (DELETE /v1/models/…) or raise the quota, then create the job again.
engine-checkpoints-cleared = { $n ->
    [one] { $n } old checkpoint was removed to make room.
   *[other] { $n } old checkpoints were removed to make room.
}
