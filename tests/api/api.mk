# The S3 API as an SDK speaks it, against the parsers alone. Included by the Makefile.
APIOBJ = $(patsubst %.c,$(B)/asan/%.o,$(PARSERS) tests/api/operations.c)

$(B)/api/operations: $(APIOBJ)
	@mkdir -p $(@D)
	$(CC) $(SANITIZE) -o $@ $(APIOBJ) $(LDFLAGS) -lyaml -lnghttp2

api: $(B)/api/operations
	$(PYTHON) tests/api/botocore_requests.py $(B)/api/operations

-include $(B)/asan/tests/api/operations.d

.PHONY: api
