package segment

// vec is a vector that can be forked cheaply: a fork shares the pages of its
// origin and copies one when it first writes to it. The origin must not be
// written to after it was forked.
type vec[T any] struct {
	pages []*[pageSize]T
	owned []bool // pages that no other vector shares
	n     int
}

const (
	pageBits = 7
	pageSize = 1 << pageBits
)

func vecOf[T any](s []T) vec[T] {
	var v vec[T]
	for i := 0; i < len(s); i += pageSize {
		p := new([pageSize]T)
		copy(p[:], s[i:])
		v.pages, v.owned = append(v.pages, p), append(v.owned, true)
	}
	v.n = len(s)
	return v
}

func (v *vec[T]) len() int { return v.n }

func (v *vec[T]) at(i int) T { return v.pages[i>>pageBits][i&(pageSize-1)] }

// ref returns the address of an element, for reading only.
func (v *vec[T]) ref(i int) *T { return &v.pages[i>>pageBits][i&(pageSize-1)] }

func (v *vec[T]) fork() vec[T] {
	pages := make([]*[pageSize]T, len(v.pages), len(v.pages)+1)
	copy(pages, v.pages)
	return vec[T]{pages: pages, owned: make([]bool, len(v.pages), len(v.pages)+1), n: v.n}
}

func (v *vec[T]) set(i int, x T) {
	p := i >> pageBits
	if !v.owned[p] {
		page := *v.pages[p]
		v.pages[p], v.owned[p] = &page, true
	}
	v.pages[p][i&(pageSize-1)] = x
}

func (v *vec[T]) push(x T) {
	if v.n&(pageSize-1) == 0 {
		v.pages, v.owned = append(v.pages, new([pageSize]T)), append(v.owned, true)
	}
	v.n++
	v.set(v.n-1, x)
}
