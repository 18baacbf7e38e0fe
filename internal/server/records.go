package server

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/internal/store"
)

// records are what happened.
type records interface {
	// SequenceAt is the number of the last change before a time.
	SequenceAt(ctx context.Context, t time.Time) (uint64, error)
	Changes(ctx context.Context, after uint64, limit int) ([]store.Change, error)
	// Await returns when there is a change after a sequence number.
	Await(ctx context.Context, after uint64) error
	Journal(ctx context.Context, after uint64, limit int) ([][]byte, error)
	Checkpoints(ctx context.Context, from uint64, limit int) ([][]byte, error)
}

// Change is one step of the catalogue's sequence.
type Change struct {
	Sequence uint64 `json:"sequence"`
	Kind     string `json:"kind" enum:"document-added,document-archived,artifacts-joined,document-status,inventory,findings,vex,deployable,report,blocklist,drift,triage,scores,trust,base,decision,other"`
	Document uint32 `json:"document,omitempty"`
	Artifact uint32 `json:"artifact,omitempty"`
	From     uint32 `json:"from,omitempty" doc:"The artifact that is the same as artifact"`
}

var changeKinds = map[store.ChangeKind]string{store.ChangeOther: "other", store.ChangeAdded: "document-added", store.ChangeDeleted: "document-archived",
	store.ChangeJoined: "artifacts-joined", store.ChangeStatus: "document-status"}

var stateChanges = map[store.StateKind]string{store.StateRuns: "inventory", store.StateFinding: "findings", store.StateVEX: "vex", store.StateDeployable: "deployable",
	store.StateReport: "report", store.StateBlocked: "blocklist", store.StateDrift: "drift", store.StateTriage: "triage", store.StateScore: "scores", store.StateTrust: "trust", store.StateBase: "base", store.StateDecision: "decision"}

// changeOf is what somebody of a tenant may know of a change: that there was one,
// and whether it is theirs, what.
func changeOf(c *store.Change, who authz.Actor) Change {
	if who.Tenant != "" && c.Tenant != who.Tenant && c.Kind != store.ChangeState {
		return Change{Sequence: c.Seq, Kind: changeKinds[store.ChangeOther]}
	}
	kind := changeKinds[c.Kind]
	if c.Kind == store.ChangeState {
		kind = stateChanges[c.StateKind]
	}
	return Change{Sequence: c.Seq, Kind: kind, Document: c.Document, Artifact: c.Artifact, From: c.From}
}

type changesAnswer struct {
	Body struct {
		Items []Change `json:"items"`
		Next  string   `json:"next" doc:"The cursor for what comes after; it may be asked for again later"`
	}
}

type journalAnswer struct {
	Body struct {
		Items []string `json:"items" doc:"Records, in order: bytes in base64, each bound to the one before by its hash"`
		Next  string   `json:"next,omitempty"`
	}
}

type checkpointsAnswer struct {
	Body struct {
		Items []string `json:"items" doc:"Signed notes (C2SP) over the journal's end"`
		Next  string   `json:"next,omitempty"`
	}
}

func (a *api) records() {
	huma.Register(a.huma, huma.Operation{
		OperationID: "listChanges", Method: http.MethodGet, Path: "/api/v1/changes", Tags: []string{"Records"}, Summary: "What changed since",
	}, a.changes)
	huma.Register(a.huma, huma.Operation{
		OperationID: "watchChanges", Method: http.MethodGet, Path: "/api/v1/events", Tags: []string{"Records"}, Summary: "What changes, as it happens",
		Description: "Server-sent events named change, whose ids are sequence numbers: Last-Event-ID, or since, goes on after one. None is left out.",
		Responses:   map[string]*huma.Response{"200": {Description: "Events", Content: map[string]*huma.MediaType{"text/event-stream": {}}}},
	}, a.events)
	huma.Register(a.huma, huma.Operation{
		OperationID: "readJournal", Method: http.MethodGet, Path: "/api/v1/journal", Tags: []string{"Records"}, Summary: "The records of every change: who, what, when",
	}, a.journal)
	huma.Register(a.huma, huma.Operation{
		OperationID: "listCheckpoints", Method: http.MethodGet, Path: "/api/v1/journal/checkpoints", Tags: []string{"Records"}, Summary: "Signed statements of where the journal ended",
	}, a.checkpoints)
}

func (a *api) changes(ctx context.Context, in *struct {
	Page
	Since time.Time `query:"since" doc:"What changed from then on, by the clock of the server that took it in; with a cursor it is not looked at"`
}) (*changesAnswer, error) {
	who, _, err := a.may(ctx, authz.Read, "")
	if err != nil {
		return nil, err
	}
	after, err := in.after()
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	if in.Cursor == "" && !in.Since.IsZero() {
		if after, err = a.Catalog.SequenceAt(ctx, in.Since); err != nil {
			return nil, a.fail(ctx, err)
		}
	}
	rows, err := a.Catalog.Changes(ctx, after, a.limit(&in.Page))
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &changesAnswer{}
	out.Body.Items = []Change{}
	for i := range rows {
		out.Body.Items = append(out.Body.Items, changeOf(&rows[i], who))
		after = rows[i].Seq
	}
	out.Body.Next = cursor(after)
	return out, nil
}

// heartbeat keeps connections open that proxies would close, and finds those whose
// other end has gone.
const heartbeat = 15 * time.Second

func (a *api) events(ctx context.Context, in *struct {
	Since  uint64 `query:"since" doc:"The sequence number to go on after; what is there already comes first"`
	LastID string `header:"Last-Event-ID"`
}) (*huma.StreamResponse, error) {
	who, _, err := a.may(ctx, authz.Read, "")
	if err != nil {
		return nil, err
	}
	after := in.Since
	if in.LastID != "" {
		if after, err = strconv.ParseUint(in.LastID, 10, 64); err != nil {
			return nil, a.fail(ctx, ident.Errorf(ident.KindUsage, "Last-Event-ID is no sequence number"))
		}
	}
	select {
	case a.streams <- struct{}{}:
	default:
		return nil, a.fail(ctx, &catalog.BusyError{What: "event streams", After: time.Minute})
	}
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		defer func() { <-a.streams }()
		ctx, end := context.WithCancel(ctx)
		defer end()
		go func() {
			select {
			case <-a.Ending:
				end()
			case <-ctx.Done():
			}
		}()
		hctx.SetHeader("Content-Type", "text/event-stream")
		hctx.SetHeader("X-Accel-Buffering", "no") // nginx would hold events back
		hctx.SetStatus(http.StatusOK)
		w := hctx.BodyWriter()
		ctl := http.NewResponseController(w.(http.ResponseWriter)) //nolint:forcetypeassert // humago's is one
		send := func(text string) bool {
			_ = ctl.SetWriteDeadline(time.Now().Add(a.Limits.Stall)) // where that is not supported the connection's own end counts
			_, err := w.Write([]byte(text))
			return err == nil && ctl.Flush() == nil
		}
		if !send(": the sequence goes on after " + strconv.FormatUint(after, 10) + "\n\n") {
			return
		}
		for {
			rows, err := a.Catalog.Changes(ctx, after, a.Limits.Page)
			if err != nil {
				return // the client comes again, and goes on where it was
			}
			for i := range rows {
				c := changeOf(&rows[i], who)
				body, err := json.Marshal(&c)
				if err != nil || !send(fmt.Sprintf("id: %d\nevent: change\ndata: %s\n\n", c.Sequence, body)) {
					return
				}
				after = rows[i].Seq
			}
			wait, cancel := context.WithTimeout(ctx, heartbeat)
			err = a.Catalog.Await(wait, after)
			idle := wait.Err() != nil
			cancel()
			switch {
			case ctx.Err() != nil:
				return
			case idle:
				if !send(": still here\n\n") {
					return
				}
			case err != nil:
				return
			}
		}
	}}, nil
}

func (a *api) journal(ctx context.Context, in *Page) (*journalAnswer, error) {
	// The journal is one, of all tenants.
	if _, _, err := a.may(ctx, authz.Administer, ""); err != nil {
		return nil, err
	}
	after, err := in.after()
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	n := a.limit(in)
	rows, err := a.Catalog.Journal(ctx, after, n)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &journalAnswer{}
	out.Body.Items = []string{}
	for _, r := range rows {
		out.Body.Items = append(out.Body.Items, base64.StdEncoding.EncodeToString(r))
	}
	if len(rows) == n {
		out.Body.Next = cursor(after + uint64(n)) //nolint:gosec // a page's length
	}
	return out, nil
}

func (a *api) checkpoints(ctx context.Context, in *Page) (*checkpointsAnswer, error) {
	if _, _, err := a.may(ctx, authz.Read, ""); err != nil {
		return nil, err
	}
	from, err := in.after()
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	most := a.limit(in)
	notes, err := a.Catalog.Checkpoints(ctx, from, most)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &checkpointsAnswer{}
	out.Body.Items = []string{}
	for _, n := range notes {
		out.Body.Items = append(out.Body.Items, string(n))
	}
	if len(notes) == most {
		if seq, ok := evidence.SeqOf(notes[most-1]); ok {
			out.Body.Next = cursor(seq + 1)
		}
	}
	return out, nil
}
