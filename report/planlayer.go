package report

import (
	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/report/html"
)

// PlanLayer is a plan as a layer of the map, with a proof of it: what it cuts, what
// stays within reach, and what the affected workloads keep.
func PlanLayer(p *contain.Plan, proof *contain.Proof) *html.Layer {
	l := &html.Layer{Name: "Plan " + p.ID, Sentence: "Afterwards " + p.Sentence, Proof: "proved on the model, " + proof.Assumptions.Enforcement,
		Affected: p.Affected, Protected: p.Protected, InReach: proof.Residual.Workloads}
	for _, c := range proof.Declared {
		l.Cuts = append(l.Cuts, html.Cut{From: c.From, To: c.To, Connections: c.Connections, At: c.At, AllowedBy: rules(c.AllowedBy), Neighbour: c.Neighbour})
	}
	l.Goes = proof.Edges(proof.After)
	return l
}
