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

// webhookConfig is a receiver that is told which findings of what runs change.
type webhookConfig struct {
	Name       string `json:"name"`
	URL        string `json:"url"`
	SecretFile string `json:"secretFile"`
	// What it is told of: everything by default.
	Severity string `json:"severity"` // this or worse
	KEV      bool   `json:"kev"`
	Cluster  string `json:"cluster"`
	Zone     string `json:"zone"`
	Owner    string `json:"owner"`
	Service  string `json:"service"`
	// Initial is true where it is told of what is so already, the first time.
	Initial bool `json:"initial"`
}

// webhook tells one receiver.
type webhook struct {
	query  catalog.FindingQuery
	follow notify.Follower
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
		h := &webhook{query: catalog.FindingQuery{KEV: w.KEV, Cluster: w.Cluster, Zone: w.Zone, Owner: w.Owner, Service: w.Service}}
		if w.Severity != "" {
			if err := h.query.Severity.UnmarshalText([]byte(w.Severity)); err != nil {
				return nil, ident.Errorf(ident.KindUsage, "the webhook %q: %w", w.Name, err)
			}
		}
		dir := filepath.Join(data, webhooksDir)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, ident.Errorf(ident.KindFailure, "the folder of webhooks cannot be made: %w", err)
		}
		h.follow.Hook, h.follow.Initial, h.follow.Log, h.follow.Now = hook, w.Initial, log, time.Now
		h.follow.File = filepath.Join(dir, hex.EncodeToString([]byte(w.Name))+".json") // a name may have any characters
		out = append(out, h)
	}
	return out, nil
}

// run tells until the context ends.
func (h *webhook) run(ctx context.Context, c *catalog.Catalog) {
	h.follow.Revision = c.FindingsRevision
	h.follow.Current = func(ctx context.Context) ([]report.RunningFinding, error) {
		q := h.query
		q.Limit = int(^uint(0) >> 1) // all of them: what is left out would be told as ended
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
	h.follow.Run(ctx)
}

// hookStates returns what asks for how they are; nil where there are none.
func hookStates(hooks []*webhook) func() []server.Webhook {
	if len(hooks) == 0 {
		return nil
	}
	return func() []server.Webhook {
		out := make([]server.Webhook, len(hooks))
		for i, h := range hooks {
			s := h.follow.Status()
			x := server.Webhook{Name: h.follow.Hook.Name, State: "telling", Delivered: s.Delivered, Messages: s.Messages, Failures: s.Failures, Problem: s.Problem, Next: s.Next}
			switch {
			case s.Gone:
				x.State = "gone"
			case s.Failures > 0:
				x.State = "failing"
			}
			out[i] = x
		}
		return out
	}
}
