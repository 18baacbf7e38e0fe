package server

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/report"
)

// scores are how good documents are.
type scores interface {
	Scores(ctx context.Context, q catalog.ScoreQuery) (*catalog.Scores, error)
}

func (a *api) scores() {
	huma.Register(a.huma, huma.Operation{
		OperationID: "listScores", Method: http.MethodGet, Path: "/api/v1/scores", Tags: []string{"Quality"}, Summary: "How good are the documents, by the rules that auditors use?",
		Description: "Ordered by document. Every document is judged seconds after it came, and again when the rules change; a change is an event of kind scores, and since lists what changed. With at, what was so then; with history all of it.",
	}, a.listScores)
}

type scoresAnswer struct{ Body report.DocumentScores }

func (a *api) listScores(ctx context.Context, in *struct {
	Tenant  string    `query:"tenant" maxLength:"100"`
	Owner   string    `query:"owner" maxLength:"256" doc:"The document's, or of a container that runs what it is about"`
	Service string    `query:"service" maxLength:"256" doc:"Likewise"`
	Running bool      `query:"running" doc:"Only documents of what runs"`
	Cluster string    `query:"cluster" maxLength:"256" doc:"Only documents of what runs in it"`
	Zone    string    `query:"zone" maxLength:"256" doc:"Only documents of what runs in it"`
	Profile string    `query:"profile" maxLength:"60" doc:"Whose score, grade and elements the other parameters are about; absent: the mean of all, and elements of any"`
	Min     float64   `query:"min" minimum:"0" maximum:"100" doc:"The least score"`
	Max     float64   `query:"max" minimum:"0.1" maximum:"100" default:"100" doc:"The highest score"`
	Grade   []string  `query:"grade" enum:"A,B,C,D,F" doc:"Only these, separated by commas"`
	Unmet   string    `query:"unmet" maxLength:"100" doc:"Only documents in which this element of a profile is absent somewhere" example:"component-hash-value"`
	Below   bool      `query:"below" doc:"Only those below the server's floor"`
	Refused bool      `query:"refused" doc:"Only those that the server's policy refuses"`
	Since   time.Time `query:"since" doc:"Only what is so since then or later"`
	At      time.Time `query:"at" doc:"What was so then, of what ran then"`
	History bool      `query:"history" doc:"Also what is no longer so"`
	Page
}) (*scoresAnswer, error) {
	who, tenant, err := a.may(ctx, authz.Read, in.Tenant)
	if err != nil {
		return nil, err
	}
	q := catalog.ScoreQuery{Tenant: tenant, Mine: tenant != "" || who.Tenant != "", Owner: in.Owner, Service: in.Service, Running: in.Running, Cluster: in.Cluster, Zone: in.Zone, Profile: in.Profile,
		Min: in.Min, Grades: in.Grade, Unmet: in.Unmet, Below: in.Below, Refused: in.Refused, Since: in.Since, At: in.At, History: in.History, Limit: a.limit(&in.Page)}
	if in.Max < 100 {
		q.Max = in.Max
	}
	if in.Cursor != "" {
		if q.After, err = scoreCursor(in.Cursor); err != nil {
			return nil, a.fail(ctx, err)
		}
	}
	ctx, cancel := a.answerTime(ctx)
	defer cancel()
	s, err := a.Catalog.Scores(ctx, q)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &scoresAnswer{Body: report.DocumentScores{SchemaVersion: inventory.SchemaVersion, Sequence: s.Sequence, Profile: q.Profile, Grades: s.Grades, Mean: s.Mean, Total: s.Total,
		Below: s.Below, Refused: s.Refused, Unjudged: s.Unjudged, Pending: s.Pending, Items: []report.DocumentScore{}}}
	for i := range s.Items {
		out.Body.Items = append(out.Body.Items, ScoreView(&s.Items[i]))
	}
	if s.More {
		last := &s.Items[len(s.Items)-1]
		out.Body.Next = joined(strconv.FormatUint(uint64(last.Document.ID), 10), last.From.Format(time.RFC3339Nano))
	}
	return out, nil
}

func scoreCursor(text string) (*catalog.ScoreCursor, error) {
	var number, from string
	if err := uncursor(text, &number, &from); err != nil {
		return nil, err
	}
	id, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return nil, errCursor
	}
	at, err := time.Parse(time.RFC3339Nano, from)
	if err != nil {
		return nil, errCursor
	}
	return &catalog.ScoreCursor{Document: uint32(id), From: at}, nil
}

// ScoreView is a score as answers say it.
func ScoreView(x *catalog.DocumentScore) report.DocumentScore {
	d, s := &x.Document, &x.Said
	return report.DocumentScore{Document: d.Original.String(), Number: d.ID, Artifact: d.Artifact, Tenant: d.Tenant, Name: d.Subject.Name, Version: d.Subject.Version, Service: d.Subject.Service,
		Owner: d.Subject.Owner, Format: d.Format, Running: x.Running, Summary: s.Summary, Below: s.Below, Fault: s.Fault, From: x.From, Until: x.Until}
}
