// Package client talks to a server of the catalogue: it sends documents until each
// is stored or refused, and asks questions. It comes again when the server says so.
//
//	c, err := client.New("https://sbom.example", token)
//	receipt, err := c.Push(ctx, client.Document{Name: "a.json", Open: open})
package client
