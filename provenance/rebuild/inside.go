package rebuild

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/cofferdam-io/cofferdam/ident"
)

// inside is what a part holds.
type inside struct {
	unpacked [sha256.Size]byte // of its bytes, decompressed
	files    map[string]file   // of an archive; nil where it is none
	order    []string
	program  *buildinfo.BuildInfo // of a Go program
}

// file is an entry of an archive.
type file struct {
	kind   byte
	digest [sha256.Size]byte
	size   int64
	mode   int64
	owner  string
	link   string
	time   time.Time
}

// differs lists what two entries differ in, and says whether that is what they hold.
func (f *file) differs(name string, g *file) (out []Difference, content bool) {
	add := func(what, a, b string) {
		if a != b {
			out = append(out, Difference{Path: name, What: what, A: a, B: b})
		}
	}
	add("kind", string(f.kind), string(g.kind))
	add("link", f.link, g.link)
	if f.digest != g.digest {
		add("content", fmt.Sprintf("%d bytes, sha256:%x", f.size, f.digest[:6]), fmt.Sprintf("%d bytes, sha256:%x", g.size, g.digest[:6]))
	}
	content = len(out) > 0
	add("mode", strconv.FormatInt(f.mode, 8), strconv.FormatInt(g.mode, 8))
	add("owner", f.owner, g.owner)
	add("time", f.time.UTC().Format(time.RFC3339Nano), g.time.UTC().Format(time.RFC3339Nano))
	return out, content
}

// look reads a part.
func look(ctx context.Context, p *Part, lim Limits) (*inside, error) {
	r, err := p.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer r.Close() //nolint:errcheck // it was only read
	out := &inside{}
	whole := sha256.New()
	raw := io.TeeReader(&watched{ctx, r}, whole)
	buffered := bufio.NewReaderSize(raw, 1<<16)
	var plain io.Reader = buffered
	first, _ := buffered.Peek(4) // an input that is shorter is neither
	switch {
	case begins(first, gzipMagic):
		z, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, ident.Errorf(ident.KindInvalid, "%s cannot be decompressed: %w", p.Name, err)
		}
		plain = z
	case begins(first, zstdMagic):
		z, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return nil, ident.Errorf(ident.KindInvalid, "%s cannot be decompressed: %w", p.Name, err)
		}
		defer z.Close()
		plain = z
	}
	unpacked := sha256.New()
	bounded := &bound{io.TeeReader(plain, unpacked), lim.Bytes, p.Name}
	if err := out.archive(bounded, lim); err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, bounded); err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, buffered); err != nil {
		return nil, err
	}
	if p.Digest.Algorithm() == "sha256" && hex.EncodeToString(whole.Sum(nil)) != p.Digest.Hex() {
		return nil, ident.Errorf(ident.KindInvalid, "%s: %w", p.Name, errChanged)
	}
	unpacked.Sum(out.unpacked[:0])
	if at, ok := r.(io.ReaderAt); ok && out.files == nil {
		if info, err := buildinfo.Read(at); err == nil {
			out.program = info
		}
	}
	return out, nil
}

// archive reads the entries of a tar. What is none is left as it is.
func (in *inside) archive(r *bound, lim Limits) error {
	head := bufio.NewReaderSize(r, 1024)
	block, _ := head.Peek(512)
	if len(block) < 512 || string(block[257:262]) != "ustar" {
		_, err := io.Copy(io.Discard, head)
		return err
	}
	in.files = map[string]file{}
	t := tar.NewReader(head)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return ident.Errorf(ident.KindInvalid, "%s: its archive cannot be read: %w", r.name, err)
		}
		if len(in.order) == lim.Files {
			return ident.Errorf(ident.KindLimit, "%s holds more than %d files", r.name, lim.Files)
		}
		sum := sha256.New()
		n, err := io.Copy(sum, t) // #nosec G110 -- what it unpacks to is bounded
		if err != nil {
			return ident.Errorf(ident.KindInvalid, "%s: its archive cannot be read: %w", r.name, err)
		}
		f := file{kind: h.Typeflag, size: n, mode: h.Mode, owner: fmt.Sprintf("%d:%d %s:%s", h.Uid, h.Gid, h.Uname, h.Gname), link: h.Linkname, time: h.ModTime}
		sum.Sum(f.digest[:0])
		name := path.Clean("/" + h.Name)
		for n := 2; ; n++ { // an entry that comes again is one of its own
			if _, again := in.files[name]; !again {
				break
			}
			name = path.Clean("/"+h.Name) + fmt.Sprintf(" (%d)", n)
		}
		in.files[name], in.order = f, append(in.order, name)
	}
	_, err := io.Copy(io.Discard, head)
	return err
}

// bound ends what unpacks to more than is taken.
type bound struct {
	r    io.Reader
	left int64
	name string
}

func (b *bound) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, ident.Errorf(ident.KindLimit, "%s unpacks to more than is taken", b.name)
	}
	return n, err
}

type watched struct {
	ctx context.Context
	r   io.Reader
}

func (w *watched) Read(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.r.Read(p)
}
