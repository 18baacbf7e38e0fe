package server

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strconv"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
)

// BatchRow is the answer about one document of a batch.
type BatchRow struct {
	Name    string   `json:"name" doc:"The file's name in the archive, or the line's number"`
	Receipt *Receipt `json:"receipt,omitempty"`
	Problem *problem `json:"problem,omitempty"`
}

// batching is how many documents of a batch are under way at once: enough that
// they share a write to the disk.
const batching = 32

func (a *api) batches() {
	huma.Register(a.huma, huma.Operation{
		OperationID: "putDocuments", Method: http.MethodPost, Path: "/api/v1/documents/batch", Tags: []string{"Documents"},
		Summary:     "Take many documents in",
		Description: "The body is NDJSON (application/x-ndjson: a document a line) or a tar archive (application/x-tar: a document a file), also compressed as Content-Encoding says. The answer is a stream of NDJSON, a row for each document in order, as they are on disk; documents that are refused do not end it. A row with status 429 says that this document was not taken: send it again.",
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/x-ndjson": {}, "application/x-tar": {}}},
		Responses: map[string]*huma.Response{"200": {Description: "A row for each document", Content: map[string]*huma.MediaType{
			"application/x-ndjson": {Schema: a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[BatchRow](), true, "BatchRow")}}}},
	}, a.putDocuments)
}

// piece is one document of a batch.
type piece struct {
	name string
	data []byte
}

// mostBatchBytes bounds the documents of one batch that are in memory at once; a
// larger one is alone.
const mostBatchBytes = 32 << 20

// gate lets pieces in while there is room.
type gate struct {
	mu   sync.Mutex
	room sync.Cond
	held int
}

func (g *gate) enter(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.held > 0 && g.held+n > mostBatchBytes {
		g.room.Wait()
	}
	g.held += n
}

func (g *gate) leave(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held -= n
	g.room.Signal()
}

func (a *api) putDocuments(ctx context.Context, in *uploadInput) (*huma.StreamResponse, error) {
	who, tenant, err := a.may(ctx, authz.PutDocument, in.Tenant)
	if err != nil {
		return nil, err
	}
	about, err := in.upload(tenant)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	body, media, _, err := in.body.open(a, a.Limits.Batch)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	kind, _, _ := mime.ParseMediaType(media)
	pieces := map[string]func(io.Reader, int64, func(piece) bool) error{
		"application/x-ndjson": lines, "application/ndjson": lines, "application/jsonl": lines, "application/x-tar": archive,
	}[kind]
	if pieces == nil {
		_ = body.Close()
		return nil, a.fail(ctx, ident.Errorf(ident.KindUnsupported, "a batch of %.60q is not read", media).WithHint("Content-Type: application/x-ndjson or application/x-tar"))
	}
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		defer body.Close() //nolint:errcheck // of a reader
		w := in.body.w
		ctl := http.NewResponseController(w)
		_ = ctl.EnableFullDuplex() // HTTP/2 is by itself
		hctx.SetHeader("Content-Type", "application/x-ndjson")
		hctx.SetStatus(http.StatusOK)
		rows := make(chan chan BatchRow, batching)
		g := &gate{}
		g.room.L = &g.mu
		read := make(chan struct{})
		go func() {
			defer close(read)
			defer close(rows)
			err := pieces(body, a.Limits.Document, func(p piece) bool {
				row := make(chan BatchRow, 1)
				select {
				case rows <- row:
				case <-ctx.Done():
					return false
				}
				g.enter(len(p.data))
				go func() { // ends with the document; every row is read below
					defer g.leave(len(p.data))
					row <- a.takePiece(ctx, who, about, p)
				}()
				return true
			})
			if err != nil {
				row := make(chan BatchRow, 1)
				e, _ := a.problem(ctx, err)
				row <- BatchRow{Name: "the batch", Problem: asProblem(e)}
				rows <- row
			}
		}()
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		gone := false
		for row := range rows {
			r := <-row
			if gone {
				continue // the rest is waited for all the same: it is under way
			}
			if err := errors.Join(enc.Encode(r), flushed(ctl)); err != nil {
				gone = true
			}
		}
		<-read
	}}, nil
}

func flushed(ctl *http.ResponseController) error { return ctl.Flush() }

func asProblem(e huma.StatusError) *problem {
	p, ok := e.(*problem) //nolint:errorlint // problemOf makes no other
	if !ok {
		return &problem{Status: e.GetStatus(), Title: http.StatusText(e.GetStatus()), Detail: e.Error()}
	}
	return p
}

func (a *api) takePiece(ctx context.Context, who authz.Actor, u catalog.Upload, p piece) BatchRow {
	u.Body, u.Size = bytes.NewReader(p.data), int64(len(p.data))
	r, err := a.Catalog.Take(ctx, who, u)
	if err != nil {
		e, _ := a.problem(ctx, err)
		return BatchRow{Name: p.name, Problem: asProblem(e)}
	}
	got := receiptOf(r)
	return BatchRow{Name: p.name, Receipt: &got}
}

// lines reads a document from each line that is not empty.
func lines(r io.Reader, most int64, each func(piece) bool) error {
	b := bufio.NewReaderSize(r, 64<<10)
	var line []byte
	for n := 1; ; n++ {
		line = line[:0]
		for {
			part, err := b.ReadSlice('\n')
			if int64(len(line)+len(part)) > most {
				return ident.Errorf(ident.KindLimit, "line %d is larger than %d bytes", n, most)
			}
			line = append(line, part...)
			if err == nil {
				break
			}
			if errors.Is(err, io.EOF) {
				if doc := bytes.TrimSpace(line); len(doc) > 0 {
					each(piece{name: "line " + strconv.Itoa(n), data: bytes.Clone(doc)})
				}
				return nil
			}
			if !errors.Is(err, bufio.ErrBufferFull) {
				return ident.Errorf(ident.KindInvalid, "the batch broke off in line %d: %w", n, err)
			}
		}
		if doc := bytes.TrimSpace(line); len(doc) > 0 && !each(piece{name: "line " + strconv.Itoa(n), data: bytes.Clone(doc)}) {
			return nil
		}
	}
}

// archive reads a document from each regular file of a tar archive.
func archive(r io.Reader, most int64, each func(piece) bool) error {
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return ident.Errorf(ident.KindInvalid, "the archive broke off: %w", err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if h.Size > most {
			return ident.Errorf(ident.KindLimit, "%.200q is larger than %d bytes", h.Name, most)
		}
		data := make([]byte, 0, min(h.Size, 1<<20)+1) // a header that lies costs nothing
		buf := bytes.NewBuffer(data)
		if _, err := io.Copy(buf, t); err != nil { // #nosec G110 -- the header's size, which is checked, bounds it
			return ident.Errorf(ident.KindInvalid, "the archive broke off in %.200q: %w", h.Name, err)
		}
		if !each(piece{name: h.Name, data: buf.Bytes()}) {
			return nil
		}
	}
}
