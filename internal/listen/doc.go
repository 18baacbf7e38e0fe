// Package listen is what every HTTP server of the program has in common: an
// address that is checked before it is opened, an end that waits for the requests
// under way, and the refusal of other hosts' names on a loopback address.
//
//	ln, err := listen.On(ctx, "127.0.0.1:8080")
//	…
//	err = listen.Serve(ctx, &http.Server{Handler: listen.LoopbackOnly(h)}, ln, 10*time.Second)
package listen
