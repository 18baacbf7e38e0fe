package catalog

import (
	"sync"
	"sync/atomic"

	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// Coding tells a store how rows are written, and answers its look-ups of components
// from the index, once a catalogue has one: the store asks its own table for what is
// new, and for nothing else.
type Coding struct {
	index  atomic.Pointer[index.Index]
	broken atomic.Bool // the index could not be asked, and misses what it has

	mu          sync.Mutex
	young, aged map[string]uint32 // ids of keys that were asked for lately
}

// mostLately is how many keys young holds before it becomes aged: a few hundred bytes
// each, and the base images of an organisation have fewer.
const mostLately = 1 << 16

// Store is what the store is opened with.
func (c *Coding) Store() store.Coding {
	return store.Coding{Encode: index.EncodeRow, Known: c.known, Count: c.count}
}

func (c *Coding) count() uint32 {
	if x := c.index.Load(); x != nil && !c.broken.Load() {
		return x.Snapshot().Components()
	}
	return 0
}

// known answers from what was asked for lately before it asks the index, which must
// take a block of neighbours apart for each key. An id is for ever.
func (c *Coding) known(keys []string, ids []uint32, missing []int) []int {
	from := len(missing)
	c.mu.Lock()
	for i, k := range keys {
		id, ok := c.young[k]
		if !ok {
			if id, ok = c.aged[k]; ok {
				c.remember(k, id)
			}
		}
		if ids[i] = id; !ok {
			missing = append(missing, i)
		}
	}
	c.mu.Unlock()
	x := c.index.Load()
	if x == nil || len(missing) == from {
		return missing
	}
	asked := make([]string, 0, len(missing)-from)
	for _, i := range missing[from:] {
		asked = append(asked, keys[i])
	}
	found, _, err := x.Lookup(asked, nil)
	if err != nil {
		c.broken.Store(true)
		return missing
	}
	still := missing[:from]
	c.mu.Lock()
	defer c.mu.Unlock()
	for n, i := range missing[from:] {
		if found[n] == index.Unknown {
			still = append(still, i)
			continue
		}
		ids[i] = found[n]
		c.remember(keys[i], found[n])
	}
	return still
}

func (c *Coding) remember(key string, id uint32) {
	if len(c.young) >= mostLately || c.young == nil {
		c.young, c.aged = make(map[string]uint32, len(c.young)), c.young
	}
	c.young[key] = id
}
