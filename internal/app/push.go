package app

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/client"
	"github.com/cofferdam-io/cofferdam/report"
)

// pushing is how many documents are under way at once: enough that the server can
// write several in one go.
const pushing = 16

// sbomNames are the files of a folder that are taken for documents.
var sbomNames = hasExt(".json", ".xml", ".spdx", ".gz", ".zst", ".jsonl", ".swidtag", ".coswid")

// Push hands every file behind paths over to a server, with what is known of all
// of them. An answer has a row for each; a document that the server refuses ends
// nothing. An error says that the server could not be asked.
func (l *Loader) Push(ctx context.Context, c *client.Client, paths []string, about client.Document) (*report.Pushed, error) {
	var files []file
	for _, arg := range paths {
		fs, err := l.expand(arg, sbomNames)
		if err != nil {
			return nil, err
		}
		files = append(files, fs...)
	}
	out := report.NewPushed(len(files))
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		done int
		next = make(chan int)
	)
	for range min(pushing, len(files)) {
		wg.Go(func() {
			for i := range next {
				row, err := l.pushOne(ctx, c, files[i].name, about)
				mu.Lock()
				if err != nil {
					stop(err)
				}
				out.Documents[i] = row
				done++
				l.progress("pushing documents", done, len(files))
				mu.Unlock()
			}
		})
	}
feed:
	for i := range files {
		select {
		case next <- i:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	wg.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	out.Count()
	return out, nil
}

// pushOne pushes one file. What the server says about the document is in the row;
// an error concerns all of them.
func (l *Loader) pushOne(ctx context.Context, c *client.Client, name string, about client.Document) (report.PushedDocument, error) {
	row := report.PushedDocument{File: name}
	d := about
	d.Name, d.Size = name, -1
	if name == stdinName {
		b, err := l.read(ctx, name)
		if err != nil {
			return row, err
		}
		d.Size = int64(len(b))
		d.Open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
	} else {
		st, err := l.stat(name)
		if err != nil {
			return row, ident.Unreadable(name, err)
		}
		if st.Mode().IsRegular() {
			d.Size = st.Size()
		}
		d.Open = func() (io.ReadCloser, error) { return l.open(name) }
	}
	return l.pushDocument(ctx, c, d)
}

// pushDocument hands one document over.
func (l *Loader) pushDocument(ctx context.Context, c *client.Client, d client.Document) (report.PushedDocument, error) {
	row := report.PushedDocument{File: d.Name}
	r, err := c.Push(ctx, d)
	switch ident.KindOf(err) {
	case ident.KindInvalid, ident.KindUnsupported, ident.KindLimit:
		row.Error = err.Error()
		if e, ok := asIdent(err); ok {
			row.Error, row.Where, row.Hint = e.Message, e.Where, e.Hint
		}
		var kept *client.QuarantinedError
		if errors.As(err, &kept) {
			row.Quarantine = kept.Digest
		}
		return row, nil
	}
	if err != nil {
		return row, err
	}
	row.Digest, row.Sequence, row.Components, row.Duplicate, row.Status, row.Warnings = r.Digest, r.Sequence, r.Components, r.Duplicate, r.Status, r.Warnings
	for _, b := range r.Blocked {
		x := report.PushedBlock{List: b.List, Component: b.Component, Reason: b.Reason, Ticket: b.Ticket, Doubtful: b.Doubtful, Components: []string{}}
		for _, k := range b.Components {
			name := k.PURL
			if name == "" {
				name = k.Name + "@" + k.Version
			}
			x.Components = append(x.Components, name)
		}
		row.Blocked = append(row.Blocked, x)
	}
	return row, nil
}
