package segment

// vec is a vector that can be forked cheaply: a fork shares the pages of its
// origin and copies one when it first writes to it, and with it the chunk that
// lists it. The origin must not be written to after it was forked.
type vec[T any] struct {
	chunks []*chunk[T]
	owned  []bool // chunks that no other vector shares
	n      int
}

// chunk lists neighbouring pages.
type chunk[T any] struct {
	pages [chunkPages]*[pageSize]T
	owned uint64 // a bit for each page that no other vector shares
}

// Both sizes are 64, so that what is copied for a change of one element of a
// hundred thousand is three pieces of about a kilobyte.
const (
	pageBits   = 6
	pageSize   = 1 << pageBits
	chunkBits  = 6
	chunkPages = 1 << chunkBits
)

// vecOf makes a vector of the elements of a slice. The slice becomes part of it.
func vecOf[T any](s []T) vec[T] {
	v := emptyVec[T](len(s))
	for i := 0; i < len(s); i += pageSize {
		var p *[pageSize]T
		if rest := s[i:]; len(rest) >= pageSize {
			p = (*[pageSize]T)(rest)
		} else {
			p = new([pageSize]T)
			copy(p[:], rest)
		}
		v.chunks[i>>(pageBits+chunkBits)].pages[i>>pageBits&(chunkPages-1)] = p
	}
	return v
}

// emptyVec makes a vector of n elements whose pages are not there yet: fill puts
// them into it before their elements are read or written.
func emptyVec[T any](n int) vec[T] {
	v := vec[T]{n: n, chunks: make([]*chunk[T], (n+pageSize*chunkPages-1)>>(pageBits+chunkBits))}
	v.owned = make([]bool, len(v.chunks))
	for i := range v.chunks {
		v.chunks[i], v.owned[i] = &chunk[T]{owned: ^uint64(0)}, true
	}
	return v
}

// fill puts a page in, which becomes part of the vector.
func (v *vec[T]) fill(p int, page *[pageSize]T) {
	c := v.own(p >> chunkBits)
	c.pages[p&(chunkPages-1)] = page
	c.owned |= 1 << (p & (chunkPages - 1))
}

func (v *vec[T]) len() int { return v.n }

func (v *vec[T]) at(i int) T { return v.page(i >> pageBits)[i&(pageSize-1)] }

// ref returns the address of an element, for reading only.
func (v *vec[T]) ref(i int) *T { return &v.page(i >> pageBits)[i&(pageSize-1)] }

func (v *vec[T]) page(p int) *[pageSize]T { return v.chunks[p>>chunkBits].pages[p&(chunkPages-1)] }

func (v *vec[T]) fork() vec[T] {
	chunks := make([]*chunk[T], len(v.chunks), len(v.chunks)+1)
	copy(chunks, v.chunks)
	return vec[T]{chunks: chunks, owned: make([]bool, len(v.chunks), len(v.chunks)+1), n: v.n}
}

func (v *vec[T]) set(i int, x T) {
	c, p := v.own(i>>(pageBits+chunkBits)), i>>pageBits&(chunkPages-1)
	if c.owned&(1<<p) == 0 {
		page := *c.pages[p]
		c.pages[p] = &page
		c.owned |= 1 << p
	}
	c.pages[p][i&(pageSize-1)] = x
}

// own returns a chunk to be written to.
func (v *vec[T]) own(c int) *chunk[T] {
	if !v.owned[c] {
		v.chunks[c], v.owned[c] = &chunk[T]{pages: v.chunks[c].pages}, true
	}
	return v.chunks[c]
}

func (v *vec[T]) push(x T) {
	i := v.n
	if i&(pageSize*chunkPages-1) == 0 {
		v.chunks, v.owned = append(v.chunks, &chunk[T]{}), append(v.owned, true)
	}
	if i&(pageSize-1) == 0 {
		c, p := v.own(i>>(pageBits+chunkBits)), i>>pageBits&(chunkPages-1)
		c.pages[p] = new([pageSize]T)
		c.owned |= 1 << p
	}
	v.n++
	v.set(i, x)
}

// changed hands over the elements, by their indexes, that may differ from those of
// another vector of a line of forks.
func (v *vec[T]) changed(o *vec[T], f func(i int) bool) bool {
	for c := range v.chunks {
		if c < len(o.chunks) && v.chunks[c] == o.chunks[c] {
			continue
		}
		for p, page := range v.chunks[c].pages {
			at := c<<(pageBits+chunkBits) | p<<pageBits
			if page == nil || c < len(o.chunks) && page == o.chunks[c].pages[p] {
				continue
			}
			for i := at; i < min(at+pageSize, v.n); i++ {
				if !f(i) {
					return false
				}
			}
		}
	}
	return true
}
