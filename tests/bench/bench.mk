# The benchmark. Included by the Makefile. `sudo make bench`; BENCH_QUICK=1 takes a minute.
# The second server carries its own libssl: nothing that probes the system's sees it, as if it
# stood on another machine.
BENCH_BIN = $(addprefix $(B)/bench/,client server server-static bystander)

bench: s3slower $(BENCH_BIN)
	$(PYTHON) tests/bench/bench.py

$(B)/bench/%: tests/bench/%.c config.mk
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_) $(CPPFLAGS) $(CFLAGS_) $(CFLAGS) -pthread -o $@ $< $(LDFLAGS) -lssl -lcrypto

$(B)/bench/server-static: tests/bench/server.c config.mk
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_) $(CPPFLAGS) $(CFLAGS_) $(CFLAGS) -pthread -o $@ $< $(LDFLAGS) \
		-Wl,-Bstatic -lssl -lcrypto -Wl,-Bdynamic -ldl

.PHONY: bench
