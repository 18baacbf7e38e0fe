package storetest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/internal/testenv/used"
)

// Bench measures durable intake without decoding, hashing and compression:
// documents of 283 components, of which three are new, and 30 kB of compressed
// original, in groups of several sizes; and what deleting and purging cost. The
// metric to look at is cpu-µs/doc, of this process: the rest waits for the disk.
func Bench(b *testing.B, open func(b *testing.B, c store.Coding) store.Store) {
	for _, group := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("commit/group=%d", group), func(b *testing.B) {
			m := &maker{rand: rand.New(rand.NewPCG(1, 2))} // #nosec G404 -- made data, the same each time
			s := open(b, m.known.Coding())
			for range max(1, 1024/group) {
				m.commit(b, s, m.intakes(group))
			}
			b.ResetTimer()
			var cpu time.Duration
			for range b.N {
				b.StopTimer()
				list := m.intakes(group)
				b.StartTimer()
				before := used.CPU(b)
				m.commit(b, s, list)
				cpu += used.CPU(b) - before
			}
			perDocument(b, cpu, b.N*group)
			if err := s.Close(); err != nil {
				b.Error(err)
			}
		})
	}
	for _, scopes := range []int{1, 2000} {
		b.Run(fmt.Sprintf("amend/scopes=%d", scopes), func(b *testing.B) { amending(b, open(b, (&maker{}).known.Coding()), scopes) })
	}
	b.Run("delete", func(b *testing.B) {
		const documents = 2000
		m := &maker{rand: rand.New(rand.NewPCG(1, 2))} // #nosec G404 -- as above
		s := open(b, m.known.Coding())
		var cpu, purge time.Duration
		first := uint32(0)
		for range b.N {
			b.StopTimer()
			ids := make([]uint32, 0, documents)
			for range documents / 250 {
				m.commit(b, s, m.intakes(250))
			}
			for range documents {
				ids = append(ids, first)
				first++
			}
			b.StartTimer()
			before := used.CPU(b)
			if n, err := s.Delete(b.Context(), By(m.made), ids); err != nil || n != documents {
				b.Fatal(n, err)
			}
			between := used.CPU(b)
			if n, err := s.Purge(b.Context(), By(m.made), 1<<62); err != nil || n != documents {
				b.Fatal(n, err)
			}
			cpu, purge = cpu+between-before, purge+used.CPU(b)-between
		}
		perDocument(b, cpu, b.N*documents)
		b.ReportMetric(float64(purge.Microseconds())/float64(b.N*documents), "purge-cpu-µs/doc")
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
}

func perDocument(b *testing.B, cpu time.Duration, n int) {
	b.ReportMetric(float64(cpu.Microseconds())/float64(n), "cpu-µs/doc")
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n), "wall-µs/doc")
	b.ReportMetric(0, "ns/op")
}

// maker makes documents.
type maker struct {
	rand  *rand.Rand
	known Dictionary
	made  int
}

func (m *maker) intakes(n int) []store.Intake {
	list := make([]store.Intake, n)
	for i := range list {
		m.made++
		keys := make([]string, 0, 283)
		for range 280 {
			keys = append(keys, fmt.Sprintf("pkg:npm/component-with-a-name-%d@1.2.3", m.rand.IntN(20000)))
		}
		for j := range 3 {
			keys = append(keys, fmt.Sprintf("pkg:npm/new-%d-%d@1.0.0", m.made, j))
		}
		slices.Sort(keys)
		data := make([]byte, 30<<10)
		for j := 0; j < len(data); j += 8 {
			binary.LittleEndian.PutUint64(data[j:], m.rand.Uint64())
		}
		list[i] = store.Intake{
			Mutation: By(m.made), Tenant: "acme", Original: ident.SHA256(data), Size: 300 << 10, Data: data, Format: "spdx-2.3", Media: "application/spdx+json",
			Subject: store.Subject{Name: fmt.Sprintf("registry.example.test/shop/service-%d", m.made), Version: "1.0", Build: fmt.Sprint("build-", m.made), Service: "shop", Owner: "team",
				Digests: []ident.RoledDigest{{Role: ident.RoleManifest, Digest: Manifest(m.made)}, {Role: ident.RoleConfig, Digest: ident.SHA256(fmt.Append(nil, "c", m.made))}}},
			Keys: slices.Compact(keys),
		}
	}
	return list
}

func (m *maker) commit(b *testing.B, s store.Store, list []store.Intake) {
	receipts, err := s.Commit(b.Context(), list)
	if err != nil {
		b.Fatal(err)
	}
	for _, r := range receipts {
		m.known.Learn(r.Added)
	}
}

// amending opens 2,000 states at once, as findings of one advisory are, and ends them again;
// they are of one scope, another each time, or one of each of many. There are 26,000 others.
// The metrics are of the median change.
func amending(b *testing.B, s store.Store, scopes int) {
	const states, others = 2000, 13
	versions := map[string]uint64{}
	n := 0
	amend := func(round int, end bool) time.Duration {
		changes := make([]store.StateChange, scopes)
		for i := range states {
			c := &changes[i%scopes]
			c.Scope = fmt.Sprintf("scope-%d", i%scopes*7919%max(scopes, 2))
			if scopes == 1 {
				c.Scope = fmt.Sprintf("scope-%d", round*7919%1000)
			}
			key := fmt.Sprintf("prod/shop/Deployment/app-%d/app CVE-2026-%04d pkg:deb/debian/libssl3@3.0.%d", i, round, i)
			if end {
				c.Close = append(c.Close, store.State{Key: key, From: By(n).Time})
			} else {
				c.Open = append(c.Open, store.State{Key: key, Body: bytes.Repeat([]byte("finding "), 80)})
			}
			c.Version = versions[c.Scope]
		}
		n++
		before := used.CPU(b)
		done, err := s.Amend(b.Context(), By(n), store.StateFinding, changes)
		took := used.CPU(b) - before
		if err != nil {
			b.Fatal(err)
		}
		for i := range changes {
			versions[changes[i].Scope] = done[i].Version
		}
		return took
	}
	for round := range others {
		amend(round, false)
	}
	var opened, ended []time.Duration
	for round := range b.N {
		opened = append(opened, amend(others+round, false))
		ended = append(ended, amend(others+round, true))
	}
	for what, took := range map[string][]time.Duration{"open": opened, "end": ended} {
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "cpu-ms/"+what)
	}
	if err := s.Close(); err != nil {
		b.Error(err)
	}
}
