git-url = “{ $url }” is neither https, ssh nor a local path
git-branch = “{ $branch }” isn't a branch name; for example: main
git-shallow = The datasets repository is a shallow clone, so its history is incomplete. Run there: git fetch --unshallow
git-directory = “{ $directory }” isn't a folder inside a repository; for example: datasets
git-absent = git isn't installed on this machine.
git-failed = The datasets repository can't be read now: { $reason }. Merlin will try again. If that doesn't help, check repository.url, the key or token and the network.
git-token-refused = The server of the datasets repository refused the token in MERLIN_GIT_LOGIN: it expired, was revoked, or has no right to read this repository. Make a new one, put NAME:TOKEN into MERLIN_GIT_LOGIN and restart Merlin.
git-token-missing = The server of the datasets repository asks for a name and a token, and there are none. Put NAME:TOKEN into the secret MERLIN_GIT_LOGIN. Without a token, servers also ask for one when the repository isn't there.
git-token-weak = The server of the datasets repository knows who asks, and doesn't allow it (403). Give the token or the account the right to read this repository.
git-moved = The datasets repository has another address now: { $target }. Set it as repository.url. Merlin doesn't follow by itself, because the token would go there too.
git-web-page = A web page answers at { $target }, not git: a sign-in page, or the address of something else. Check repository.url, and whether its token has expired.
git-not-found = There is no git repository at { $target }, or its server doesn't show it to you. Check repository.url, and whether the token or key may read this repository.
git-sha256 = The datasets repository names its objects by SHA-256, and Merlin reads SHA-1 alone. Take its history along: git init --bare --object-format=sha1 NEW, then git -C OLD fast-export --all | git -C NEW fast-import. Set NEW as repository.url. Until then no new commit is read. The live model stays.
git-format = The datasets repository has a format that git on this machine doesn't know: { $reason }. Install a newer git, or change the repository's format with the git that made it (for refs: git refs migrate --ref-format=files). Until then no new commit is read. The live model stays.
git-no-host = The server of the datasets repository isn't found by its name: { $target }. Check repository.url and the network. Merlin will try again.
git-certificate = The certificate of the server of the datasets repository isn't accepted: { $reason }. Check repository.url, the clock of this machine and its list of certificate authorities.
git-key-refused = The server of the datasets repository refused Merlin's SSH key. Give its public half the right to read this repository, and to write if people edit in Merlin.
git-host-key = SSH doesn't know the server of the datasets repository, or its key has changed. Compare its key with the one that its owner publishes, then put it into known_hosts of Merlin's user.
git-refused = git rejected what is new up to commit { $commit }: { $reason }. Remove the named object from the history of the branch (git rebase or reset, then git push --force). A commit that reverts it isn't enough. Until then no new commit is read. The live model stays.
git-slow = git took longer than { $seconds } s and was stopped. Merlin will try again.
git-busy = Another process is using the copy of the repository, { $mirror }.
git-unreadable = The copy of the repository, mirror.git in state_dir, is damaged: { $reason }. Stop Merlin, delete it and start Merlin: it fetches a new copy.
git-name = Not an object name in git: { $name }
git-too-many-files = The repository has more than { $limit } files and folders in one place, so Merlin doesn't read them. Delete what isn't needed in a new commit.
