# `make packages`: everything that kew is published as, into dist/. `make packages-test` installs and uses each. See packaging/README.md.
# The version is that of Cargo.toml, everywhere.

ARCHS   ?= x86_64
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
DIST    := dist

# Built without root and without Debian's cross compilers: zig, from PyPI, compiles the C code (SQLite, mimalloc), and the linker
# and the C library (musl) are those of rustup.
PACKAGING := $(VENV)/packaging-tools
MUSL      := unknown-linux-musl
MUSL_BINARIES := $(ARCHS:%=target/%-$(MUSL)/release/kew)
ARCHIVES      := $(ARCHS:%=$(DIST)/kew-$(VERSION)-%-$(MUSL).tar.gz)

export ZIG := $(abspath $(VENV)/bin/python) -m ziglang
export CC_x86_64_unknown_linux_musl  := $(abspath packaging/zigcc)
export CC_aarch64_unknown_linux_musl := $(abspath packaging/zigcc)
export CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER  := rust-lld
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER := rust-lld

IMAGES        := $(ARCHS:%=$(DIST)/kew-$(VERSION)-image-%.tar.gz)
OCI_x86_64    := amd64
OCI_aarch64   := arm64

.PHONY: packages packages-test archives images always
.SECONDARY: $(MUSL_BINARIES)

packages: archives images ## everything that kew is published as, into dist/: make packages, or make packages ARCHS="x86_64 aarch64"
	cd $(DIST) && sha256sum $$(ls | grep -v SHA256SUMS) > SHA256SUMS && cat SHA256SUMS

packages-test: $(PACKAGING) ## installs each of dist/ in a clean environment and uses it there; one alone: make packages-test ONLY=static
	$(VENV)/bin/python packaging/test/run.py --dist $(DIST) $(subst $(comma), ,$(ONLY))

archives: $(ARCHIVES) ## the static Linux binary, which needs nothing of the system it runs on

images: $(IMAGES) ## the container image, for `docker load`; needs buildah

comma := ,

# Cargo knows best whether it is up to date.
target/%-$(MUSL)/release/kew: always $(PACKAGING)
	rustup target list --installed | grep -qx $*-$(MUSL) || rustup target add $*-$(MUSL)
	$(CARGO) build --locked --release --bin kew --target $*-$(MUSL)

$(DIST)/kew-$(VERSION)-%-$(MUSL).tar.gz: target/%-$(MUSL)/release/kew
	packaging/archive $@ $< LICENSE-APACHE LICENSE-MIT README.md

$(DIST)/kew-$(VERSION)-image-%.tar.gz: target/%-$(MUSL)/release/kew Dockerfile packaging/image/build
	@mkdir -p $(@D)
	packaging/image/build $(OCI_$*) $< $(VERSION) $@

$(PACKAGING): packaging/requirements.txt | $(VENV)/bin/python
	$(PIP) install -r $<
	touch $@

always:
