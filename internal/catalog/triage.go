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
	FindingProposed TriageState = "proposed" // somebody wants to accept it, and nobody else has approved that yet
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
	// Approved is who else approved an acceptance; "" nobody.
	Approved string    `json:"approved,omitempty"`
	Since    time.Time `json:"-"`
	Ended    time.Time `json:"-"` // zero while the decision stands
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
	t.By, t.Approved, t.Reason = by.Subject, "", strings.TrimSpace(t.Reason)
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

// ApproveTriage is somebody else's word that findings may be accepted. t names the decision by
// what it is about; its Since is the time of the one that was read, so that nobody approves what
// was changed since.
func (c *Catalog) ApproveTriage(ctx context.Context, by authz.Actor, t Triage) (*Triage, error) {
	if t.Component != "" {
		t.Component = canonical(t.Component)
	}
	rows, err := c.store.States(ctx, store.StateQuery{Kind: store.StateTriage, Scope: t.scope(), Limit: 1})
	if err != nil {
		return nil, storeError(err)
	}
	if len(rows) == 0 {
		return nil, ident.Errorf(ident.KindNotFound, "nobody decided anything about %.100q for just these components, clusters and containers", t.ID).WithHint("cofferdam findings decisions lists what was decided, and about what")
	}
	is, err := triageOf(&rows[0])
	switch {
	case err != nil:
		return nil, err
	case !is.Since.Equal(t.Since):
		return nil, ident.Errorf(ident.KindInvalid, "the decision about %.100q is another one by now, of %s", t.ID, is.Since.UTC().Format(time.RFC3339Nano)).WithHint("read it, and approve what it says")
	case is.State != FindingAccepted:
		return nil, ident.Errorf(ident.KindInvalid, "the decision about %.100q is %q, and only acceptances are approved", t.ID, string(is.State))
	case is.Approved != "":
		return nil, ident.Errorf(ident.KindInvalid, "%s approved it already", is.Approved)
	case is.By == by.Subject:
		return nil, ident.Errorf(ident.KindRefused, "%s decided it, and somebody else has to approve it", by.Subject)
	case !is.Until.After(c.now()):
		return nil, ident.Errorf(ident.KindInvalid, "the acceptance ended on %s", is.Until.UTC().Format(time.DateOnly))
	}
	is.Approved = by.Subject
	body, err := json.Marshal(&is)
	if err != nil {
		return nil, err
	}
	if _, err := c.store.Assert(ctx, c.mutation(by), store.StateTriage, rows[0].Scope, []store.State{{Key: rows[0].Key, Subject: rows[0].Subject, Body: body}}); err != nil {
		return nil, storeError(err)
	}
	return &is, c.settle(ctx)
}

// Triages lists what was decided about findings: what stands now, or stood at a time, or all of
// it. An acceptance whose time has come stands until somebody takes it back, and counts for
// nothing.
func (c *Catalog) Triages(ctx context.Context, id string, at time.Time, history bool) ([]Triage, error) {
	out := []Triage{}
	err := c.states(ctx, store.StateQuery{Kind: store.StateTriage, Subject: id, At: at, History: history}, func(row *store.State) error {
		t, err := triageOf(row)
		out = append(out, t)
		return err
	})
	return out, err
}

// FourEyes reports whether somebody else has to approve acceptances.
func (c *Catalog) FourEyes() bool { return c.fourEyes }

// Counts reports whether a decision counts at a time: an acceptance has not ended, and somebody
// else approved it where that is asked for.
func (c *Catalog) Counts(t *Triage, at time.Time) bool { return t.counts(at, c.fourEyes) }

func (t *Triage) counts(at time.Time, fourEyes bool) bool {
	return (t.Until.IsZero() || at.Before(t.Until)) && (!fourEyes || t.State != FindingAccepted || t.Approved != "")
}

func triageOf(row *store.State) (Triage, error) {
	t := Triage{ID: row.Subject, Since: row.From, Ended: row.Until}
	if err := json.Unmarshal(row.Body, &t); err != nil {
		return t, ident.Errorf(ident.KindFailure, "the decision about %.80q cannot be read: %w", row.Scope, err)
	}
	return t, nil
}

// readTriage reads every decision that stands, by vulnerability.
func readTriage(ctx context.Context, s store.Store) (map[string][]Triage, error) {
	out := map[string][]Triage{}
	err := eachState(ctx, s, store.StateQuery{Kind: store.StateTriage}, func(row *store.State) error {
		t, err := triageOf(row)
		if err != nil {
			return err
		}
		out[t.ID] = append(out[t.ID], t)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// decided is the decision about a finding that counts at a time, and the acceptance that says more
// about it and waits to be approved; nil where there is none.
func (v *view) decided(f *Finding, at time.Time, fourEyes bool) (best, proposed *Triage) {
	for _, id := range append([]string{f.ID}, f.Said.Aliases...) {
		list := v.triage[id]
		for i := range list {
			t := &list[i]
			if t.Component != "" && t.Component != f.Said.PURL || t.Cluster != "" && t.Cluster != f.Cluster || t.Container != "" && t.Container != f.Container || !t.counts(at, false) {
				continue
			}
			switch {
			case t.counts(at, fourEyes):
				if best == nil || best.less(t) {
					best = t
				}
			case proposed == nil || proposed.less(t):
				proposed = t
			}
		}
	}
	if best != nil && proposed != nil && proposed.less(best) {
		proposed = nil
	}
	return best, proposed
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
