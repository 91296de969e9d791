### Why a job failed: its files, the disk, the memory.

engine-file-line = Line { $line }: { $reason }
engine-file-too-few = { $n ->
    [one] The file has { $n } example, at least { $least } are needed. Add some.
   *[other] The file has { $n } examples, at least { $least } are needed. Add some.
}
engine-file-not-answered = Line { $line }: the last message must have the role 'assistant': the model learns that one.
engine-file-gone = A file of this job was deleted: { $name }. Upload it again and create a new job.
engine-memory-out = Not enough memory for this job. Train on fewer examples, or on a machine with more memory.
engine-disk-full = The engine's disk is full. Free some space, then create the job again.
engine-disk-refuses = The engine can't write to its disk: { $reason }. Check the disk, then create the job again.
engine-bug = A bug in the engine: { $kind }. See its log for details.
