// Package web serves pages over HTTP. It renders what it is given and asks
// nothing of anybody: package report makes the page.
//
//	err := web.Serve(ctx, web.Options{Addr: "127.0.0.1:8080", Page: page, Map: m, Blast: b})
package web
