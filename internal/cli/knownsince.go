package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/app"
	"github.com/cofferdam-io/cofferdam/internal/client"
	"github.com/cofferdam-io/cofferdam/report"
	"github.com/cofferdam-io/cofferdam/vuln"
)

// knownSince says where it is written since when findings are known.
type knownSince struct {
	sources        []string // files, or serverWord
	stage, service string
}

// serverWord is the server of --server among what --known-since names.
const serverWord = "server"

const knownSinceHelp = `--known-since says since when findings are known, which policies with deadlines for them
(remediation, docs/policies.md) ask: in a FILE of --write-baseline or of "findings -o json",
or of the server that --server names: as long as containers that run the image have them,
with --stage those of one cluster, with --service those of a service, whatever they run.
What --baseline names counts, too. What nobody says makes such a rule "not evaluated".`

func (k *knownSince) add(c *cobra.Command) {
	f := c.Flags()
	f.StringArrayVar(&k.sources, "known-since", nil, "since when findings are known, by `FILE` (of --write-baseline or findings -o json), or by the server: server; repeatable")
	f.StringVar(&k.stage, "stage", "", "with --known-since server: of containers in the cluster `NAME`, where the image ran before")
	f.StringVar(&k.service, "service", "", "with --known-since server: of containers of the service `NAME`, whatever image they run")
	c.Long += "\n\n" + knownSinceHelp
}

// asks reports whether the server is asked.
func (k *knownSince) asks() bool { return slices.Contains(k.sources, serverWord) }

func (k *knownSince) check() error {
	if (k.stage != "" || k.service != "") && !k.asks() {
		return ident.Errorf(ident.KindUsage, "--stage and --service say which containers of a server are meant, and no server is asked").WithHint("--known-since server --server URL")
	}
	return nil
}

// judgedBy names what findings are held against, for the answer.
func (k *knownSince) judgedBy() []report.PolicyFile {
	if len(k.sources) == 0 {
		return nil
	}
	line := "known since " + strings.Join(k.sources, ", ")
	if k.asks() {
		line += fmt.Sprintf(", stage %q, service %q", k.stage, k.service)
	}
	return []report.PolicyFile{{File: line, Digest: ident.SHA256([]byte(line))}}
}

// sightings reads what the sources say of an image by its digests at a time; nil where
// there are none.
func (e *env) sightings(ctx context.Context, l *app.Loader, k *knownSince, server *serverFlags, digests []ident.Digest, at time.Time) (*vuln.Sightings, error) {
	if len(k.sources) == 0 {
		return nil, nil //nolint:nilnil // nobody says anything
	}
	out := &vuln.Sightings{}
	for _, name := range k.sources {
		var err error
		if name == serverWord {
			err = e.asking(ctx, server, func(srv *client.Client) error { return e.running(ctx, srv, k, server.tenant, digests, at, out) })
		} else {
			err = sightingsIn(ctx, l, name, out)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// sightingsIn reads a file: a baseline, or the answer of findings. Which of the findings
// were selected such an answer does not say: what is not in it proves nothing.
func sightingsIn(ctx context.Context, l *app.Loader, name string, out *vuln.Sightings) error {
	raw, err := l.Text(ctx, name)
	if err != nil {
		return err
	}
	base, err := vuln.DecodeBaseline(name, raw)
	if err == nil {
		out.AddBaseline(base)
		return nil
	}
	if ident.KindOf(err) != ident.KindUnsupported {
		return err
	}
	var a report.RunningFindings
	if err := json.Unmarshal(raw, &a); err != nil || a.SchemaVersion != "1" || a.Items == nil {
		return ident.Errorf(ident.KindFailure, "does not say since when findings are known").At(name).WithHint("a file of scan --write-baseline, or of cofferdam findings -o json")
	}
	for i := range a.Items {
		if f := &a.Items[i]; f.ID == "" || f.Container == "" || f.From.IsZero() {
			return ident.Errorf(ident.KindInvalid, "the finding has no id, no container or no time").At(fmt.Sprintf("%s#/items/%d", name, i)).WithHint("cofferdam findings -o json writes such a file")
		}
	}
	ran(a.Items, out)
	return nil
}

// ran takes in what containers had. Since when is known where the server keeps deadlines;
// otherwise a finding is known in its present form since then, and perhaps longer.
func ran(items []report.RunningFinding, out *vuln.Sightings) {
	for i := range items {
		f := &items[i]
		known := vuln.FirstKnown{By: f.From}
		if !f.Exposed.IsZero() && !vuln.Status(f.Status).Clears() {
			known = vuln.FirstKnown{After: f.Exposed, By: f.Exposed}
		}
		out.Add(vuln.Sighting{IDs: append([]string{f.ID}, f.Aliases...), Known: known, PURL: f.PURL, Accepted: f.State == "accepted"})
	}
}

// running asks a server since when what runs the image, or a service, has findings.
func (e *env) running(ctx context.Context, srv *client.Client, k *knownSince, tenant string, digests []ident.Digest, at time.Time, out *vuln.Sightings) error {
	q := client.FindingQuery{Tenant: tenant, Cluster: k.stage, Service: k.service}
	if e.at != "" {
		q.At = at
	}
	var names []string
	for _, d := range digests {
		names = append(names, d.String())
	}
	what := "service " + k.service
	if k.service == "" {
		q.Images, what = strings.Join(names, ","), "image"
	}
	a, err := srv.RunningFindings(ctx, q)
	if err != nil {
		return err
	}
	ran(a.Items, out)
	if !a.Deadlines {
		e.notef("the server keeps no deadlines, and so not since when containers are exposed: findings are known since they are as they are, and perhaps longer; findings: {deadlineDays: …} in its configuration mends that")
	}
	runs, err := srv.Standings(ctx, client.StandingQuery{Tenant: tenant, Cluster: k.stage, At: q.At})
	if err != nil {
		return err
	}
	n, covered := 0, 0
	for i := range runs.Items {
		s := &runs.Items[i]
		if k.service != "" && s.Service != k.service || k.service == "" && !slices.Contains(names, s.Digest) {
			continue
		}
		if n++; s.Standing == "covered" {
			covered++
		}
	}
	switch {
	case n == 0:
		e.notef("no container that is selected runs the %s: what is new in it is not known", what)
	case covered < n:
		e.notef("%d of %d containers that run the %s have no document that describes them: what is new in it is not known", n-covered, n, what)
	case q.At.IsZero():
		out.Looked("", a.AdvisoriesLoaded)
	default:
		out.Looked("", q.At)
	}
	return nil
}
