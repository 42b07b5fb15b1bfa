// Calls the Artos API with net/http.
//
//	ARTOS_TOKEN_FILE=token.jwt go run client.go /api/v1/templates/
//
// ARTOS_TOKEN_FILE  a file with the token, read again for every attempt, so that a rotated token is used at once
// ARTOS_TOKEN       the token itself, if there is no file
// ARTOS_API_URL     the API; https, or http on loopback
// SSL_CERT_FILE     CA certificates to trust instead of the system's (Go reads it)
//
// Exit status: 0 done; 2 usage; 3 no token was sent; 4 the token is not accepted; 5 not allowed; 1 anything else.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// apiError is an answer that is not a success. Its text never contains the token.
type apiError struct {
	message    string
	exitStatus int
}

func (e apiError) Error() string { return e.message }

// readToken returns the current token.
func readToken() (string, error) {
	file := os.Getenv("ARTOS_TOKEN_FILE")
	if file == "" {
		return strings.TrimSpace(os.Getenv("ARTOS_TOKEN")), nil
	}
	token, err := os.ReadFile(file)
	if err != nil {
		return "", apiError{"the token cannot be read", 1}
	}
	return strings.TrimSpace(string(token)), nil
}

var client = http.Client{
	Timeout: 10 * time.Second,
	// The token goes only to this host.
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// get returns the body of a GET. A GET changes nothing, so it is repeated after a temporary error.
func get(base, path string) ([]byte, error) {
	parsed, err := url.Parse(base)
	if err != nil || (parsed.Scheme != "https" && parsed.Hostname() != "127.0.0.1" && parsed.Hostname() != "localhost") {
		return nil, apiError{"ARTOS_API_URL must begin with https://", 2}
	}
	token, err := readToken()
	if err != nil {
		return nil, err
	}
	for attempt := 1; ; attempt++ {
		status, header, body, err := once(strings.TrimSuffix(base, "/")+path, token)
		last := attempt == 3
		switch {
		case err != nil && last:
			return nil, apiError{"no answer", 1}
		case err != nil:
			time.Sleep(time.Duration(attempt) * time.Second)
			continue
		case status == http.StatusUnauthorized && !last:
			renewed, err := readToken()
			if err == nil && renewed != token {
				token = renewed
				continue
			}
		case (status == 429 || status == 502 || status == 503 || status == 504) && !last:
			wait, err := strconv.Atoi(header.Get("Retry-After"))
			if err != nil || wait < 0 || wait > 60 {
				wait = attempt
			}
			time.Sleep(time.Duration(wait) * time.Second)
			continue
		}
		return body, meaning(status, body)
	}
}

func once(target, token string) (int, http.Header, []byte, error) {
	request, err := http.NewRequest(http.MethodGet, target, nil)
	if err != nil {
		return 0, nil, nil, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := client.Do(request)
	if err != nil {
		return 0, nil, nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return answer.StatusCode, answer.Header, body, err
}

// meaning returns the error for a status; nil for a success.
func meaning(status int, body []byte) error {
	var problem struct{ Detail string }
	_ = json.Unmarshal(body, &problem)
	switch {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusUnauthorized && problem.Detail == "Not authenticated":
		return apiError{"401 " + problem.Detail + ": no token was sent; set ARTOS_TOKEN_FILE", 3}
	case status == http.StatusUnauthorized:
		return apiError{"401 " + problem.Detail + ": get a new token from your organization's administrator", 4}
	case status == http.StatusForbidden:
		return apiError{"403 " + problem.Detail + ": the token is good, but not for this; ask your organization's administrator", 5}
	}
	return apiError{fmt.Sprintf("HTTP %d", status), 1}
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: client PATH")
		os.Exit(2)
	}
	base := os.Getenv("ARTOS_API_URL")
	if base == "" {
		base = "https://api.artosai.com"
	}
	body, err := get(base, os.Args[1])
	var problem apiError
	if errors.As(err, &problem) {
		fmt.Fprintln(os.Stderr, problem.message)
		os.Exit(problem.exitStatus)
	}
	fmt.Println(string(body))
}
