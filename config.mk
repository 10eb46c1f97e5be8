# s3slower: version, paths, libraries, compiler, flags. No rules.
VERSION = 0.1.0

PREFIX    = /usr/local
SBINDIR   = $(PREFIX)/sbin
MANDIR    = $(PREFIX)/share/man

CC        = gcc
CLANG     = clang
AWK       = awk
PYTHON    = /usr/bin/python3

# The tracer itself links no compiler: libbcc is loaded by a short-lived fork
# (probes/compile.c), so that LLVM is never in the tracer's memory. What it finds
# in the program instead of its own: probes/standin.c.
STANDINS  = bcc_create_map_xattr _ZN4ebpf28bpf_module_rw_engine_enabledEv \
            _ZN4llvm18PassManagerBuilder25populateModulePassManagerERNS_6legacy15PassManagerBaseE \
            _ZN4llvm26createFunctionInliningPassEv
EXPORTS   = $(STANDINS:%=-Wl,--export-dynamic-symbol=%)
LIBS      = -lbpf -lelf -lcapstone -ljansson -lyaml -lnghttp2 -ldl -pthread
CPPFLAGS_ = -I. -D_GNU_SOURCE -DVERSION=\"$(VERSION)\"
CFLAGS_   = -std=gnu11 -O2 -g -Wall -Wextra -Wshadow -Wstrict-prototypes \
            -Wmissing-prototypes -Wpointer-arith -Wvla -Werror=implicit-function-declaration
SANITIZE  = -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer

# What `make deps` installs, by what needs it. Debian 12 names.
DEPS_BUILD = gcc make libc6-dev linux-libc-dev libbpfcc-dev libbpf-dev libelf-dev libcapstone-dev libjansson-dev libyaml-dev libnghttp2-dev
DEPS_TEST  = libcunit1-dev clang libclang-rt-dev clang-tidy clang-format cppcheck shellcheck mandoc jq curl openssl \
             libssl-dev python3 python3-boto3 awscli s3cmd nginx-light nghttp2-client nodejs procps util-linux wget \
             golang-go rclone libcurl3-gnutls libcurl3-nss nss-plugin-pem libpython3.11 s3fs python3-awscrt libs3-2 \
             iproute2 ca-certificates
DEPS_BENCH = bpfcc-tools bpftrace
