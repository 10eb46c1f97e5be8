// SPDX-License-Identifier: Apache-2.0

// Command goclient sends requests over HTTPS from many goroutines and prints one
// JSON line for each: what it asked, what it got, and when (nanoseconds since the
// epoch). At the end {"errors": N}.
//
//	goclient [flags] https://127.0.0.1:PORT/BUCKET
//
// Half of the workers use net/http, which reads a connection in a goroutine of its
// own. The others write and read a tls.Conn themselves, each call in a goroutine
// that was just made: its stack is too small for the call and moves during it, and
// Read is entered before the request is written.
package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

type report struct {
	Key      string `json:"key"`
	Method   string `json:"method"`
	Status   int    `json:"status"`
	Sent     int    `json:"sent"`
	Received int    `json:"received"`
	Start    int64  `json:"start"`
	End      int64  `json:"end"`
	Local    string `json:"local"`
}

var (
	ca       = flag.String("ca", "", "certificate file of the server's CA")
	workers  = flag.Int("workers", 4, "goroutines that send requests")
	requests = flag.Int("requests", 23, "requests of each worker, unless -until")
	until    = flag.String("until", "", "go on until there is such a file")
	stress   = flag.Bool("stress", false, "collect garbage all the time, deepen stacks")
	pause    = flag.Duration("pause", 0, "between two requests of a worker")
	wait     = flag.Bool("wait", false, "begin when there is a line on stdin")
	hold     = flag.Bool("hold", false, "keep connections until there is a line on stdin")

	base   *url.URL
	config *tls.Config
	errors int64
	ended  int32
	output = struct {
		sync.Mutex
		*json.Encoder
	}{}
)

func fail(where string, err error) {
	atomic.AddInt64(&errors, 1)
	fmt.Fprintf(os.Stderr, "%s: %v\n", where, err)
}

func told(r report) {
	output.Lock()
	defer output.Unlock()
	output.Encode(r)
}

// deeper calls f below so many frames: the stack grows on the way, and is shrunk by
// the collector some time after.
func deeper(n int, f func()) byte {
	var room [512]byte
	if n == 0 {
		f()
		return room[0]
	}
	room[n%len(room)] = deeper(n-1, f)
	return room[n%len(room)]
}

// request number i of a worker. The key's end says what the server answers.
func request(worker, i int) *http.Request {
	var body []byte
	method := []string{"GET", "PUT", "HEAD", "GET", "DELETE", "PUT", "GET"}[i%7]
	answer := []string{"0", "1", "777", "20000", "204", "300000", "404"}[i%7]
	if method == "PUT" {
		body = bytes.Repeat([]byte{'b'}, 100+worker*1009+i*13%50000)
		answer = "0"
	}
	target := *base
	target.Path += fmt.Sprintf("/w%dr%d.%s", worker, i, answer)
	r, _ := http.NewRequest(method, target.String(), bytes.NewReader(body))
	r.Header.Set("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
	return r
}

func key(r *http.Request) string {
	return r.URL.Path[len(base.Path)+1:]
}

// answered reads the response to its end.
func answered(r *http.Request, response *http.Response, local net.Addr, start time.Time) {
	n, err := io.Copy(io.Discard, response.Body)
	response.Body.Close()
	if err != nil {
		fail(key(r), err)
		return
	}
	told(report{key(r), r.Method, response.StatusCode, int(r.ContentLength), int(n),
		start.UnixNano(), time.Now().UnixNano(), local.String()})
}

func withClient(client *http.Client, r *http.Request) {
	var local net.Addr
	start := time.Now()
	response, err := client.Do(r.WithContext(httptrace.WithClientTrace(r.Context(),
		&httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
			local = info.Conn.LocalAddr()
		}})))
	if err != nil {
		fail(key(r), err)
		return
	}
	answered(r, response, local, start)
}

// withConn lets a goroutine wait in Read, then lets another one write.
func withConn(conn *tls.Conn, r *http.Request) {
	var written bytes.Buffer
	r.Write(&written)
	done := make(chan struct{})
	ready := make(chan struct{})
	var start time.Time
	go func() {
		defer close(done)
		close(ready)
		response, err := http.ReadResponse(bufio.NewReaderSize(conn, 16), r)
		if err != nil {
			fail(key(r), err)
			return
		}
		answered(r, response, conn.LocalAddr(), start)
	}()
	<-ready
	runtime.Gosched()
	start = time.Now()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		if _, err := conn.Write(written.Bytes()); err != nil {
			fail(key(r), err)
		}
	}()
	<-sent
	<-done
}

// watch ends the workers when the file is there.
func watch() {
	for *until != "" {
		if _, err := os.Stat(*until); err == nil {
			atomic.StoreInt32(&ended, 1)
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func work(worker int, client *http.Client) {
	var conn *tls.Conn
	if worker%2 == 1 {
		var err error
		if conn, err = tls.Dial("tcp", base.Host, config); err != nil {
			fail("dial", err)
			return
		}
		if !*hold {
			defer conn.Close()
		}
	}
	for i := 0; *until != "" && atomic.LoadInt32(&ended) == 0 || *until == "" && i < *requests; i++ {
		one := func() {
			if conn != nil {
				withConn(conn, request(worker, i))
			} else {
				withClient(client, request(worker, i))
			}
		}
		if *stress {
			done := make(chan struct{})
			go func() {
				defer close(done)
				deeper(i%64, one)
			}()
			<-done
		} else {
			one()
		}
		time.Sleep(*pause)
	}
}

func main() {
	flag.Parse()
	pem, err := os.ReadFile(*ca)
	if err != nil {
		fail("ca", err)
		os.Exit(1)
	}
	if base, err = url.Parse(flag.Arg(0)); err != nil {
		fail("url", err)
		os.Exit(1)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	config = &tls.Config{RootCAs: pool}
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig:     config,
		MaxIdleConnsPerHost: *workers,
		// not nil: no HTTP/2
		TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
	}}
	buffered := bufio.NewWriter(os.Stdout)
	output.Encoder = json.NewEncoder(buffered)
	input := bufio.NewReader(os.Stdin)
	if *wait {
		input.ReadString('\n')
	}
	if *stress {
		debug.SetGCPercent(1)
		go func() {
			for {
				runtime.GC()
				time.Sleep(5 * time.Millisecond)
			}
		}()
	}
	go watch()
	var all sync.WaitGroup
	for w := 0; w < *workers; w++ {
		all.Add(1)
		go func(w int) {
			defer all.Done()
			work(w, client)
		}(w)
	}
	all.Wait()
	output.Encode(map[string]int64{"errors": errors})
	buffered.Flush()
	if *hold {
		input.ReadString('\n')
	}
}
