#!/usr/bin/env bash
# Builds the images of the example estate from nothing, lets syft write their SBOMs, and puts the resulting digests into
# the manifests. Run it as root on Debian (12 or later), with Go, Node.js with npm, and mmdebstrap; it fetches Debian
# packages, Go modules and npm packages through their ordinary clients as they are configured on the machine.
#
#   examples/regenerate.sh             everything; what is in examples/.cache is used again
#   examples/regenerate.sh --fresh     the same, with an empty cache
#   examples/regenerate.sh --check     builds nothing, checks what is committed
#
# Go binaries and npm trees are pinned by their lock files. Debian is the current point release without later security
# updates, so digests change when Debian publishes a new point release.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=$here/.cache
tools=$here/../tools/examples
suite=bookworm
SOURCE_DATE_EPOCH=1763683200
export SOURCE_DATE_EPOCH

need() {
	command -v "$1" >/dev/null 2>&1 || {
		echo "regenerate.sh: $1 is missing: $2" >&2
		exit 2
	}
}

need go "install Go 1.26 or later"
case ${1:-} in
--check)
	cd "$tools" && exec go run . -examples "$here" check
	;;
--fresh)
	rm -rf "$cache"
	;;
'') ;;
*)
	echo "usage: regenerate.sh [--fresh | --check]" >&2
	exit 2
	;;
esac
need npm "install Node.js with npm"
need mmdebstrap "apt-get install mmdebstrap"
if [ "$(id -u)" -ne 0 ]; then
	echo "regenerate.sh: mmdebstrap --mode=root needs root" >&2
	exit 2
fi

mkdir -p "$cache/rootfs" "$cache/bin"

# The archive that this machine's apt already uses: the point release alone.
# shellcheck disable=SC2016 # apt expands it, not the shell
archive=$(apt-get indextargets --format '$(REPO_URI)' "Codename: $suite" 'Created-By: Packages' 'Component: main' | head -n 1)
if [ -z "$archive" ]; then
	echo "regenerate.sh: apt knows no archive for $suite: add it to the machine's apt sources and run apt-get update" >&2
	exit 2
fi

rootfs() {
	[ -s "$cache/rootfs/$1.tar" ] && return
	echo "regenerate.sh: Debian root \"$1\"" >&2
	echo "deb $archive $suite main" |
		mmdebstrap --quiet --mode=root --variant=minbase --format=tar --include="ca-certificates${2:+,$2}" \
			--aptopt='APT::Install-Recommends "false"' \
			--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
			--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
			"$suite" "$cache/rootfs/$1.part" -
	mv "$cache/rootfs/$1.part" "$cache/rootfs/$1.tar"
}
rootfs debian ''
rootfs node nodejs
rootfs redis redis-server
rootfs postgres postgresql-15
rootfs nats nats-server
rootfs toolbox curl,jq,openssl

cd "$tools"
if [ ! -x "$cache/bin/syft" ] || [ go.sum -nt "$cache/bin/syft" ]; then
	echo 'regenerate.sh: building syft (some minutes)' >&2
	version=$(go list -m -f '{{.Version}}' github.com/anchore/syft)
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${version#v}" -o "$cache/bin/syft" github.com/anchore/syft/cmd/syft
fi
exec go run . -examples "$here" -syft "$cache/bin/syft" build
