// SPDX-License-Identifier: Apache-2.0

// An S3 client of the standard library alone: goroutines, pooled connections, two servers at once.
// It keeps the log that clientlog.py describes.
package main

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/xml"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	mib   = 1 << 20
	small = 1021
	part  = 5 * mib
	large = 11*mib + 7
)

type line struct {
	Operation    string  `json:"operation"`
	Bucket       string  `json:"bucket"`
	Key          *string `json:"key"`
	Status       int     `json:"status"`
	Size         *int    `json:"size"`
	RequestSize  int     `json:"request_size"`
	ResponseSize int     `json:"response_size"`
	StartNs      int64   `json:"start_ns"`
	EndNs        int64   `json:"end_ns"`
	RequestID    string  `json:"request_id"`
}

type endpoints []string

func (e *endpoints) String() string     { return strings.Join(*e, " ") }
func (e *endpoints) Set(s string) error { *e = append(*e, s); return nil }

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "s3go:", err)
		os.Exit(1)
	}
}

type client struct {
	http     *http.Client
	endpoint string
	bucket   string
	log      *os.File
}

func newClient(endpoint, bucket string, log *os.File) *client {
	pem, err := os.ReadFile(os.Getenv("SSL_CERT_FILE"))
	check(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	transport := &http.Transport{
		TLSClientConfig:       &tls.Config{RootCAs: roots},
		MaxIdleConnsPerHost:   4,
		ExpectContinueTimeout: 5 * time.Second,
	}
	return &client{&http.Client{Transport: transport}, endpoint, bucket, log}
}

// call makes a request: a key of "" is the bucket's. It returns the answer and its body.
func (c *client) call(operation, method, key, query string, body []byte, want int) (http.Header, []byte) {
	target := &url.URL{Path: "/" + c.bucket}
	done := line{Operation: operation, Bucket: c.bucket, RequestSize: len(body)}
	if key != "" {
		target.Path += "/" + key
		done.Key = &key
	}
	address := c.endpoint + target.EscapedPath()
	if query != "" {
		address += "?" + query
	}
	request, err := http.NewRequest(method, address, bytes.NewReader(body))
	check(err)
	request.Header.Set("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
	if operation == "PutObject" || operation == "UploadPart" {
		size := len(body)
		done.Size = &size
		request.Header.Set("Expect", "100-continue")
	}

	done.StartNs = time.Now().UnixNano()
	answer, err := c.http.Do(request)
	check(err)
	data, err := io.ReadAll(answer.Body)
	check(err)
	answer.Body.Close()
	done.EndNs = time.Now().UnixNano()

	if operation == "GetObject" && answer.StatusCode < 300 {
		size := len(data)
		done.Size = &size
	}
	done.Status, done.ResponseSize = answer.StatusCode, len(data)
	done.RequestID = answer.Header.Get("x-amz-request-id")
	text, err := json.Marshal(done)
	check(err)
	_, err = c.log.Write(append(text, '\n')) // one write: lines stay whole
	check(err)
	if answer.StatusCode != want {
		check(fmt.Errorf("%s: status %d, not %d: %s", operation, answer.StatusCode, want, data))
	}
	return answer.Header, data
}

func (c *client) multipart(key string, big []byte) {
	_, text := c.call("CreateMultipartUpload", "POST", key, "uploads", nil, 200)
	var upload struct{ UploadId string }
	check(xml.Unmarshal(text, &upload))

	etags := make([]string, (len(big)+part-1)/part)
	var parts sync.WaitGroup
	for i := range etags {
		parts.Add(1)
		go func(i int) {
			defer parts.Done()
			end := (i + 1) * part
			if end > len(big) {
				end = len(big)
			}
			header, _ := c.call("UploadPart", "PUT", key,
				fmt.Sprintf("partNumber=%d&uploadId=%s", i+1, upload.UploadId), big[i*part:end], 200)
			etags[i] = header.Get("ETag")
		}(i)
	}
	parts.Wait()

	var list strings.Builder
	for i, etag := range etags {
		fmt.Fprintf(&list, "<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", i+1, etag)
	}
	c.call("CompleteMultipartUpload", "POST", key, "uploadId="+upload.UploadId,
		[]byte("<CompleteMultipartUpload>"+list.String()+"</CompleteMultipartUpload>"), 200)
}

// Those that still write, and those that have not listed yet. The server fails to list a bucket
// of which something goes away meanwhile, and nobody here tries again.
var writing, listing sync.WaitGroup

func together(those *sync.WaitGroup) {
	those.Done()
	those.Wait()
}

func (c *client) iteration(prefix string, i int, big []byte) {
	data := make([]byte, small+i)
	rand.Read(data)
	smallKey, largeKey, none := prefix+"small file", prefix+"large", prefix+"none"

	c.call("PutObject", "PUT", smallKey, "", data, 200)
	c.multipart(largeKey, big)
	_, got := c.call("GetObject", "GET", smallKey, "", nil, 200)
	if !bytes.Equal(got, data) {
		check(fmt.Errorf("read something else than was written"))
	}
	c.call("GetObject", "GET", largeKey, "", nil, 200)
	c.call("HeadObject", "HEAD", smallKey, "", nil, 200)
	together(&writing)
	c.call("ListObjectsV2", "GET", "", "list-type=2&prefix="+url.QueryEscape(prefix), nil, 200)
	together(&listing)
	c.call("GetObject", "GET", none, "", nil, 404)
	c.call("HeadObject", "HEAD", none, "", nil, 404)
	c.call("DeleteObject", "DELETE", largeKey, "", nil, 204)
	c.call("DeleteObject", "DELETE", smallKey, "", nil, 204)
}

func main() {
	var servers endpoints
	flag.Var(&servers, "endpoint", "URL of a server, may be repeated")
	bucket := flag.String("bucket", "", "a bucket that exists")
	iterations := flag.Int("iterations", 3, "how often to do everything")
	flag.Parse()

	log, err := os.OpenFile(os.Getenv("CLIENT_LOG"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
	check(err)
	big := make([]byte, large)
	rand.Read(big)
	var all sync.WaitGroup
	writing.Add(len(servers) * *iterations)
	listing.Add(len(servers) * *iterations)
	for n, endpoint := range servers {
		c := newClient(endpoint, *bucket, log)
		for i := 0; i < *iterations; i++ {
			all.Add(1)
			go func(n, i int) {
				defer all.Done()
				c.iteration(fmt.Sprintf("matrix/%d-%d/", n, i), i, big)
			}(n, i)
		}
	}
	all.Wait()
}
