# What a user calls. `make run` needs Rust; `make test` needs Rust and Python.

CARGO  ?= cargo
PYTHON ?= python3
ARGS   ?=
ONLY   ?=
VENV   := .venv
PIP    := $(VENV)/bin/python -m pip --disable-pip-version-check --quiet

# The SQS service model as AWS publishes it with botocore: the current one, and the last one of the Query protocol.
MODEL       := $(VENV)/service-2.json
QUERY_MODEL := $(VENV)/query-service-2.json

# How long `make fuzz` runs, how often `make crash` kills and `make flips` flips, how many rounds `make fifo-audit` plays.
SECONDS ?= 60
ROUNDS  ?= 50

.PHONY: help run build test unit clients durable browser-test compat compat-core crash fifo-audit flips fuzz bench instructions lint doc clean

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

run: ## build kew and start it: make run ARGS="--queue orders"
	$(CARGO) run --release -- $(ARGS)

build: ## the release binary: target/release/kew
	$(CARGO) build --release

test: unit clients durable ## everything that shows that kew works: Rust tests, boto3 and the example scripts, in memory and on disk

unit: export KEW_SERVICE_MODEL = $(abspath $(MODEL))
unit: export KEW_QUERY_MODEL = $(abspath $(QUERY_MODEL))
unit: $(MODEL) $(QUERY_MODEL) ## the Rust tests alone, with those that need AWS's service model
	$(CARGO) test
	$(CARGO) test --test wire -- --ignored
	$(CARGO) check --lib --no-default-features

clients: build ## boto3, new and old, and the example scripts against the release binary
	KEW_BIN=target/release/kew ONLY=article,boto3,boto3-1.24 $(PYTHON) compat/run.py --no-matrix

compat: build ## other people's clients: make compat, or make compat ONLY=go-v2
	KEW_BIN=target/release/kew ONLY="$(ONLY)" $(PYTHON) compat/run.py

durable: build ## the SDK tests and the fast clients once more, with a data directory
	KEW_TEST_DURABILITY=process $(CARGO) test --test sqs
	KEW_BIN=target/release/kew ONLY=boto3,boto3-1.24 $(PYTHON) compat/run.py --no-matrix --data

browser-test: build ## hostile web pages in a real Chromium against the release binary; needs chromium
	KEW_BIN=target/release/kew $(PYTHON) tests/browser/run.py

compat-core: build ## the part of it that CI runs on every change
	KEW_BIN=target/release/kew $(PYTHON) compat/run.py --core --no-matrix

crash: ## kills kew under load again and again: make crash ROUNDS=200, or SEED=7 to repeat a run's choices
	ROUNDS=$(ROUNDS) $(if $(SEED),SEED=$(SEED)) $(CARGO) test --release --test crash -- --nocapture

fifo-audit: ## order and conservation between FIFO queues, with threads and kills: make fifo-audit ROUNDS=1000, or SEED=7
	ROUNDS=$(ROUNDS) $(if $(SEED),SEED=$(SEED)) $(CARGO) test --release --test transfer -- --nocapture

flips: ## flips bits of a closed and of a killed store, one in each round: make flips ROUNDS=10000, or SEED=7
	ROUNDS=$(ROUNDS) $(if $(SEED),SEED=$(SEED)) $(CARGO) test --test store flips -- --nocapture

fuzz: ## any bytes at the HTTP service, for a bounded time: make fuzz SECONDS=600
	$(CARGO) fuzz --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-fuzz
	mkdir -p fuzz/corpus/http_service
	RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run -s none http_service fuzz/corpus/http_service tests/fixtures/captures -- \
		-max_total_time=$(SECONDS) -timeout=10 -max_len=16384 -dict=fuzz/http_service.dict

bench: ## kew beside a server that does nothing: the table of budgets
	$(PYTHON) benches/run.py

instructions: ## instruction counts against benches/instructions.json; needs valgrind
	$(PYTHON) benches/instructions.py

lint: ## formatting and clippy, with warnings denied
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --all-features -- -D warnings
	$(CARGO) clippy --lib --no-default-features -- -D warnings
	$(CARGO) clippy --manifest-path fuzz/Cargo.toml -- -D warnings

doc: ## the crate's documentation, with warnings denied
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --all-features

clean: ## removes what the targets above made
	$(CARGO) clean
	rm -rf $(VENV)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(MODEL): | $(VENV)/bin/python
	$(PIP) install --upgrade --no-deps --target $(VENV)/model botocore==1.44.5
	$(PYTHON) -c "import gzip; open('$@', 'wb').write(gzip.open('$(VENV)/model/botocore/data/sqs/2012-11-05/service-2.json.gz').read())"

$(QUERY_MODEL): | $(VENV)/bin/python
	$(PIP) install --upgrade --no-deps --target $(VENV)/query-model botocore==1.31.80
	cp $(VENV)/query-model/botocore/data/sqs/2012-11-05/service-2.json $@
