// A receiver of the monitor's webhooks that verifies them. Needs Go 1.19 and nothing else.
//
//	WEBHOOK_SECRET=whsec_... PORT=8080 go run .
//
// WEBHOOK_SECRET may hold several secrets, separated by spaces, while they rotate. Copy verify
// into your own server, and handle is where your code goes.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	bodyBytesMax  = 64 * 1024
	tolerance     = 5 * time.Minute
	rememberedMax = 10_000
)

var errNotVerified = errors.New("not signed by one of the secrets within the last five minutes")

// verify returns nil when one of the secrets has signed this request within the last five
// minutes. The body is its bytes as they came: parsed and written anew they have another
// signature.
func verify(header http.Header, body []byte, secrets []string, now time.Time) error {
	id, stamp := header.Get("webhook-id"), header.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if id == "" || err != nil {
		return errNotVerified
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > tolerance || age < -tolerance {
		return errNotVerified
	}
	for _, secret := range secrets {
		text := strings.TrimRight(strings.TrimPrefix(secret, "whsec_"), "=")
		key, err := base64.RawStdEncoding.DecodeString(text)
		if err != nil {
			return err
		}
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%s.", id, stamp)
		mac.Write(body)
		wanted := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
		for _, each := range strings.Split(header.Get("webhook-signature"), " ") {
			// In constant time: an attacker learns nothing from how long it takes.
			if hmac.Equal([]byte(each), []byte(wanted)) {
				return nil
			}
		}
	}
	return errNotVerified
}

type event struct {
	Type string `json:"type"`
	Data struct {
		Summary string `json:"summary"`
	} `json:"data"`
}

// handle is what you do with an event. It comes at least once; receiver has dropped the repeats.
func handle(e event) error {
	fmt.Printf("%s: %s\n", e.Type, e.Data.Summary)
	return nil
}

type receiver struct {
	secrets []string
	mutex   sync.Mutex
	seen    map[string]bool
	order   []string
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	w.WriteHeader(r.take(w, request))
}

// take returns the status to answer with.
func (r *receiver) take(w http.ResponseWriter, request *http.Request) int {
	if request.Method != http.MethodPost {
		return http.StatusMethodNotAllowed
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, bodyBytesMax))
	if err != nil {
		return http.StatusRequestEntityTooLarge
	}
	if err := verify(request.Header, body, r.secrets, time.Now()); err != nil {
		return http.StatusUnauthorized
	}
	var e event
	if err := json.Unmarshal(body, &e); err != nil {
		return http.StatusBadRequest
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	id := request.Header.Get("webhook-id")
	if r.seen[id] {
		return http.StatusNoContent
	}
	if err := handle(e); err != nil {
		return http.StatusInternalServerError // the monitor tries again
	}
	r.seen[id] = true
	if r.order = append(r.order, id); len(r.order) > rememberedMax {
		delete(r.seen, r.order[0])
		r.order = r.order[1:]
	}
	return http.StatusNoContent
}

func main() {
	secrets := strings.Fields(os.Getenv("WEBHOOK_SECRET"))
	if len(secrets) == 0 {
		log.Fatal("set WEBHOOK_SECRET")
	}
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on %d\n", listener.Addr().(*net.TCPAddr).Port)
	server := &http.Server{
		Handler:     &receiver{secrets: secrets, seen: map[string]bool{}},
		ReadTimeout: 30 * time.Second,
	}
	log.Fatal(server.Serve(listener))
}
