#!/usr/bin/env bash
# Build a release of the newest commit in a folder (default: dist): wheel, source, Debian package, bill
# of materials, notes and their check sums. `build.sh deb [FOLDER]` builds the Debian package alone, `wheel`
# the wheel with its constraints; both take what is changed and not committed yet.
# One commit gives the same bytes each time, with the same versions of the tools. PYTHON has what Merlin
# runs on and what builds it; SBOM is cyclonedx-py; PROJECT_URL, the address of the repository, comes
# into the wheel's metadata and the package's.
set -euo pipefail
umask 022
root=$(cd "$(dirname "$0")/../.." && pwd)
what=all
case "${1:-}" in deb | wheel) what=$1; shift ;; esac
out=$(realpath -m "${1:-$root/dist}")
python=$(realpath -ms "${PYTHON:-$root/.venv/bin/python}")
fail() { printf 'release: %s\n' "$*" >&2; exit 1; }

cd "$root"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
commit=HEAD
if [ "$what" != all ]; then
  # An index of its own: nothing of the checkout's is touched.
  cp "$(git rev-parse --git-path index)" "$work/index"
  GIT_INDEX_FILE=$work/index git add --update
  commit=$(GIT_INDEX_FILE=$work/index git write-tree)
else
  git diff --quiet HEAD || fail "commit first: a release is built of the newest commit"
fi
version=$(git show "$commit:merlin/__init__.py" | sed -n 's/^__version__ = "\(.*\)"$/\1/p')
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
mkdir -p "$out" "$work/source"
git -c tar.umask=022 archive "$commit" | tar -x -C "$work/source"

wheel() {
  "$python" -m pip wheel -q --no-deps --no-build-isolation -w "$out" "$work/source"
  # The locked versions for `pip install -c`: with hashes it would ask for one of the wheel too.
  sed -n 's/ \\$//; /^[a-z0-9].*==/p' "$work"/source/requirements{,-engine}.txt | LC_ALL=C sort -u >"$out/merlin-gitops-$version-constraints.txt"
}

source_archive() {
  git -c tar.umask=022 archive --format=tar --prefix="merlin-gitops-$version/" HEAD | gzip -n -9 >"$out/merlin-gitops-$version.tar.gz"
}

# The Debian package holds the sources of the program and installs them as `make install` does.
debian() {
  tree=$work/debian
  here=$tree/usr/share/merlin
  doc=$tree/usr/share/doc/merlin-gitops
  mkdir -p "$here" "$tree/DEBIAN" "$tree/usr/bin" "$doc"
  (cd "$work/source" && cp -Rp merlin datasets datasets-en datasets-lora systemd pyproject.toml setup.py README.md \
    config.yaml requirements.in requirements.txt requirements-build.txt requirements-engine*.txt "$here")
  (cd "$work/source" && "$python" -m docs.build.manual "$tree/usr/share")
  find "$tree/usr/share/man" -type f -exec gzip -n -9 {} +
  mkdir -p "$tree/usr/share/zsh" && mv "$tree/usr/share/zsh/site-functions" "$tree/usr/share/zsh/vendor-completions"
  ln -s /opt/merlin/bin/merlin "$tree/usr/bin/merlin"
  cp -p "$work/source/LICENSE" "$doc/copyright"
  gzip -n -9 <"$work/source/CHANGELOG.md" >"$doc/changelog.gz"
  install -m 755 "$work/source/deploy/release/debian/postinst" "$work/source/deploy/release/debian/prerm" "$tree/DEBIAN"
  {
    sed "s/@VERSION@/$version/" "$work/source/deploy/release/debian/control"
    [ -z "${PROJECT_URL:-}" ] || printf 'Homepage: %s\n' "$PROJECT_URL"
  } >"$tree/DEBIAN/control"
  (cd "$tree" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"
  find "$tree" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
  dpkg-deb --root-owner-group -Zxz --build "$tree" "$out/merlin-gitops_${version}_all.deb" >/dev/null
}

# What Merlin, and an engine with language models, run on: each package with its version and hashes, as
# pip installs it and as other programs read it.
bills_of_materials() {
  for lock in requirements requirements-engine; do
    cp "$work/source/$lock.txt" "$out/merlin-gitops-$version-$lock.txt"
    "${SBOM:-cyclonedx-py}" requirements --output-reproducible --pyproject "$work/source/pyproject.toml" \
      -o "$out/merlin-gitops-$version-$lock.cdx.json" "$work/source/$lock.txt" 2>"$work/sbom" || fail "$(cat "$work/sbom")"
  done
}

# The changelog of this version, or of what has not been released, and the commits since the last tag.
notes() {
  awk -v version="$version" '
    /^## / { shown = (index($0, "[" version "]") || (!found && index($0, "[Unreleased]"))); found = found || shown }
    shown' "$work/source/CHANGELOG.md"
  if last=$(git describe --tags --abbrev=0 --match 'v*' HEAD^ 2>/dev/null); then
    printf '\n### Commits since %s\n\n' "$last"
    git log --no-merges --format='- %s (%h)' "$last..HEAD"
  fi
}

case $what in deb) debian; exit ;; wheel) wheel; exit ;; esac
command -v "${SBOM:-cyclonedx-py}" >/dev/null || fail "there is no ${SBOM:-cyclonedx-py}: make release installs it"
wheel
source_archive
debian
bills_of_materials
notes >"$out/RELEASE.md"
(cd "$out" && rm -f SHA256SUMS && LC_ALL=C sha256sum -- *"$version"* RELEASE.md >SHA256SUMS)
tagged=$(git tag --points-at HEAD --list "v$version")
[ -n "$tagged" ] || printf 'release: the commit has no tag v%s yet\n' "$version" >&2
cat "$out/SHA256SUMS"
