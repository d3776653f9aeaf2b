# Everything here needs Go and git only, and test-kind Docker; `make` alone lists
# the targets.

GO       ?= go
FUZZTIME ?= 10s
# How long one package's tests may take. On two cores the slowest start several
# control planes.
TIMEOUT  ?= 20m
# The same for tests on kind clusters, which take half a minute each to make.
KINDTIMEOUT ?= 40m
KINDTESTS   ?= ./providers/kind/... ./testenv/kindtest/...

# Nobody's Go plugins are loaded. Without the tag kustomize imports the package plugin,
# and the linker then keeps every method of every type: 30 MB more, and as much memory.
# Tests that build the program build the same one.
export GOFLAGS := $(strip $(GOFLAGS) -tags=kustomize_disable_go_plugin_support)

BIN          := $(CURDIR)/bin
CONTROLPLANE := $(BIN)/rekindle-controlplane
# The local provider and the tests find the control plane here.
export REKINDLE_CONTROLPLANE ?= $(CONTROLPLANE)
# The nested modules, each with its own go.mod.
MODULES      := testenv/controlplane testenv/bench/kubectl
# How build.sh builds: with other flags all of Kubernetes would be compiled again.
NESTED       := CGO_ENABLED=0
LINT         := $(GO) tool -modfile=$(CURDIR)/.ci/tools.mod golangci-lint

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/rekindle; its version is that of the commit
	@mkdir -p $(BIN)
	$(GO) build -buildvcs=auto -ldflags '-s -w' -o $(BIN)/rekindle ./cmd/rekindle

.PHONY: controlplane
controlplane: ## Build bin/rekindle-controlplane (minutes the first time, then cached)
	@GO=$(GO) testenv/controlplane/build.sh $(CONTROLPLANE)

.PHONY: demo
demo: build controlplane ## Restore the example repository onto a new local cluster
	@testenv/demo.sh

.PHONY: test
test: controlplane ## Run every test, those against the real control plane included
	$(GO) test -timeout $(TIMEOUT) ./...
	cd testenv/controlplane && $(NESTED) $(GO) test -trimpath -timeout $(TIMEOUT) ./...

.PHONY: test-short
test-short: ## Run the tests that need no control plane
	$(GO) test -short -timeout 5m ./...

.PHONY: test-kind
test-kind: build controlplane ## Run the tests on real kubelets, in Docker (as root it is started when absent)
	@testenv/docker/up.sh >/dev/null
	@[ -n "$$REKINDLE_KIND_NODE_IMAGE" ] || GO=$(GO) testenv/kindnode/build.sh
	REKINDLE_TEST_KIND=1 $(GO) test -count=1 -p 1 -timeout $(KINDTIMEOUT) $(KINDTESTS)

.PHONY: test-nights
test-nights: controlplane ## Live through a month of nights with a daemon that is killed (a quarter of an hour)
	REKINDLE_NIGHTS=month $(GO) test -count=1 -v -timeout 60m -run '^TestNights$$' ./testenv/nights

.PHONY: test-clouds
test-clouds: controlplane ## Live through a cluster's life with each request to AWS failing, and a kill after each (half an hour)
	REKINDLE_CLOUDS=all $(GO) test -count=1 -timeout 90m -run 'TestEachRequestFailsOnce|TestKilledAfterEachRequest' ./testenv/clouds

.PHONY: bench
bench: build controlplane ## Measure apply and drift against their limits; writes docs/benchmarks.md
	cd testenv/bench/kubectl && $(GO) build -ldflags '-s -w -X k8s.io/component-base/version.gitVersion=v1.36.3' -o $(BIN)/kubectl .
	$(GO) run ./testenv/bench -rekindle $(BIN)/rekindle -kubectl $(BIN)/kubectl -controlplane $(REKINDLE_CONTROLPLANE) \
		-write docs/benchmarks.md $(BENCHFLAGS)

.PHONY: screens
screens: build controlplane ## Take the pictures of the README from the real terminal UI
	$(GO) run ./testenv/screens -rekindle $(BIN)/rekindle -controlplane $(REKINDLE_CONTROLPLANE) -out docs/screens

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME (10s)
	@.ci/fuzz $(FUZZTIME)

.PHONY: lint
lint: ## Formatting, vet, golangci-lint, import walls, tidy module files
	@.ci/lint

.PHONY: fmt
fmt: ## Format the code
	$(LINT) fmt ./...
	@set -e; for m in $(MODULES); do (cd $$m && $(LINT) fmt -c $(CURDIR)/.golangci.yml ./...); done

.PHONY: clean
clean: ## Remove bin/ (clusters and caches stay)
	rm -rf $(BIN)
