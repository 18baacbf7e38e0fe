package main

import (
	"strings"
	"testing"
)

// stream is what `go test -json` writes, shortened.
const stream = `{"Action":"run","Package":"a","Test":"TestA"}
{"Action":"output","Package":"a","Test":"TestA","Output":"--- SKIP: TestA\n"}
{"Action":"output","Package":"a","Test":"TestA","Output":"    a_test.go:3: COFFERDAM_DATA is not set\n"}
{"Action":"skip","Package":"a","Test":"TestA"}
{"Action":"pass","Package":"a","Test":"TestB"}
{"Action":"pass","Package":"a","Elapsed":0.5}
`

func TestReport(t *testing.T) {
	var b strings.Builder
	if err := run(strings.NewReader(stream), &b, []string{"the race detector: there is no C compiler"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2 skipped, each with its reason:", "  a TestA: a_test.go:3: COFFERDAM_DATA is not set\n", "  the race detector: there is no C compiler\n", "1 passed, 0 failed, 2 skipped"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
	failing := stream + `{"Action":"output","Package":"a","Test":"TestC","Output":"it broke\n"}` + "\n" + `{"Action":"fail","Package":"a","Test":"TestC"}` + "\n"
	b.Reset()
	if err := run(strings.NewReader(failing), &b, nil); err == nil || !strings.Contains(b.String(), "it broke") {
		t.Errorf("%v: a failure passes, or its output is lost:\n%s", err, b.String())
	}
	for _, none := range []string{"", "{\"Action\":\"skip\",\"Package\":\"a\",\"Test\":\"T\"}\n"} {
		if err := run(strings.NewReader(none), &strings.Builder{}, nil); err == nil {
			t.Error("a run without a test passes")
		}
	}
}
