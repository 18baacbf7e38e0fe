package tighten_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/contain/tighten"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

const twoUses = head + "2026-11-20T10:00:00Z,shop/web,shop/api,TCP,8080,allowed\n2026-11-20T10:00:00Z,shop/api,shop/db,TCP,5432,allowed\n"

func folderOf(t *testing.T) (*tighten.Problem, []contain.File) {
	t.Helper()
	p := mustRead(t, shop, twoUses)
	p.Engine = "test"
	files, err := mustMake(t, p).Folder()
	if err != nil {
		t.Fatal(err)
	}
	return p, files
}

// TestEveryByteOfAProposalCounts: what was changed after it was proved is seen.
func TestEveryByteOfAProposalCounts(t *testing.T) {
	_, files := folderOf(t)
	intact := func(files []contain.File) bool {
		_, faults, err := tighten.Open(files)
		return err == nil && len(faults) == 0
	}
	if !intact(files) || !tighten.IsFolder(files) {
		t.Fatal("the folder is refused as it was written")
	}
	for i, f := range files {
		for at := 0; at < len(f.Data); at += max(1, len(f.Data)/100) {
			changed := slices.Clone(files)
			changed[i].Data = bytes.Clone(f.Data)
			if changed[i].Data[at] ^= 1; intact(changed) {
				t.Fatalf("%s with byte %d changed is the proposal that was written", f.Name, at)
			}
		}
		if intact(slices.Delete(slices.Clone(files), i, i+1)) {
			t.Errorf("without %s it is the proposal that was written", f.Name)
		}
	}
	if intact(append(slices.Clone(files), contain.File{Name: "apply/more.yaml"})) {
		t.Error("with a file more it is the proposal that was written")
	}
	if _, _, err := contain.Open(files); ident.KindOf(err) != ident.KindRefused || err == nil {
		t.Errorf("as a plan of contain it is %v", err)
	}
}

// TestCheckFindsWhatDoesNotHold: who writes a folder can bind it anew; what it does
// is proved by proving it again.
func TestCheckFindsWhatDoesNotHold(t *testing.T) {
	p, files := folderOf(t)
	plan, _, err := tighten.Open(files)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	pods := func(app string) segment.PodSelector {
		return segment.PodSelector{InNamespace: "shop", Pods: segment.MatchLabels(map[string]string{"app": app})}
	}
	policy := func(name, of, from string) segment.Policy {
		x := segment.Policy{Kind: "NetworkPolicy", Namespace: "shop", Name: name, Tier: segment.NetworkPolicyTier, Subject: pods(of), Isolates: [2]bool{false, true}}
		x.Rules[segment.Ingress] = []segment.Rule{{Action: segment.Allow, Peers: []segment.Peer{{Kind: segment.PeerPods, Pods: pods(from)}}}}
		return x
	}
	shut, err := p.Graph.Apply(ctx, &segment.Delta{PutPolicies: []segment.Policy{policy("shut", "db", "nobody"), policy("db", "db", "nobody")}})
	if err != nil {
		t.Fatal(err)
	}
	_, faults, err := plan.Check(ctx, p.Graph, shut, shut, p.Set.Estate, "test")
	if err != nil || !strings.Contains(strings.Join(faults, "\n"), "shop/api → shop/db 5432/TCP does not pass as before") {
		t.Errorf("what cuts a flow that is in use: %v, %v", faults, err)
	}
	_, faults, err = plan.Check(ctx, shut, p.Graph, p.Graph, p.Set.Estate, "test")
	if err != nil || len(faults) != 1 || !strings.Contains(faults[0], "not the one that the plan was made for") {
		t.Errorf("of another estate: %v, %v", faults, err)
	}
	plan.Certificate.Kept = nil
	_, faults, err = plan.Check(ctx, p.Graph, p.Graph, p.Graph, p.Set.Estate, "test")
	if err != nil || len(faults) == 0 {
		t.Errorf("what closes nothing: %v, %v", faults, err)
	}
	if plan.Certificate.Inputs, err = boundTo(shut, p); err != nil {
		t.Fatal(err)
	}
	_, faults, err = plan.Check(ctx, shut, p.Graph, p.Graph, p.Set.Estate, "test")
	if err != nil || !strings.Contains(strings.Join(faults, "\n"), "is opened") {
		t.Errorf("what opens something: %v, %v", faults, err)
	}
}

func boundTo(g *segment.Graph, p *tighten.Problem) (in contain.Inputs, err error) {
	err = in.Of(g.Model(), p.Set.Estate)
	return in, err
}
