package report

import (
	"io"
	"strconv"
	"strings"
	"time"
)

// Drifts is the answer of `drift`: where what runs and the documents did not agree, and
// from when to when.
type Drifts struct {
	SchemaVersion string  `json:"schemaVersion"`
	Items         []Drift `json:"items"`
}

// Drift is a container that was not covered for a time.
type Drift struct {
	Cluster   string    `json:"cluster"`
	Container string    `json:"container"` // namespace/kind/name/container
	Image     string    `json:"image,omitempty"`
	Standing  string    `json:"standing"` // unreviewed, stale, missing, unresolved
	Doubts    []string  `json:"doubts,omitempty"`
	From      time.Time `json:"from"`
	Until     time.Time `json:"until,omitzero"` // absent while it is so
}

func driftTable(w io.Writer, a *Drifts, o Options) error {
	p := newPrinter(w, o)
	now := 0
	rows := make([][]string, 0, len(a.Items))
	for i := range a.Items {
		d := &a.Items[i]
		until := minute(d.Until)
		if until == "" {
			until = p.bold("now")
			now++
		}
		why := make([]string, 0, len(d.Doubts))
		for _, x := range d.Doubts {
			why = append(why, doubtWords[x])
		}
		rows = append(rows, []string{minute(d.From), until, p.bold(clean(d.Cluster + ":" + d.Container)), clean(d.Standing), clean(strings.Join(why, "; ")), clean(shortImage(d.Image))})
	}
	if now == 0 {
		// Absence is no proof: the server writes down what it sees some time after a change.
		p.linef("%s as of the server's last look; cofferdam coverage says how it is now", p.bold("NO DRIFT"))
	} else {
		p.linef("%s: what runs in %s and the documents do not agree", p.red("DRIFTED"), plural(now, "container"))
	}
	if len(rows) > 0 {
		p.heading("DRIFT", len(rows), "times are UTC")
		p.table([]column{{"FROM", 0}, {"UNTIL", 0}, {"CONTAINER", 28}, {"STANDING", 0}, {"WHY", 24}, {"IMAGE", 18}}, rows)
	}
	return p.done()
}

// Reporters is the answer of `deployable`: who says what runs and what may be deployed.
type Reporters struct {
	SchemaVersion string     `json:"schemaVersion"`
	Items         []Reporter `json:"items"`
}

// Reporter is a cluster, or a source of images that may be deployed.
type Reporter struct {
	Kind string    `json:"kind"` // cluster, source
	Name string    `json:"name"`
	Last time.Time `json:"last"` // when last, to the hour
}

func reportersTable(w io.Writer, a *Reporters, o Options) error {
	p := newPrinter(w, o)
	rows := make([][]string, 0, len(a.Items))
	for i := range a.Items {
		r := &a.Items[i]
		rows = append(rows, []string{clean(r.Kind), p.bold(clean(r.Name)), minute(r.Last)})
	}
	if len(rows) == 0 {
		p.linef("%s has said what runs or what may be deployed", p.yellow("NOBODY"))
		return p.done()
	}
	p.heading("REPORTERS", len(rows), "times are UTC")
	p.table([]column{{"KIND", 0}, {"NAME", 24}, {"LAST", 0}}, rows)
	return p.done()
}

// Quarantine is the answer of `documents quarantine`: what could not be read, and why.
type Quarantine struct {
	SchemaVersion string        `json:"schemaVersion"`
	Items         []Quarantined `json:"items"`
}

// Quarantined is a document that could not be read.
type Quarantined struct {
	ID        uint64    `json:"id"`
	Digest    string    `json:"digest"`
	Size      int64     `json:"size"` // bytes
	MediaType string    `json:"mediaType,omitempty"`
	Reason    string    `json:"reason"`
	By        string    `json:"by"`
	Time      time.Time `json:"time"`
}

func quarantineTable(w io.Writer, a *Quarantine, o Options) error {
	p := newPrinter(w, o)
	if len(a.Items) == 0 {
		p.linef("%s: every document could be read", p.green("EMPTY"))
		return p.done()
	}
	rows := make([][]string, 0, len(a.Items))
	for i := range a.Items {
		r := &a.Items[i]
		rows = append(rows, []string{strconv.FormatUint(r.ID, 10), minute(r.Time), clean(r.By), strconv.FormatInt(r.Size, 10), clean(r.Reason), clean(r.Digest)})
	}
	p.heading("QUARANTINE", len(rows), "documents that could not be read; times are UTC")
	p.table([]column{{"ID", 0}, {"TIME", 0}, {"BY", 12}, {"BYTES", 0}, {"WHY", 32}, {"DIGEST", 19}}, rows)
	return p.done()
}

// Archive is the answer of `documents archived`: what left the index, and when.
type Archive struct {
	SchemaVersion string            `json:"schemaVersion"`
	Items         []HistoryDocument `json:"items"` // in the order in which they left
}

func archiveTable(w io.Writer, a *Archive, o Options) error {
	p := newPrinter(w, o)
	if len(a.Items) == 0 {
		p.linef("%s: no document has left the index", p.bold("EMPTY"))
		return p.done()
	}
	rows := make([][]string, 0, len(a.Items))
	for i := range a.Items {
		d := &a.Items[i]
		rows = append(rows, []string{p.bold(clean(artifactName(d.Name, d.Version))), minute(d.Time), clean(d.Release), clean(d.Build), clean(d.By), clean(d.Format), clean(d.Digest)})
	}
	p.heading("ARCHIVED", len(rows), "in the order in which they left; times are UTC")
	p.table([]column{{"ARTIFACT", 24}, {"CAME", 0}, {"RELEASE", 8}, {"BUILD", 8}, {"BY", 12}, {"FORMAT", 0}, {"DOCUMENT", 19}}, rows)
	return p.done()
}

// RetentionDue is the answer of `documents retention`: what would leave the index now.
type RetentionDue struct {
	SchemaVersion string        `json:"schemaVersion"`
	Held          []string      `json:"held"`      // why nothing is archived
	Archive       []DueDocument `json:"archive"`   // the first of them
	Total         int           `json:"total"`     // documents that would be archived
	Purge         int           `json:"purge"`     // archived documents whose bytes would be removed
	Kept          int           `json:"kept"`      // archived documents that would be, were they not needed again
	Decisions     int           `json:"decisions"` // of gates and verifications that would be removed
}

// DueDocument is a document that would be archived.
type DueDocument struct {
	Document   string    `json:"document"`
	Tenant     string    `json:"tenant,omitempty"`
	Name       string    `json:"name,omitempty"`
	Version    string    `json:"version,omitempty"`
	Taken      time.Time `json:"taken"`
	LastNeeded time.Time `json:"lastNeeded,omitzero"` // when its artifact last ran or could be deployed
}

func retentionTable(w io.Writer, a *RetentionDue, o Options) error {
	p := newPrinter(w, o)
	switch {
	case len(a.Held) > 0:
		p.linef("%s: nothing is archived or removed while this is so", p.yellow("HELD UP"))
		for _, h := range a.Held {
			p.linef("  %s", clean(h))
		}
	case a.Total+a.Purge+a.Kept+a.Decisions == 0:
		p.linef("%s is due", p.green("NOTHING"))
	default:
		p.linef("%s would leave the index, the bytes of %s would be removed", p.bold(plural(a.Total, "document")), plural(a.Purge, "archived document"))
	}
	if a.Kept > 0 {
		p.linef("  %s kept: what they are about runs, or may be deployed, again", plural(a.Kept, "archived document"))
	}
	if a.Decisions > 0 {
		p.linef("  %s would be removed; the journal keeps that they were made", plural(a.Decisions, "decision"))
	}
	rows := make([][]string, 0, len(a.Archive))
	for i := range a.Archive {
		d := &a.Archive[i]
		needed := minute(d.LastNeeded)
		if needed == "" {
			needed = "never"
		}
		rows = append(rows, []string{p.bold(clean(artifactName(d.Name, d.Version))), minute(d.Taken), needed, clean(d.Tenant), clean(d.Document)})
	}
	if len(rows) > 0 {
		p.heading("DUE", a.Total, "times are UTC")
		p.table([]column{{"ARTIFACT", 24}, {"CAME", 0}, {"LAST NEEDED", 0}, {"TENANT", 8}, {"DOCUMENT", 19}}, rows)
	}
	return p.done()
}
