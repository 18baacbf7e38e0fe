// Package html draws the map of an estate as one self-contained page: a picture
// of zones, namespaces and workloads with the connections between them, and a
// table for everything that the picture shows. It fetches nothing, works without
// scripts, and its content security policy allows nothing but itself.
//
//	var page bytes.Buffer
//	err := html.Page(&page, m, html.Options{ToolName: "cofferdam"})
//	os.WriteFile("map.html", page.Bytes(), 0o644)
package html
