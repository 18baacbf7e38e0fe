# Everything a fresh machine with Go and make needs to judge this tree. What else
# tests need (a C compiler for the race detector, xmllint) is installed where that
# is possible without asking, and is named at the end where it is not.
#
#   make test        unit, property, command and race tests, then lint; prints what was skipped and why
#   make secondopinion   kube-network-policies' engine about the same packets (part of make test)
#   make sigstore    what the real cosign signs with a real Sigstore deployment, and what it says of ours (builds both once, some five minutes)
#   make gitea       tickets in a real Gitea (builds it once)
#   make test-long   the engine against its twin at full size; an hour or so
#   make fuzz        a minute of every fuzz target in what changed since BASE, ten minutes in all
#   make bench       the benchmarks behind docs/benchmarks.md
#   make generate    what `go generate` makes; the tests fail if it differs from what is committed

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := test

# Real documents for tests: set where the folder lies beside the checkout.
# Tests that need it skip, visibly, where it is absent.
ifeq ($(origin COFFERDAM_DATA), undefined)
ifneq ($(wildcard ../shared/data/README.md),)
export COFFERDAM_DATA := $(abspath ../shared/data)
endif
endif

BIN := $(CURDIR)/.cache/bin
# A tool is built once per version of itself and of Go, and kept as a binary.
LINT_KEY := $(shell cat tools/lint/go.mod tools/lint/go.sum <(go version) | sha256sum | cut -c1-12)
LINT := $(BIN)/golangci-lint-$(LINT_KEY)

.PHONY: test deps unit lint fuzz bench generate build clean

test: deps vet unit lint

# The modules that are needed are fetched here, again where the proxy is away for a moment.
MODULES = .=./... tools/secondopinion=./... tools/kms-vault=./... $(if $(wildcard $(LINT)),,tools/lint=github.com/golangci/golangci-lint/v2/cmd/golangci-lint)
deps:
	@tools/test-deps.sh
	@for m in $(MODULES); do for pause in 5 20 60 0; do \
	  (cd $${m%%=*} && go list -deps -test $${m#*=} >/dev/null) && break; \
	  [ $$pause != 0 ] || { echo "the modules of $${m%%=*} cannot be fetched" >&2; exit 1; }; sleep $$pause; done; done

.PHONY: vet
vet:
	@go vet ./...

# The tests of the module in tools/secondopinion are part of the report.
unit:
	@race=-race note=; if [ "$$(go env CGO_ENABLED)" != 1 ]; then race= note="the race detector: there is no C compiler, or CGO_ENABLED is 0"; fi; \
	{ failed=0; go test $$race -json -timeout 30m ./... || failed=1; $(SECOND_OPINION) || failed=1; (cd tools/kms-vault && go test -json ./...) || failed=1; \
	if [ -e $(SIGSTORE)/built ]; then $(REAL_COSIGN) || failed=1; else echo "not run: the real cosign, Fulcio, Rekor and timestamp authority, which are not built here: make sigstore builds and runs them" >&2; fi; \
	if [ -e $(GITEA) ]; then $(REAL_GITEA) || failed=1; else echo "not run: tickets in a real Gitea, which is not built here: make gitea builds and runs it" >&2; fi; exit $$failed; } | go run ./tools/testreport $${note:+"$$note"}

# Another engine about the same packets: a hundred thousand of each mix in
# process, and, as root, real ones through network namespaces.
SECOND_OPINION = (cd tools/secondopinion && go test -json -count=1 -timeout 20m ./...)
.PHONY: secondopinion
secondopinion:
	@$(SECOND_OPINION) | go run ./tools/testreport

# The programs of a private Sigstore deployment are built once per version of them and
# of Go, and kept as binaries; tests with the build tag sigstore run them. make test runs
# them where they are built (22 s), and says so where they are not: building them downloads
# some 700 modules and takes five minutes of two processors, or ten beside the tests, for
# which a cold run has no room.
SIGSTORE := $(BIN)/sigstore-$(shell cat tools/sigstore/go.mod tools/sigstore/go.sum <(go version) | sha256sum | cut -c1-12)
REAL_COSIGN = COFFERDAM_SIGSTORE=$(SIGSTORE) go test -tags sigstore -json -count=1 -timeout 10m ./internal/testenv/sigstore
.PHONY: sigstore
sigstore: $(SIGSTORE)/built
	@$(REAL_COSIGN) | go run ./tools/testreport

$(SIGSTORE)/built:
	@mkdir -p $(@D)
	@echo "building fulcio, rekor, a timestamp authority and cosign (once)" >&2
	@cd tools/sigstore && CGO_ENABLED=0 GOFLAGS=-mod=readonly go build -trimpath -ldflags "-s -w" -o $(@D)/ github.com/sigstore/fulcio github.com/sigstore/cosign/v3/cmd/cosign github.com/sigstore/timestamp-authority/v2/cmd/timestamp-server
	@cd tools/sigstore && CGO_ENABLED=0 GOFLAGS=-mod=readonly go build -trimpath -ldflags "-s -w" -o $(@D)/rekor-server github.com/sigstore/rekor-tiles/v2/cmd/rekor-server/posix
	@touch $@

# A real Gitea, in which tickets are kept: built once as the above, in some seven minutes of
# two processors. Its templates are read where its module lies.
GITEA := $(BIN)/gitea-$(shell cat tools/gitea/go.mod tools/gitea/go.sum <(go version) | sha256sum | cut -c1-12)
REAL_GITEA = COFFERDAM_GITEA=$(GITEA) COFFERDAM_GITEA_FILES=$$(cd tools/gitea && go list -m -f '{{.Dir}}' code.gitea.io/gitea) go test -tags gitea -run TestRealGitea -json -count=1 -timeout 10m ./internal/ticket
.PHONY: gitea
gitea: $(GITEA)
	@$(REAL_GITEA) | go run ./tools/testreport

$(GITEA):
	@mkdir -p $(@D)
	@echo "building gitea (once)" >&2
	@cd tools/gitea && CGO_ENABLED=1 GOFLAGS=-mod=readonly go build -tags sqlite,sqlite_unlock_notify -trimpath -ldflags "-s -w" -o $@ code.gitea.io/gitea

lint: $(LINT)
	@$(LINT) run ./...

$(LINT):
	@mkdir -p $(BIN)
	@echo "building golangci-lint (once)" >&2
	@cd tools/lint && GOFLAGS=-mod=readonly go build -trimpath -ldflags "-s -w" -o $@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

# The large sizes: a million questions at full size, a thousand estates of each mix.
.PHONY: test-long
test-long:
	@COFFERDAM_LONG=1 go test -timeout 3h -run 'Twin' -v ./segment
	@COFFERDAM_LONG=1 go test -timeout 3h -run 'TestExactlyTheEdgesGo' -v ./contain/rewrite
	@COFFERDAM_LONG=1 go test -timeout 3h -run 'TestEveryRealDocument' -v ./sbom/encode
	@COFFERDAM_LONG=1 go test -timeout 3h -run 'TestMeansAgree' -v ./contain
	@COFFERDAM_LONG=1 go test -timeout 3h -run 'TestEveryFixture' -v ./internal/catalog
	@COFFERDAM_LONG=1 go test -timeout 1h -run 'TestLargeDocument$$' -v ./internal/catalog
	@COFFERDAM_LONG=1 go test -timeout 30m -run 'TestUploadsToBoundServers' -v ./internal/cli
	@COFFERDAM_LONG=1 go test -timeout 30m -run 'TestMemoryOfImports|TestTooManyRecords' -v ./internal/feeds

BASE ?= $(shell git rev-list -1 --before='4 hours ago' HEAD 2>/dev/null)
FUZZTIME ?= 60
FUZZBUDGET ?= 600
fuzz:
	@tools/fuzz-changed.sh "$(BASE)" "$(FUZZTIME)" "$(FUZZBUDGET)"

bench:
	@go test -run '^$$' -bench . -benchmem ./...

generate:
	@go generate ./...

build:
	@CGO_ENABLED=0 go build -trimpath -o bin/cofferdam ./cmd/cofferdam

clean:
	@rm -rf bin .cache
