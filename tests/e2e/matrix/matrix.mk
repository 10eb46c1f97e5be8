# The clients of the matrix that are built here. Included by the Makefile.
MATRIX = $(addprefix $(B)/matrix/,s3go-stripped s3go-static s3go-pie)

# One program built in three ways, as shipped programs are: what a tracer finds in the file differs.
# Go keeps what it has compiled, and asks no network.
GO_BUILD = cd tests/e2e/matrix/s3go && GOCACHE=$(abspath $(B))/go-cache GOFLAGS= GOPROXY=off \
	go build -buildvcs=false
S3GO     = $(wildcard tests/e2e/matrix/s3go/*)

$(B)/matrix/s3go-stripped: $(S3GO)
	$(GO_BUILD) -ldflags '-s -w' -o $(abspath $@)

$(B)/matrix/s3go-static: $(S3GO)
	export CGO_ENABLED=0 && $(GO_BUILD) -o $(abspath $@)

$(B)/matrix/s3go-pie: $(S3GO)
	$(GO_BUILD) -ldflags '-s -w' -buildmode=pie -o $(abspath $@)

matrix: $(MATRIX)

.PHONY: matrix
