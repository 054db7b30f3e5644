#!/bin/sh
# Builds the informers of main.go: sh build.sh FILE. client-go is in no package of Debian 12, but in the source package of its kubectl
# (`kubernetes`, 1.20), which apt-get has without that a source list of the machine be changed. Takes half a minute, and 34 MB to fetch.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
program=$1
aside=$(mktemp -d)
trap 'chmod -R u+w "$aside" && rm -rf "$aside"' EXIT

mkdir -p "$aside/lists/partial" "$aside/cache/archives/partial" "$aside/source" "$aside/parts"
# The archives of this machine, asked for their sources.
for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
  [ ! -f "$list" ] || sed -n 's/^deb /deb-src /p' "$list"
done >"$aside/sources.list"
for list in /etc/apt/sources.list.d/*.sources; do
  [ ! -f "$list" ] || sed 's/^Types:.*/Types: deb-src/' "$list" >"$aside/parts/$(basename "$list")"
done
apt() {
  apt-get -qq -o Dir::Etc::sourcelist="$aside/sources.list" -o Dir::Etc::sourceparts="$aside/parts" -o Dir::State::lists="$aside/lists" \
    -o Dir::Cache="$aside/cache" -o APT::Sandbox::User=root "$@"
}
cd "$aside/source"
apt update
apt source --download-only kubernetes

# As its own build does it: everything that it needs is in its folder `vendor`.
root=$aside/go/src/k8s.io/kubernetes
mkdir -p "$root"
tar xzf kubernetes_*.orig.tar.gz -C "$root" --strip-components=1
mkdir "$root/cmd/informer"
cp "$here/main.go" "$root/cmd/informer/"
cd "$root"
GO111MODULE=off GOFLAGS='' GOPATH="$aside/go" GOCACHE="$aside/built" CGO_ENABLED=0 go build -o "$aside/informer" k8s.io/kubernetes/cmd/informer
mkdir -p "$(dirname "$program")"
mv "$aside/informer" "$program"
