# Backup, restore and migrate-db

col-builds = builds
col-jobs = jobs
col-models = models
col-pinned = pinned
upgrade-done = The database schema is up to date.
migrate-db-progress = tables
migrate-db-source = The database in config.yaml isn't SQLite, so there's nothing to move.
migrate-db-target = Name an empty PostgreSQL database: postgresql://USER@HOST/NAME. Put the password into PGPASSWORD or ~/.pgpass.
migrate-db-not-empty = The PostgreSQL database already has rows (table { $table }). Nothing was changed. Name an empty one.
migrate-db-value = The table { $table } has a value that PostgreSQL doesn't accept: { $reason }. Nothing was stored. The SQLite database is unchanged.
migrate-db-done = { $rows ->
    [one] Copied and compared one row
   *[other] Copied and compared { NUMBER($rows) } rows
  } in { $tables } tables. Now set `database` in config.yaml to this address and start Merlin. The SQLite file is unchanged. Keep it as a backup.
processes-running = These processes are running: { $names }. Stop them, and try again.
backup-failed = The backup failed at { $what }: { $reason }
backup-terminal = An archive isn't text. Pipe it to a program (|) or write it to a file (>).
backup-not-read = The program that received the archive ended too early: don't use what it wrote. Fix that program and make the backup again.
backup-no-folder = { $path } is a file. Give a folder: Merlin names the archive there by the time. To name the file yourself, redirect the output of `merlin backup -` into it (>).
backup-no-program = { $program } isn't installed. It comes with PostgreSQL's client package (postgresql-client).
backup-done = Saved: { $path }, { $mb } MB.{ $deleted ->
    [0] { "" }
    [one] { " " }One older backup was deleted.
   *[other] { " " }{ $deleted } older backups were deleted.
  }
restore-cut-off = A restore was interrupted, so Merlin doesn't start: half of its state is missing. Stop Merlin and repeat: merlin restore ARCHIVE --replace ({ $path } marks it).
restore-database-exists = There is already a database: { $path }. To replace it, stop Merlin and add --replace. The old file is kept beside it.
restore-broken = This isn't a complete backup: { $why }. Nothing was changed.
restore-no-archive = This isn't a complete backup: the archive is cut off or changed, or it's another file. Nothing was changed.
restore-unreadable = { $path }: { $reason }. Nothing was changed.
restore-former = The former databases are kept. They hold what people wrote, and what was deleted since. Once you no longer need them: rm { $paths }
restore-lacks-text-key = People's texts are encrypted with key { $keys }, which isn't here. Before you start Merlin, put your copy of it back into text.key or MERLIN_TEXT_KEY.
restore-newer = This backup is from a newer Merlin ({ $version }). Install that version first. Nothing was changed.
restore-other-database = The backup is of { $backup }, but config.yaml names { $configured }. Set `database` in config.yaml to a { $backup } database. Nothing was changed.
restore-not-empty = The PostgreSQL database isn't empty. Create a new one and name it in config.yaml. Nothing was changed.
restore-verified = A complete backup of { $at }, made by Merlin { $merlin }: { $files ->
    [one] one file
   *[other] { $files } files
  }, { $mb } MB, each verified. Nothing was changed.
restore-done = Restored the backup of { $at }: { $files ->
    [one] one file
   *[other] { $files } files
  }, each verified. Start Merlin: it fetches the repository.
