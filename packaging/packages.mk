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
# The places of other crates on the building machine are in the texts of panics.
REMAP := --remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)/registry/src/=
export CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_RUSTFLAGS  := $(REMAP)
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_RUSTFLAGS := $(REMAP)
export CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER  := rust-lld
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER := rust-lld

IMAGES        := $(ARCHS:%=$(DIST)/kew-$(VERSION)-image-%.tar.gz)
OCI_x86_64    := amd64
OCI_aarch64   := arm64

# Debian's revision of the version, which counts changes of the packaging alone.
DEB_REVISION   := 1
DEB_x86_64     := amd64
DEB_aarch64    := arm64
DEBS           := $(foreach arch,$(ARCHS),$(DIST)/kew_$(VERSION)-$(DEB_REVISION)_$(DEB_$(arch)).deb)
CARGO_DEB      := $(VENV)/bin/cargo-deb
MANUAL         := target/manual
LICENCES       := LICENSE-APACHE LICENSE-MIT target/THIRD-PARTY-NOTICES.txt

# A static binary runs with any libc, so that both of pip's families of systems take the wheel: those of glibc and those of musl.
WHEEL_TAGS = manylinux2014_$(1).manylinux_2_17_$(1).musllinux_1_1_$(1)
WHEELS     := $(foreach arch,$(ARCHS),$(DIST)/kew_sqs-$(VERSION)-py3-none-$(call WHEEL_TAGS,$(arch)).whl)

NPM_x86_64  := linux-x64
NPM_aarch64 := linux-arm64

.PHONY: version packages packages-test archives images debs wheels npm crate always
.SECONDARY: $(MUSL_BINARIES)

packages: archives images debs wheels npm crate ## everything that kew is published as, into dist/: make packages, or make packages ARCHS="x86_64 aarch64"
	cd $(DIST) && sha256sum $$(ls | grep -F -- $(VERSION)) > SHA256SUMS && cat SHA256SUMS

packages-test: $(PACKAGING) ## installs each of dist/ in a clean environment and uses it there; one alone: make packages-test ONLY=static
	$(VENV)/bin/python packaging/test/run.py --dist $(DIST) $(subst $(comma), ,$(ONLY))

archives: $(ARCHIVES) ## the static Linux binary, which needs nothing of the system it runs on

images: $(IMAGES) ## the container image, for `docker load`; needs buildah

debs: $(DEBS) ## Debian's package, with a service

wheels: $(WHEELS) ## the wheel for pip

npm: $(MUSL_BINARIES) $(LICENCES) ## the packages for npm: kew-sqs, and the binary for each platform
	@mkdir -p $(DIST)
	$(PYTHON) packaging/npm/pack.py $(VERSION) $(DIST) $(foreach arch,$(ARCHS),$(NPM_$(arch))=target/$(arch)-$(MUSL)/release/kew)

crate: ## the package for crates.io, as `cargo publish` would send it, built from what it holds
	@mkdir -p $(DIST)
	$(CARGO) publish --dry-run --locked --allow-dirty
	$(CARGO) package --quiet --no-verify --locked --allow-dirty
	cp target/package/kew-$(VERSION).crate $(DIST)

version: ## the version in Cargo.toml, which is that of all packages
	@echo $(VERSION)

comma := ,

# Copying memory, which musl is slow at on x86_64; see there.
MEMORY            := target/musl/libkew_memory.a
MUSL_FLAGS_x86_64 := -L native=$(abspath $(dir $(MEMORY))) -l static:-bundle=kew_memory

target/x86_64-$(MUSL)/release/kew: $(MEMORY)

$(MEMORY): export TARGET := x86_64-$(MUSL)
$(MEMORY): packaging/musl/memory.c packaging/musl/check.c packaging/zigcc $(PACKAGING)
	@mkdir -p $(@D)
	packaging/zigcc -O2 -ffreestanding -fno-builtin -c -o $(@D)/memory.o $<
ifeq ($(shell uname -m),x86_64)
	packaging/zigcc -O2 -fno-builtin -static -o $(@D)/check packaging/musl/check.c $(@D)/memory.o && $(@D)/check
endif
	rm -f $@
	$(ZIG) ar rcs $@ $(@D)/memory.o

# Cargo knows best whether it is up to date.
target/%-$(MUSL)/release/kew: always $(PACKAGING)
	rustup target list --installed | grep -qx $*-$(MUSL) || rustup target add $*-$(MUSL)
	$(CARGO) rustc --locked --release --bin kew --target $*-$(MUSL) -- $(MUSL_FLAGS_$*)

$(DIST)/kew-$(VERSION)-%-$(MUSL).tar.gz: target/%-$(MUSL)/release/kew $(MANUAL) $(LICENCES)
	packaging/archive $@ $< README.md $(LICENCES) $(MANUAL)

$(DIST)/kew-$(VERSION)-image-%.tar.gz: target/%-$(MUSL)/release/kew Dockerfile packaging/image/build $(LICENCES)
	@mkdir -p $(@D)
	packaging/image/build $(OCI_$*) $< $(VERSION) $@ $(LICENCES)

# Manual pages and completions, by a kew that this machine can run.
$(MANUAL): target/$(shell uname -m)-$(MUSL)/release/kew
	rm -rf $@
	$< manual --to $@

target/THIRD-PARTY-NOTICES.txt: Cargo.lock packaging/notices.py $(PACKAGING)
	$(VENV)/bin/python packaging/notices.py $(shell uname -m)-$(MUSL) > $@.new && mv $@.new $@

define deb
$(DIST)/kew_$(VERSION)-$(DEB_REVISION)_$(DEB_$(1)).deb: target/$(1)-$(MUSL)/release/kew $(MANUAL) $(LICENCES) packaging/debian/* $(CARGO_DEB)
	@mkdir -p $$(@D)
	PATH="$(abspath $(VENV)/bin):$$$$PATH" SOURCE_DATE_EPOCH=0 $$(CARGO) deb --quiet --locked --no-build --no-strip \
		--target $(1)-$(MUSL) --deb-revision $(DEB_REVISION) --output $$@
endef
$(foreach arch,$(ARCHS),$(eval $(call deb,$(arch))))

$(CARGO_DEB): | $(VENV)/bin/python
	$(CARGO) install --locked --debug --root $(VENV) cargo-deb@3.8.0

# maturin finds the binary built already, and tags it for musl alone.
define wheel
$(DIST)/kew_sqs-$(VERSION)-py3-none-$(call WHEEL_TAGS,$(1)).whl: target/$(1)-$(MUSL)/release/kew $(LICENCES)
	@mkdir -p $$(@D)
	rm -rf target/wheels target/python
	cp -r clients/python target/python && cp $(LICENCES) target/python
	cd target/python && $(abspath $(VENV)/bin/maturin) build --quiet --release --target $(1)-$(MUSL) --compatibility musllinux_1_1 \
		--out ../wheels -- $(MUSL_FLAGS_$(1))
	$(VENV)/bin/python -m wheel tags --remove --platform-tag $(call WHEEL_TAGS,$(1)) target/wheels/*.whl
	mv target/wheels/*.whl $$@
endef
$(foreach arch,$(ARCHS),$(eval $(call wheel,$(arch))))

$(PACKAGING): packaging/requirements.txt | $(VENV)/bin/python
	$(PIP) install -r $<
	touch $@

always:
