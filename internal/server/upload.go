package server

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/klauspost/compress/zstd"

	"github.com/cofferdam-io/cofferdam/ident"
)

// uploadInput is what a sender says of a document beside its bytes.
type uploadInput struct {
	Tenant   string `query:"tenant" doc:"Whose document it is; the token's tenant by default" maxLength:"100"`
	Artifact string `query:"artifact" doc:"Digest of the image manifest that the document is about, where it does not say so itself" example:"sha256:0123…"`
	Version  string `query:"version" doc:"Version of the artifact" maxLength:"256"`
	Build    string `query:"build" doc:"Identifier of the build" maxLength:"256"`
	Release  string `query:"release" doc:"Release tag" maxLength:"256"`
	Service  string `query:"service" doc:"Service that the artifact belongs to" maxLength:"256"`
	Owner    string `query:"owner" doc:"Who answers for it" maxLength:"256"`
	Cluster  string `query:"cluster" doc:"The one cluster that the document is about" maxLength:"256"`

	AttachedInput
	body bodyInput
}

// Resolve takes hold of the body, which is read as it comes.
func (in *uploadInput) Resolve(ctx huma.Context) []error { return in.body.Resolve(ctx) }

// bodyInput is a body that is streamed.
type bodyInput struct {
	r *http.Request
	w http.ResponseWriter
}

// Resolve implements huma.Resolver.
func (in *bodyInput) Resolve(ctx huma.Context) []error {
	in.r, in.w = humago.Unwrap(ctx)
	return nil
}

// errStalled is what becomes of a body that stopped coming.
var errStalled = ident.Errorf(ident.KindInvalid, "the upload stood still for too long")

// patient reads a body for as long as something comes. What has stopped coming is
// given up, so that nobody holds memory by doing nothing.
type patient struct {
	body  io.Reader
	ctl   *http.ResponseController
	stall time.Duration
	now   func() time.Time
}

func (p *patient) Read(b []byte) (int, error) {
	if err := p.ctl.SetReadDeadline(p.now().Add(p.stall)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	n, err := p.body.Read(b)
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		err = errStalled
	}
	return n, err
}

// open returns the body, unpacked as Content-Encoding says, its media type, and its
// size where that is known.
func (in *bodyInput) open(a *api, most int64) (body io.ReadCloser, media string, size int64, err error) {
	var r io.Reader = &patient{body: http.MaxBytesReader(in.w, in.r.Body, most), ctl: http.NewResponseController(in.w), stall: a.Limits.Stall, now: time.Now}
	media = in.r.Header.Get("Content-Type")
	switch coding := strings.ToLower(strings.TrimSpace(in.r.Header.Get("Content-Encoding"))); coding {
	case "", "identity":
		return io.NopCloser(r), media, in.r.ContentLength, nil
	case "gzip":
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, "", 0, ident.Errorf(ident.KindInvalid, "the body is not gzip, as Content-Encoding says: %w", err)
		}
		return z, media, -1, nil
	case "zstd":
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
		if err != nil {
			return nil, "", 0, ident.Errorf(ident.KindInvalid, "the body is not zstd, as Content-Encoding says: %w", err)
		}
		return z.IOReadCloser(), media, -1, nil
	default:
		return nil, "", 0, ident.Errorf(ident.KindUnsupported, "the content encoding %.40q is not read", coding).WithHint("gzip, zstd, or none")
	}
}

// answerTime bounds a question.
func (a *api) answerTime(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, a.Limits.Answer)
}
