package feeds

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/internal/retry"
)

// How often and how patiently a document is asked for.
const (
	attempts    = 5
	firstWait   = time.Second // doubled each time
	longestWait = time.Minute // of a Retry-After; a mirror that asks for more is not waited for
	stallTime   = time.Minute // without a byte
)

// sink takes a document, and begins again where it has to be sent again.
type sink interface {
	io.Writer
	Len() int64
	Restart() error
	Reader() io.Reader // of what it took
}

// memory is a sink for what is small.
type memory struct{ bytes.Buffer }

func (m *memory) Len() int64        { return int64(m.Buffer.Len()) }
func (m *memory) Restart() error    { m.Reset(); return nil }
func (m *memory) Reader() io.Reader { return bytes.NewReader(m.Bytes()) }

// spool is a sink on disk.
type spool struct {
	file *os.File
	n    int64
}

func (s *spool) Write(p []byte) (int, error) {
	n, err := s.file.Write(p)
	s.n += int64(n)
	return n, err
}

func (s *spool) Len() int64 { return s.n }

func (s *spool) Restart() error {
	s.n = 0
	_, err := s.file.Seek(0, io.SeekStart)
	return errors.Join(err, s.file.Truncate(0))
}

func (s *spool) Reader() io.Reader { return io.NewSectionReader(s.file, 0, s.n) }

var errNotModified = errors.New("not modified")

// again is a failure that may pass.
type again struct {
	error
	after time.Duration // that the mirror asks for; 0 where it does not
}

// get asks for a document until it is there, bounded, and as its digest says where the
// mirror publishes one. It sends what is known of the last answer, and returns
// errNotModified where that still holds. What was cut off is gone on with where the
// mirror can do that.
func (u *update) get(ctx context.Context, at string, was Source, most int64, to sink) (http.Header, error) {
	if u.cache.Client == nil {
		return nil, errors.New("the network is not used")
	}
	tag := "" // of what the sink has a part of
	wait := firstWait
	for n := 1; ; n++ {
		header, err := u.try(ctx, at, was, most, to, &tag)
		var passing *again
		if err == nil || ctx.Err() != nil || !errors.As(err, &passing) {
			return header, err
		}
		if n == attempts || passing.after > longestWait {
			return nil, passing.error
		}
		if err := u.cache.wait(ctx, max(wait, passing.after)); err != nil {
			return nil, err
		}
		wait *= 2
	}
}

func (c *Cache) wait(ctx context.Context, d time.Duration) error {
	if c.Wait != nil {
		return c.Wait(ctx, d)
	}
	return retry.Sleep(ctx, d)
}

func (u *update) try(ctx context.Context, at string, was Source, most int64, to sink, tag *string) (http.Header, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "cofferdam")
	req.Header.Set("Accept-Encoding", "identity") // lengths, ranges and digests are of the document's own bytes
	if *tag != "" && to.Len() > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", to.Len()))
		req.Header.Set("If-Range", *tag)
	} else {
		if was.ETag != "" {
			req.Header.Set("If-None-Match", was.ETag)
		}
		if was.LastModified != "" {
			req.Header.Set("If-Modified-Since", was.LastModified)
		}
	}
	quiet := time.AfterFunc(u.cache.stall(), cancel)
	defer quiet.Stop()
	res, err := u.cache.Client.Do(req)
	if err != nil {
		return nil, &again{error: fmt.Errorf("cannot be reached: %w", err)}
	}
	defer res.Body.Close() //nolint:errcheck // of a reader
	switch {
	case res.StatusCode == http.StatusNotModified && was.ETag+was.LastModified != "":
		return res.Header, errNotModified
	case res.StatusCode == http.StatusPartialContent && req.Header.Get("Range") != "" && strings.HasPrefix(res.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", to.Len())):
	case res.StatusCode == http.StatusOK:
		if err := to.Restart(); err != nil {
			return nil, err
		}
	case *tag != "" && (res.StatusCode == http.StatusPartialContent || res.StatusCode == http.StatusRequestedRangeNotSatisfiable):
		*tag = ""
		return nil, &again{error: fmt.Errorf("%s goes on with another part than the one that is missing", at)}
	default:
		err := fmt.Errorf("%s answers %s", at, res.Status)
		if res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusRequestTimeout {
			after, _ := retry.After(res.Header, time.Now())
			return nil, &again{err, after}
		}
		return nil, err
	}
	*tag = ""
	if t := res.Header.Get("ETag"); strings.HasPrefix(t, `"`) && res.Header.Get("Accept-Ranges") != "none" {
		*tag = t // a weak one does not say that the bytes are the same
	}
	before := to.Len()
	body := &bounded{r: res.Body, left: most - before, came: func() { quiet.Reset(u.cache.stall()) }}
	if _, err := io.Copy(to, body); err != nil {
		if errors.Is(err, errTooLong) {
			return nil, fmt.Errorf("%s: %w", at, err)
		}
		return nil, &again{error: fmt.Errorf("%s: %w", at, err)}
	}
	if res.ContentLength >= 0 && body.read != res.ContentLength {
		return nil, &again{error: fmt.Errorf("%s is cut short", at)}
	}
	if err := matches(res.Header, to); err != nil {
		*tag = ""
		return nil, &again{error: fmt.Errorf("%s %w", at, err)}
	}
	return res.Header, nil
}

func (c *Cache) stall() time.Duration {
	if c.Stall > 0 {
		return c.Stall
	}
	return stallTime
}

// matches compares what came with the digest that the mirror gives for the whole of it:
// Repr-Digest (RFC 9530), or x-goog-hash, which osv.dev's has.
func matches(h http.Header, to sink) error {
	var want []byte
	var sum hash.Hash
	for _, part := range strings.Split(strings.Join(append(h.Values("Repr-Digest"), h.Values("X-Goog-Hash")...), ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		raw, err := base64.StdEncoding.DecodeString(strings.Trim(value, ":"))
		switch {
		case err != nil:
		case name == "sha-256" && len(raw) == sha256.Size:
			want, sum = raw, sha256.New()
		case name == "crc32c" && len(raw) == 4 && sum == nil:
			want, sum = raw, crc32.New(crc32.MakeTable(crc32.Castagnoli))
		}
	}
	if sum == nil {
		return nil
	}
	if _, err := io.Copy(sum, to.Reader()); err != nil {
		return err
	}
	if !bytes.Equal(sum.Sum(nil), want) {
		return errors.New("is not what the mirror's own digest of it says")
	}
	return nil
}

var errTooLong = errors.New("more than the limit")

// bounded fails beyond a limit, so that no part of a document passes for the whole.
type bounded struct {
	r          io.Reader
	left, read int64
	came       func()
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if n > 0 {
		b.came()
	}
	b.read += int64(n)
	if b.left -= int64(n); b.left < 0 {
		return n, errTooLong
	}
	return n, err
}
