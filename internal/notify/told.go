package notify

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/wholefile"
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
	Zone     string  `json:"zone,omitempty"`
	Service  string  `json:"service,omitempty"`
	Owner    string  `json:"owner,omitempty"`
	Severity string  `json:"severity"`
	KEV      bool    `json:"kev,omitempty"`
	EPSS     float64 `json:"epssReached,omitempty"` // the step that it reaches
	Status   string  `json:"status"`                // affected, or what statements (VEX) say
}

// Findings tells of vulnerabilities in what runs.
func Findings() Kind[report.RunningFinding, Told] {
	return Kind[report.RunningFinding, Told]{
		changed: TypeChanged, resync: TypeResync,
		told: func(f *report.RunningFinding) Told {
			return Told{Subject: Subject{f.Cluster, f.Container, f.Image, f.ID, f.PURL}, Zone: f.Zone, Service: f.Service, Owner: f.Owner, Severity: f.Severity, KEV: f.KEV, EPSS: f.EPSSReached, Status: f.Status}
		},
		key: func(t *Told) string {
			return strings.Join([]string{t.Cluster, t.Container, t.ID, t.PURL, t.Image}, "\x00")
		},
		differs: func(was, now *Told) bool {
			return was.Severity != now.Severity || was.KEV != now.KEV || was.EPSS != now.EPSS || was.Status != now.Status
		},
	}
}

// ToldScore is what a receiver knows of how good a document is.
type ToldScore struct {
	Document string  `json:"document"` // SHA-256 of its bytes
	Tenant   string  `json:"tenant,omitempty"`
	Name     string  `json:"name,omitempty"`
	Version  string  `json:"version,omitempty"`
	Service  string  `json:"service,omitempty"`
	Owner    string  `json:"owner,omitempty"`
	Score    float64 `json:"score"`
	Grade    string  `json:"grade"`
	Refused  bool    `json:"refused,omitempty"` // by the policy
	Below    bool    `json:"below,omitempty"`   // the floor
	Fault    string  `json:"fault,omitempty"`   // why it cannot be judged
}

// Scores tells of how good documents are.
func Scores() Kind[report.DocumentScore, ToldScore] {
	return Kind[report.DocumentScore, ToldScore]{
		changed: TypeScoresChanged, resync: TypeScoresResync,
		told: func(s *report.DocumentScore) ToldScore {
			return ToldScore{Document: s.Document, Tenant: s.Tenant, Name: s.Name, Version: s.Version, Service: s.Service, Owner: s.Owner, Score: s.Score, Grade: s.Grade, Refused: s.Refused, Below: s.Below, Fault: s.Fault}
		},
		key: func(t *ToldScore) string { return t.Tenant + "\x00" + t.Document },
		differs: func(was, now *ToldScore) bool {
			return was.Score != now.Score || was.Grade != now.Grade || was.Refused != now.Refused || was.Below != now.Below || was.Fault != now.Fault
		},
	}
}

// maxTold bounds the file: some millions of findings.
const maxTold = 1 << 30

// readTold reads what a receiver was told; nil where the file is not there yet.
func readTold[T any](file string, key func(*T) string) (map[string]T, error) {
	f, err := os.Open(file) // #nosec G304 -- a file of the server's data folder
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was read
	out := map[string]T{}
	d := json.NewDecoder(bufio.NewReader(io.LimitReader(f, maxTold)))
	for {
		var t T
		err := d.Decode(&t)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, ident.Errorf(ident.KindInvalid, "what was told cannot be read: %w", err).At(file)
		}
		out[key(&t)] = t
	}
}

// writeTold replaces the file, whole or not at all.
func writeTold[T any](file string, told map[string]T) error {
	return wholefile.Keep(file, 0o600, func(f io.Writer) error {
		w := bufio.NewWriter(f)
		e := json.NewEncoder(w)
		for _, t := range told {
			if err := e.Encode(t); err != nil {
				return err
			}
		}
		return w.Flush()
	})
}
