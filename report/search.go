package report

import (
	"io"
	"strings"
)

// Search is the answer of `search`: which artifacts of a server have a component, and
// where they run.
type Search struct {
	SchemaVersion string            `json:"schemaVersion"`
	Sequence      uint64            `json:"sequence"` // what the server had taken in up to then
	Total         int               `json:"total"`
	Artifacts     []FoundArtifact   `json:"artifacts"`
	Doubtful      []FoundArtifact   `json:"doubtful,omitempty"` // may have it: a version cannot be compared
	Components    []SearchComponent `json:"components"`         // that were meant
	More          int               `json:"moreComponents,omitempty"`
	Coverage      SearchCoverage    `json:"coverage"`
}

// FoundArtifact is an artifact that a server knows, and where it runs.
type FoundArtifact struct {
	Name       string     `json:"name,omitempty"`
	Version    string     `json:"version,omitempty"`
	Service    string     `json:"service,omitempty"`
	Owner      string     `json:"owner,omitempty"`
	Documents  []string   `json:"documents,omitempty"`
	Components []int      `json:"components,omitempty"` // places in the answer's components; absent where they are too many
	Running    []Standing `json:"running"`
}

// SearchComponent is a component as documents describe it.
type SearchComponent struct {
	PURL     string   `json:"purl,omitempty"`
	Name     string   `json:"name"`
	Version  string   `json:"version,omitempty"`
	Supplier string   `json:"supplier,omitempty"`
	Licences []string `json:"licences,omitempty"`
}

// SearchCoverage is what a search covers.
type SearchCoverage struct {
	Artifacts  int      `json:"artifacts"`  // with a document
	Workloads  int      `json:"workloads"`  // containers that run
	WithSBOM   int      `json:"withSbom"`   // of them, those whose image has a document
	Unresolved int      `json:"unresolved"` // of them, those whose image nobody knows
	Clusters   []string `json:"clusters"`
}

// artifactName is what people call an artifact: a digest is no version that anybody says.
func artifactName(name, version string) string {
	if strings.HasPrefix(version, "sha256:") || strings.Contains(name, "@") {
		return name
	}
	return strings.TrimSpace(name + " " + version)
}

// places are the workloads that run it.
func (a *FoundArtifact) places() string {
	at := make([]string, 0, len(a.Running))
	for i := range a.Running {
		r := &a.Running[i]
		at = append(at, r.Cluster+":"+r.Namespace+"/"+r.Name)
	}
	return strings.Join(at, ", ")
}

// text is a component as a list names it: qualifiers of a package URL are in the JSON.
func (c *SearchComponent) text() string {
	if c.PURL != "" {
		bare, _, _ := strings.Cut(c.PURL, "?")
		return bare
	}
	return strings.TrimSpace(c.Name + " " + c.Version)
}

// Incomplete reports whether what was not found may be there all the same.
func (a *Search) Incomplete() bool {
	return a.Total == 0 && (len(a.Doubtful) > 0 || a.Coverage.WithSBOM < a.Coverage.Workloads)
}

func searchTable(w io.Writer, a *Search, o Options) error {
	p := newPrinter(w, o)
	runs := 0
	for i := range a.Artifacts {
		runs += len(a.Artifacts[i].Running)
	}
	switch {
	case a.Total == 0 && a.Incomplete():
		p.linef("%s among what is covered", p.yellow("NOT FOUND"))
	case a.Total == 0:
		p.linef("%s", p.green("NOT FOUND"))
	default:
		p.linef("%s %s, %s running", p.bold("IN"), p.bold(plural(a.Total, "artifact")), plural(runs, "container"))
	}
	of := func(x *FoundArtifact) string {
		names := make([]string, 0, len(x.Components))
		for _, n := range x.Components {
			if n >= 0 && n < len(a.Components) {
				names = append(names, a.Components[n].text())
			}
		}
		return strings.Join(names, ", ")
	}
	for _, part := range []struct {
		title, remark string
		list          []FoundArtifact
	}{{"ARTIFACTS", "", a.Artifacts}, {"MAY HAVE IT", "a version cannot be compared with the one asked for", a.Doubtful}} {
		rows := make([][]string, 0, len(part.list))
		for i := range part.list {
			x := &part.list[i]
			rows = append(rows, []string{p.bold(clean(artifactName(x.Name, x.Version))), clean(of(x)), clean(x.places()), clean(x.Service), clean(x.Owner)})
		}
		if len(rows) > 0 {
			p.heading(part.title, len(rows), part.remark)
			p.table([]column{{"ARTIFACT", 24}, {"COMPONENT", 28}, {"RUNS IN", 24}, {"SERVICE", 8}, {"OWNER", 8}}, rows)
		}
	}
	rows := make([][]string, 0, len(a.Components))
	for i := range a.Components {
		c := &a.Components[i]
		rows = append(rows, []string{p.bold(clean(c.text())), clean(strings.Join(c.Licences, ", ")), clean(c.Supplier)})
	}
	if len(rows) > 0 {
		remark := ""
		if a.More > 0 {
			remark = "and " + plural(a.More, "component") + " more"
		}
		p.heading("COMPONENTS", len(rows)+a.More, remark)
		p.table([]column{{"COMPONENT", 28}, {"LICENCES", 16}, {"SUPPLIER", 12}}, rows)
	}
	p.blank()
	p.linef("searched %s; %d of %s that run have a document", plural(a.Coverage.Artifacts, "artifact"), a.Coverage.WithSBOM, plural(a.Coverage.Workloads, "container"))
	return p.done()
}
