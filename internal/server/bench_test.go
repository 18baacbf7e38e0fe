package server_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/server"
)

// BenchmarkSearchOverHTTP asks a server which artifacts have a component in a range
// of versions, run now, and are in a zone. COFFERDAM_ARTIFACTS says how many artifacts
// there are: 2,000 unless it is set; each has 20 components of 20,000, and every
// twentieth runs. It reports the median and the 99th percentile of a request.
func BenchmarkSearchOverHTTP(b *testing.B) {
	artifacts := 2000
	if s := os.Getenv("COFFERDAM_ARTIFACTS"); s != "" {
		var err error
		if artifacts, err = strconv.Atoi(s); err != nil {
			b.Fatal(err)
		}
	}
	r := start(b, settings{access: server.Access{Loopback: true}})
	ctx := context.Background()
	who := authz.Actor{Subject: "bench", Roles: []authz.Role{authz.Publisher}}
	digest := func(i int) ident.Digest { return ident.SHA256([]byte(strconv.Itoa(i))) }
	pick := rand.New(rand.NewPCG(1, 1)) // #nosec G404 -- a corpus
	next := make(chan []byte)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for doc := range next {
				if _, err := r.catalog.Take(ctx, who, catalog.Upload{Body: bytes.NewReader(doc), Size: int64(len(doc))}); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for i := range artifacts {
		purls := make([]string, 20)
		for k := range purls {
			// Few packages are in many images.
			n := int(float64(2000) * pick.Float64() * pick.Float64())
			purls[k] = fmt.Sprintf("pkg:npm/package-%d@1.%d.0", n, pick.IntN(10))
		}
		next <- []byte(fmt.Sprintf(`{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{"component":{"type":"container","name":"app-%d","purl":"pkg:oci/app-%d@%s"}},"components":%s}`,
			i, i, url.QueryEscape(digest(i).String()), asComponents(purls)))
	}
	close(next)
	wg.Wait()
	var running []catalog.Workload
	for i := 0; i < artifacts; i += 20 {
		running = append(running, catalog.Workload{Namespace: "shop", Kind: "Deployment", Name: fmt.Sprint("app-", i), Container: "app", Digest: digest(i), Zone: []string{"dmz", "restricted", "internal"}[i/20%3]})
	}
	if _, err := r.catalog.Report(ctx, who, "prod", running); err != nil {
		b.Fatal(err)
	}
	took := make([]time.Duration, 0, b.N)
	found := 0
	b.ResetTimer()
	for range b.N {
		n := int(float64(2000) * pick.Float64() * pick.Float64())
		q := url.Values{"component": {fmt.Sprintf("pkg:npm/package-%d@<1.%d", n, 1+pick.IntN(9))}, "running": {"true"}, "zone": {"restricted"}}
		begun := time.Now()
		res, err := r.client.Get(r.url + "/api/v1/search?" + q.Encode()) //nolint:noctx // a benchmark
		if err != nil {
			b.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			b.Fatal(res.Status, err)
		}
		_ = res.Body.Close()
		took = append(took, time.Since(begun))
		found += bytes.Count(body, []byte(`"artifact":`))
	}
	b.StopTimer()
	slices.Sort(took)
	at := func(p float64) float64 { return float64(took[int(p*float64(len(took)-1))].Microseconds()) / 1000 }
	b.ReportMetric(at(0.5), "p50-ms")
	b.ReportMetric(at(0.99), "p99-ms")
	b.ReportMetric(float64(found)/float64(b.N), "artifacts/op")
}

func asComponents(purls []string) []byte {
	out := []byte{'['}
	for i, p := range purls {
		if i > 0 {
			out = append(out, ',')
		}
		out = fmt.Appendf(out, `{"type":"library","bom-ref":"c%d","name":"c%d","purl":%q}`, i, i, p)
	}
	return append(out, ']')
}
