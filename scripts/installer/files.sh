# Sourced by scripts/install: puts files in place, each at once and only where it differs, and writes down how to undo it.
# shellcheck shell=bash disable=SC2034,SC2154

# Folders that are the installation's own, whole; they are exchanged in one step.
WHOLE='/usr/lib/modwarden /usr/share/doc/modwarden'
# Whether anything is another now than before, and whether there was an installation.
changed='' upgrade=''

digest() { if [ -L "$1" ]; then readlink "$1" | sha256sum; else sha256sum < "$1"; fi | cut -d ' ' -f 1; }

# The digest of a folder: names, kinds, permissions, contents.
folder_digest() {
  (cd "$1" && { find . -printf '%y %m %l %p\n' | LC_ALL=C sort; find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum; }) | sha256sum | cut -d ' ' -f 1
}

is_whole() { local folder; for folder in $WHOLE; do [[ $1 != "$folder"/* ]] || return 0; done; return 1; }

# What is put elsewhere, a path a line: single files, and the settings.
single_files() { (cd "$tree" && find usr -not -type d -printf '/%p\n' | LC_ALL=C sort) | while read -r path; do is_whole "$path" || echo "$path"; done; }
settings_files() { (cd "$tree" && find etc -type f -printf '/%p\n' | LC_ALL=C sort); }

there() { [ -e "$prefix$1" ] || [ -L "$prefix$1" ]; }

# Nothing that somebody else has put there is overwritten.
refuse_foreign() {
  local path foreign=
  for path in $WHOLE; do ! there "$path" || [ -n "$(recorded whole "$path")" ] || foreign+=" $path"; done
  while read -r path; do ! there "$path" || [ -n "$(recorded file "$path")" ] || foreign+=" $path"; done < <(single_files)
  [ -z "$foreign" ] || fail "these are there already, and no run of scripts/install has put them there; move them away first:$foreign"
}

make_folders() {
  local folder=${1%/*}
  [ -n "$folder" ] && [ ! -d "$prefix$folder" ] || return 0
  make_folders "$folder"
  note folder "$folder"
  record folder "$folder"
  mkdir "$prefix$folder"
}

# keep PATH   a copy of what is there, to have it back
keep() {
  local name
  name=$(wc -l < "$undo/journal")
  cp -a "$prefix$1" "$undo/$name"
  note replaced "$1" "$name"
}

# put_file FROM PATH
put_file() {
  local new
  new=$(beside "$2" new)
  if there "$2"; then
    [ "$(digest "$1") $(stat -c %a "$1")" != "$(digest "$prefix$2") $(stat -c %a "$prefix$2")" ] || return 0
    keep "$2"
  else
    make_folders "$2"
    note created "$2"
  fi
  cp -P --preserve=mode "$1" "$new"
  mv -fT "$new" "$prefix$2"
  changed=yes
}

# put_whole PATH
put_whole() {
  local path=$1 digest
  digest=$(folder_digest "$tree$path")
  record whole "$path" "$digest"
  if [ -d "$prefix$path" ]; then
    [ "$digest" != "$(folder_digest "$prefix$path")" ] || return 0
    note swapped "$path"
  else
    make_folders "$path"
    note swapped "$path" fresh
  fi
  rm -rf "$(beside "$path" new)" "$(beside "$path" old)"
  cp -r --preserve=mode,links "$tree$path" "$(beside "$path" new)"
  [ ! -d "$prefix$path" ] || mv -T "$prefix$path" "$(beside "$path" old)"
  mv -T "$(beside "$path" new)" "$prefix$path"
  changed=yes
}

# put_settings PATH   What was edited is kept, and what was deleted stays away.
put_settings() {
  local path=$1 ours before now
  ours=$(digest "$tree$path") before=$(recorded settings "$path")
  record settings "$path" "$ours"
  if ! there "$path"; then
    [ -n "$before" ] || put_file "$tree$path" "$path"
    return 0
  fi
  now=$(digest "$prefix$path")
  if [ "$now" = "$ours" ] || [ "$now" = "$before" ]; then put_file "$tree$path" "$path"
  elif [ "$before" != "$ours" ]; then
    say "  $path was edited and is kept; the new sample is $path.new"
    put_file "$tree$path" "$path.new"
  fi
  ! there "$path.new" || record file "$path.new"
}

# Files of an earlier version that this one has no more.
remove_stale() {
  local path
  while read -r path; do
    if grep -qxF "file"$'\t'"$path" "$undo/record" || ! there "$path"; then continue; fi
    keep "$path"
    rm -f "$prefix$path"
    changed=yes
  done < <(recorded file)
}

put_files() {
  local path
  for path in $WHOLE; do put_whole "$path"; done
  while read -r path; do record file "$path"; put_file "$tree$path" "$path"; done < <(single_files)
  while read -r path; do put_settings "$path"; done < <(settings_files)
  remove_stale
}

# The manifest is the last file to be put there.
put_manifest() {
  local new=$undo/manifest
  # What earlier runs have brought is still there.
  { cat "$undo/record"; [ ! -e "$manifest" ] || grep -E '^(folder|user|packages|context)'$'\t' "$manifest" || true; } | LC_ALL=C sort -u > "$new"
  if cmp -s "$new" "$manifest"; then return; fi
  if [ -e "$manifest" ]; then keep /var/lib/modwarden-install/manifest; else note created /var/lib/modwarden-install/manifest; fi
  mv "$new" "$manifest"
}
