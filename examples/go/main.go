package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

const usage = `usage: tongbao sign KEY_FILE SECRET_ID OCODE URL BODY_FILE [UNIX_SECONDS]
       tongbao verify HEADERS_FILE BODY_FILE KEY_FILE SECRET_ID OCODE [UNIX_SECONDS]`

// The command line: to try tongbao.go, not to copy.
func main() {
	words := os.Args[1:]
	now := time.Now()
	switch len(words) {
	case 6:
	case 7:
		seconds, err := strconv.ParseInt(words[6], 10, 64)
		check(err)
		now = time.Unix(seconds, 0)
	default:
		words = []string{"help"}
	}
	switch words[0] {
	case "sign":
		headers, err := Sign(text(words[1]), words[2], words[3], words[4], read(words[5]), now)
		check(err)
		for _, name := range []string{"Authorization", "Content-Type", "Host", "X-TC-Action", "X-TC-Version",
			"X-TC-Timestamp", "X-TC-Region", "X-TC-Ocode"} {
			fmt.Printf("%s: %s\n", name, headers.Get(name))
		}
	case "verify":
		lines := strings.Split(text(words[1]), "\n")
		headers := http.Header{}
		for _, line := range lines[1:] {
			name, value, _ := strings.Cut(line, ":")
			headers.Add(name, strings.TrimSpace(value))
		}
		target := strings.Split(lines[0], " ")[1]
		keys := map[string]string{words[4]: text(words[3])}
		err := Verify(keys, words[5], target, headers, read(words[2]), now)
		var refused Refused
		if errors.As(err, &refused) {
			fmt.Println(refused)
			os.Exit(1)
		}
		check(err)
		fmt.Println("genuine")
	default:
		fmt.Fprintln(os.Stderr, usage)
		os.Exit(2)
	}
}

func read(path string) []byte {
	bytes, err := os.ReadFile(path)
	check(err)
	return bytes
}

func text(path string) string { return strings.TrimSpace(string(read(path))) }

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}
