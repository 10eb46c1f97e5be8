#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What can be known without running anything: lint.sh "COMPILER FLAGS" FILE...
cd "$(dirname "$0")/.." || exit 1
compiler=$1
shift
failed=0

complain() {
	echo "lint: $*"
	failed=1
}

clang-format --dry-run -Werror "$@" || complain "clang-format -i the files above"

# Each header compiles alone.
for header in "$@"; do
	case $header in
	*.bpf.h) ;; # pieces of one text
	*.h) $compiler -fsyntax-only -x c "$header" || complain "$header needs another header first" ;;
	esac
done

# The laws of the house.
if grep -nE '#include *[<"](bcc/|bpf/|probes/)' parsers/*.[ch] output/*.[ch] | grep -v 'probes/exchange.h'; then
	complain "parsers/ and output/ know nothing of the kernel side but exchange.h"
fi
if grep -ln '#include <bcc/' parsers/*.[ch] output/*.[ch] probes/*.[ch] s3slower.c | grep -v '^probes/compile.c$'; then
	complain "only probes/compile.c knows libbcc"
fi
if grep -nE '\b(printf|puts|perror|exit)\(' probes/*.c parsers/*.c | grep -v '\.bpf\.c' |
	grep -vE '_exit\(|[sf]n?printf\(|dprintf\(' ; then
	complain "modules return errors; only main prints and exits"
fi

# The unspecialised BPF text is valid C.
clang -fsyntax-only -std=gnu11 -I. -Iprobes -DHOST_BUILD -include tests/host/host.h \
	-Wall -Wno-unused-function -x c probes/exchange.bpf.h || complain "the BPF text is not valid C"

cppcheck --quiet --error-exitcode=1 --inline-suppr --suppress=missingIncludeSystem \
	--enable=warning,portability -I. -D_GNU_SOURCE -D__x86_64__ -DVERSION='""' '-DLIBBPF_OPTS(type,name,...)=struct type name={0}' \
	s3slower.c parsers output probes --suppress='*:probes/*.bpf.*' -i probes/include -i probes/s3slower.bpf.c ||
	complain "cppcheck found the above"

shellcheck tests/*.sh .ci/run || complain "shellcheck found the above"
for page in man/*.[58]; do
	mandoc -T lint -W warning "$page" || complain "$page has faults"
done
exit $failed
