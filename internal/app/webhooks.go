package app

import (
	"context"
	"encoding/hex"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/notify"
	"github.com/cofferdam-io/cofferdam/internal/server"
	"github.com/cofferdam-io/cofferdam/report"
)

// webhookConfig is a receiver that is told which findings of what runs change, or which
// scores of documents.
type webhookConfig struct {
	Name       string `json:"name"`
	URL        string `json:"url"`
	SecretFile string `json:"secretFile"`
	Of         string `json:"of"` // findings, by default, or scores
	// What it is told of: everything by default.
	Severity string  `json:"severity"` // this or worse
	KEV      bool    `json:"kev"`
	EPSS     float64 `json:"epss"` // one of findings.epssSteps: as likely to be exploited, or likelier
	Cluster  string  `json:"cluster"`
	Zone     string  `json:"zone"`
	Owner    string  `json:"owner"`
	Service  string  `json:"service"`
	// Running and Below select scores: of what runs, and below the server's floor.
	Running bool `json:"running"`
	Below   bool `json:"below"`
	// Initial is true where it is told of what is so already, the first time.
	Initial bool `json:"initial"`
}

// What webhooks can be of.
const (
	ofFindings = "findings"
	ofScores   = "scores"
)

// webhook tells one receiver.
type webhook struct {
	name   string
	run    func(ctx context.Context, c *catalog.Catalog) // until the context ends
	status func() notify.Status
}

// webhooksDir keeps what receivers were told, in the data folder.
const webhooksDir = "webhooks"

// webhooks are the receivers of a configuration, checked.
func (l *Loader) webhooks(ctx context.Context, c *serveConfig, data string, log *slog.Logger) ([]*webhook, error) {
	var out []*webhook
	names := map[string]bool{}
	for i := range c.Webhooks {
		w := &c.Webhooks[i]
		if w.Name == "" || len(w.Name) > 60 || names[w.Name] {
			return nil, ident.Errorf(ident.KindUsage, "webhooks: entry %d needs a name of its own, of 1 to 60 characters", i+1)
		}
		names[w.Name] = true
		if w.SecretFile == "" {
			return nil, ident.Errorf(ident.KindUsage, "the webhook %q has no secretFile: its receiver could not tell who speaks", w.Name).WithHint("head -c 32 /dev/urandom | base64 > FILE")
		}
		secret, err := l.read(ctx, w.SecretFile)
		if err != nil {
			return nil, err
		}
		hook, err := notify.NewHook(w.Name, w.URL, string(secret))
		if err != nil {
			return nil, err
		}
		dir := filepath.Join(data, webhooksDir)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, ident.Errorf(ident.KindFailure, "the folder of webhooks cannot be made: %w", err)
		}
		file := filepath.Join(dir, hex.EncodeToString([]byte(w.Name))) // a name may have any characters
		switch w.Of {
		case "", ofFindings:
			if w.Running || w.Below {
				return nil, ident.Errorf(ident.KindUsage, "the webhook %q is of findings, and running and below select scores", w.Name).WithHint("of: scores")
			}
			if err := c.Findings.likely(w.EPSS); err != nil {
				return nil, ident.Errorf(ident.KindUsage, "the webhook %q: %w", w.Name, err)
			}
			q := catalog.FindingQuery{KEV: w.KEV, EPSS: w.EPSS, Cluster: w.Cluster, Zone: w.Zone, Owner: w.Owner, Service: w.Service}
			if w.Severity != "" {
				if err := q.Severity.UnmarshalText([]byte(w.Severity)); err != nil {
					return nil, ident.Errorf(ident.KindUsage, "the webhook %q: %w", w.Name, err)
				}
			}
			out = append(out, telling(notify.Findings(), hook, file+".json", w.Initial, log, (*catalog.Catalog).FindingsRevision, func(ctx context.Context, c *catalog.Catalog) ([]report.RunningFinding, error) {
				return findingsNow(ctx, c, q)
			}))
		case ofScores:
			if w.Severity != "" || w.KEV || w.EPSS != 0 {
				return nil, ident.Errorf(ident.KindUsage, "the webhook %q is of scores, and severity, kev and epss select findings", w.Name)
			}
			q := catalog.ScoreQuery{Owner: w.Owner, Service: w.Service, Running: w.Running, Cluster: w.Cluster, Zone: w.Zone, Below: w.Below}
			out = append(out, telling(notify.Scores(), hook, file+".scores.json", w.Initial, log, (*catalog.Catalog).ScoresRevision, func(ctx context.Context, c *catalog.Catalog) ([]report.DocumentScore, error) {
				return scoresNow(ctx, c, q)
			}))
		default:
			return nil, ident.Errorf(ident.KindUsage, "the webhook %q is of %.60q", w.Name, w.Of).WithHint("of: %s, or %s", ofFindings, ofScores)
		}
	}
	return out, nil
}

// telling follows one kind of fact for a receiver.
func telling[V, T any](kind notify.Kind[V, T], hook *notify.Hook, file string, initial bool, log *slog.Logger, revision func(*catalog.Catalog) string, current func(context.Context, *catalog.Catalog) ([]V, error)) *webhook {
	f := &notify.Follower[V, T]{Kind: kind, Hook: hook, File: file, Initial: initial, Log: log, Now: time.Now}
	return &webhook{name: hook.Name, status: f.Status, run: func(ctx context.Context, c *catalog.Catalog) {
		f.Revision = func() string { return revision(c) }
		f.Current = func(ctx context.Context) ([]V, error) { return current(ctx, c) }
		f.Run(ctx)
	}}
}

// all is a limit that leaves nothing out, which would be told as ended.
const all = int(^uint(0) >> 1)

func findingsNow(ctx context.Context, c *catalog.Catalog, q catalog.FindingQuery) ([]report.RunningFinding, error) {
	q.Limit = all
	found, err := c.Findings(ctx, q)
	if err != nil {
		return nil, err
	}
	out := make([]report.RunningFinding, len(found.Items))
	for i := range found.Items {
		out[i] = server.FindingView(&found.Items[i])
	}
	return out, nil
}

func scoresNow(ctx context.Context, c *catalog.Catalog, q catalog.ScoreQuery) ([]report.DocumentScore, error) {
	q.Limit = all
	found, err := c.Scores(ctx, q)
	if err != nil {
		return nil, err
	}
	out := make([]report.DocumentScore, len(found.Items))
	for i := range found.Items {
		out[i] = server.ScoreView(&found.Items[i])
	}
	return out, nil
}

// hookStates returns what asks for how they are; nil where there are none.
func hookStates(hooks []*webhook, tickets []*ticketing) func() []server.Webhook {
	if len(hooks)+len(tickets) == 0 {
		return nil
	}
	return func() []server.Webhook {
		out := make([]server.Webhook, len(hooks))
		for i, h := range hooks {
			s := h.status()
			x := server.Webhook{Name: h.name, State: "telling", Delivered: s.Delivered, Messages: s.Messages, Failures: s.Failures, Problem: s.Problem, Next: s.Next}
			switch {
			case s.Gone:
				x.State = "gone"
			case s.Failures > 0:
				x.State = "failing"
			}
			out[i] = x
		}
		return append(out, ticketStates(tickets)...)
	}
}
