#!/bin/sh
# Install Merlin as systemd services, or bring an installation up to date; may be run again.
# EXTRA=engine adds language models to the engine; an installation that has them keeps them.
# /opt/merlin: program · /etc/merlin: configuration and credentials · /var/lib/merlin: state.
# A new program comes beside the one that runs, which finds its own files until it is restarted:
# /opt/merlin is a link to one of /opt/merlin-versions, where the one before stays to go back to.
set -eu
umask 022
source=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-/usr/bin/python3}
home=/opt/merlin
versions=/opt/merlin-versions
config=/etc/merlin
state=/var/lib/merlin
units=/etc/systemd/system
command=/usr/local/bin/merlin
dropin=$units/merlin-engine.service.d/torch.conf
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$source/merlin/__init__.py")
new=$versions/$version-$(date -u +%Y%m%dT%H%M%S)

say() { printf '%s\n' "$*"; }
fail() { printf 'install: %s\n' "$*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || fail "must be run as root: sudo make install"
case ${EXTRA:-} in ''|engine) ;; *) fail "EXTRA may be engine, not $EXTRA" ;; esac
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "$python is not Python 3.11 or newer"

# Up to 0.1.0 the program lay in /opt/merlin itself: what runs would find the new one's files there.
require_stopped() {
  if [ -d "$home" ] && [ ! -L "$home" ] && systemctl -q is-active 'merlin-*.service' 2>/dev/null; then
    fail "stop Merlin for this upgrade, no later one needs it: systemctl stop 'merlin-*.service'"
  fi
}

program() {
  install -d -m 755 "$versions"
  "$python" -m venv "$new"
  pip="$new/bin/python -m pip --disable-pip-version-check --quiet"
  # Every package by its hash; what builds Merlin itself, and packages that come as source, too.
  $pip install --no-deps --require-hashes -r "$source/requirements-build.txt"
  $pip install --no-deps --require-hashes --no-build-isolation -r "$source/requirements.txt"
  # Built from a copy: building writes beside the sources.
  copy=$(mktemp -d)
  trap 'rm -rf "$copy"' EXIT
  cp -R "$source/merlin" "$source/datasets" "$source/datasets-en" "$source/datasets-lora" "$source/pyproject.toml" \
    "$source/setup.py" "$source/README.md" "$source/requirements.in" "$copy"
  $pip install --no-deps --no-build-isolation "$copy"
  "$new/bin/python" -m pip --disable-pip-version-check check
}

# torch's CPU wheel, where pip finds it (PIP_FIND_LINKS), spares the GPU's libraries: several GB.
language_models() {
  [ "${EXTRA:-}" = engine ] || [ -e "$dropin" ] || return 0
  lock=requirements-engine.txt
  if $pip install --dry-run --no-deps --ignore-installed torch==2.13.0+cpu >/dev/null 2>&1; then
    lock=requirements-engine-cpu.txt
  fi
  say "The engine's packages come from $lock"
  $pip install --no-deps --require-hashes -r "$source/$lock"
  install -d -m 755 "$units" "$(dirname "$dropin")"
  install -m 644 "$source/systemd/torch.conf" "$dropin"
}

person() {
  getent passwd merlin >/dev/null || useradd --system --user-group --no-create-home \
    --home-dir "$state" --shell /usr/sbin/nologin merlin
  # Commands such as restore need it before the first start of a service.
  install -d -o merlin -g merlin -m 700 "$state"
}

# What a new config.yaml follows until it names another: the samples.
repository() {
  [ ! -e "$state/datasets.git" ] || return 0
  git init -q -b main "$copy/samples"
  cp -R "$source/datasets" "$copy/samples"
  git -C "$copy/samples" add .
  git -C "$copy/samples" -c user.name=Merlin -c user.email=merlin@localhost -c commit.gpgSign=false \
    commit -q -m "Sample datasets"
  git clone -q --bare "$copy/samples" "$state/datasets.git"
  chown -R --reference="$state" "$state/datasets.git"
}

configuration() {
  install -d -m 755 "$config"
  install -d -m 700 "$config/credentials"
  if [ ! -e "$config/config.yaml" ]; then
    repository
    sed -e "s|^state_dir: .*|state_dir: $state|" \
      -e "s|^  url: [^#]*|  url: $state/datasets.git  |" "$source/config.yaml" >"$config/.config.new"
    chmod 644 "$config/.config.new"
    mv "$config/.config.new" "$config/config.yaml"
  fi
  key=$config/credentials/MERLIN_ENGINE_KEY
  # Known to this machine alone: it keeps others from using the engine.
  [ -e "$key" ] || (umask 077 && head -c 32 /dev/urandom | base64 | tr -d '\n=' >"$key")
  "$new/bin/merlin" config check --config "$config/config.yaml"
}

switch() {
  before=none
  if [ -L "$home" ]; then before=$(readlink -f "$home"); else rm -rf "$home"; fi
  ln -sfn "$new" "$home.new"
  mv -T "$home.new" "$home"
  for each in "$versions"/*; do
    # Whatever runs keeps its files: it may not have been restarted after an earlier upgrade.
    [ "$each" = "$new" ] || [ "$each" = "$before" ] || grep -qsF "$each/bin" /proc/[0-9]*/cmdline || rm -rf "$each"
  done
  [ "$before" = none ] || ln -sfn "$before" "$versions/before"
  # The package has its own link.
  [ -e /usr/bin/merlin ] || ln -sfn "$home/bin/merlin" "$command"
}

services() {
  install -d -m 755 "$units/merlin-.service.d"
  install -m 644 "$source"/systemd/merlin*.service "$source"/systemd/merlin*.timer "$source/systemd/merlin.target" "$units"
  install -m 644 "$source/systemd/merlin-.service.d/sandbox.conf" "$units/merlin-.service.d"
  if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
}

next_steps() {
  say "Merlin $("$home/bin/merlin" --version) is installed. What is left to do, as root:"
  say "  1. the bot's token:   install -m 600 /dev/stdin $config/credentials/TELEGRAM_BOT_TOKEN"
  say "     other credentials: in the same folder, a file each, named as in $config/config.yaml"
  say "  2. start, now and with every boot, a backup each night, and one now:"
  say "     systemctl enable --now merlin.target merlin-backup.timer && systemctl start merlin-backup"
  say "     after an upgrade:  systemctl stop 'merlin-*.service' && systemctl start merlin.target"
  say "  3. send the bot /start; your ID is in the list then:"
  say "     export MERLIN_CONFIG=$config/config.yaml"
  say "     $home/bin/merlin users list"
  say "     $home/bin/merlin users role ID admin"
  say "  4. look it over:      $home/bin/merlin doctor"
  say "  5. your repository in repository.url of $config/config.yaml, until then the samples in $state/datasets.git"
}

require_stopped
program
language_models
person
configuration
switch
services
next_steps
