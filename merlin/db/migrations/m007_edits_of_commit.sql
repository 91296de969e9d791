-- What later edits did to the files of a commit, and who is told of its verdict, is found by the commit.
CREATE INDEX change_commit ON change (commit_sha);
