// Package retry says when a service that was busy is asked again: what the service
// said itself, or longer and longer waits, which end with their context. How often to
// ask, and for how long, is for each caller to say.
package retry

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Longest is how long a service is believed that it wants to be left alone.
const Longest = time.Hour

// After reads Retry-After in both of its forms, seconds and a date (RFC 9110, section
// 10.2.3). said is false where the header is missing or is neither. A date that has
// passed is no wait, and none is longer than Longest.
func After(h http.Header, now time.Time) (wait time.Duration, said bool) {
	s := h.Get("Retry-After")
	if s == "" {
		return 0, false
	}
	if strings.Trim(s, "0123456789") == "" {
		n, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			return Longest, true // more seconds than a century has
		}
		return min(time.Duration(n)*time.Second, Longest), true //nolint:gosec // of 32 bits
	}
	t, err := http.ParseTime(s)
	if err != nil {
		return 0, false
	}
	return min(max(t.Sub(now), 0), Longest), true
}

// Backoff is the wait after a number of failures, the first of which is 0: it doubles
// with each, up to longest, and half of it is chance, so that those who failed together
// do not come again together.
func Backoff(first, longest time.Duration, failures int) time.Duration {
	d := longest
	if failures < 20 {
		d = min(first<<failures, longest)
	}
	return d/2 + rand.N(d/2+1) // #nosec G404 -- spreads tries
}

// Sleep waits for d, or until the context ends, whose cause it returns then.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
