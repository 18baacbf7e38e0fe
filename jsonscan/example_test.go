package jsonscan_test

import (
	"fmt"

	"github.com/cofferdam-io/cofferdam/jsonscan"
)

func Example() {
	data := []byte(`{"name": "shop", "packages": [{"name": "zlib", "files": [1, 2, 3]}, {"name": "musl"}]}`)
	r := jsonscan.New(data, jsonscan.Options{})
	r.Object()
	for {
		key, ok := r.NextKey()
		if !ok {
			break
		}
		if string(key) != "packages" {
			r.Skip()
			continue
		}
		r.Array()
		for r.NextItem() {
			r.Object()
			for {
				key, ok := r.NextKey()
				if !ok {
					break
				}
				if string(key) == "name" {
					fmt.Println(r.Pointer(), r.String())
				} else {
					r.Skip()
				}
			}
		}
	}
	fmt.Println(r.End())
	// Output:
	// /packages/0/name zlib
	// /packages/1/name musl
	// <nil>
}

func ExampleSyntaxError() {
	r := jsonscan.New([]byte("{\n  \"name\": shop\n}"), jsonscan.Options{})
	r.Skip()
	fmt.Println(r.End())
	// Output: line 2, column 11: 's' where a value is due
}
