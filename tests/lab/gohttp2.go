// SPDX-License-Identifier: Apache-2.0

// Command gohttp2 sends requests over one HTTP/2 connection of net/http, n at a time,
// and prints one JSON line for each, as goclient does. The first waits until the
// connection is there; with -wait the others wait for a line on stdin.
//
//	gohttp2 -ca FILE -n N https://127.0.0.1:PORT/BUCKET
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

const signature = "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/s3/aws4_request, " +
	"SignedHeaders=host, Signature=5ec4e75ec4e7"

type report struct {
	Key      string `json:"key"`
	Method   string `json:"method"`
	Status   int    `json:"status"`
	Protocol string `json:"protocol"`
	Sent     int    `json:"sent"`
	Received int    `json:"received"`
	Start    int64  `json:"start"`
	End      int64  `json:"end"`
}

var lock sync.Mutex

func ask(client *http.Client, base, method, key string, size int) {
	r := report{Key: key, Method: method, Sent: size}
	body := bytes.NewReader(bytes.Repeat([]byte("PUT /"), size/5+1)[:size])
	request, err := http.NewRequest(method, base+"/"+key, body)
	if err != nil {
		panic(err)
	}
	request.Header.Set("Authorization", signature)
	r.Start = time.Now().UnixNano()
	answer, err := client.Do(request)
	if err != nil {
		panic(err)
	}
	n, err := io.Copy(io.Discard, answer.Body)
	if err != nil {
		panic(err)
	}
	answer.Body.Close()
	r.End = time.Now().UnixNano()
	r.Status, r.Received, r.Protocol = answer.StatusCode, int(n), answer.Proto
	lock.Lock()
	json.NewEncoder(os.Stdout).Encode(r)
	lock.Unlock()
}

func main() {
	ca := flag.String("ca", "", "certificate file of the server's CA")
	n := flag.Int("n", 8, "requests of each kind")
	wait := flag.Bool("wait", false, "behind the first request, wait for a line on stdin")
	flag.Parse()
	pem, err := os.ReadFile(*ca)
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}
	base := flag.Arg(0)
	ask(client, base, "PUT", "first", 5)
	if *wait {
		fmt.Scanln()
	}
	var group sync.WaitGroup
	for i := 0; i < *n; i++ {
		for _, size := range []int{0, 777, 300000} {
			group.Add(1)
			go func(key string, size int) {
				defer group.Done()
				ask(client, base, "PUT", key, size)
				ask(client, base, "GET", key, 0)
			}(fmt.Sprintf("k%d.%d", i, size), size)
		}
	}
	group.Wait()
}
