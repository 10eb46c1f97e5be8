# Other kernels than this machine's, and another processor, booted under emulation. Included by the Makefile.
DEPS_KERNELS = qemu-system-x86 qemu-system-arm gcc-aarch64-linux-gnu busybox-static xz-utils

deps-kernels:
	@$(MAKE) -s deps-packages DEPS_BUILD= DEPS_TEST="$(DEPS_KERNELS)"

# Each takes about two minutes; `make check` does it, too.
e2e-kernels: deps deps-kernels all lab matrix
	$(PYTHON) tests/kernels/boot.py

.PHONY: deps-kernels e2e-kernels
