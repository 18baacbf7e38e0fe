package app

import (
	"context"
	"errors"
	"io"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/mapped"
)

// largeFile is from how many bytes on a file is read to memory outside of the heap.
const largeFile = 16 << 20

// held is the content of a file for as long as somebody reads it. Nobody may look at it
// after end.
type held struct {
	data    []byte
	outside bool // of the heap
}

// hold is read for a file that is not needed any more once it was decoded.
func (f Files) hold(ctx context.Context, name string) (*held, error) {
	if _, remote := f.remote(name); !remote && name != stdinName {
		if st, err := f.stat(name); err == nil && st.Mode().IsRegular() && st.Size() >= largeFile && st.Size() <= maxFileBytes {
			if h, err := f.holdLarge(ctx, name, st.Size()); h != nil || err != nil {
				return h, err
			}
		}
	}
	data, err := f.read(ctx, name)
	if err != nil {
		return nil, err
	}
	return &held{data: data}, nil
}

// holdLarge reads a file of a size; nil where there is no such memory or the file has
// another size by now.
func (f Files) holdLarge(ctx context.Context, name string, size int64) (_ *held, err error) {
	room, err := mapped.New(size + 1) // one more, so that the end is seen
	if err != nil {
		return nil, nil //nolint:nilnil // it is read as others are
	}
	kept := false
	defer func() {
		if !kept {
			mapped.Free(room)
		}
	}()
	r, err := f.open(name)
	if err != nil {
		return nil, ident.Unreadable(name, err)
	}
	defer r.Close() //nolint:errcheck // only read
	n, err := io.ReadFull(ctxReader{ctx, r}, room)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) && int64(n) == size:
		kept = true
		return &held{data: room[:n], outside: true}, nil
	case err == nil, errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return nil, nil //nolint:nilnil // as above
	}
	return nil, ident.Errorf(ident.KindFailure, "reading: %w", err).At(name)
}

// released is told which bytes nobody will look at again; nil where that is of no use.
func (h *held) released() func(from, to int) {
	if !h.outside {
		return nil
	}
	return func(from, to int) { mapped.Release(h.data, from, to) }
}

func (h *held) end() {
	if h.outside {
		mapped.Free(h.data)
	}
	h.data, h.outside = nil, false
}
