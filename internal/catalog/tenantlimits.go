package catalog

import (
	"maps"
	"sync"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

// TenantLimits bound what one tenant takes of what all share. Zero fields bound
// nothing. Servers that share a store each keep them by themselves.
type TenantLimits struct {
	AtOnce    int   // uploads under way
	Documents int   // uploads a minute on average, and at a stretch
	Bytes     int64 // bytes a minute, the same
	Artifacts int   // with a document, in all: when there are as many, no more documents are taken
}

// AnyTenant stands for every tenant that is not named.
const AnyTenant = "*"

// gates let a tenant's uploads in, or tell them when to come again.
type gates struct {
	limits map[string]TenantLimits
	now    func() time.Time

	mu sync.Mutex
	of map[string]*gate
}

// gate is what a tenant has used.
type gate struct {
	under            int // way
	documents, bytes bucket
}

// mostGates bounds the tenants that are remembered: who has used nothing lately is
// forgotten first.
const mostGates = 4096

func newGates(limits map[string]TenantLimits, now func() time.Time) *gates {
	return &gates{limits: maps.Clone(limits), now: now, of: map[string]*gate{}}
}

func (g *gates) limitsOf(tenant string) (TenantLimits, bool) {
	l, ok := g.limits[tenant]
	if !ok {
		l, ok = g.limits[AnyTenant]
	}
	return l, ok && l != TenantLimits{}
}

// enter lets an upload in. Whoever it lets in calls leave, with the bytes that it
// had.
func (g *gates) enter(tenant string, artifacts int) (leave func(bytes int64), err error) {
	l, bounded := g.limitsOf(tenant)
	if !bounded {
		return func(int64) {}, nil
	}
	if l.Artifacts > 0 && artifacts >= l.Artifacts {
		return nil, ident.Errorf(ident.KindRefused, "the tenant %.100q has documents of %d artifacts, as many as it may", tenant, artifacts).
			WithHint("archive what is no longer needed, or raise limits.tenants in the server's configuration")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	x := g.of[tenant]
	if x == nil {
		g.forget(now)
		x = &gate{documents: newBucket(float64(l.Documents), now), bytes: newBucket(float64(l.Bytes), now)}
		g.of[tenant] = x
	}
	switch {
	case l.AtOnce > 0 && x.under >= l.AtOnce:
		return nil, &BusyError{After: 2 * time.Second, What: "uploads of one tenant at once"}
	case l.Documents > 0 && x.documents.wait(now) > 0:
		return nil, &BusyError{After: x.documents.wait(now), What: "documents of one tenant a minute"}
	case l.Bytes > 0 && x.bytes.wait(now) > 0:
		return nil, &BusyError{After: x.bytes.wait(now), What: "bytes of one tenant a minute"}
	}
	x.under++
	x.documents.level--
	return func(bytes int64) {
		g.mu.Lock()
		defer g.mu.Unlock()
		x.under--
		x.bytes.level -= float64(bytes)
	}, nil
}

// forget makes room for another tenant.
func (g *gates) forget(now time.Time) {
	if len(g.of) < mostGates {
		return
	}
	for t, x := range g.of {
		x.documents.wait(now)
		x.bytes.wait(now)
		if x.under == 0 && x.documents.full() && x.bytes.full() {
			delete(g.of, t)
		}
	}
}

// bucket fills at a rate, and lets in while something is in it. What is let in may
// take more than there is: the next one then waits for longer, and none is too large
// for ever.
type bucket struct {
	minute, level float64
	at            time.Time
}

func newBucket(minute float64, now time.Time) bucket {
	return bucket{minute: minute, level: minute, at: now}
}

// wait fills the bucket, and returns how long until it lets in; 0 is now.
func (b *bucket) wait(now time.Time) time.Duration {
	if d := now.Sub(b.at); d > 0 {
		b.level, b.at = min(b.minute, b.level+b.minute*d.Minutes()), now
	}
	if b.level >= 1 || b.minute == 0 {
		return 0
	}
	return time.Duration((1-b.level)/b.minute*float64(time.Minute)).Round(time.Millisecond) + time.Millisecond
}

func (b *bucket) full() bool { return b.level >= b.minute }
