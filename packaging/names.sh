# Sourced: what a package or an installer must name, found in what is there. No list is kept by hand.
# shellcheck shell=bash disable=SC2034,SC2086

# read_names UNITS SYSUSERS TMPFILES   the folders with the units, and with the lines for systemd-sysusers and systemd-tmpfiles. Sets, each a list:
#   units, enabled (at the boot), started (by an installation), users, sysusers, tmpfiles (names of the files),
#   state, run (folders under /var and /run), stamps (files of the timers)
read_names() {
  units=$(cd "$1" && find . -maxdepth 1 -type f -regex '.*/modwarden.*\.\(service\|timer\|path\|socket\|target\)' -printf '%P\n' | LC_ALL=C sort)
  enabled=$(cd "$1" && grep -lx '\[Install\]' $units)
  # What runs once, at the boot, is not started by an installation. The exit status of -L differs between versions of grep.
  started=$(cd "$1" && { grep -Lx 'Type=oneshot' $enabled || true; })
  stamps=$(printf '%s\n' $units | sed -n 's|.*\.timer$|/var/lib/systemd/timers/stamp-&|p')
  sysusers=$(cd "$2" && ls modwarden*.conf) tmpfiles=$(cd "$3" && ls modwarden*.conf)
  users=$(cd "$2" && sed -n 's/^u \([^ ]*\) .*/\1/p' $sysusers)
  state="$(folders_of "$1" State /var/lib) $(folders_of "$1" Cache /var/cache) $(folders_of "$1" Logs /var/log) $(cd "$3" && sed -n 's|^d \(/var/[^ ]*\) .*|\1|p' $tmpfiles)"
  state=$(printf '%s\n' $state | sort -u) run=$(folders_of "$1" Runtime /run)
}

folders_of() { (cd "$1" && sed -n "s/^$2Directory=//p" modwarden*.service) | tr ' ' '\n' | sort -u | sed "s|^|$3/|"; }
