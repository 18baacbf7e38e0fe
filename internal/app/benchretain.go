package app

import (
	"sync/atomic"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/report"
)

// benchRetention is what the benchmark's catalogue keeps: as an operator would have it.
var benchRetention = catalog.Retention{Archive: 90 * 24 * time.Hour, Purge: 365 * 24 * time.Hour}

// benchClock is a catalogue's clock that can be put forward, so that documents grow old.
type benchClock struct{ ahead atomic.Int64 }

func (c *benchClock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *benchClock) forward(d time.Duration) { c.ahead.Add(int64(d)) }

// retain lets a tenth of what was taken in durably be deployable no longer, and retention
// do with it what it does: it leaves the index, and later its bytes are removed. What may
// be deployed is reported before, as by a pipeline, and not counted.
func (b *benchIndex) retain(c *catalog.Catalog, clock *benchClock, images []ident.Digest) error {
	by := authz.Actor{Subject: "bench", Roles: []authz.Role{authz.Admin}}
	kept := make([]ident.Digest, 0, len(images))
	for i, d := range images {
		if i%10 != 3 {
			kept = append(kept, d)
		}
	}
	due := len(images) - len(kept)
	for _, step := range []struct {
		later time.Duration
		into  *report.BenchRetained
		done  func(*catalog.Retired) int
	}{
		{benchRetention.Archive + time.Hour, &b.out.Archive, func(r *catalog.Retired) int { return r.Archived }},
		{benchRetention.Purge + time.Hour, &b.out.Purge, func(r *catalog.Retired) int { return r.Purged }},
	} {
		clock.forward(step.later)
		if _, err := c.Deployable(b.ctx, by, "releases", kept); err != nil {
			return err
		}
		took, err := spent(func() error {
			_, err := c.Due(b.ctx, benchRetention)
			return err
		})
		if err != nil {
			return err
		}
		step.into.Look = took.Seconds()
		before, known := writtenBytes()
		took, err = spent(func() error {
			did, err := c.Retire(b.ctx, by, benchRetention)
			if err == nil {
				step.into.Documents = step.done(did)
				if step.into.Documents != due || len(did.Held) > 0 {
					err = ident.Errorf(ident.KindFailure, "retention archived %d and purged %d documents of the %d that are due: %v", did.Archived, did.Purged, due, did.Held)
				}
			}
			return err
		})
		if err != nil {
			return err
		}
		step.into.CPU = took.Seconds()
		if after, still := writtenBytes(); known && still {
			n := after - before
			step.into.Written = &n
		}
	}
	return nil
}
