//go:build unix

package cyclonedx_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/cofferdam-io/cofferdam/index/synth"
	"github.com/cofferdam-io/cofferdam/internal/corpus"
	"github.com/cofferdam-io/cofferdam/sbom/cyclonedx"
)

func BenchmarkDecode(b *testing.B) {
	var made bytes.Buffer
	for _, shape := range synth.LargeShapes() {
		if shape.Name != "cyclonedx" {
			continue
		}
		if err := shape.Write(&made, 10<<20); err != nil {
			b.Fatal(err)
		}
	}
	corpus.Throughput(b, made.Bytes(), "sbom", `"CycloneDX"`, func(data []byte) error {
		_, err := cyclonedx.Decode(context.Background(), data, cyclonedx.Options{})
		return err
	})
}
