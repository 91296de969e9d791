# Backup, restore and migrate-db

col-builds = builds
col-jobs = jobs
col-models = models
col-pinned = pinned
upgrade-done = The database schema is up to date.
migrate-db-progress = tables
migrate-db-source = The configured database isn't SQLite, so there is nothing to move.
migrate-db-target = Name an empty PostgreSQL database: postgresql://USER@HOST/NAME. Put the password into PGPASSWORD or ~/.pgpass.
migrate-db-not-empty = The PostgreSQL database already has rows (table { $table }). Nothing was changed. Name an empty one.
migrate-db-value = The table { $table } has a value that PostgreSQL doesn't take: { $reason }. Nothing was stored. The SQLite database is unchanged.
migrate-db-done = { $rows ->
    [one] Copied and compared one row
   *[other] Copied and compared { NUMBER($rows) } rows
  } in { $tables } tables. Now set `database` in config.yaml to this address and start Merlin. The SQLite file is unchanged; keep it as a backup.
processes-running = These processes are running: { $names }. Stop them, and try again.
backup-failed = The backup failed at { $what }: { $reason }
backup-terminal = An archive isn't text. Send it to a program (|) or into a file (>).
backup-not-read = The program that the archive was sent to ended before the archive was complete: don't use what it wrote. Correct that program and make the backup again.
backup-no-folder = { $path } is a file. Name a folder: the archive gets a file of its own there, named after the time. To name the file yourself, redirect the output of `merlin backup -` into it (>).
backup-no-program = { $program } isn't installed. It comes with PostgreSQL's client package (postgresql-client).
backup-done = Saved: { $path }, { $mb } MB.{ $deleted ->
    [0] { "" }
    [one] { " " }One older backup was deleted.
   *[other] { " " }{ $deleted } older backups were deleted.
  }
restore-cut-off = A restore was interrupted, so nothing starts on half of a state. Stop Merlin and repeat it: merlin restore ARCHIVE --replace ({ $path } marks it).
restore-database-exists = There is already a database: { $path }. To replace it, stop Merlin and add --replace; the old file is kept beside.
restore-broken = This is no whole backup: { $why }. Nothing was changed.
restore-no-archive = This is no whole backup: the archive is cut off or changed, or this is another file. Nothing was changed.
restore-unreadable = { $path }: { $reason }. Nothing was changed.
restore-former = Former databases are kept, with what people wrote, also what was deleted since. When you are sure that you need them no more: rm { $paths }
restore-lacks-text-key = People's texts are encrypted with key { $keys }, which isn't here. Before you start Merlin, put it back into text.key or MERLIN_TEXT_KEY, from where you keep it.
restore-newer = This backup is of a newer Merlin ({ $version }). Install that version first. Nothing was changed.
restore-other-database = The backup is of { $backup }, the configuration names { $configured }. Set `database` in config.yaml to a { $backup } database. Nothing was changed.
restore-not-empty = The PostgreSQL database isn't empty. Create a new one and name it in config.yaml. Nothing was changed.
restore-verified = A whole backup of { $at }, made by Merlin { $merlin }: { $files ->
    [one] one file
   *[other] { $files } files
  }, { $mb } MB, each verified. Nothing was changed.
restore-done = Restored the backup of { $at }: { $files ->
    [one] one file
   *[other] { $files } files
  }, each verified. Start Merlin; it fetches the repository by itself.
