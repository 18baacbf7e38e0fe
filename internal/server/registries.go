package server

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cofferdam-io/cofferdam/authz"
)

// Registry is how the reading of a registry's SBOMs is.
type Registry struct {
	Name        string    `json:"name" doc:"As the configuration has it"`
	Tenant      string    `json:"tenant,omitempty"`
	State       string    `json:"state" enum:"waiting,reading,failing" doc:"failing: the last round was not complete; what it did not reach is unknown"`
	Begun       time.Time `json:"begun,omitzero" doc:"When the last round began"`
	Completed   time.Time `json:"completed,omitzero" doc:"When a round last saw everything: what is attached since is not known yet"`
	Next        time.Time `json:"next,omitzero" doc:"When the next round begins"`
	Failures    int       `json:"failures,omitempty" doc:"Rounds since then that were not complete"`
	Problem     string    `json:"problem,omitempty" doc:"Why the last round was not complete"`
	Hint        string    `json:"hint,omitempty" doc:"How to mend it"`
	Images      int       `json:"images" doc:"Images that the last round looked at"`
	WithoutSBOM int       `json:"withoutSbom" doc:"Of them, those to which certainly none is attached"`
	Taken       int       `json:"taken" doc:"Documents taken in since the server began"`
	Quarantined int       `json:"quarantined" doc:"Documents put into quarantine since then"`
}

type registriesAnswer struct {
	Body struct {
		Items []Registry `json:"items"`
	}
}

func (a *api) registries() {
	huma.Register(a.huma, huma.Operation{
		OperationID: "listRegistries", Method: http.MethodGet, Path: "/api/v1/registries", Tags: []string{"Documents"},
		Summary:     "How the reading of registries is",
		Description: "The registries of the server's configuration whose images' SBOMs it takes in, and how far each is.",
	}, a.listRegistries)
}

func (a *api) listRegistries(ctx context.Context, in *struct {
	Tenant string `query:"tenant" maxLength:"100"`
}) (*registriesAnswer, error) {
	_, tenant, err := a.may(ctx, authz.Read, in.Tenant)
	if err != nil {
		return nil, err
	}
	out := &registriesAnswer{}
	out.Body.Items = []Registry{}
	if a.Registries != nil {
		for _, r := range a.Registries() {
			if r.Tenant == tenant {
				out.Body.Items = append(out.Body.Items, r)
			}
		}
	}
	return out, nil
}
