// Prints how net/http/pprof of this Go answers each request of the table: status, headers that are not of the
// connection, and the body: whole if it is short text, otherwise its first line with each number as N.
//
//	go run http/tests/go/rows.go > http/tests/go/rows.txt
package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"regexp"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"slices"
	"strings"
)

var requests = []string{
	"GET /", "HEAD /", "POST /", "PUT /", "DELETE /", "OPTIONS /", "PATCH /",
	"GET /?debug=1", "GET /nothing", "GET /nothing?seconds=1", "GET /Heap", "GET /heap/", "GET /cmdline/", "GET /%68eap",
	"GET /%63mdline", "GET /heap%2f", "GET /heap%00", "HEAD /nothing", "POST /nothing",

	"GET /heap", "HEAD /heap", "POST /heap", "GET /heap?", "GET /heap?debug=0", "GET /heap?debug=1", "GET /heap?debug=2",
	"GET /heap?debug=-1", "GET /heap?debug=x", "GET /heap?debug=", "GET /heap?debug=1&debug=0", "GET /heap?debug=0&debug=1",
	"GET /heap?debug=%31", "GET /heap?debug=%3", "GET /heap?debug=1;gc=1", "GET /heap?debug=+1", "GET /heap?debug=%2B1",
	"GET /heap?debug=0x1", "GET /heap?debug=1.0", "GET /heap?debug=99999999999999999999", "GET /heap?Debug=1",
	"GET /heap?gc=1", "GET /heap?gc=0", "GET /heap?gc=x", "GET /heap?gc=1&debug=1",
	"GET /heap?seconds=1", "HEAD /heap?seconds=1", "GET /heap?seconds=0", "GET /heap?seconds=-1", "GET /heap?seconds=x",
	"GET /heap?seconds=", "GET /heap?seconds=1.5", "GET /heap?seconds=+1", "GET /heap?seconds=%2B1",
	"GET /heap?seconds=99999999999999999999", "GET /heap?seconds=1&debug=1", "GET /heap?seconds=1&debug=0",
	"GET /heap?seconds=1&debug=x", "GET /heap?seconds=0&debug=1", "GET /heap?seconds=1&gc=1",

	"GET /allocs", "GET /allocs?debug=1", "GET /allocs?seconds=1", "GET /allocs?seconds=1&debug=1", "GET /allocs?gc=1",
	"GET /block", "GET /block?debug=1", "GET /block?debug=2", "GET /block?seconds=1", "GET /block?seconds=x",
	"GET /mutex", "GET /mutex?debug=1", "GET /mutex?debug=2", "GET /mutex?seconds=1", "GET /mutex?seconds=0",
	"GET /goroutine", "GET /goroutine?debug=1", "GET /goroutine?debug=2", "GET /goroutine?debug=3",
	"GET /goroutine?seconds=1", "GET /goroutine?seconds=1&debug=2",
	"GET /threadcreate", "GET /threadcreate?debug=1", "GET /threadcreate?debug=2", "GET /threadcreate?seconds=1",

	"GET /profile?seconds=1", "HEAD /profile?seconds=1", "POST /profile?seconds=1", "GET /profile?seconds=1&debug=1",
	"GET /trace?seconds=0.1", "GET /trace", "GET /trace?seconds=x", "GET /trace?seconds=-1", "GET /trace?seconds=1e-1",
	"HEAD /trace?seconds=0.1", "POST /trace",
	"GET /cmdline", "HEAD /cmdline", "POST /cmdline", "GET /cmdline?debug=1",
	"GET /symbol", "HEAD /symbol", "PUT /symbol", "GET /symbol?ADDRESS", "GET /symbol?ADDRESS+ADDRESS", "GET /symbol?0x1",
	"GET /symbol?x", "GET /symbol?ADDRESS+", "GET /symbol?debug=1", "GET /symbol?a=ADDRESS",
	"GET /symbol?99999999999999999999", "POST /symbol ADDRESS",
	"GET /goroutineleak", "GET /goroutineleak?debug=1", "GET /goroutineleak?seconds=x",
	"BUSY GET /profile?seconds=1", "BUSY GET /profile?seconds=x", "BUSY HEAD /profile", "BUSY GET /trace", "BUSY GET /trace?seconds=2",
}

var numbers = regexp.MustCompile(`0x[0-9a-f]+|[0-9]+`)

func main() {
	address := fmt.Sprintf("%#x", runtime.FuncForPC(funcPC()).Entry())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go http.Serve(listener, nil)
	fmt.Printf("# %s\n", runtime.Version())
	for _, row := range requests {
		request, busy := strings.CutPrefix(row, "BUSY ")
		if busy {
			pprof.StartCPUProfile(io.Discard)
			trace.Start(io.Discard)
		}
		ask(listener.Addr().String(), row, strings.ReplaceAll(request, "ADDRESS", address), address)
		if busy {
			pprof.StopCPUProfile()
			trace.Stop()
		}
	}
}

func funcPC() uintptr {
	pc, _, _, _ := runtime.Caller(1)
	return pc
}

func ask(server, row, request, address string) {
	parts := strings.SplitN(request, " ", 3)
	body := ""
	if len(parts) == 3 {
		body = parts[2]
	}
	connection, err := net.Dial("tcp", server)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer connection.Close()
	fmt.Fprintf(connection, "%s /debug/pprof%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", parts[0], parts[1], server, len(body), body)
	response, err := http.ReadResponse(bufio.NewReader(connection), &http.Request{Method: parts[0]})
	if err != nil {
		fmt.Fprintln(os.Stderr, row, err)
		os.Exit(1)
	}
	answer, _ := io.ReadAll(response.Body)
	fmt.Printf("\n%s\n%d\n", row, response.StatusCode)
	var headers []string
	for name, values := range response.Header {
		if name != "Date" && name != "Connection" && name != "Content-Length" && name != "Transfer-Encoding" {
			headers = append(headers, name+": "+strings.Join(values, ", "))
		}
	}
	slices.Sort(headers)
	for _, header := range headers {
		fmt.Println(header)
	}
	text := strings.ReplaceAll(string(answer), address, "ADDRESS")
	switch {
	case text == "":
		fmt.Println("nothing")
	case strings.HasPrefix(text, "\x1f\x8b"):
		fmt.Println("gzip")
	case strings.HasPrefix(text, "go 1."):
		fmt.Println("trace")
	case strings.HasSuffix(text, "/rows"):
		fmt.Println("cmdline")
	case strings.HasPrefix(parts[1], "/symbol") || response.StatusCode != 200:
		fmt.Printf("%q\n", text)
	default:
		first, _, _ := strings.Cut(text, "\n")
		fmt.Printf("%q …\n", numbers.ReplaceAllString(first, "N"))
	}
}
