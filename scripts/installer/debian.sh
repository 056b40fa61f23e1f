# Sourced by scripts/install: Debian and Ubuntu get the package, and apt does the rest.
# shellcheck shell=bash disable=SC2154

# The file that keeps Debian's packages from starting services; held: that we have put it there. What is ours says so: after a kill it would keep
# the services of every package from starting.
policy=/usr/sbin/policy-rc.d held=''
OURS='# Written by scripts/install --no-start, for as long as apt runs'

hold_services() {
  [ ! -e "$policy" ] || return 0
  held=$policy
  printf '#!/bin/sh\n%s\nexit 101\n' "$OURS" > "$policy"
  chmod 755 "$policy"
}

let_services_start() { ! grep -qsxF "$OURS" "$policy" || rm -f "$policy"; }

is_packaged() { has dpkg-query && [ "$(dpkg-query -W -f '${db:Status-Status}' modwarden 2> /dev/null)" = installed ]; }

as_package() {
  local missing
  missing=$({ { has strip && has objdump; } || echo binutils; has_npm_packages || has npm || echo npm; } | xargs)
  [ ! -e "$manifest" ] || fail "scripts/install has put the bare files here before; 'scripts/uninstall' takes them away, settings and state stay. Or go on with --tree"
  say 'apt gets the package, which is the better way here: apt knows, upgrades and removes it (--tree for the bare files)'
  [ -n "$dry" ] || let_services_start
  # shellcheck disable=SC2086
  [ -z "$missing" ] || step "apt-get install $missing, to build it" apt_install $missing
  step 'install the npm packages of the lock file (scripts/setup-npm)' scripts/setup-npm
  # apt's own user reads it there.
  [ -n "$dry" ] || { work=$(mktemp -d) && chmod 755 "$work"; }
  step 'build the package (scripts/package)' scripts/package --out "$work"
  step "apt-get install ./modwarden_VERSION_ARCH.deb${start:+, which starts the services}" install_deb
}

apt_install() { DEBIAN_FRONTEND=noninteractive apt-get install -y "$@"; }

# Whether the package that was built is the one that is installed, whole, whatever their versions.
is_in_place() {
  is_packaged && dpkg-deb --info "$1" md5sums | cmp -s - /var/lib/dpkg/info/modwarden.md5sums && [ -z "$(dpkg --verify modwarden | grep -v ' c /' || true)" ]
}

install_deb() {
  local deb
  deb=$(echo "$work"/modwarden_*.deb)
  if is_in_place "$deb"; then say 'install: all was in place already'; return; fi
  [ -n "$start" ] || hold_services
  # A newer state of the checkout may have the same version.
  apt_install --reinstall "$deb" || fail "apt-get could not install it; its message is above, and 'apt-get remove modwarden' takes back what it did"
}
