#!/usr/bin/env bash
# Installs what some tests need beside Go, where that is possible without asking:
# as root on a system with apt-get, as in a fresh container. Anywhere else it says
# what is missing and how to get it; the tests in question then skip, and `make
# test` ends with their names. COFFERDAM_NO_INSTALL=1 leaves the system alone.
set -uo pipefail
missing=()
# xmllint: the verdicts of our XSD interpreter are compared with libxml2's.
command -v xmllint >/dev/null || missing+=(libxml2-utils)
# A C compiler: the race detector is linked by it.
command -v gcc >/dev/null || command -v clang >/dev/null || missing+=(gcc libc6-dev)
# git: what it makes of the diffs that plans carry is compared with what they mean.
command -v git >/dev/null || missing+=(git)
# PostgreSQL's own programs: the store is held to its contract on a real server.
command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
# Debian's registry: one that many run, without the referrers API.
command -v docker-registry >/dev/null || missing+=(docker-registry)
# zstd: the reference decoder reads the frames that originals are kept in.
command -v zstd >/dev/null || missing+=(zstd)
# rpm: what it writes into its database is read.
command -v rpmbuild >/dev/null || missing+=(rpm)
# openssl: what its OCSP responder answers is read.
command -v openssl >/dev/null || missing+=(openssl)
# GnuPG: what it signs as a functionary of an in-toto layout counts.
command -v gpg >/dev/null || missing+=(gnupg)
[ ${#missing[@]} -eq 0 ] && exit 0

say() { echo "test-deps: ${missing[*]}: $*" >&2; }
if [ -n "${COFFERDAM_NO_INSTALL:-}" ]; then
  say "not installed, since COFFERDAM_NO_INSTALL is set; tests that need it skip"
elif ! command -v apt-get >/dev/null; then
  say "not installed, and there is no apt-get here: install xmllint, git, zstd, rpm, openssl, gnupg, docker-registry and a C compiler by hand; tests that need them skip"
elif [ "$(id -u)" -ne 0 ]; then
  say "not installed, and only root may: sudo apt-get install -y ${missing[*]}; tests that need it skip"
else
  say "installing with apt-get (once)"
  export DEBIAN_FRONTEND=noninteractive
  # A mirror may be away for a moment, and another apt-get at work.
  patient=(-o Acquire::Retries=5 -o DPkg::Lock::Timeout=300)
  install=(apt-get install "${patient[@]}" -qq -y --no-install-recommends "${missing[@]}")
  # The lists of a fresh image are empty: update only if the first try fails.
  if ! "${install[@]}" >/dev/null 2>&1 && ! { apt-get update "${patient[@]}" -qq && "${install[@]}"; } >/dev/null 2>&1; then
    say "apt-get could not install it; tests that need it skip"
  fi
fi
exit 0
