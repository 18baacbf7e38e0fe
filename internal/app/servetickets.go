package app

import (
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/server"
	"github.com/cofferdam-io/cofferdam/internal/ticket"
	"github.com/cofferdam-io/cofferdam/report"
)

// ticketsConfig is a tracker in which the vulnerabilities of some owners have tickets.
type ticketsConfig struct {
	Name      string   `json:"name"`
	Tracker   string   `json:"tracker"` // one of ticket.Trackers
	URL       string   `json:"url"`
	Project   string   `json:"project"`
	TokenFile string   `json:"tokenFile"`
	User      string   `json:"user"`
	Type      string   `json:"type"`
	Labels    []string `json:"labels"`
	Most      int      `json:"most"`
	// Owners are those whose findings come here; none: those of all whom no other entry names.
	Owners   []string `json:"owners"`
	Severity string   `json:"severity"` // this or worse
	KEV      bool     `json:"kev"`
	EPSS     float64  `json:"epss"` // as a webhook's
	Cluster  string   `json:"cluster"`
	Zone     string   `json:"zone"`
}

// ticketsDir keeps which tickets there are, in the data folder.
const ticketsDir = "tickets"

// ticketing keeps the tickets of one tracker.
type ticketing struct {
	keeper *ticket.Keeper
	run    func(ctx context.Context, c *catalog.Catalog) // until the context ends
}

// tickets are the trackers of a configuration, checked.
func (l *Loader) tickets(ctx context.Context, c *serveConfig, data string, log *slog.Logger) ([]*ticketing, error) {
	named := map[string]string{} // by owner: the entry
	names := map[string]bool{}
	for i := range c.Tickets {
		t := &c.Tickets[i]
		if t.Name == "" || len(t.Name) > 60 || names[t.Name] {
			return nil, ident.Errorf(ident.KindUsage, "tickets: entry %d needs a name of its own, of 1 to 60 characters", i+1)
		}
		names[t.Name] = true
		for _, o := range t.Owners {
			if other, is := named[o]; is {
				return nil, ident.Errorf(ident.KindUsage, "the tickets of the owner %.100q go to both %q and %q", o, other, t.Name)
			}
			named[o] = t.Name
		}
	}
	var out []*ticketing
	for i := range c.Tickets {
		t := &c.Tickets[i]
		if t.TokenFile == "" {
			return nil, ident.Errorf(ident.KindUsage, "the tickets %q have no tokenFile", t.Name).WithHint("a file that holds a token that may write issues")
		}
		token, err := l.read(ctx, t.TokenFile)
		if err != nil {
			return nil, err
		}
		k, err := ticket.NewKeeper(&ticket.Options{Name: t.Name, Tracker: t.Tracker, URL: t.URL, Project: t.Project, Token: string(token), User: t.User, Type: t.Type, Labels: t.Labels})
		if err != nil {
			return nil, err
		}
		if err := c.Findings.likely(t.EPSS); err != nil {
			return nil, ident.Errorf(ident.KindUsage, "the tickets %q: %w", t.Name, err)
		}
		q := catalog.FindingQuery{KEV: t.KEV, EPSS: t.EPSS, Cluster: t.Cluster, Zone: t.Zone}
		if t.Severity != "" {
			if err := q.Severity.UnmarshalText([]byte(t.Severity)); err != nil {
				return nil, ident.Errorf(ident.KindUsage, "the tickets %q: %w", t.Name, err)
			}
		}
		dir := filepath.Join(data, ticketsDir)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, ident.Errorf(ident.KindFailure, "the folder of tickets cannot be made: %w", err)
		}
		k.File, k.Most, k.Log, k.Now = filepath.Join(dir, hex.EncodeToString([]byte(t.Name))+".json"), t.Most, log, time.Now
		name, all := t.Name, len(t.Owners) == 0
		out = append(out, &ticketing{keeper: k, run: func(ctx context.Context, c *catalog.Catalog) {
			k.Revision = func() string {
				r := c.FindingsRevision()
				if r == "" {
					return ""
				}
				// Decisions change what tickets are about, and acceptances end by themselves.
				return fmt.Sprint(r, "/", c.Sequence(), "/", time.Now().Truncate(time.Hour).Unix())
			}
			k.Current = func(ctx context.Context) ([]report.RunningFinding, error) {
				list, err := findingsNow(ctx, c, q)
				return slices.DeleteFunc(list, func(f report.RunningFinding) bool {
					entry, is := named[f.Owner]
					return is && entry != name || !is && !all
				}), err
			}
			k.Run(ctx)
		}})
	}
	return out, nil
}

// ticketStates says how the keeping of tickets is, in the words of webhooks.
func ticketStates(all []*ticketing) []server.Webhook {
	var out []server.Webhook
	for _, t := range all {
		s := t.keeper.Status()
		x := server.Webhook{Name: "tickets: " + t.keeper.Name, State: "telling", Delivered: s.Kept, Messages: s.Writes, Failures: s.Failures, Problem: s.Problem, Next: s.Next, Open: s.Open, Left: s.Left}
		if s.Failures > 0 {
			x.State = "failing"
		}
		out = append(out, x)
	}
	return out
}
