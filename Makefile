# s3slower: flat, no recursion. Paths and flags are in config.mk.
include config.mk

B        = build
BPF_TEXT = probes/exchange.h probes/kernel.bpf.h probes/exchange.bpf.h probes/s3slower.bpf.c
BPF_TREE = $(shell find probes/include -name '*.h' 2>/dev/null | sort)

PARSERS = $(wildcard parsers/*.c)
OUTPUT  = $(wildcard output/*.c)
PROBES  = $(wildcard probes/*.c)
PROBES_C = $(filter-out %.bpf.c,$(PROBES))
UNIT    = $(wildcard tests/unit/*.c)
FUZZ    = $(basename $(notdir $(wildcard tests/fuzz/*.c)))

OBJ     = $(patsubst %.c,$(B)/%.o,s3slower.c $(PARSERS) $(OUTPUT) $(PROBES_C)) $(B)/probes/embedded.o
HOSTED  = $(PARSERS) $(OUTPUT)
UNITOBJ = $(patsubst %.c,$(B)/asan/%.o,$(HOSTED) $(UNIT))

all: s3slower

s3slower: $(OBJ)
	$(CC) $(CFLAGS_) $(CFLAGS) -o $@ $(OBJ) $(LDFLAGS) $(LIBS)

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
	$(CC) $(SANITIZE) -o $@ $(UNITOBJ) $(LDFLAGS) -ljansson -lcunit

unit: $(B)/unit
	$(B)/unit

# Fuzz targets: libFuzzer with clang. `make fuzz` explores for FUZZ_SECONDS
# each; `make fuzz-replay` runs the committed corpora once and is what check uses.
FUZZ_SECONDS = 30
$(B)/fuzz/%: tests/fuzz/%.c $(HOSTED) $(wildcard parsers/*.h output/*.h tests/*/*.h probes/*.h)
	@mkdir -p $(@D)
	$(CLANG) $(CPPFLAGS_) -g -O1 -std=gnu11 -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=undefined -o $@ $< $(HOSTED) -ljansson

fuzz: $(addprefix $(B)/fuzz/,$(FUZZ))
	@for t in $(FUZZ); do mkdir -p $(B)/corpus/$$t; \
		$(B)/fuzz/$$t -max_total_time=$(FUZZ_SECONDS) -max_len=16384 -print_final_stats=1 \
			$(B)/corpus/$$t tests/fuzz/corpus/$$t || exit 1; done

fuzz-replay: $(addprefix $(B)/fuzz/,$(FUZZ))
	@for t in $(FUZZ); do $(B)/fuzz/$$t -runs=0 tests/fuzz/corpus/$$t || exit 1; done

clean:
	rm -rf $(B) s3slower

-include $(OBJ:.o=.d) $(UNITOBJ:.o=.d)

.PHONY: all unit fuzz fuzz-replay clean
.DELETE_ON_ERROR:
