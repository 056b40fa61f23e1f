# Sourced by scripts/install: which machine this is, and whether modwarden can run on it.
# shellcheck shell=bash disable=SC2034,SC2154

LISTED='Debian, Ubuntu, AlmaLinux, Rocky Linux, CentOS Stream, RHEL, Oracle Linux, Fedora, Amazon Linux'
# What the units and the program's own Node need.
OLDEST_SYSTEMD=248 OLDEST_GLIBC=2.34

# The value of a key of os-release. The file is read, not run.
os_release() { sed -n "s/^$1=//p" "$2" | tail -1 | sed -e 's/^"\(.*\)"$/\1/' -e "s/^'\(.*\)'\$/\1/"; }

# Sets distribution (as the system calls itself), family (debian, redhat) and suitable (the oldest release that will do).
find_distribution() {
  local file id like word
  for file in "$prefix/etc/os-release" "$prefix/usr/lib/os-release"; do [ ! -r "$file" ] || break; done
  [ -r "$file" ] || fail "there is no /etc/os-release, so it is not known which distribution this is; known are $LISTED"
  id=$(os_release ID "$file") like=$(os_release ID_LIKE "$file") distribution=$(os_release PRETTY_NAME "$file")
  distribution=${distribution:-$id $(os_release VERSION_ID "$file")}
  case $id in
    debian) family=debian suitable='Debian 12' ;;
    ubuntu) family=debian suitable='Ubuntu 22.04' ;;
    almalinux) family=redhat suitable='AlmaLinux 9' ;;
    rocky) family=redhat suitable='Rocky Linux 9' ;;
    centos) family=redhat suitable='CentOS Stream 9' ;;
    rhel) family=redhat suitable='RHEL 9' ;;
    ol) family=redhat suitable='Oracle Linux 9' ;;
    fedora) family=redhat suitable='Fedora 35' ;;
    amzn) family=redhat suitable='Amazon Linux 2023' ;;
    *)
      family=
      for word in $like; do
        case $word in
          debian | ubuntu) family=debian suitable='a release made from Debian 12 or Ubuntu 22.04' ;;
          rhel | fedora | centos) family=redhat suitable='a release made from RHEL 9' ;;
        esac
      done
      [ -n "$family" ] || fail "$distribution is not known here; known are $LISTED, and what calls itself like one of them in ID_LIKE of /etc/os-release.
On another one: run scripts/lay-out DIR, and put what is in DIR in place as docs/install.md says under \"Other distributions\""
      say "$distribution is not among those that this is made for, but says it is like $family: it is taken for that"
      ;;
  esac
}

# older VERSION THAN   whether a version is older than another
older() { [ "$1" != "$2" ] && [ "$(printf '%s\n' "$1" "$2" | sort -V | head -1)" = "$1" ]; }

# Sets processor (x64, arm64), or ends with what stands in the way.
check_machine() {
  local glibc systemd
  case $(uname -m) in
    x86_64 | amd64) processor=x64 ;;
    aarch64 | arm64) processor=arm64 ;;
    *) fail "this machine is a $(uname -m); modwarden runs on x86_64 and aarch64" ;;
  esac
  glibc=$(getconf GNU_LIBC_VERSION 2> /dev/null | sed -n 's/^glibc //p')
  [ -n "$glibc" ] || fail "$distribution has no glibc, which the program's Node needs ($OLDEST_GLIBC or newer); use $suitable or newer"
  ! older "$glibc" "$OLDEST_GLIBC" ||
    fail "$distribution has glibc $glibc, and the program's Node needs $OLDEST_GLIBC or newer; use $suitable or newer"
  systemd=$(systemctl --version 2> /dev/null | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
  [ -n "$systemd" ] || fail "$distribution runs without systemd, which starts and confines modwarden; use $suitable or newer"
  [ "$systemd" -ge "$OLDEST_SYSTEMD" ] ||
    fail "$distribution has systemd $systemd, and the units need $OLDEST_SYSTEMD or newer to be closed as they say; use $suitable or newer"
  say "$distribution on $processor, glibc $glibc, systemd $systemd"
}

has() { command -v "$1" > /dev/null; }

selinux_is_on() { has selinuxenabled && selinuxenabled; }

# Whether the npm packages of the lock file are there.
has_npm_packages() { [ -x node_modules/.bin/node ] && cmp -s package-lock.json node_modules/.modwarden-lock; }

# Prints the distribution's packages that are missing, for what is to be done here.
missing_packages() {
  if [ "$family" = debian ]; then
    has iptables || echo iptables
    has nft || echo nftables
  else
    has iptables || echo iptables-nft
    has nft || echo nftables
    ! selinux_is_on || has semanage || echo policycoreutils-python-utils
  fi
  [ -n "$built" ] || has_npm_packages || has npm || echo npm
}

# The first group of a web server that is there.
web_group() {
  local group candidates='www-data'
  [ "$family" = debian ] || candidates='apache nginx'
  for group in $candidates; do
    if grep -q "^$group:" "$prefix/etc/group" 2> /dev/null; then echo "$group"; return; fi
  done
}
