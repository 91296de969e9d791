#!/bin/sh
# Take Merlin's services and program away. Configuration and state stay, and are named.
set -eu
[ "$(id -u)" = 0 ] || { echo "uninstall: must be run as root" >&2; exit 1; }
units=/etc/systemd/system
if [ -d /run/systemd/system ]; then
  systemctl disable --now merlin.target merlin-backup.timer merlin-backup merlin-engine merlin-daemon merlin-bot merlin-api || true
fi
rm -f "$units"/merlin.target "$units"/merlin-daemon.service "$units"/merlin-bot.service \
  "$units"/merlin-api.service "$units"/merlin-engine.service "$units"/merlin-alert@.service "$units"/merlin-backup.service "$units"/merlin-backup.timer
[ "$(readlink /usr/local/bin/merlin)" != /opt/merlin/bin/merlin ] || rm /usr/local/bin/merlin
rm -rf "$units/merlin-.service.d/sandbox.conf" "$units/merlin-engine.service.d/torch.conf" "$units/merlin.target.wants" /opt/merlin /opt/merlin-versions
# Those with drop-ins of the operator stay.
rmdir "$units/merlin-.service.d" "$units/merlin-engine.service.d" 2>/dev/null || true
if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
echo "Taken away. Left as they were: /etc/merlin, /var/lib/merlin, the user merlin, and drop-ins of your own in $units/merlin-*.d."
