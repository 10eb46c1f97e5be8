# s3slower: flat, no recursion. Paths and flags are in config.mk.
include config.mk

B        = build
BPF_TEXT = probes/exchange.h probes/site.h probes/steps.h probes/linked.h \
           $(patsubst %,probes/%.bpf.h,kernel maps bytes record connection frames exchange hello \
                                       thread tls peer syscall process go lookup) \
           probes/s3slower.bpf.c
BPF_TREE = $(shell find probes/include -name '*.h' 2>/dev/null | sort)

PARSERS = $(wildcard parsers/*.c)
OUTPUT  = $(wildcard output/*.c)
PROBES  = $(wildcard probes/*.c)
PROBES_C = $(filter-out %.bpf.c,$(PROBES))
UNIT    = $(wildcard tests/unit/*.c)
FUZZ    = $(basename $(notdir $(wildcard tests/fuzz/*.c)))

OBJ     = $(patsubst %.c,$(B)/%.o,s3slower.c $(PARSERS) $(OUTPUT) $(PROBES_C)) $(B)/probes/embedded.o
PURE    = probes/object.c probes/flow.c probes/verdict.c probes/decoder.c probes/gopclntab.c probes/insn.c probes/function.c
HOSTED  = $(PARSERS) $(OUTPUT) $(PURE)
UNITOBJ = $(patsubst %.c,$(B)/asan/%.o,$(HOSTED) $(UNIT))

all: s3slower

# What a fresh Debian machine lacks. Only asks the package manager when
# something is missing, so a second run needs no network.
deps: deps-packages $(B)/npm/.installed

deps-packages:
	@missing=; for p in $(DEPS_BUILD) $(DEPS_TEST); do \
		dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; \
	done; \
	if [ -n "$$missing" ]; then \
		apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends --no-remove $$missing; \
	fi

# Peers to measure against; only `make bench` wants them.
deps-bench:
	@$(MAKE) -s deps-packages DEPS_BUILD= DEPS_TEST="$(DEPS_BENCH)"

$(B)/npm/.installed: tests/e2e/package.json tests/e2e/package-lock.json
	@mkdir -p $(@D)
	command -v npm > /dev/null || \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends npm
	$(PYTHON) tests/e2e/s3server.py install
	touch $@

s3slower: $(OBJ)
	$(CC) $(CFLAGS_) $(CFLAGS) -o $@ $(OBJ) $(EXPORTS) $(LDFLAGS) $(LIBS)

$(B)/%.o: %.c config.mk Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_) $(CPPFLAGS) $(CFLAGS_) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/asan/%.o: %.c config.mk Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_) $(CPPFLAGS) $(CFLAGS_) -O1 $(SANITIZE) $(CFLAGS) -MMD -MP -c -o $@ $<

# The BPF text and its header tree, as C strings.
$(B)/probes/embedded.c: probes/embed.awk $(BPF_TEXT) $(BPF_TREE)
	@mkdir -p $(@D)
	$(AWK) -f probes/embed.awk $(BPF_TEXT) $(BPF_TREE) > $@.tmp && mv $@.tmp $@

$(B)/probes/embedded.o: $(B)/probes/embedded.c probes/headers.h
	$(CC) $(CPPFLAGS_) $(CPPFLAGS) $(CFLAGS_) $(CFLAGS) -c -o $@ $<

# --- tests ---------------------------------------------------------------

$(B)/unit: $(UNITOBJ)
	$(CC) $(SANITIZE) -o $@ $(UNITOBJ) $(LDFLAGS) -lcapstone -ljansson -lyaml -lnghttp2 -lcunit

unit: $(B)/unit $(B)/points/run
	$(B)/unit
	$(B)/points/run

# Where probes are planted: what decoding says of code, and of this machine's libraries.
POINTOBJ = $(patsubst %.c,$(B)/asan/%.o,$(filter-out %/like.c,$(wildcard tests/points/*.c)) \
	$(addprefix probes/,accessor.c accessor_x86.c accessor_arm64.c decode.c decoder.c elf.c find.c function.c go.c gopclntab.c gotls.c image.c insn.c layout.c loaded.c \
	nss.c probe.c stores.c stores_arm64.c symtab.c))
ENDBR64  = $(if $(findstring x86_64,$(shell $(CC) -dumpmachine)),-fcf-protection=full)
LIKE     = $(addprefix $(B)/points/like-,openssl-3.3.so boringssl.so logging.so gnutls.so s2n.so nss.so)

$(B)/points/like-%.so: tests/points/like.c
	@mkdir -p $(@D)
	$(CC) -O2 -fPIC -shared -fvisibility=hidden -Wl,-Bsymbolic -fno-semantic-interposition \
		$(if $(findstring boringssl,$@),$(ENDBR64)) \
		-DLIKE_$$(echo $* | tr a-z.- A-Z__) -o $@ $<

$(B)/points/run: $(POINTOBJ) $(LIKE)
	$(CC) $(SANITIZE) -o $@ $(POINTOBJ) $(LDFLAGS) -lcapstone -lelf -lcunit

# Fuzz targets: libFuzzer with clang. `make fuzz` explores for FUZZ_SECONDS
# each; `make fuzz-replay` runs the committed corpora once and is what check uses.
# What is fuzzed is compiled once for all targets.
FUZZ_SECONDS = 30
FUZZFLAGS = -g -O1 -std=gnu11 -fno-sanitize-recover=undefined
FUZZOBJ   = $(patsubst %.c,$(B)/fuzzed/%.o,$(HOSTED))

$(B)/fuzzed/%.o: %.c config.mk Makefile
	@mkdir -p $(@D)
	$(CLANG) $(CPPFLAGS_) $(FUZZFLAGS) -fsanitize=fuzzer-no-link,address,undefined -MMD -MP -c -o $@ $<

$(B)/fuzz/%: $(B)/fuzzed/tests/fuzz/%.o $(FUZZOBJ)
	@mkdir -p $(@D)
	$(CLANG) $(FUZZFLAGS) -fsanitize=fuzzer,address,undefined -o $@ $^ -lcapstone -ljansson -lyaml -lnghttp2

fuzz: $(addprefix $(B)/fuzz/,$(FUZZ))
	@for t in $(FUZZ); do mkdir -p $(B)/corpus/$$t; \
		$(B)/fuzz/$$t -max_total_time=$(FUZZ_SECONDS) -max_len=16384 -print_final_stats=1 \
			$(B)/corpus/$$t tests/fuzz/corpus/$$t || exit 1; done

fuzz-replay: $(addprefix $(B)/fuzz/,$(FUZZ))
	@for t in $(FUZZ); do $(B)/fuzz/$$t -runs=0 tests/fuzz/corpus/$$t || exit 1; done

# Laboratory and real clients against the real tracer: as root.
e2e: all lab matrix $(B)/npm/.installed
	$(PYTHON) tests/e2e/run.py

# Every client that can be installed, over HTTPS and HTTP; and what takes long.
e2e-matrix: deps all matrix
	$(PYTHON) tests/e2e/run.py matrix. golang.tracers_come_and_go_for_a_minute \
		discovery.a_thousand_curls

# Everything a change has to pass. Ends with the sum of all suites. What is built, is built as
# many at a time as there are processors, once everything is installed; the suites run one by one.
check: deps deps-kernels
	$(MAKE) $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc)) -Otarget check-built
	tests/check.sh

check-built: all lint $(B)/unit $(B)/points/run $(B)/api/operations lab matrix $(addprefix $(B)/fuzz/,$(FUZZ))

demo: deps all
	$(PYTHON) tests/demo/demo.py

HEADERS = $(wildcard *.h parsers/*.h output/*.h probes/*.h)
SOURCES = s3slower.c $(PARSERS) $(OUTPUT) $(PROBES_C) $(HEADERS)
lint: $(B)/probes/embedded.c
	tests/lint.sh "$(CC) $(CPPFLAGS_)" $(SOURCES)

install: all
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(MANDIR)/man8 $(DESTDIR)$(MANDIR)/man5
	install -m 755 s3slower $(DESTDIR)$(SBINDIR)/s3slower
	sed 's/@VERSION@/$(VERSION)/' man/s3slower.8 > $(DESTDIR)$(MANDIR)/man8/s3slower.8
	sed 's/@VERSION@/$(VERSION)/' man/s3slower-json.5 > $(DESTDIR)$(MANDIR)/man5/s3slower-json.5
	@# The first start finds its programs compiled, too; a package does this on the machine.
	@[ -n "$(DESTDIR)" ] || ./s3slower --ebpf > /dev/null 2>&1 || true

uninstall:
	rm -f $(DESTDIR)$(SBINDIR)/s3slower $(DESTDIR)$(MANDIR)/man8/s3slower.8 \
		$(DESTDIR)$(MANDIR)/man5/s3slower-json.5
	[ -n "$(DESTDIR)" ] || rm -rf /var/cache/s3slower

include tests/api/api.mk
include tests/lab/lab.mk
include tests/e2e/matrix/matrix.mk
include tests/kernels/kernels.mk
-include tests/bench/bench.mk

clean:
	rm -rf $(B) s3slower

-include $(OBJ:.o=.d) $(UNITOBJ:.o=.d) $(POINTOBJ:.o=.d) $(FUZZOBJ:.o=.d) \
	$(patsubst %,$(B)/fuzzed/tests/fuzz/%.d,$(FUZZ))

.PHONY: all deps deps-packages deps-bench unit fuzz fuzz-replay e2e e2e-matrix check check-built demo lint install uninstall clean
.DELETE_ON_ERROR:
.SECONDARY: $(FUZZOBJ) $(patsubst %,$(B)/fuzzed/tests/fuzz/%.o,$(FUZZ))
