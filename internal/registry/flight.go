package registry

import (
	"container/list"
	"context"
	"sync"

	"github.com/cofferdam-io/cofferdam/ident"
)

// flights lets those who want the same thing at the same time fetch it once. Whoever
// comes first fetches, within their own context; if that ends, the next one does.
type flights[K comparable, V any] struct {
	mu    sync.Mutex
	calls map[K]*flight[V]
}

type flight[V any] struct {
	done  chan struct{}
	value V
	err   error
	given bool // up, since its context ended
}

func (g *flights[K, V]) do(ctx context.Context, key K, fetch func(context.Context) (V, error)) (V, error) {
	for {
		g.mu.Lock()
		if f, ok := g.calls[key]; ok {
			g.mu.Unlock()
			select {
			case <-f.done:
				if f.given {
					continue
				}
				return f.value, f.err
			case <-ctx.Done():
				var none V
				return none, context.Cause(ctx)
			}
		}
		f := &flight[V]{done: make(chan struct{})}
		if g.calls == nil {
			g.calls = map[K]*flight[V]{}
		}
		g.calls[key] = f
		g.mu.Unlock()
		func() {
			defer func() {
				f.given = f.err != nil && ctx.Err() != nil
				g.mu.Lock()
				delete(g.calls, key)
				g.mu.Unlock()
				close(f.done)
			}()
			f.value, f.err = fetch(ctx)
		}()
		return f.value, f.err
	}
}

// cache remembers manifests by digest, the most recently used of a number of bytes.
type cache struct {
	mu    sync.Mutex
	most  int64
	bytes int64
	order list.List // of *object; the front was used last
	at    map[cacheKey]*list.Element
}

// cacheKey holds the repository too: who may read one repository of a registry may
// not be allowed to read another, and that is the registry's to say.
type cacheKey struct {
	repository string
	digest     ident.Digest
}

type cached struct {
	key    cacheKey
	object *object
}

func (c *cache) get(k cacheKey) *object {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.at[k]; ok {
		c.order.MoveToFront(e)
		return e.Value.(*cached).object //nolint:forcetypeassert // nothing else is put in
	}
	return nil
}

func (c *cache) put(k cacheKey, o *object) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.at[k]; ok {
		return
	}
	if c.at == nil {
		c.at = map[cacheKey]*list.Element{}
	}
	c.at[k] = c.order.PushFront(&cached{k, o})
	c.bytes += o.cost()
	for c.bytes > c.most && c.order.Len() > 1 {
		last := c.order.Remove(c.order.Back()).(*cached) //nolint:forcetypeassert // as above
		delete(c.at, last.key)
		c.bytes -= last.object.cost()
	}
}
