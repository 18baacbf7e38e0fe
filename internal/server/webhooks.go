package server

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cofferdam-io/cofferdam/authz"
)

// Webhook is how the telling of a receiver is. Its URL and secret are not said.
type Webhook struct {
	Name      string    `json:"name" doc:"As the configuration has it"`
	State     string    `json:"state" enum:"telling,failing,gone" doc:"gone: the receiver wants no more messages"`
	Delivered time.Time `json:"delivered,omitzero" doc:"When a message was last taken"`
	Messages  int       `json:"messages" doc:"That were taken since the server began"`
	Failures  int       `json:"failures,omitempty" doc:"Tries since then that failed"`
	Problem   string    `json:"problem,omitempty" doc:"Why the last try failed"`
	Next      time.Time `json:"next,omitzero" doc:"When it is tried again"`
	Open      int       `json:"open,omitempty" doc:"Of a tracker: tickets that are open"`
	Left      int       `json:"left,omitempty" doc:"Of a tracker: vulnerabilities without a ticket, since there are too many"`
}

type webhooksAnswer struct {
	Body struct {
		Items []Webhook `json:"items"`
	}
}

func (a *api) webhooks() {
	huma.Register(a.huma, huma.Operation{
		OperationID: "listWebhooks", Method: http.MethodGet, Path: "/api/v1/webhooks", Tags: []string{"Findings"}, Summary: "How the telling of receivers is",
	}, a.listWebhooks)
}

func (a *api) listWebhooks(ctx context.Context, _ *struct{}) (*webhooksAnswer, error) {
	if err := a.unbound(ctx, authz.Administer); err != nil {
		return nil, err
	}
	out := &webhooksAnswer{}
	out.Body.Items = []Webhook{}
	if a.Webhooks != nil {
		out.Body.Items = append(out.Body.Items, a.Webhooks()...)
	}
	return out, nil
}
