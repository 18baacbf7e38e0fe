package catalog

import (
	"sync/atomic"

	"github.com/cofferdam-io/cofferdam/index"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// Coding tells a store how rows are written, and answers its look-ups of components
// from the index, once a catalogue has one: the store asks its own table for what is
// new, and for nothing else.
type Coding struct{ index atomic.Pointer[index.Index] }

// Store is what the store is opened with.
func (c *Coding) Store() store.Coding {
	return store.Coding{Encode: index.EncodeRow, Known: c.known}
}

func (c *Coding) known(keys []string, ids []uint32, missing []int) []int {
	if x := c.index.Load(); x != nil {
		if found, _, err := x.Lookup(keys, ids[:0]); err == nil {
			for i, id := range found {
				if id == index.Unknown {
					missing = append(missing, i)
				}
			}
			return missing
		}
	}
	for i := range keys {
		missing = append(missing, i)
	}
	return missing
}
