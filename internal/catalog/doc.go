// Package catalog is the durable catalogue at work: it takes documents in, keeps
// an index of them in memory, and answers what is asked. The store below it says
// what is on disk, package index how questions are answered, and package server
// who may ask.
//
//	c, err := catalog.Open(ctx, catalog.Options{Store: s, Log: log, Now: time.Now})
//	receipt, err := c.Take(ctx, actor, catalog.Upload{Body: body, Service: "checkout"})
package catalog
