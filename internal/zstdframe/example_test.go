package zstdframe_test

import (
	"fmt"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/cofferdam-io/cofferdam/internal/zstdframe"
)

func Example() {
	document := []byte(strings.Repeat(`{"name":"log4j-core","versionInfo":"2.14.1"},`, 1000))
	var e zstdframe.Encoder
	packed := e.Append(nil, document)

	reader, err := zstd.NewReader(nil)
	if err != nil {
		panic(err)
	}
	defer reader.Close()
	again, err := reader.DecodeAll(packed, nil)
	fmt.Println(len(document), len(packed) < 100, string(again) == string(document), err)
	// Output: 45000 true true <nil>
}
