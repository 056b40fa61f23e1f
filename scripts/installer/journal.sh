# Sourced by scripts/install and scripts/uninstall: what was done, so that it can be undone.
#
# Everything is written down before it is done, in $home/undo/journal: a line each, a kind and its values between tabs. If a step fails, the
# script is interrupted or killed, the lines are undone from the last to the first - at once, or by the next run. What the installation consists
# of stands in $home/manifest in the same form, and is one of the files that the journal knows.
# shellcheck shell=bash disable=SC2154

home=$prefix/var/lib/modwarden-install
undo=$home/undo
manifest=$home/manifest
# Whether this run holds the lock: only then is what lies there its own to undo.
mine=''

# note KIND VALUE...   before it is done
note() { (IFS=$'\t'; printf '%s\n' "$*") >> "$undo/journal"; }

# record KIND VALUE...   what the installation will consist of
record() { (IFS=$'\t'; printf '%s\n' "$*") >> "$undo/record"; }

# recorded KIND [VALUE]   prints the values of the lines of a kind in the manifest; with a value, what stands behind it
recorded() {
  [ -e "$manifest" ] || return 0
  if [ $# -eq 1 ]; then awk -F '\t' -v kind="$1" '$1 == kind { print $2 }' "$manifest"
  else awk -F '\t' -v kind="$1" -v value="$2" '$1 == kind && $2 == value { print $3 == "" ? "yes" : $3 }' "$manifest"; fi
}

# Nobody else at the same time; what a killed run has left is undone first.
open_journal() {
  mkdir -p "$home"
  chmod 700 "$home"
  exec 9> "$home/lock"
  flock -n 9 || fail 'another installation is at work; wait for it to end'
  # shellcheck disable=SC2034
  mine=yes
  rm -rf "$home/work"
  finish
  if [ -d "$undo" ]; then
    say 'an earlier run was interrupted: what it did is taken back first'
    (roll_back)
    mkdir -p "$home"
  fi
}

begin() { mkdir "$undo"; : > "$undo/journal"; : > "$undo/record"; }

# From here on it holds: the one rename decides.
commit() { mv "$undo" "$home/done"; finish; }

# Throws away what was kept for undoing.
finish() {
  local kind path
  [ -d "$home/done" ] || return 0
  while IFS=$'\t' read -r kind path _; do
    [ "$kind" != swapped ] || rm -rf "$(beside "$path" old)"
  done < "$home/done/journal"
  rm -rf "$home/done"
}

# What is put beside a folder or file while it is exchanged.
beside() { printf '%s/.%s.%s\n' "$prefix${1%/*}" "${1##*/}" "$2"; }

roll_back() {
  local kind first second
  trap '' INT TERM HUP
  if [ -e "$undo/journal" ]; then
    while IFS=$'\t' read -r kind first second; do
      undo_line "$kind" "$first" "$second" || say "  could not be undone: $kind $first" >&2
    done < <(tac "$undo/journal")
  fi
  rm -rf "$undo"
  [ -e "$manifest" ] || rm -rf "$home"
}

undo_line() {
  local path=$prefix$2
  case $1 in
    created) rm -f "$path" "$(beside "$2" new)" ;;
    replaced)
      rm -f "$(beside "$2" new)"
      cp -a "$undo/$3" "$(beside "$2" new)" && mv -fT "$(beside "$2" new)" "$path"
      ;;
    folder) [ ! -d "$path" ] || rmdir --ignore-fail-on-non-empty "$path" ;;
    swapped)
      if [ -e "$(beside "$2" old)" ]; then rm -rf "$path" && mv -T "$(beside "$2" old)" "$path"
      elif [ "$3" = fresh ]; then rm -rf "$path"; fi
      rm -rf "$(beside "$2" new)"
      ;;
    packages) remove_packages "$2" "$3" ;;
    state) rm -rf "$path" ;;
    user) remove_user "$2" ;;
    context) ! has_context "$2" || semanage fcontext -d "$2" ;;
    reload) ! has_systemd || systemctl daemon-reload ;;
    enabled) systemctl --quiet disable "$2" 2> /dev/null || true ;;
    disabled) systemctl --quiet enable "$2" ;;
    started)
      systemctl stop "$2"
      systemctl --quiet reset-failed "$2" 2> /dev/null || true
      ;;
    stopped) systemctl start "$2" ;;
    restarted) systemctl restart "$2" ;;
    rules) [ ! -x "$prefix/usr/bin/modwarden" ] || "$prefix/usr/bin/modwarden" flush > /dev/null ;;
    *) false ;;
  esac
}

# Both are lists of words: the packages, and the command that removes them.
# shellcheck disable=SC2086
remove_packages() { $2 $1; }

has_systemd() { [ -d /run/systemd/system ]; }

remove_user() {
  ! getent passwd "$1" > /dev/null || userdel "$1"
  ! getent group "$1" > /dev/null || groupdel "$1"
}

has_context() { semanage fcontext -l -C | grep -qF "$1 "; }
