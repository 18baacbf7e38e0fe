// Search keeps an index of article pages and answers queries over HTTP/2.
package main

import (
	"log"
	"net/http"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c"
)

func words(n *html.Node, out *[]string) {
	if n.Type == html.TextNode {
		*out = append(*out, strings.Fields(n.Data)...)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		words(c, out)
	}
}

func main() {
	index := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page, err := html.Parse(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		var found []string
		words(page, &found)
		_, _ = w.Write([]byte(strings.Join(found, "\n")))
	})
	log.Fatal(http.ListenAndServe(":9200", h2c.NewHandler(index, &http2.Server{})))
}
