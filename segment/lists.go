package segment

// lists is a vector of lists that can be forked cheaply, as a vec can. As they are
// made they lie end to end in one piece of memory, so that what is looked at to
// find one is four bytes and not a slice of 24; those of a page that was written to
// since are slices.
type lists[T any] struct {
	start   []uint32 // of each list as made, and the end of the last
	data    []T
	written vec[[]T] // pages that were written to; the others are nil
}

// listsOf makes lists with the elements of others.
func listsOf[T any](s [][]T) lists[T] {
	start, n := make([]uint32, 1, len(s)+1), 0
	for _, l := range s {
		n += len(l)
		start = append(start, uint32(n)) //nolint:gosec // a few for each of what Build limits
	}
	data := make([]T, 0, n)
	for _, l := range s {
		data = append(data, l...)
	}
	return newLists(start, data)
}

func newLists[T any](start []uint32, data []T) lists[T] {
	return lists[T]{start: start, data: data, written: emptyVec[[]T](len(start) - 1)}
}

func (l *lists[T]) len() int { return l.written.len() }

// at returns a list, for reading only.
func (l *lists[T]) at(i int) []T {
	if page := l.written.page(i >> pageBits); page != nil {
		return page[i&(pageSize-1)]
	}
	lo, hi := l.start[i], l.start[i+1]
	return l.data[lo:hi:hi]
}

func (l *lists[T]) fork() lists[T] {
	return lists[T]{start: l.start, data: l.data, written: l.written.fork()}
}

func (l *lists[T]) set(i int, x []T) {
	l.open(i)
	l.written.set(i, x)
}

func (l *lists[T]) push(x []T) {
	if n := l.written.len(); n&(pageSize-1) != 0 {
		l.open(n)
	}
	l.written.push(x)
}

// open makes slices of the lists of a page.
func (l *lists[T]) open(i int) {
	p := i >> pageBits
	if l.written.page(p) != nil {
		return
	}
	page := new([pageSize][]T)
	for at := p << pageBits; at < min((p+1)<<pageBits, len(l.start)-1); at++ {
		lo, hi := l.start[at], l.start[at+1]
		page[at&(pageSize-1)] = l.data[lo:hi:hi]
	}
	l.written.fill(p, page)
}
