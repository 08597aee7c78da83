# What the pipeline runs and what a contributor needs, by one word each.
GO            ?= go
FUZZTIME      ?= 10s
BENCHTIME     ?= 1s
BENCH         ?= .
SEEDS         ?= 10000
SEED          ?= 1
LINT_VERSION  := v2.15.0
LINT          := $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

.PHONY: all build check test race lint tidy bench bench-ratio fuzz load simulate lab lab-docs clean

all: build

build: ## the command, as ./rspool
	$(GO) build -o rspool ./cmd/rspool

check: lint tidy race ## what the pipeline demands of a commit

test: ## all tests, as the README says
	$(GO) test ./...

race: ## all tests with the race detector, in random order
	$(GO) test -race -shuffle=on ./...

lint: ## formatting, static analysis and the import rules of the floors
	@test -z "$$(gofmt -l .)" || { gofmt -d .; exit 1; }
	$(GO) vet ./...
	$(LINT) run ./...

tidy: ## go.mod says what is used, no more
	$(GO) mod tidy -diff

bench: ## the figures that the project claims; BENCH=pattern selects, BENCHTIME sets the length
	$(GO) run ./test/bench -run '$(BENCH)' -time $(BENCHTIME)

fuzz: ## every fuzz target for FUZZTIME each
	@./test/fuzz/run '$(FUZZTIME)'

load: ## policies reloaded, plugins killed and frozen, with 1,000 elements over UDP; prints figures
	$(GO) test ./internal/daemon -count=1 -v -run UnderLoad

simulate: ## SEEDS worlds on virtual time, with faults, from seed SEED on
	GOGC=400 $(GO) test ./internal/simulate -count=1 -v -timeout 1h -run TestInvariants -seeds $(SEEDS) -seed $(SEED)

lab: ## the tests that need kernel SCTP, in a throw-away guest
	./test/lab/run

lab-docs: ## the same, and its tables into docs/interop.md
	./test/lab/run --docs

clean:
	rm -f rspool mandelbrot.png mandelbrot-elements.png
