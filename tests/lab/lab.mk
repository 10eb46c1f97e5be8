# The laboratory's C clients. Included by the Makefile.
LAB_BIN = $(addprefix $(B)/lab/,client crowd flood deny layer easy reuse sandboxed pulse)

# The server of the benchmark carries its own libssl: nobody probes it.
lab: $(LAB_BIN) $(B)/bench/server-static $(B)/lab/libssl.so.ktls $(B)/lab/libssl.so.liar

$(B)/lab/libssl.so.%: tests/lab/%.c config.mk
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_) $(CPPFLAGS) $(CFLAGS_) $(CFLAGS) $(ENDBR64) -fPIC -shared -o $@ $<

$(B)/lab/%: tests/lab/%.c tests/lab/wire.c tests/lab/wire.h config.mk
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_) $(CPPFLAGS) $(CFLAGS_) $(CFLAGS) -pthread -o $@ $< tests/lab/wire.c \
		$(LDFLAGS) -lssl -lcrypto

.PHONY: lab
