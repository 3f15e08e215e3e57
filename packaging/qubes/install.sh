#!/bin/sh
# Puts dnspin into a template of Qubes OS. Says what it does with --help. Starts no service.

set -eu

usage() {
  cat <<'TEXT'
usage: install.sh [--build DIR] [--systemd VERSION] [--root DIR | --archive FILE]
       install.sh --finish | --uninstall [--root DIR]
       install.sh --netvm [--systemd VERSION] --root DIR

  (nothing)          install into this system, and finish
  --root DIR         install into DIR
  --archive FILE     make FILE, a tar to be unpacked in / of a template; then, there:
                     sudo sh /usr/share/dnspin/install.sh --finish
  --finish           what can be done in its place only: libraries, users, modes, /etc/dnspin
  --uninstall        remove what was installed; /etc/dnspin and the users stay
  --netvm            for a package: only what is Qubes OS's alone; the rest is cmake's to install
  --build DIR        where dnspind, dnspin-resolver and dnspin are (build/ of this tree)
  --systemd VERSION  of the template (that of this system)

All of it may be done again at any time. What is in /etc/dnspin is never overwritten: a newer
profile than yours is in /usr/share/dnspin/profiles.d.
TEXT
}

here=$(cd "$(dirname "$0")" && pwd)
action=install root='' archive='' build='' systemd=''

die() { printf 'install.sh: %s\n' "$*" >&2; exit 1; }

while [ $# -gt 0 ]; do
  case $1 in
    --root | --archive | --build | --systemd)
      [ -n "${2-}" ] || die "$1 wants a value"
      case $1 in
        --root) root=$2 ;;
        --archive) archive=$2 ;;
        --build) build=$2 ;;
        --systemd) systemd=$2 ;;
      esac
      shift ;;
    --finish) action=finish ;;
    --uninstall) action=uninstall ;;
    --netvm) action=netvm ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done
case $root in
  '') ;;
  /*) root=${root%/} ;;
  *) root=$PWD/${root%/} ;;
esac

units=/usr/lib/systemd/system
ours=/usr/lib/dnspin
shared=/usr/share/dnspin
listing=$root$shared/files

# --- install -------------------------------------------------------------------------------------

# Every file is named here once: what is put is written down, and --uninstall reads that. A package
# has a list of its own.
write_down() {  # TARGET
  if [ "$action" != netvm ]; then printf '%s\n' "$1" >>"$listing.new"; fi
}

put() {  # MODE SOURCE TARGET
  install -D -m "$1" "$2" "$root$3"
  write_down "$3"
}

link() {  # TEXT TARGET
  mkdir -p "$(dirname "$root$2")"
  ln -sfn "$1" "$root$2"
  write_down "$2"
}

# The packages that hold the libraries of our programs, on the system that they were built on.
packages() {
  libraries=$(ldd "$@" | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' | sort -u)
  if command -v dpkg-query >/dev/null; then
    # Since /lib and /usr/lib are one, a package may call its file by either name.
    { printf '%s\n' "$libraries" | sed 'p; s:^/usr::; t; s:^:/usr:' | xargs dpkg-query -S || :; } \
      2>/dev/null | sed 's/[:,].*//' | sort -u
  elif command -v rpm >/dev/null; then
    printf '%s\n' "$libraries" | xargs rpm -qf --qf '%{NAME}\n' | sort -u
  fi
}

find_systemd() {
  systemd=${systemd:-$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')}
  case $systemd in '' | *[!0-9]*) die "which systemd has the template? --systemd VERSION" ;; esac
}

put_all() {
  build=${build:-$here/../../build}
  for program in dnspind dnspin-resolver dnspin; do
    [ -x "$build/$program" ] || die "$build has no $program: run ./dev build first"
  done
  find_systemd
  mkdir -p "$root$shared"
  : >"$listing.new"

  put 755 "$build/dnspind" /usr/libexec/dnspin/dnspind
  put 755 "$build/dnspin-resolver" /usr/libexec/dnspin/dnspin-resolver
  put 755 "$build/dnspin" /usr/bin/dnspin
  put 755 "$here/../dnspin-refresh" /usr/libexec/dnspin/dnspin-refresh
  put 644 "$here/sandbox.conf" $ours/sandbox.conf
  put 644 "$here/sysusers.conf" /usr/lib/sysusers.d/dnspin.conf
  put 644 "$here/tmpfiles.conf" /usr/lib/tmpfiles.d/dnspin.conf
  for kind in service timer; do
    put 644 "$here/../dnspin-refresh@.$kind" "$units/dnspin-refresh@.$kind"
  done
  put_netvm

  put 644 "$here/dnspin.toml" $shared/dnspin.toml
  for profile in "$here"/../profiles.d/*; do
    put 644 "$profile" "$shared/profiles.d/${profile##*/}"
  done
  put 755 "$here/install.sh" $shared/install.sh
  printf '%s\n' $shared/packages $shared/files >>"$listing.new"
  packages "$build/dnspind" "$build/dnspin-resolver" "$build/dnspin" >"$root$shared/packages"
  forget_old
  mv "$listing.new" "$listing"
}

put_netvm() {
  put 755 "$here/qubes-firewall" $ours/qubes-firewall
  put 755 "$here/qubes-firewall-hooks" $ours/qubes-firewall-hooks
  put 755 "$here/notify" $ours/notify
  put 644 "$here/closed.nft" $ours/closed.nft
  put 755 "$here/sandbox-generator" /usr/lib/systemd/system-generators/dnspin-sandbox
  put 755 "$here/post-install.d/20-dnspin.sh" /etc/qubes/post-install.d/20-dnspin.sh

  put 644 "$here/dnspin-closed.service" $units/dnspin-closed.service
  link ../dnspin-closed.service $units/sysinit.target.wants/dnspin-closed.service
  link ../dnspin-closed.service $units/qubes-network.service.requires/dnspin-closed.service
  put 644 "$here/dnspin-notify.service" $units/dnspin-notify.service
  link ../dnspin-notify.service $units/multi-user.target.wants/dnspin-notify.service
  kind=notify-reload
  [ "$systemd" -ge 253 ] || kind=notify
  for name in 30-dnspin "31-dnspin-$kind"; do
    put 644 "$here/qubes-firewall.service.d/$name.conf" "$units/qubes-firewall.service.d/$name.conf"
  done
}

# What an earlier version put and this one does not.
forget_old() {
  [ -f "$listing" ] || return 0
  sort "$listing.new" >"$listing.sorted"
  sort "$listing" | comm -23 - "$listing.sorted" | remove_files
  rm -f "$listing.sorted"
}

remove_files() {
  while read -r path; do
    case $path in
      *..* | '') ;;
      /*) rm -f "$root$path" ;;
    esac
  done
}

put_settings() {
  mkdir -p "$root/etc/dnspin/clients.d" "$root/etc/dnspin/profiles.d"
  [ -e "$root/etc/dnspin/dnspin.toml" ] ||
    install -m 640 "$root$shared/dnspin.toml" "$root/etc/dnspin/dnspin.toml"
  for profile in "$root$shared"/profiles.d/*; do
    [ -e "$root/etc/dnspin/profiles.d/${profile##*/}" ] ||
      install -m 644 "$profile" "$root/etc/dnspin/profiles.d/"
  done
}

make_archive() {
  root=$(mktemp -d)
  trap 'rm -rf "$root"' EXIT
  listing=$root$shared/files
  put_all
  # Files alone: unpacking changes no folder of the template.
  sed 's:^/::' "$listing" | tar -C "$root" --owner=root:0 --group=root:0 -cf - -T - >"$archive"
}

# --- in its place --------------------------------------------------------------------------------

install_packages() {
  [ -s $shared/packages ] || return 0
  if command -v dpkg-query >/dev/null; then
    # shellcheck disable=SC2046  # one word each
    dpkg-query -W $(cat $shared/packages) >/dev/null 2>&1 ||
      DEBIAN_FRONTEND=noninteractive xargs apt-get -q -y install --no-install-recommends \
        <$shared/packages
  elif command -v dnf >/dev/null; then
    xargs rpm -q <$shared/packages >/dev/null 2>&1 || xargs dnf -y install <$shared/packages
  fi
}

finish() {
  [ -z "$root" ] || die "--finish is for the system that it runs in: no --root"
  [ "$(id -u)" = 0 ] || die "this is for root"
  # Files that came in an archive have no labels of SELinux.
  if command -v restorecon >/dev/null; then xargs restorecon -F <$shared/files; fi
  install_packages
  systemd-sysusers /usr/lib/sysusers.d/dnspin.conf
  put_settings
  systemd-tmpfiles --create /usr/lib/tmpfiles.d/dnspin.conf
  reload_systemd
  /usr/libexec/dnspin/dnspind --version >/dev/null ||
    die "dnspind does not start here: was it built on this distribution?"
  if command -v qvm-features-request >/dev/null; then
    # So that the Qube Manager offers the service. Without it qvm-service works all the same.
    if ! /etc/qubes/post-install.d/20-dnspin.sh || ! qvm-features-request --commit; then
      echo "install.sh: dom0 took no note of the service dnspin; qvm-service works" >&2
    fi
  fi
  echo "dnspin is installed. Shut this template down; then, in dom0: qvm-service NETVM dnspin on"
}

# A generator of systemd runs in this too; nothing is started or stopped by it.
reload_systemd() {
  if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
}

uninstall() {
  [ -f "$listing" ] || die "there is no $listing: nothing of dnspin is installed"
  cp "$listing" "$listing.old"
  remove_files <"$listing.old"
  rm -f "$listing.old"
  for folder in $ours /usr/libexec/dnspin $shared/profiles.d $shared \
    $units/qubes-firewall.service.d $units/qubes-network.service.requires; do
    rmdir "$root$folder" 2>/dev/null || :
  done
  if [ -z "$root" ]; then reload_systemd; fi
  echo "dnspin is removed; /etc/dnspin and the users dnspin and dnspin-resolver are left"
}

umask 022
case $action in
  finish) finish ;;
  uninstall) uninstall ;;
  netvm)
    [ -n "$root" ] || die "--netvm wants --root DIR"
    find_systemd
    put_netvm
    put 644 "$here/dnspin.toml" $shared/qubes.toml ;;
  install)
    if [ -n "$archive" ]; then
      make_archive
    else
      put_all
      if [ -n "$root" ]; then put_settings; else finish; fi
    fi ;;
esac
