package report

import (
	"fmt"
	"io"
	"time"
)

// ServerAdvisories is the answer of `advisories status --server`: what a server compares
// what runs with.
type ServerAdvisories struct {
	SchemaVersion string       `json:"schemaVersion"`
	State         string       `json:"state"` // none, reading, loaded, failed
	Loaded        time.Time    `json:"loaded,omitzero"`
	Quarantined   int          `json:"quarantined"` // records and statements that could not be read
	Fault         string       `json:"fault,omitempty"`
	Matched       uint32       `json:"matched"`    // distinct components that were compared
	Components    uint32       `json:"components"` // distinct components there are
	Feeds         []ServerFeed `json:"feeds"`
	Nightly       *ServerJob   `json:"nightly,omitempty"`
}

// ServerFeed is one kind of what findings are judged by.
type ServerFeed struct {
	Feed    string    `json:"feed"` // advisories, kev, epss, openvex, csaf, cyclonedx
	Entries int       `json:"entries,omitempty"`
	Newest  time.Time `json:"newest,omitzero"` // zero where it is not loaded
}

// ServerJob is something that servers do every day, one after the other.
type ServerJob struct {
	Name    string         `json:"name"`
	Next    time.Time      `json:"next"`
	Running string         `json:"running,omitempty"`
	Servers []ServerJobRun `json:"servers"`
}

// ServerJobRun is what became of a job on one server.
type ServerJobRun struct {
	Server    string    `json:"server"`
	Begun     time.Time `json:"begun"`
	Ended     time.Time `json:"ended,omitzero"`
	Succeeded time.Time `json:"succeeded,omitzero"`
	Failed    int       `json:"failed,omitempty"` // times in a row
	Fault     string    `json:"fault,omitempty"`
	Result    string    `json:"result,omitempty"`
}

// notLoaded says what a state other than loaded means.
var notLoaded = map[string]string{"none": "NO ADVISORIES", "reading": "ADVISORIES ARE BEING READ", "failed": "ADVISORIES CANNOT BE READ"}

func serverAdvisoriesTable(w io.Writer, a *ServerAdvisories, o Options) error {
	p := newPrinter(w, o)
	if a.State == "loaded" {
		p.linef("%s since %s, %d of %d components compared", p.bold("LOADED"), a.Loaded.Format(time.RFC3339), a.Matched, a.Components)
	} else {
		p.linef("%s: nothing can be said about vulnerabilities", p.yellow(notLoaded[a.State]))
	}
	if a.Fault != "" {
		p.linef("%s %s", p.red("FAULT"), clean(a.Fault))
	}
	if a.Quarantined > 0 {
		p.linef("%s could not be read", plural(a.Quarantined, "record"))
	}
	rows := [][]string{}
	for _, f := range a.Feeds {
		newest, entries := "not loaded", ""
		if !f.Newest.IsZero() {
			newest = f.Newest.Format(time.RFC3339)
		}
		if f.Entries > 0 {
			entries = fmt.Sprint(f.Entries)
		}
		rows = append(rows, []string{f.Feed, entries, newest})
	}
	p.heading("FEEDS", len(a.Feeds), "what findings are judged by")
	p.table([]column{{"FEED", 0}, {"ENTRIES", 0}, {"NEWEST", 0}}, rows)
	n := a.Nightly
	if n == nil {
		return p.done()
	}
	p.heading("EVERY NIGHT", len(n.Servers), "next here "+n.Next.Format(time.RFC3339))
	rows = rows[:0]
	for _, r := range n.Servers {
		was := "succeeded"
		switch {
		case r.Server == n.Running:
			was = "under way"
		case r.Failed > 0:
			was = fmt.Sprintf("FAILED %d times", r.Failed)
		case r.Ended.IsZero() || r.Fault != "":
			was = "broken off"
		}
		said := r.Result
		if r.Fault != "" {
			said = r.Fault
		}
		last := "never"
		if !r.Succeeded.IsZero() {
			last = r.Succeeded.Format(time.RFC3339)
		}
		rows = append(rows, []string{was, clean(r.Server), r.Begun.Format(time.RFC3339), last, clean(said)})
	}
	p.table([]column{{"OUTCOME", 0}, {"SERVER", 12}, {"BEGUN", 0}, {"LAST SUCCESS", 0}, {"WHAT CAME OF IT", 24}}, rows)
	return p.done()
}
