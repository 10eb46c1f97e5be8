# The benchmark. Included by the Makefile. `sudo make bench`; BENCH_QUICK=1 takes a minute.
# The second ones carry their own libssl, without symbols: nobody can probe them, as if
# they stood on another machine.
BENCH_BIN = $(addprefix $(B)/bench/,client client-static server server-static bystander empty goloop)

bench: s3slower lab $(BENCH_BIN)
	$(PYTHON) tests/bench/bench.py
	$(PYTHON) tests/bench/libraries.py

# The libraries alone: less than a minute.
bench-libraries: s3slower lab $(BENCH_BIN)
	$(PYTHON) tests/bench/libraries.py

$(B)/bench/%: tests/bench/%.c config.mk
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_) $(CPPFLAGS) $(CFLAGS_) $(CFLAGS) -pthread -o $@ $< $(LDFLAGS) -lssl -lcrypto -lbpf

$(B)/bench/%-static: tests/bench/%.c config.mk
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_) $(CPPFLAGS) $(CFLAGS_) $(CFLAGS) -pthread -o $@ $< $(LDFLAGS) \
		-s -Wl,-Bstatic -lssl -lcrypto -Wl,-Bdynamic -ldl

$(B)/bench/goloop: tests/bench/goloop.go
	@mkdir -p $(@D)
	CGO_ENABLED=0 GO111MODULE=off GOCACHE=$(abspath $(B))/go-cache GOFLAGS= GOPROXY=off \
		go build -o $@ $<

.PHONY: bench bench-libraries
