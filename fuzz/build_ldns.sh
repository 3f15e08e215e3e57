#!/usr/bin/env bash
# Builds the ldns that this Debian links, from its source package, with libFuzzer's coverage and the
# sanitizers: build-fuzz/ldns/libldns.a, which the fuzz flavor links where it is. Asks Debian's
# mirrors with lists of its own below build-fuzz/, so that the system's sources stay as they are.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
PATH=$PATH:/usr/sbin:/sbin

place=$PWD/build-fuzz/ldns
[ ! -f "$place/libldns.a" ] || exit 0
rm -rf "$place"
mkdir -p "$place/lists/partial" "$place/cache/archives/partial"
cd "$place"

version=$(dpkg-query -W -f '${source:Version}' libldns-dev)
# shellcheck disable=SC1091
release=$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")
mirror=${DNSPIN_MIRROR:-http://deb.debian.org}
key=/usr/share/keyrings/debian-archive-keyring.gpg
cat >sources.list <<LIST
deb-src [signed-by=$key] $mirror/debian $release main
deb-src [signed-by=$key] $mirror/debian-security $release-security main
LIST
cat >apt.conf <<CONF
Dir::Etc::SourceList "$place/sources.list";
Dir::Etc::SourceParts "-";
Dir::State::Lists "$place/lists";
Dir::Cache "$place/cache";
APT::Sandbox::User "";
CONF
export APT_CONFIG=$place/apt.conf

quietly() {
  local log
  log=$("$@" 2>&1) || { printf '%s\n' "$log" >&2; return 1; }
}

quietly apt-get -q --error-on=any update
quietly apt-get -q source --download-only "ldns=$version"
quietly dpkg-source -x "ldns_${version#*:}.dsc" source
cd source
quietly env CC=clang \
  CFLAGS="-O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined
  -fno-sanitize-recover=all" \
  ./configure --disable-shared --disable-ldns-config --enable-ed25519
quietly make -j "$(nproc)" lib
cp .libs/libldns.a "$place/libldns.a.new"
mv "$place/libldns.a.new" "$place/libldns.a"
