package catalog_test

import (
	"cmp"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/authz"
	"github.com/cofferdam-io/cofferdam/evidence"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/internal/catalog"
)

// TestGateBlocks: what gates blocked of a small estate and for how long, by hand.
func TestGateBlocks(t *testing.T) {
	ctx, begun := context.Background(), time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	clock := clockAt(begun)
	c, end := open(t, embedded(t, t.TempDir()), catalog.Options{Now: clock.Now})
	defer end()
	web, api := container("web", 1), container("api", 2)
	web.Image, web.Owner, api.Image, api.Owner = "registry.example/shop/web:1", "team-a", "registry.example/shop/api@"+digest(2).String(), "team-b"
	if _, err := c.Report(ctx, ci, "prod", []catalog.Workload{web, api}); err != nil {
		t.Fatal(err)
	}
	n := 0
	decide := func(by authz.Actor, at time.Duration, image, verdict string, reasons ...string) {
		t.Helper()
		n++
		answer := fmt.Appendf(nil, "%d", n)
		what, letPass := evidence.ByGate, verdict == "let pass"
		switch verdict {
		case "let pass":
			verdict = evidence.GateFailed
		case "refused":
			what = "verify-image"
		}
		d := evidence.Decision{What: what, Verdict: verdict, At: begun.Add(at), Artifact: ident.SHA256([]byte(image)), Answer: ident.SHA256(answer), Subject: image, Reasons: reasons, Passed: letPass}
		for _, actor := range []authz.Actor{by, {Subject: "token:again"}} { // one answer counts once
			if _, err := c.TakeDecisions(ctx, actor, "", []evidence.Decision{d}, answer); err != nil {
				t.Fatal(err)
			}
		}
	}
	get := func(q catalog.IndicatorQuery) map[string]catalog.IndicatorGroup {
		t.Helper()
		x, err := c.Indicators(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]catalog.IndicatorGroup{}
		for _, g := range x.Groups {
			out[g.Name] = g
		}
		return out
	}
	if g := get(catalog.IndicatorQuery{})[""].Gates; g != nil {
		t.Errorf("nobody recorded anything, and it is known to be %+v", g)
	}

	clock.forward(30 * day)
	const tooBad, severe, rule = "sbom-quality: failed; expected a score of at least 70; found 12", "findings: failed; expected nothing new and severe; found 3 findings", "base/signed: failed"
	decide(ci, 1*day, "registry.example/shop/web:2", evidence.GateFailed, tooBad, severe, "sbom: passed; found 1 document")
	decide(ci, 2*day, "registry.example/shop/web:2", "not checked", "image: not checked")
	decide(ci, 3*day, "registry.example/shop/web:3", evidence.GateFailed, severe)
	decide(ci, 4*day, "registry.example/shop/api:7", evidence.GatePassed, "sbom: passed") // of another product
	decide(ci, 5*day, "registry.example/shop/web@"+digest(9).String(), evidence.GatePassed, "sbom: passed")
	decide(ci, 6*day, "registry.example/shop/api:8", "let pass", tooBad)
	decide(ci, 7*day, "registry.example/shop/api:8", "refused", "refused, unsigned")
	decide(ci, 8*day, "registry.example/shop/new:1", evidence.GateFailed, "told only: findings: failed", "sbom-policy/missing-hash: failed; expected x", rule)
	decide(ci, 9*day, "registry.example/shop/web:4", evidence.GateFailed, "sbom: failed; expected an SBOM; found none")
	decide(ci, 12*day, "registry.example/shop/web:4", evidence.GatePassed)
	decide(ci, 28*day, "registry.example/shop/api:9", evidence.GateFailed, severe)

	say := func(g catalog.IndicatorGroup, cause string) string {
		if g.Gates == nil {
			return "nothing"
		}
		for _, x := range g.Gates.Classes {
			if x.By == cause {
				return fmt.Sprintf("%d began, %d open for %s, %d took %s to %s", x.Began, x.Open, x.OpenAge.Slowest/time.Hour*time.Hour, x.Ended, x.Took.Median, x.Took.Slowest)
			}
		}
		return "no such cause"
	}
	since := begun.Add(time.Hour)
	byOwner, later := get(catalog.IndicatorQuery{By: "owner", Since: since}), get(catalog.IndicatorQuery{By: "owner", Since: begun.Add(10 * day)})
	for _, x := range []struct {
		in                map[string]catalog.IndicatorGroup
		group, cause, say string
	}{
		{byOwner, "", "", "4 began, 2 open for 528h0m0s, 2 took 96h0m0s to 96h0m0s"},
		{byOwner, "", "sbom", "3 began, 1 open for 528h0m0s, 2 took 96h0m0s to 96h0m0s"},
		{byOwner, "", "findings", "2 began, 1 open for 48h0m0s, 1 took 96h0m0s to 96h0m0s"},
		{byOwner, "", "policy", "1 began, 1 open for 528h0m0s, 0 took 0s to 0s"},
		{byOwner, "team-a", "sbom", "2 began, 0 open for 0s, 2 took 96h0m0s to 96h0m0s"},
		{byOwner, "team-b", "", "1 began, 1 open for 48h0m0s, 0 took 0s to 0s"},
		{byOwner, "team-b", "sbom", "0 began, 0 open for 0s, 0 took 0s to 0s"},
		{byOwner, "(none)", "", "1 began, 1 open for 528h0m0s, 0 took 0s to 0s"},
		{later, "", "", "1 began, 2 open for 528h0m0s, 1 took 72h0m0s to 72h0m0s"}, // what began before is open all the same
		{get(catalog.IndicatorQuery{Zone: "nowhere", Since: since}), "", "", "nothing"},
		// Before any of it was recorded, nobody knew.
		{get(catalog.IndicatorQuery{At: begun.Add(20 * day), Since: since}), "", "", "nothing"},
	} {
		if got := say(x.in[x.group], x.cause); got != x.say {
			t.Errorf("%s by %s: %s, want %s", cmp.Or(x.group, "everything"), cmp.Or(x.cause, "anything"), got, x.say)
		}
	}
	if g := byOwner[""].Gates; g.Passed != 3 || g.Failed != 5 || g.NotChecked != 1 || g.LetPass != 1 {
		t.Errorf("%+v", g)
	}
	if g := byOwner["team-b"].Gates; g.Passed != 1 || g.Failed != 1 || g.LetPass != 1 {
		t.Errorf("%+v", g)
	}
	// What nobody tried again for 90 days nobody waits for.
	clock.forward(100 * day)
	if got, want := say(get(catalog.IndicatorQuery{Since: since})[""], ""), "4 began, 0 open for 0s, 2 took 96h0m0s to 96h0m0s"; got != want {
		t.Errorf("after 130 days: %s, want %s", got, want)
	}
}
