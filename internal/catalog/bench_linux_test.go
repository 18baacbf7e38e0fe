package catalog_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/store/sqlite"
)

// cpu is what the process has used, its collector and its system calls included.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// intake takes documents in, 64 at a time as many clients do, and reports megabytes
// and documents for each second of CPU: hashed, decoded, packed, indexed and on disk.
func intake(b *testing.B, docs func(i int) []byte) {
	b.Helper()
	coding := &catalog.Coding{}
	s, err := sqlite.Open(context.Background(), b.TempDir(), sqlite.Options{Coding: coding.Store()})
	if err != nil {
		b.Fatal(err)
	}
	c, end := open(b, s, catalog.Options{Log: slog.New(slog.DiscardHandler), Coding: coding})
	defer end()
	var bytesIn int64
	begun := cpu()
	b.ResetTimer()
	var wg sync.WaitGroup
	gate := make(chan struct{}, 64)
	for i := range b.N {
		doc := docs(i)
		bytesIn += int64(len(doc))
		gate <- struct{}{}
		wg.Go(func() {
			defer func() { <-gate }()
			if _, err := c.Take(context.Background(), ci, catalog.Upload{Body: bytes.NewReader(doc), Size: int64(len(doc))}); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	took := (cpu() - begun).Seconds()
	b.ReportMetric(float64(bytesIn)/1e6/took, "MB/cpu-s")
	b.ReportMetric(float64(b.N)/took, "docs/cpu-s")
}

// Real documents, each made another one by what stands behind its end.
func BenchmarkIntakeReal(b *testing.B) {
	files, err := filepath.Glob(filepath.Join(os.Getenv("COFFERDAM_DATA"), "sbom/guac-data/top-dh-sboms/*.json"))
	if err != nil || len(files) == 0 {
		b.Skip("COFFERDAM_DATA is not set: no real documents")
	}
	var docs [][]byte
	for _, f := range files {
		d, err := os.ReadFile(f)
		if err != nil {
			b.Fatal(err)
		}
		docs = append(docs, d)
	}
	intake(b, func(i int) []byte {
		return fmt.Appendf(bytes.Clone(docs[i%len(docs)]), "\n%*s", i/len(docs), "")
	})
}

// spdx300k is an SPDX document of 0.3 MB with 283 components, most of which other
// documents have too.
func spdx300k(n int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"spdxVersion":"SPDX-2.3","dataLicense":"CC0-1.0","SPDXID":"SPDXRef-DOCUMENT","name":"registry.example/app-%d","documentNamespace":"https://registry.example/app-%d","creationInfo":{"created":"2026-01-02T03:04:05Z","creators":["Tool: made"]},"packages":[`, n, n)
	for i := range 283 {
		if i > 0 {
			b.WriteByte(',')
		}
		p, v := (n*7+i*i)%5000, (n/50+i)%12
		fmt.Fprintf(&b, `{"SPDXID":"SPDXRef-Package-%d","name":"package-%d","versionInfo":"1.%d.0","supplier":"Organization: Maintainers of package-%d","downloadLocation":"NOASSERTION","filesAnalyzed":false,"sourceInfo":"acquired package info from the installed package database: /usr/lib/packages/package-%d/metadata.json","licenseConcluded":"NOASSERTION","licenseDeclared":"Apache-2.0","copyrightText":"NOASSERTION","checksums":[{"algorithm":"SHA256","checksumValue":"%064x"}],"externalRefs":[{"referenceCategory":"SECURITY","referenceType":"cpe23Type","referenceLocator":"cpe:2.3:a:package-%d:package-%d:1.%d.0:*:*:*:*:*:*:*"},{"referenceCategory":"SECURITY","referenceType":"cpe23Type","referenceLocator":"cpe:2.3:a:maintainers:package-%d:1.%d.0:*:*:*:*:*:*:*"},{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:npm/package-%d@1.%d.0"}]}`,
			i, p, v, p, p, p*31+v, p, p, v, p, v, p, v)
	}
	b.WriteString(`],"relationships":[`)
	for i := range 283 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"spdxElementId":"SPDXRef-DOCUMENT","relatedSpdxElement":"SPDXRef-Package-%d","relationshipType":"DESCRIBES"}`, i)
	}
	b.WriteString("]}")
	return b.Bytes()
}

func BenchmarkIntakeSPDX300k(b *testing.B) {
	docs := make([][]byte, b.N)
	for i := range docs {
		docs[i] = spdx300k(i)
	}
	b.Logf("%d bytes each", len(docs[0]))
	intake(b, func(i int) []byte { return docs[i] })
}
