package notify

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/report"
)

// Subject is what a receiver is told about: a vulnerability in a component of a
// running container.
type Subject struct {
	Cluster   string `json:"cluster"`
	Container string `json:"container"`
	Image     string `json:"image"`
	ID        string `json:"id"`
	PURL      string `json:"purl"`
}

// Told is what a receiver knows of a Subject.
type Told struct {
	Subject
	Zone     string `json:"zone,omitempty"`
	Service  string `json:"service,omitempty"`
	Owner    string `json:"owner,omitempty"`
	Severity string `json:"severity"`
	KEV      bool   `json:"kev,omitempty"`
	Status   string `json:"status"` // affected, or what statements (VEX) say
}

func toldOf(f *report.RunningFinding) Told {
	return Told{Subject: Subject{f.Cluster, f.Container, f.Image, f.ID, f.PURL}, Zone: f.Zone, Service: f.Service, Owner: f.Owner, Severity: f.Severity, KEV: f.KEV, Status: f.Status}
}

// differs reports whether a receiver has to be told again.
func (t *Told) differs(now *Told) bool {
	return t.Severity != now.Severity || t.KEV != now.KEV || t.Status != now.Status
}

// maxTold bounds the file: some millions of findings.
const maxTold = 1 << 30

// readTold reads what a receiver was told; nil where the file is not there yet.
func readTold(file string) (map[Subject]Told, error) {
	f, err := os.Open(file) // #nosec G304 -- a file of the server's data folder
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was read
	out := map[Subject]Told{}
	d := json.NewDecoder(bufio.NewReader(io.LimitReader(f, maxTold)))
	for {
		var t Told
		err := d.Decode(&t)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, ident.Errorf(ident.KindInvalid, "what was told cannot be read: %w", err).At(file)
		}
		out[t.Subject] = t
	}
}

// writeTold replaces the file, whole or not at all.
func writeTold(file string, told map[Subject]Told) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".cofferdam-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone once it is renamed
	w := bufio.NewWriter(f)
	e := json.NewEncoder(w)
	for _, t := range told {
		if err = e.Encode(t); err != nil {
			break
		}
	}
	if err = errors.Join(err, w.Flush(), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	return err
}
