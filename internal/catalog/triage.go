package catalog

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// TriageState is what somebody decided about findings.
type TriageState string

// The states of a finding.
const (
	FindingNew      TriageState = "new"      // nobody decided anything
	FindingTriaged  TriageState = "triaged"  // somebody looked at it, and it is to be mended
	FindingAccepted TriageState = "accepted" // it stays, until a time
)

// Triage is a decision about findings of one vulnerability. Of several that fit a
// finding the one that says most about it counts.
type Triage struct {
	ID        string      `json:"-"`                   // of the vulnerability, by any of its names
	Component string      `json:"component,omitempty"` // package URL with its version; "" is any
	Cluster   string      `json:"cluster,omitempty"`   // "" is any
	Container string      `json:"container,omitempty"` // namespace/kind/name/container, of the cluster; "" is any
	State     TriageState `json:"state"`
	Reason    string      `json:"reason"`
	Ticket    string      `json:"ticket,omitempty"`
	Until     time.Time   `json:"until,omitzero"` // of accepted
	By        string      `json:"by"`
	Since     time.Time   `json:"-"`
}

// MostAccepted is how long something may be accepted before somebody has to say so
// again.
const MostAccepted = 366 * 24 * time.Hour

// scope names which findings are meant.
func (t *Triage) scope() string {
	b, _ := json.Marshal([]string{t.ID, t.Component, t.Cluster, t.Container}) // of strings: it cannot fail
	return string(b)
}

// SetTriage records a decision, in place of an earlier one about the same findings. A
// state of FindingNew takes the earlier one back.
func (c *Catalog) SetTriage(ctx context.Context, by authz.Actor, t Triage) error {
	t.By, t.Reason = by.Subject, strings.TrimSpace(t.Reason)
	if t.Component != "" {
		t.Component = canonical(t.Component)
	}
	if t.ID == "" || t.Cluster == "" && t.Container != "" {
		return ident.Errorf(ident.KindInvalid, "a decision is about a vulnerability, and a container is one of a cluster")
	}
	rows := []store.State{}
	switch t.State {
	case FindingNew:
	case FindingAccepted:
		now := c.now()
		if !t.Until.After(now) || t.Until.After(now.Add(MostAccepted)) {
			return ident.Errorf(ident.KindInvalid, "what is accepted is accepted until a time, at most %d days from now", MostAccepted/(24*time.Hour)).WithHint("until: %s", now.AddDate(0, 0, 90).Format(time.RFC3339))
		}
		fallthrough
	case FindingTriaged:
		if t.Reason == "" {
			return ident.Errorf(ident.KindInvalid, "the decision about %.100q has no reason", t.ID).WithHint("whoever reads it next year will ask for it")
		}
		if t.State == FindingTriaged && !t.Until.IsZero() {
			return ident.Errorf(ident.KindInvalid, "only what is accepted ends at a time")
		}
		body, err := json.Marshal(&t)
		if err != nil {
			return err
		}
		rows = append(rows, store.State{Key: "decision", Subject: t.ID, Body: body})
	default:
		return ident.Errorf(ident.KindInvalid, "%.40q is no state of a finding", string(t.State)).WithHint("triaged, accepted, or new to take a decision back")
	}
	n, err := c.store.Assert(ctx, c.mutation(by), store.StateTriage, t.scope(), rows)
	if err != nil || n == 0 {
		return storeError(err)
	}
	return c.settle(ctx)
}

// readTriage reads every decision that stands, by vulnerability.
func readTriage(ctx context.Context, s store.Store) (map[string][]Triage, error) {
	out := map[string][]Triage{}
	err := eachState(ctx, s, store.StateQuery{Kind: store.StateTriage}, func(row *store.State) error {
		t := Triage{ID: row.Subject, Since: row.From}
		if err := json.Unmarshal(row.Body, &t); err != nil {
			return ident.Errorf(ident.KindFailure, "the decision about %.80q cannot be read: %w", row.Scope, err)
		}
		out[t.ID] = append(out[t.ID], t)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// decided is the decision about a finding that counts at a time; nil where there is none.
func (v *view) decided(f *Finding, at time.Time) *Triage {
	var best *Triage
	for _, id := range append([]string{f.ID}, f.Said.Aliases...) {
		list := v.triage[id]
		for i := range list {
			t := &list[i]
			if (t.Component == "" || t.Component == f.Said.PURL) && (t.Cluster == "" || t.Cluster == f.Cluster) && (t.Container == "" || t.Container == f.Container) &&
				(t.Until.IsZero() || at.Before(t.Until)) && (best == nil || best.less(t)) {
				best = t
			}
		}
	}
	return best
}

// less reports whether another decision says more about a finding, or the same and
// later.
func (t *Triage) less(o *Triage) bool {
	weight := func(x *Triage) (n int) {
		for i, s := range []string{x.Component, x.Cluster, x.Container} {
			if s != "" {
				n += 1 << i
			}
		}
		return n
	}
	if a, b := weight(t), weight(o); a != b {
		return a < b
	}
	return t.Since.Before(o.Since)
}
