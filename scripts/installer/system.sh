# Sourced by scripts/install: users, folders of the state, SELinux and systemd. Nothing of it is done below a --prefix.
# shellcheck shell=bash disable=SC2154

# What lies in /usr/lib counts as a library for SELinux; these are programs that systemd starts.
PROGRAMS='/usr/lib/modwarden/(modwarden|node)'

make_users() {
  local user
  # The first one is a member of the others' groups; noted last, it is removed first.
  while read -r user; do
    getent passwd "$user" > /dev/null || { note user "$user"; record user "$user"; }
  done < <(tac <<< "$users")
  # shellcheck disable=SC2086
  systemd-sysusers $sysusers
}

make_state() {
  local path
  for path in $state; do
    record state "$path"
    there "$path" || note state "$path"
  done
  for path in $run; do
    record run "$path"
    there "$path" || note state "$path"
  done
  for path in $stamps; do
    record run "$path"
    there "$path" || note state "$path"
  done
  # shellcheck disable=SC2086
  systemd-tmpfiles --create $tmpfiles
}

set_contexts() {
  if ! has_context "$PROGRAMS"; then
    note context "$PROGRAMS"
    semanage fcontext -a -t bin_t "$PROGRAMS"
    changed=yes
  fi
  record context "$PROGRAMS"
  label
}

label() {
  local path
  # Some folders of the state are made only when their service starts.
  # shellcheck disable=SC2086
  restorecon -R -i $WHOLE $state /etc/modwarden
  while read -r path; do restorecon "$path"; done < <(single_files)
}

is_active() { systemctl --quiet is-active "$1"; }

# Before the files change: if that must be taken back, what runs goes on with the old ones.
note_running() {
  local unit
  for unit in $started; do
    if is_active "$unit"; then note restarted "$unit"; fi
  done
  note reload
}

# What is new is enabled; what somebody has disabled stays so. Units of an earlier version that are gone are stopped.
enable_units() {
  local unit
  while read -r unit; do
    ! grep -qxF "$unit" <<< "$units" || continue
    ! is_active "$unit" || { note stopped "$unit"; systemctl stop "$unit"; }
    ! systemctl --quiet is-enabled "$unit" 2> /dev/null || { note disabled "$unit"; systemctl --quiet disable "$unit"; }
  done < <(recorded unit)
  for unit in $enabled; do
    [ -z "$(recorded unit "$unit")" ] || continue
    note enabled "$unit"
    systemctl --quiet enable "$unit"
    changed=yes
  done
  for unit in $units; do record unit "$unit"; done
}

# Starts what is new, and what ran before with the new files; what somebody has stopped stays so.
start_units() {
  local unit running='' started_any=''
  [ -n "$upgrade" ] || note rules
  for unit in $started; do
    if is_active "$unit"; then [ -z "$changed" ] || running+=" $unit"
    elif [ -z "$(recorded started "$unit")" ]; then
      note started "$unit"
      running+=" $unit"
      started_any=yes
    fi
  done
  changed=$changed$started_any
  for unit in $started; do record started "$unit"; done
  # shellcheck disable=SC2086
  [ -z "$running" ] || systemctl restart $running || true
  for unit in $running; do
    if systemctl --quiet is-failed "$unit"; then
      journalctl -u "$unit" -n 8 -o cat --no-pager >&2 || true
      fail "$unit does not run; its last words are above. If the settings in /etc/modwarden are wrong, mend or remove them"
    fi
  done
}
