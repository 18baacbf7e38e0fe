#!/usr/bin/env bash
# Lets syft, Kubernetes' bom, BuildKit and buildx describe two tiny images, and keeps what they write in
# sbom/decode/testdata/generators, where tests read it. Run it as root on Debian, with Go and runc; the tools are built
# from their modules, and a registry of our own on loopback is all the network that they have.
#
#   tools/examples/documents.sh          what is in examples/.cache/bin is used again
set -eu

here=$(cd "$(dirname "$0")" && pwd)
bin=$here/../../examples/.cache/bin
bom=v0.7.1
buildkit=v0.30.0
buildx=v0.33.0

command -v go >/dev/null || { echo "documents.sh: go is missing: install Go 1.26 or later" >&2; exit 2; }
command -v runc >/dev/null || { echo "documents.sh: runc is missing: apt-get install runc" >&2; exit 2; }
[ "$(id -u)" -eq 0 ] || { echo "documents.sh: BuildKit needs root here" >&2; exit 2; }
mkdir -p "$bin"
export CGO_ENABLED=0

# Each tool is built by the go.mod and go.sum of its own module, which go install refuses where they exclude or replace.
module() { # NAME MODULE VERSION SUM LDFLAGS COMMANDS…
	local name=$1 path=$2@$3 sum=$4 flags=$5 src
	shift 5
	[ -e "$bin/.$name-${path##*@}" ] && return
	echo "documents.sh: building $path (some minutes)" >&2
	src=$(mktemp -d)
	go mod download -json "$path" >"$src/module.json"
	grep -qF "\"Sum\": \"$sum\"" "$src/module.json" || { echo "documents.sh: $path is not what it was" >&2; exit 1; }
	cp -r "$(sed -n 's/.*"Dir": "\(.*\)",*/\1/p' "$src/module.json")" "$src/$name"
	chmod -R u+w "$src"
	(
		cd "$src/$name"
		if [ "$name" = bom ]; then
			# Of no use for images without Alpine's database, and not to be had from every module proxy.
			go mod edit -replace "gitlab.alpinelinux.org/alpine/go=$here/documents/noalpine"
		fi
		GOFLAGS='-mod=mod -buildvcs=false' GOWORK=off go build -trimpath -ldflags "-s -w $flags" -o "$bin/" "$@"
	)
	rm -rf "$src"
	touch "$bin/.$name-${path##*@}"
}
module bom sigs.k8s.io/bom "$bom" h1:CYPI0m/7wNXTaPI+TwCBumKAjWBJ3rob1SWGPbcq/ow= "-X sigs.k8s.io/release-utils/version.gitVersion=$bom" ./cmd/bom
module buildkit github.com/moby/buildkit "$buildkit" h1:OsK8T3BaYH52UNStpKd7gytDtHWWt2Fawak/lAPWatU= "-X github.com/moby/buildkit/version.Version=$buildkit" ./cmd/buildkitd ./cmd/buildctl
module buildx github.com/docker/buildx "$buildx" h1:xuZeuQe/C/2tvLDgiIA6+Ynq3FFWSfsGNWIHM3q1hD8= "-X github.com/docker/buildx/version.Version=$buildx" ./cmd/buildx

cd "$here"
if [ ! -x "$bin/syft" ] || [ go.sum -nt "$bin/syft" ]; then
	echo 'documents.sh: building syft (some minutes)' >&2
	version=$(go list -m -f '{{.Version}}' github.com/anchore/syft)
	go build -trimpath -ldflags "-s -w -X main.version=${version#v}" -o "$bin/syft" github.com/anchore/syft/cmd/syft
fi
go build -trimpath -buildvcs=false -ldflags '-s -w' -o "$bin/scanner" ./scanner
# A short path that is nobody's: bom and BuildKit are given names relative to it.
exec go run . -tools "$bin" -work /src/documents documents
