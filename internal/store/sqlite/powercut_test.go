package sqlite

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/internal/store"
	"github.com/cofferdam-io/cofferdam/internal/store/storetest"
)

// disk is what a power cut leaves: for each file what was synced, and what was
// written since, of which the disk may have any part.
type disk struct {
	durable map[string][]byte
	pending map[string][]event
}

func apply(content []byte, e event) []byte {
	end := e.off + int64(len(e.data))
	if e.kind == truncated {
		if end > int64(len(content)) {
			return append(content, make([]byte, end-int64(len(content)))...)
		}
		return content[:end]
	}
	if grow := end - int64(len(content)); grow > 0 {
		content = append(content, make([]byte, grow)...)
	}
	copy(content[e.off:], e.data)
	return content
}

func (d *disk) step(e event) {
	switch e.kind {
	case wrote, truncated:
		d.pending[e.file] = append(d.pending[e.file], e)
	case synced:
		content := d.durable[e.file]
		for _, p := range d.pending[e.file] {
			content = apply(content, p)
		}
		d.durable[e.file] = content
		delete(d.pending, e.file)
	case deleted:
		delete(d.durable, e.file)
		delete(d.pending, e.file)
	}
}

// image writes the files as they are after the cut: which of the unsynced writes
// arrived, keep decides, for each sector of each.
func (d *disk) image(t *testing.T, dir string, keep func() bool) {
	t.Helper()
	const sector = 512
	names := map[string]bool{}
	for name := range d.durable {
		names[name] = true
	}
	for name := range d.pending {
		names[name] = true
	}
	for name := range names {
		content := slices.Clone(d.durable[name])
		for _, e := range d.pending[name] {
			if e.kind == truncated {
				if keep() {
					content = apply(content, e)
				}
				continue
			}
			for i := 0; i < len(e.data); i += sector {
				if keep() {
					content = apply(content, event{kind: wrote, off: e.off + int64(i), data: e.data[i:min(i+sector, len(e.data))]})
				}
			}
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// cut takes documents in over the recording file system and looks at the disk that
// power cuts leave. It returns how many of them lost something acknowledged. then is what
// happens after the intake.
func cut(t *testing.T, sync string, images int, then func(*Store)) (lost int) {
	t.Helper()
	base := t.TempDir()
	if err := openIn(t, base, store.Coding{Encode: storetest.EncodeRow}).Close(); err != nil {
		t.Fatal(err)
	}
	d := &disk{durable: map[string][]byte{}, pending: map[string][]event{}}
	start, err := os.ReadFile(filepath.Join(base, File))
	if err != nil {
		t.Fatal(err)
	}
	d.durable[File] = start

	vfs, p := useShim(t)
	// The log is moved into the file every few commits: cuts hit that as well.
	s, err := Open(t.Context(), base, Options{Coding: store.Coding{Encode: storetest.EncodeRow}, vfs: vfs, sync: sync, pages: 24})
	if err != nil {
		t.Fatal(err)
	}
	const documents = 40
	for n := 0; n < documents; {
		group := []store.Intake{storetest.Numbered(uint64(n))}
		for range n % 3 {
			group = append(group, storetest.Numbered(uint64(n+len(group))))
		}
		storetest.Commit(t, s, group...)
		for range group {
			p.add(event{kind: acknowledged, ack: n})
			n++
		}
	}
	then(s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	r := rand.New(rand.NewPCG(7, 7))
	kinds := map[eventKind]int{}
	for _, e := range p.events {
		kinds[e.kind]++
	}
	if kinds[wrote] == 0 || kinds[synced] == 0 {
		t.Fatalf("the file system recorded %v", kinds)
	}
	at := map[int]bool{}
	for range images {
		at[r.IntN(len(p.events))] = true
	}
	var acks []storetest.Ack
	for i, e := range p.events {
		if e.kind == acknowledged {
			acks = append(acks, storetest.Ack{Number: uint64(e.ack), Document: uint32(e.ack)})
		} else {
			d.step(e)
		}
		// The moment after an acknowledgement is where a promise can be broken.
		if !at[i] && !(e.kind == acknowledged && e.ack%5 == 0) {
			continue
		}
		share := []float64{0, 0.3, 0.9}[r.IntN(3)]
		if e.kind == acknowledged {
			share = 0
		}
		dir := t.TempDir()
		d.image(t, dir, func() bool { return share > 0 && r.Float64() < share })
		back := openIn(t, dir, store.Coding{Encode: storetest.EncodeRow})
		position, err := back.Position(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		// What is there is whole in either mode: that is what the log's checksums are for.
		integrity(t, back)
		storetest.Tail(t, back, evidence.Head{})
		switch {
		case int(position.Documents) < len(acks):
			lost++
			if sync == "FULL" {
				t.Errorf("after event %d of %d, %d documents were acknowledged and the disk has %d", i, len(p.events), len(acks), position.Documents)
			}
		default:
			storetest.Acknowledged(t, back, acks)
		}
		if err := back.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("synchronous=%s: %d events %v, %d images, %d of them lost something acknowledged", sync, len(p.events), kinds, len(at)+documents/5, lost)
	return lost
}

// A power cut drops what was written and not synced, or any part of it. With
// synchronous=FULL nothing acknowledged is among it; with NORMAL, which syncs the
// log only when it is moved into the file, the same cuts lose documents: so the test
// can see a loss, and FULL is needed.
func TestPowerCuts(t *testing.T) {
	rest := func(*Store) {}
	cut(t, "FULL", 60, rest)
	if lost := cut(t, "NORMAL", 20, rest); lost == 0 {
		t.Error("synchronous=NORMAL lost nothing: the test does not see what it should")
	}
}

// A power cut while the file is written anew loses nothing either: whatever of it reached
// the disk, the catalogue is the old one or the new one.
func TestPowerCutsWhileCompacting(t *testing.T) {
	small := false
	cut(t, "FULL", 60, func(s *Store) {
		emptied(t, s, 1000, 60)
		c, err := s.Compact(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		small = c.After < c.Before*2/3 && !c.Waits
	})
	if !small {
		t.Error("nothing was compacted: the test cuts what it should not")
	}
}
