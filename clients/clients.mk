# The fixtures of clients/, for tests in other languages: `make fixtures-test` runs their own tests and their examples,
# against the release binary or the one that KEW_BIN names. Each language has a target, which installs what it needs.

FIXTURES      := python javascript go java
FIXTURES_TEST := $(FIXTURES:%=fixtures-test-%)
# A binary that is named is not built.
FIXTURES_KEW  := $(if $(KEW_BIN),,build)
$(FIXTURES_TEST): export KEW_BIN := $(abspath $(or $(KEW_BIN),target/release/kew))
$(FIXTURES_TEST): export KEW_URL =

.PHONY: fixtures-test $(FIXTURES_TEST)

fixtures-test: $(FIXTURES_TEST) ## the fixtures of clients/ with their examples; one alone: make fixtures-test-python

PYTHON_FIXTURES := $(VENV)/fixtures-python

fixtures-test-python: $(FIXTURES_KEW) $(PYTHON_FIXTURES)/installed
	$(PYTHON_FIXTURES)/bin/python clients/python/tests/link.py
	cd clients/python && $(abspath $(PYTHON_FIXTURES))/bin/mypy --cache-dir $(abspath $(PYTHON_FIXTURES))/mypy
	cd clients/python && $(abspath $(PYTHON_FIXTURES))/bin/pytest --quiet -n 2 --ignore tests/test_parallel.py
	cd clients/python && $(abspath $(PYTHON_FIXTURES))/bin/pytest --quiet tests/test_parallel.py

$(PYTHON_FIXTURES)/installed: clients/python/tests/requirements.txt
	$(PYTHON) -m venv $(PYTHON_FIXTURES)
	$(PYTHON_FIXTURES)/bin/python -m pip --disable-pip-version-check --quiet install -r $<
	touch $@

JAVASCRIPT_FIXTURES := $(abspath $(VENV))/fixtures-javascript

fixtures-test-javascript: export KEW_REPOSITORY := $(CURDIR)
fixtures-test-javascript: $(FIXTURES_KEW)
	clients/javascript/tests/install.sh $(JAVASCRIPT_FIXTURES)
	cd $(JAVASCRIPT_FIXTURES) && node_modules/.bin/tsc -p tests && node_modules/.bin/tsc -p example
	cd $(JAVASCRIPT_FIXTURES) && node --test --test-reporter spec tests/control.test.mjs tests/runs.test.mjs

fixtures-test-go: $(FIXTURES_KEW)
	test -z "$$(gofmt -l clients/go | tee /dev/stderr)"
	cd clients/go && go vet ./... && go test -count=1 ./...
	cd clients/go && go test -count=1 -v -run '^TestHowLongTheStartTakes$$' ./... | grep -o 'kew starts in .*'
	cd clients/go/example && go vet ./... && go test -count=1 -parallel 8 ./...
	$(PYTHON) clients/snippets.py docs/go.md go clients/go

fixtures-test-java: $(FIXTURES_KEW)
	mvn -q -B -ntp -f clients/java/pom.xml test
	$(PYTHON) clients/snippets.py docs/java.md java clients/java
	$(PYTHON) clients/snippets.py docs/java.md xml clients/java/example
