# Become the init of a box: an overlay over LOWER as root, systemd as process 1 (see box.py).
# From the environment: BOX an empty folder, UP where changes are kept ("" = in memory), FIRST "yes"
# or "no", LOWER, CONTROL with units/ and mask, SEEN folders of the host to show read-only.
set -euo pipefail
mount -t tmpfs -o mode=755,size=2g box "$BOX"
up=${UP:-$BOX}
mkdir -p "$up/upper" "$up/work" "$BOX/root"
root=$BOX/root
mount -t overlay -o "lowerdir=$LOWER,upperdir=$up/upper,workdir=$up/work" overlay "$root"
mount -t proc proc "$root/proc"
# The kernel is the host's: its switches stay out of reach.
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
[ ! -e "$root/proc/sysrq-trigger" ] || mount --bind /dev/null "$root/proc/sysrq-trigger"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 run "$root/run"
mount -t tmpfs -o mode=755 dev "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
for device in null zero full random urandom tty; do
  : >"$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s /dev/null "$root/dev/console"
for folder in $SEEN; do
  mkdir -p "$root$folder"
  mount --bind "$folder" "$root$folder"
  mount -o remount,bind,ro "$root$folder"
done
units=$root/etc/systemd/system
if [ "$FIRST" = yes ]; then
  rm -rf "$units" "$root/var/log/journal"
  mkdir -p "$units"
  : >"$root/etc/fstab"
  tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
fi
xargs -r -d '\n' -I@ ln -sf /dev/null "$units/@" <"$CONTROL/mask"
cp -a "$CONTROL/units/." "$units/"
mkdir -p "$root/.old"
cd "$root"
pivot_root . .old
umount -l /.old
rmdir /.old 2>/dev/null || :
# As the manager of a container does for its systemd: credentials are mounted in a namespace apart
# and must be seen here. Nothing of it reaches the host, whose mounts are another group.
mount --make-rshared /
hostname box
ip link set lo up 2>/dev/null || :
exec env -i container=box PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  HOME=/root /lib/systemd/systemd --system --unit=box.target --log-target=journal \
  --show-status=no </dev/null >/dev/null 2>&1
