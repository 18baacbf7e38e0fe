package signing

import "time"

// Quick is a client for tests in which services fail: nobody waits.
func Quick() *Client {
	c := New(nil)
	c.wait = time.Microsecond
	return c
}
