package report

import (
	"io"
	"strconv"
	"strings"
	"time"
)

// Standings is the answer of `coverage`: how what runs and a server's documents
// agree.
type Standings struct {
	SchemaVersion string         `json:"schemaVersion"`
	Sequence      uint64         `json:"sequence"` // what the server had taken in up to then
	Counts        map[string]int `json:"counts"`   // containers by standing, of all that cluster and zone select
	Items         []Standing     `json:"items"`    // the selected containers
}

// RunningContainer is a container of a workload and what it runs.
type RunningContainer struct {
	Namespace   string `json:"namespace"`
	Kind        string `json:"kind"`
	Name        string `json:"name"`
	Container   string `json:"container"`
	Image       string `json:"image,omitempty"`
	Digest      string `json:"digest,omitempty"`
	Zone        string `json:"zone,omitempty"`
	Service     string `json:"service,omitempty"`
	Owner       string `json:"owner,omitempty"`
	Criticality string `json:"criticality,omitempty"`
}

// Standing is one running container, held against the documents.
type Standing struct {
	Cluster string `json:"cluster"`
	RunningContainer
	Since     time.Time       `json:"since,omitzero"`
	Standing  string          `json:"standing"` // covered, unreviewed, stale, missing, unresolved
	Documents []string        `json:"documents"`
	Doubts    []StandingDoubt `json:"doubts,omitempty"`
}

// StandingDoubt is why a document may not describe an image.
type StandingDoubt struct {
	Kind     string   `json:"kind"`
	Document string   `json:"document"`
	Others   []string `json:"others,omitempty"`
}

// standingWords say what each standing but covered means, the worst first.
var standingWords = []struct{ standing, title, remark string }{
	{"missing", "MISSING", "no document is about the image that runs"},
	{"stale", "STALE", "there is a document, and it describes something else"},
	{"unresolved", "UNRESOLVED", "nobody knows which image runs"},
	{"unreviewed", "UNREVIEWED", "drafts, which nobody has published"},
}

// doubtWords say what a doubt means.
var doubtWords = map[string]string{
	"names-another": "it names another image", "reused": "handed over for several images", "serial-reused": "has the serial number of an earlier one about another image",
	"only-claimed": "only who handed it over says which image it is about", "by-index": "it names the index of several platforms", "old": "made too long ago", "future": "made after it was handed over",
}

func standingsTable(w io.Writer, a *Standings, o Options) error {
	p := newPrinter(w, o)
	total := 0
	for _, n := range a.Counts {
		total += n
	}
	covered := a.Counts["covered"]
	verdict := p.green("COVERED")
	switch {
	case total == 0:
		p.linef("%s: no cluster has reported anything that this selects", p.yellow("NOTHING RUNS"))
		return p.done()
	case covered < total:
		verdict = p.red("NOT COVERED")
	}
	p.linef("%s: %d of %s described by a document", verdict, covered, plural(total, "running container"))
	for _, s := range standingWords {
		var rows [][]string
		for i := range a.Items {
			x := &a.Items[i]
			if x.Standing != s.standing {
				continue
			}
			var why []string
			for _, d := range x.Doubts {
				why = append(why, doubtWords[d.Kind])
			}
			since := ""
			if !x.Since.IsZero() {
				since = x.Since.UTC().Format(time.DateOnly)
			}
			rows = append(rows, []string{clean(x.Zone), p.bold(clean(x.Cluster + ":" + x.Namespace + "/" + x.Name)), clean(x.Container), clean(shortImage(x.Image)),
				clean(strings.Join(why, "; ")), clean(x.Owner), since})
		}
		if len(rows) > 0 {
			p.heading(s.title, len(rows), s.remark)
			p.table([]column{{"ZONE", 0}, {"WORKLOAD", 20}, {"CONTAINER", 8}, {"IMAGE", 18}, {"WHY", 24}, {"OWNER", 8}, {"SINCE", 0}}, rows)
		}
	}
	return p.done()
}

// BlockedComponents is the answer of `blocked`: where a server's blocked components
// are.
type BlockedComponents struct {
	SchemaVersion string             `json:"schemaVersion"`
	Sequence      uint64             `json:"sequence"`
	Items         []BlockedComponent `json:"items"`
}

// BlockedComponent is one that must not be used, and where it is.
type BlockedComponent struct {
	List      string          `json:"list"`
	Component string          `json:"component"`
	Reason    string          `json:"reason"`
	Ticket    string          `json:"ticket,omitempty"`
	Expires   time.Time       `json:"expires,omitzero"`
	Total     int             `json:"total"`   // artifacts that have it
	Running   int             `json:"running"` // of them, those that run
	Artifacts []FoundArtifact `json:"artifacts"`
	Doubtful  []FoundArtifact `json:"doubtful,omitempty"`
}

// Any reports whether an artifact has a blocked component, or may have; and whether
// one of those runs.
func (a *BlockedComponents) Any() (found, runs bool) {
	for i := range a.Items {
		b := &a.Items[i]
		found = found || b.Total+len(b.Doubtful) > 0
		runs = runs || b.Running > 0
		for k := range b.Doubtful {
			runs = runs || len(b.Doubtful[k].Running) > 0
		}
	}
	return found, runs
}

func blockedTable(w io.Writer, a *BlockedComponents, o Options) error {
	p := newPrinter(w, o)
	found, runs := a.Any()
	switch {
	case len(a.Items) == 0:
		p.linef("%s is blocked: no list has an entry that holds now", p.bold("NOTHING"))
	case runs:
		p.linef("%s", p.red("RUNNING, and blocked"))
	case found:
		p.linef("%s, and nothing that runs has it", p.yellow("IN USE, and blocked"))
	default:
		p.linef("%s: no artifact has any of the %s", p.green("NOT IN USE"), plural(len(a.Items), "blocked component"))
	}
	var rows, where [][]string
	for i := range a.Items {
		b := &a.Items[i]
		until := "never"
		if !b.Expires.IsZero() {
			until = b.Expires.UTC().Format(time.DateOnly)
		}
		doubtful := ""
		if len(b.Doubtful) > 0 {
			doubtful = strconv.Itoa(len(b.Doubtful))
		}
		rows = append(rows, []string{p.bold(clean(b.Component)), strconv.Itoa(b.Total), strconv.Itoa(b.Running), doubtful, clean(b.List), until, clean(strings.TrimSpace(b.Ticket + " " + b.Reason))})
		for _, list := range [][]FoundArtifact{b.Artifacts, b.Doubtful} {
			for k := range list {
				x := &list[k]
				where = append(where, []string{p.bold(clean(b.Component)), clean(artifactName(x.Name, x.Version)), clean(x.places()), clean(x.Service), clean(x.Owner)})
			}
		}
	}
	if len(rows) > 0 {
		p.heading("BLOCKED", len(rows), "")
		p.table([]column{{"COMPONENT", 24}, {"ARTIFACTS", 0}, {"RUN", 0}, {"MAY BE", 0}, {"LIST", 8}, {"ENDS", 0}, {"WHY", 24}}, rows)
	}
	if len(where) > 0 {
		p.heading("WHERE", len(where), "those that run first")
		p.table([]column{{"COMPONENT", 24}, {"ARTIFACT", 24}, {"RUNS IN", 24}, {"SERVICE", 8}, {"OWNER", 8}}, where)
	}
	return p.done()
}
