// Package server is the catalogue's HTTP interface: it establishes who asks, holds
// requests against limits, and turns them into calls of the catalogue. What an
// answer means is not decided here.
//
//	h, err := server.New(server.Options{Catalog: c, Access: access, Log: log, Version: "1.0"})
//	…
//	err = listen.Serve(ctx, &http.Server{Handler: h}, ln, grace)
//
// Every operation is described by its Go types, and /openapi.json (OpenAPI 3.1) is
// made from them. Errors are problem details (RFC 9457) with a hint.
package server
