package retry_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/internal/retry"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func TestAfter(t *testing.T) {
	for name, c := range map[string]struct {
		header string
		wait   time.Duration
		said   bool
	}{
		"none":                     {"", 0, false},
		"seconds":                  {"7", 7 * time.Second, true},
		"at once":                  {"0", 0, true},
		"a day":                    {"86400", retry.Longest, true},
		"more than a number holds": {"99999999999999999999", retry.Longest, true},
		"negative":                 {"-1", 0, false},
		"a plus":                   {"+1", 0, false},
		"a fraction":               {"1.5", 0, false},
		"a word":                   {"soon", 0, false},
		"a date":                   {"Fri, 20 Nov 2026 12:01:00 GMT", time.Minute, true},
		"an old form of it":        {"Friday, 20-Nov-26 12:01:00 GMT", time.Minute, true},
		"a date that has passed":   {"Fri, 20 Nov 2026 11:59:00 GMT", 0, true},
		"a date next year":         {"Sat, 20 Nov 2027 12:00:00 GMT", retry.Longest, true},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.Header{}
			if c.header != "" {
				h.Set("Retry-After", c.header)
			}
			if wait, said := retry.After(h, now); wait != c.wait || said != c.said {
				t.Errorf("%q is %v, %v; want %v, %v", c.header, wait, said, c.wait, c.said)
			}
		})
	}
}

func TestBackoff(t *testing.T) {
	for failures, whole := range map[int]time.Duration{0: time.Second, 1: 2 * time.Second, 5: 32 * time.Second, 6: time.Minute, 19: time.Minute, 20: time.Minute, 1000: time.Minute} {
		for range 50 {
			if d := retry.Backoff(time.Second, time.Minute, failures); d < whole/2 || d > whole {
				t.Errorf("after %d failures it waits %v, not %v to %v", failures, d, whole/2, whole)
			}
		}
	}
}

func TestSleepEndsWithItsContext(t *testing.T) {
	why := errors.New("the program stops")
	ctx, stop := context.WithCancelCause(t.Context())
	stop(why)
	if err := retry.Sleep(ctx, time.Hour); !errors.Is(err, why) {
		t.Errorf("it ended with %v", err)
	}
	if err := retry.Sleep(t.Context(), time.Millisecond); err != nil {
		t.Error(err)
	}
}

func ExampleAfter() {
	h := http.Header{"Retry-After": {"120"}}
	fmt.Println(retry.After(h, time.Now()))
	// Output: 2m0s true
}
