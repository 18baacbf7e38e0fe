package catalog

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/cofferdam-io/cofferdam/index"
)

// past remembers what ran at times that were asked for lately: a question whose answer
// has several pages asks for one time again and again.
type past struct {
	mu   sync.Mutex
	last []moment // newest last
}

type moment struct {
	seq    uint64
	tenant string
	at     time.Time
	runs   *running
}

// pastMoments bounds what is remembered: each is a list of everything that ran.
const pastMoments = 4

// ran returns what runs, or what ran at a time. Which artifacts those are is told by
// the documents of the view: one that came later still describes what ran then.
func (c *Catalog) ran(ctx context.Context, v *view, tenant string, at time.Time) (*running, error) {
	if at.IsZero() {
		return v.running, nil
	}
	is := func(m moment) bool { return m.seq == v.seq && m.tenant == tenant && m.at.Equal(at) }
	c.past.mu.Lock()
	i := slices.IndexFunc(c.past.last, is)
	if i >= 0 {
		defer c.past.mu.Unlock()
		return c.past.last[i].runs, nil
	}
	c.past.mu.Unlock()
	runs, err := readRunning(ctx, c.store, map[string]index.Set{tenant: {}}, at)
	if err != nil {
		return nil, storeError(err)
	}
	c.past.mu.Lock()
	defer c.past.mu.Unlock()
	if len(c.past.last) == pastMoments {
		c.past.last = slices.Delete(c.past.last, 0, 1)
	}
	c.past.last = append(c.past.last, moment{v.seq, tenant, at, runs})
	return runs, nil
}
