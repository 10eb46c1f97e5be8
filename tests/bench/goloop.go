// SPDX-License-Identifier: Apache-2.0

// Command goloop asks for the same object again and again over one kept TLS
// connection, as `layer ... loop` does for libraries in C, and prints the same:
//
//	goloop PORT SECONDS /BUCKET/KEY
//
// A line for a first short loop; then, when there is a line on stdin, one for the
// loop of SECONDS: requests, microseconds, and the nanoseconds of CPU that one took in
// the best fifth of the time.
package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"os"
	"runtime"
	"sort"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

const chunk = 50
const processCPU = 2 // CLOCK_PROCESS_CPUTIME_ID

func cpu() int64 {
	var t syscall.Timespec
	if _, _, err := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, processCPU,
		uintptr(unsafe.Pointer(&t)), 0); err != 0 {
		log.Fatal(err)
	}
	return t.Nano()
}

type client struct {
	conn *tls.Conn
	ask  []byte
	in   []byte
}

func (c *client) request() {
	if _, err := c.conn.Write(c.ask); err != nil {
		log.Fatal(err)
	}
	have, want := 0, -1
	for have != want {
		n, err := c.conn.Read(c.in[have:])
		if err != nil {
			log.Fatal(err)
		}
		have += n
		if end := bytes.Index(c.in[:have], []byte("\r\n\r\n")); want < 0 && end >= 0 {
			want = end + 4 + length(c.in[:end])
		}
	}
}

// length of the body that a head announces.
func length(head []byte) int {
	name := []byte("\r\ncontent-length:")
	at := bytes.Index(bytes.ToLower(head), name)
	if at < 0 {
		log.Fatal("the answer has no length")
	}
	value := head[at+len(name):]
	if end := bytes.IndexByte(value, '\r'); end >= 0 {
		value = value[:end]
	}
	n, err := strconv.Atoi(string(bytes.TrimSpace(value)))
	if err != nil {
		log.Fatal(err)
	}
	return n
}

func (c *client) loop(seconds float64) {
	var costs []int64
	begin := time.Now()
	for len(costs) == 0 || time.Since(begin).Seconds() < seconds {
		before := cpu()
		for i := 0; i < chunk; i++ {
			c.request()
		}
		costs = append(costs, cpu()-before)
	}
	took := time.Since(begin)
	sort.Slice(costs, func(a, b int) bool { return costs[a] < costs[b] })
	fmt.Println(len(costs)*chunk, took.Microseconds(), costs[len(costs)/5]/chunk)
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("goloop PORT SECONDS /BUCKET/KEY")
	}
	seconds, err := strconv.ParseFloat(os.Args[2], 64)
	if err != nil {
		log.Fatal(err)
	}
	runtime.GOMAXPROCS(1)
	conn, err := tls.Dial("tcp", "127.0.0.1:"+os.Args[1], &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		log.Fatal(err)
	}
	c := client{conn, []byte("GET " + os.Args[3] + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" +
		"x-amz-content-sha256: UNSIGNED-PAYLOAD\r\n\r\n"), make([]byte, 1<<16)}
	c.loop(0)
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err == io.EOF {
		os.Exit(1)
	}
	c.loop(seconds)
}
