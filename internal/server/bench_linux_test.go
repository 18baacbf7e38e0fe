package server_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/index/synth"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/server"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/internal/store/sqlite"
	"github.com/cofferdam-io/cofferdam/internal/testenv/used"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// asked is how many components of an organisation the benchmark asks for, each of
// another artifact.
const asked = 500

// organisation is a store with the documents of a made organisation.
type organisation struct {
	dir     string
	running []catalog.Workload
	keys    []string // of components that are asked for
}

// digestOf is the manifest's of artifact n.
func digestOf(n uint32) ident.Digest { return ident.SHA256([]byte(strconv.FormatUint(uint64(n), 10))) }

var zones = [...]string{"dmz", "restricted", "internal", "partner", "lab"}

// organise commits the documents' rows, without the bytes that they would come from.
func organise(b *testing.B, artifacts, components int) *organisation {
	ctx := b.Context()
	corpus, err := synth.New(synth.Config{Documents: artifacts, Components: components, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	o := &organisation{dir: b.TempDir()}
	var keys []string
	ids := map[string]uint32{}
	s, err := sqlite.Open(ctx, o.dir, sqlite.Options{Coding: store.Coding{Encode: index.EncodeRow, Count: func() uint32 { return uint32(len(ids)) }, //nolint:gosec // an id
		Known: func(keys []string, to []uint32, missing []int) []int {
			for i, k := range keys {
				var ok bool
				if to[i], ok = ids[k]; !ok {
					missing = append(missing, i)
				}
			}
			return missing
		}}})
	if err != nil {
		b.Fatal(err)
	}
	var group []store.Intake
	commit := func() {
		got, err := s.Commit(ctx, group)
		if err != nil {
			b.Fatal(err)
		}
		for _, r := range got {
			for _, e := range r.Added {
				ids[e.Key] = e.ID
			}
		}
		group = group[:0]
	}
	pick := rand.New(rand.NewPCG(1, 1)) // #nosec G404 -- a corpus
	for d, ok := corpus.Next(); ok; d, ok = corpus.Next() {
		keys = append(keys, d.NewKeys...)
		own := make([]string, len(d.Entries))
		for i, id := range d.Entries {
			own[i] = keys[id]
		}
		slices.Sort(own)
		body := digestOf(d.ID | 1<<31)
		group = append(group, store.Intake{Mutation: store.Mutation{Actor: "bench", Time: time.Now()}, Original: body, Size: 1, Data: []byte{0}, Status: store.StatusPublished, Format: "spdx-2.3",
			Subject: store.Subject{Name: fmt.Sprint("app-", d.Service), Version: strconv.Itoa(int(d.ID)), Digests: []ident.RoledDigest{{Role: ident.RoleManifest, Digest: digestOf(d.ID)}}}, Keys: own})
		if d.Latest {
			o.running = append(o.running, catalog.Workload{Namespace: "shop", Kind: "Deployment", Name: fmt.Sprint("app-", d.Service), Container: "app", Digest: digestOf(d.ID), Zone: zones[d.Service%len(zones)]})
		}
		if pick.IntN(max(1, artifacts/asked)) == 0 {
			o.keys = append(o.keys, own[pick.IntN(len(own))])
		}
		if len(group) == 256 {
			commit()
		}
	}
	if len(group) > 0 {
		commit()
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	return o
}

// organisationSize is how many artifacts there are, and how many components each has.
func organisationSize(b *testing.B) map[string]int {
	b.Helper()
	size := map[string]int{"COFFERDAM_ARTIFACTS": 2000, "COFFERDAM_COMPONENTS": 100}
	for name := range size {
		if s := os.Getenv(name); s != "" {
			n, err := strconv.Atoi(s)
			if err != nil {
				b.Fatal(err)
			}
			size[name] = n
		}
	}
	return size
}

// asked are questions for components up to the version of some, and an advisory about each.
func (o *organisation) asked(b *testing.B) (components []string, advisories []*vuln.Advisory) {
	b.Helper()
	for i, key := range o.keys {
		c, os, err := index.ParseKey([]byte(key))
		if err != nil {
			b.Fatal(err)
		}
		p, err := vuln.ParsePURL(c.PURL)
		if err != nil {
			b.Fatal(err)
		}
		of, err := vuln.IdentityOf(&c, os)
		if err != nil {
			b.Fatal(err)
		}
		version := p.Version
		p.Version, p.Qualifiers = "", nil
		components = append(components, fmt.Sprintf("%s@<=%s", p, version))
		advisories = append(advisories, &vuln.Advisory{ID: fmt.Sprint("BENCH-", i), Affected: []vuln.Affected{{Ecosystem: of[0].Ecosystem, Name: of[0].Name,
			Ranges: []vuln.Range{{Type: vuln.RangeEcosystem, Events: []vuln.Event{{Introduced: "0"}, {LastAffected: of[0].Version}}}}}}})
	}
	return components, advisories
}

// BenchmarkOverHTTP asks a server of an organisation which artifacts have a component up
// to a version, run now and are in a zone; which of them an advisory affects; and where
// it runs. COFFERDAM_ARTIFACTS and COFFERDAM_COMPONENTS say how many artifacts there are
// and how many components each has. It reports the median and the 99th percentile of a
// request on a connection that stays, in wall time and in what the process used of its
// processors meanwhile: client, server and collector. A machine that does other things
// makes the first as long as it likes.
func BenchmarkOverHTTP(b *testing.B) {
	size := organisationSize(b)
	o := organise(b, size["COFFERDAM_ARTIFACTS"], size["COFFERDAM_COMPONENTS"])
	r := start(b, settings{dir: o.dir, access: server.Access{Loopback: true}})
	if _, err := r.catalog.Report(b.Context(), authz.Actor{Subject: "bench", Roles: []authz.Role{authz.Publisher}}, "prod", o.running); err != nil {
		b.Fatal(err)
	}
	components, advisories := o.asked(b)
	db, err := vuln.NewDatabase(advisories, vuln.Options{})
	if err != nil {
		b.Fatal(err)
	}
	if err := r.catalog.SetAdvisories(b.Context(), catalog.Advisories{Database: db, Loaded: time.Now()}); err != nil {
		b.Fatal(err)
	}
	for _, question := range []struct {
		name string
		path func(i int) string
	}{
		{"component", func(i int) string {
			return "search?" + url.Values{"component": {components[i%len(components)]}, "running": {"true"}, "zone": {zones[i%len(zones)]}}.Encode()
		}},
		{"advisory", func(i int) string {
			return fmt.Sprintf("advisories/BENCH-%d/artifacts?running=true&zone=%s", i%len(advisories), zones[i%len(zones)])
		}},
		{"where", func(i int) string {
			return "where?" + url.Values{"query": {components[i%len(components)]}}.Encode()
		}},
	} {
		b.Run(question.name, func(b *testing.B) {
			wall, spent := make([]time.Duration, 0, b.N), make([]time.Duration, 0, b.N)
			found := 0
			for i := 0; b.Loop(); i++ {
				begun, was := time.Now(), used.CPU(b)
				body := get(b, r, question.path(i))
				wall, spent = append(wall, time.Since(begun)), append(spent, used.CPU(b)-was)
				found += bytes.Count(body, []byte(`"artifact":`))
			}
			reportTimes(b, "ms", wall)
			reportTimes(b, "cpu-ms", spent)
			b.ReportMetric(float64(found)/float64(b.N), "artifacts/op")
		})
	}
}

// reportTimes reports the median and the 99th percentile.
func reportTimes(b *testing.B, unit string, took []time.Duration) {
	b.Helper()
	slices.Sort(took)
	at := func(p float64) float64 {
		return float64(took[int(math.Ceil(p*float64(len(took))))-1].Microseconds()) / 1000
	}
	b.ReportMetric(at(0.5), "p50-"+unit)
	b.ReportMetric(at(0.99), "p99-"+unit)
}

// BenchmarkAdvisoryChange changes one advisory after another (new, withdrawn, another
// range) of an organisation's server, and measures until the findings of everything that
// runs are as it says, written down, with their events. COFFERDAM_ARTIFACTS and
// COFFERDAM_COMPONENTS are those of BenchmarkOverHTTP.
func BenchmarkAdvisoryChange(b *testing.B) {
	size := organisationSize(b)
	o := organise(b, size["COFFERDAM_ARTIFACTS"], size["COFFERDAM_COMPONENTS"])
	r := start(b, settings{dir: o.dir, access: server.Access{Loopback: true}})
	if _, err := r.catalog.Report(b.Context(), authz.Actor{Subject: "bench", Roles: []authz.Role{authz.Publisher}}, "prod", o.running); err != nil {
		b.Fatal(err)
	}
	_, advisories := o.asked(b)
	db, err := vuln.NewDatabase(advisories, vuln.Options{})
	if err != nil {
		b.Fatal(err)
	}
	at := time.Now()
	if err := r.catalog.SetAdvisories(b.Context(), catalog.Advisories{Database: db, Loaded: at}); err != nil {
		b.Fatal(err)
	}
	if _, err := r.catalog.AuditFindings(b.Context()); err != nil {
		b.Fatal(err)
	}
	before, err := r.catalog.Findings(b.Context(), catalog.FindingQuery{Limit: 1})
	if err != nil {
		b.Fatal(err)
	}
	wall, spent := make([]time.Duration, 0, b.N), make([]time.Duration, 0, b.N)
	for i := 0; b.Loop(); i++ {
		a := *advisories[i%len(advisories)]
		switch at = at.Add(time.Second); i % 3 {
		case 0:
			a.ID = fmt.Sprint("NEW-", i)
		case 1:
			a.Withdrawn = at
		default:
			a.Affected = slices.Clone(a.Affected)
			a.Affected[0].Ranges = []vuln.Range{{Type: vuln.RangeEcosystem, Events: []vuln.Event{{Introduced: "0"}}}}
		}
		begun, was := time.Now(), used.CPU(b)
		if err := r.catalog.ChangeAdvisories(b.Context(), catalog.Advisories{Loaded: at}, []*vuln.Advisory{&a}); err != nil {
			b.Fatal(err)
		}
		if _, err := r.catalog.AuditFindings(b.Context()); err != nil {
			b.Fatal(err)
		}
		wall, spent = append(wall, time.Since(begun)), append(spent, used.CPU(b)-was)
	}
	reportTimes(b, "ms", wall)
	reportTimes(b, "cpu-ms", spent)
	b.ReportMetric(float64(before.Total), "findings")
	b.ReportMetric(float64(len(o.running)), "containers")
}

// get reads an answer of the API whole.
func get(b *testing.B, r *rig, path string) []byte {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, r.url+"/api/v1/"+path, nil)
	if err != nil {
		b.Fatal(err)
	}
	res, err := r.client.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil || res.StatusCode != http.StatusOK {
		b.Fatalf("%s: %s %s: %v", path, res.Status, body, err)
	}
	return body
}
