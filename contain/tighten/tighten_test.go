package tighten_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/contain/tighten"
	"github.com/cofferdam-io/cofferdam/estate/manifest"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/inventory"
	"github.com/cofferdam-io/cofferdam/segment"
)

const head = "time,src,dst,protocol,port,verdict\n"

func mustRead(t *testing.T, manifests, flows string) *tighten.Problem {
	t.Helper()
	set, g, seen, err := read(manifests, flows)
	if err != nil {
		t.Fatal(err)
	}
	return &tighten.Problem{Graph: g, Set: set, Observed: seen, At: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC),
		Text: func(string) ([]byte, error) { return []byte(manifests), nil }}
}

func mustMake(t *testing.T, p *tighten.Problem) *tighten.Plan {
	t.Helper()
	plan, err := tighten.Make(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func sideOf(t *testing.T, plan *tighten.Plan, name, direction string) *tighten.Side {
	t.Helper()
	for i := range plan.Workloads {
		for j := range plan.Workloads[i].Sides {
			if plan.Workloads[i].Workload.Name == name && plan.Workloads[i].Sides[j].Direction == direction {
				return &plan.Workloads[i].Sides[j]
			}
		}
	}
	t.Fatalf("the plan has no %s of %s", direction, name)
	return nil
}

func TestHeldBack(t *testing.T) {
	const seen = "2026-11-20T10:00:00Z,shop/web,shop/api,TCP,8080,allowed\n2026-11-20T10:00:00Z,shop/api,shop/db,TCP,5432,allowed\n"
	closed := shop + `---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
  ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]
`
	twins := shop + `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web-2, namespace: shop}
spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c}]}}}
`
	for _, tt := range []struct {
		name, manifests, flows, workload, direction, why string
		change                                           func(*tighten.Problem)
		lacks                                            bool
	}{
		{"silent", shop, "2026-11-20T10:00:00Z,shop/web,shop/api,TCP,8080,allowed\n", "db", "ingress", "no record mentions it", nil, true},
		{"unknown client", shop, seen + "2026-11-20T10:00:00Z,10.9.9.9,shop/api,TCP,8080,allowed\n", "api", "ingress", "10.9.9.9/32 → shop/api 8080/TCP is in use and no certain workload's", nil, true},
		{"unknown server", shop, seen + "2026-11-20T10:00:00Z,shop/api,10.9.9.9,TCP,8080,allowed\n", "api", "egress", "shop/api → 10.9.9.9/32 8080/TCP is in use", nil, true},
		{"passed what is denied", closed, seen + "2026-11-20T10:00:00Z,shop/db,shop/api,TCP,8080,allowed\n", "api", "ingress", "passed although the policies deny it", nil, true},
		{"vital", shop, seen, "db", "ingress", "declared vital; --may-cut shop/db", func(p *tighten.Problem) {
			p.About = func(r ident.Ref) inventory.About { return inventory.About{Vital: r.Name == "db"} }
		}, false},
		{"labels of another", twins, seen, "web", "egress", "labels cannot tell its pods from those of shop/web-2", func(p *tighten.Problem) { p.AcceptUnobserved = true }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := mustRead(t, tt.manifests, head+tt.flows)
			if tt.change != nil {
				tt.change(p)
			}
			plan := mustMake(t, p)
			s := sideOf(t, plan, tt.workload, tt.direction)
			if s.State != tighten.HeldBack || !strings.Contains(strings.Join(s.Why, "; "), tt.why) || s.LacksData != tt.lacks {
				t.Errorf("%s %q, lacks data: %t; want it held back since %q, %t", s.State, s.Why, s.LacksData, tt.why, tt.lacks)
			}
			for _, e := range plan.Edits {
				if e.Workload.Name == tt.workload && slices.Contains(e.For, tt.direction) {
					t.Errorf("all the same there is %+v", e)
				}
			}
		})
	}
}

// TestRefusedIsNotInUse: what the network refused holds nothing back and is not allowed.
func TestRefusedIsNotInUse(t *testing.T) {
	plan := mustMake(t, mustRead(t, shop, head+"2026-11-20T10:00:00Z,shop/web,shop/db,TCP,5432,refused\n2026-11-20T10:00:00Z,shop/api,shop/db,TCP,5432,allowed\n"))
	s := sideOf(t, plan, "db", "ingress")
	if s.State != tighten.Tightened || len(s.Denied) != 1 || !s.Denied[0].Refused || len(s.Used) != 1 || len(s.Notes) == 0 {
		t.Errorf("%+v", s)
	}
}

// TestSilentClientsKeepWhatTheyMayOpen: a job that runs once a quarter is in no
// week's records, and must not lose its database for it.
func TestSilentClientsKeepWhatTheyMayOpen(t *testing.T) {
	const flows = head + "2026-11-20T10:00:00Z,shop/api,shop/db,TCP,5432,allowed\n"
	web := ident.Ref{Namespace: "shop", Name: "web", Kind: "Deployment"}
	p := mustRead(t, shop, flows)
	s := sideOf(t, mustMake(t, p), "db", "ingress")
	if s.State != tighten.Tightened || len(s.Needed) != 1 || s.Needed[0].Peer != web {
		t.Errorf("%+v", s)
	}
	p.AcceptUnobserved = true
	if s = sideOf(t, mustMake(t, p), "db", "ingress"); len(s.Needed) != 0 || len(s.Unused) < 2 {
		t.Errorf("with unobserved ones accepted: %+v", s)
	}
	p.Needs = []contain.Need{{Src: web, Dst: ident.Ref{Namespace: "shop", Name: "db", Kind: "Deployment"}, Conns: []segment.Conn{{Protocol: segment.TCP, From: 5432, To: 5432}}, Why: "declared"}}
	plan := mustMake(t, p)
	if s = sideOf(t, plan, "db", "ingress"); len(s.Needed) != 1 || s.Needed[0].Connections[0].From != 5432 {
		t.Errorf("with a need: %+v", s)
	}
}

// TestAgainNothing: what was applied is proposed no second time.
func TestAgainNothing(t *testing.T) {
	const flows = head + "2026-11-20T10:00:00Z,shop/web,shop/api,TCP,8080,allowed\n2026-11-20T10:00:00Z,shop/api,shop/db,TCP,5432,allowed\n2026-11-20T10:00:00Z,shop/api,9.9.9.9,TCP,443,allowed\n"
	p := mustRead(t, shop, flows)
	plan := mustMake(t, p)
	files, err := plan.Folder()
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Edits) != 4 {
		t.Fatalf("%+v", plan.Edits)
	}
	text := shop
	for _, f := range files {
		if strings.HasPrefix(f.Name, "apply/") && strings.HasSuffix(f.Name, "-least.yaml") {
			text += "---\n" + string(f.Data)
		}
	}
	// The one that is replaced selects db alone; its document is the last of the file.
	if old, _, ok := strings.Cut(shop, "---\napiVersion: networking"); ok {
		text = old + strings.TrimPrefix(text, shop)
	}
	again := mustMake(t, mustRead(t, text, flows))
	if len(again.Edits) > 0 || len(again.Stages) > 0 {
		t.Errorf("%+v", again.Edits)
	}
}

func TestSharedPoliciesGoLast(t *testing.T) {
	const both = shop + `---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: wide, namespace: shop}
spec:
  podSelector: {}
  ingress: [{}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}}
`
	const flows = head + "2026-11-20T10:00:00Z,shop/web,shop/api,TCP,8080,allowed\n2026-11-20T10:00:00Z,shop/api,shop/db,TCP,5432,allowed\n"
	p := mustRead(t, both, flows)
	p.Directions = []segment.Gress{segment.Ingress}
	plan := mustMake(t, p)
	got := make(map[string]bool)
	for _, l := range plan.Left {
		got[l.Name] = l.RemovedLast
	}
	if last, ok := got["wide"]; !ok || !last {
		t.Errorf("wide is not removed last: %+v", plan.Left)
	}
	if last, ok := got["deny"]; !ok || last {
		t.Errorf("deny does not stay: %+v", plan.Left)
	}
	if f := plan.Proof; f.Applied.Edges <= f.Final.Edges || f.Before.Edges < f.Applied.Edges {
		t.Errorf("%+v", f)
	}
	p.Only = []ident.Ref{{Namespace: "shop", Name: "db", Kind: "Deployment"}}
	for _, l := range mustMake(t, p).Left {
		if l.RemovedLast {
			t.Errorf("%s goes although others need it", l.Name)
		}
	}
}

// TestSourcesLoseWholeDocuments: change.diff takes a policy with its comment out,
// and nothing of its neighbours.
func TestSourcesLoseWholeDocuments(t *testing.T) {
	two := shop + `---
# Another one for the same pods.
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db-more, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress: [{ports: [{port: 9187}]}]
`
	p := mustRead(t, two, head+"2026-11-20T10:00:00Z,shop/api,shop/db,TCP,5432,allowed\n")
	p.Only, p.Directions = []ident.Ref{{Namespace: "shop", Name: "db", Kind: "Deployment"}}, []segment.Gress{segment.Ingress}
	plan := mustMake(t, p)
	files, err := plan.Folder()
	if err != nil {
		t.Fatal(err)
	}
	byName := make(map[string]string)
	for _, f := range files {
		byName[f.Name] = string(f.Data)
	}
	if byName["remove.txt"] != "networkpolicy shop db-more\n" {
		t.Errorf("remove.txt: %q", byName["remove.txt"])
	}
	for _, want := range []string{"--- a/shop.yaml", "-# Another one for the same pods.\n", "-metadata: {name: db-more, namespace: shop}\n"} {
		if !strings.Contains(byName["change.diff"], want) {
			t.Errorf("change.diff lacks %q:\n%s", want, byName["change.diff"])
		}
	}
	if strings.Contains(byName["change.diff"], "-kind: Deployment") {
		t.Errorf("change.diff takes more:\n%s", byName["change.diff"])
	}
}

func TestQuestionsThatAreNone(t *testing.T) {
	p := mustRead(t, shop, head+"2026-11-20T10:00:00Z,shop/api,shop/db,TCP,5432,allowed\n")
	p.Only = []ident.Ref{{Namespace: "shop", Name: "nobody"}}
	if _, err := tighten.Make(context.Background(), p); ident.KindOf(err) != ident.KindNotFound {
		t.Errorf("of a workload that is not there: %v", err)
	}
	p.Only, p.Observed = nil, nil
	if _, err := tighten.Make(context.Background(), p); ident.KindOf(err) != ident.KindUsage {
		t.Errorf("without records: %v", err)
	}
	if _, err := tighten.Make(context.Background(), &tighten.Problem{Graph: p.Graph, Set: &manifest.Set{}}); err == nil {
		t.Error("an empty question has an answer")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	p = mustRead(t, shop, head+"2026-11-20T10:00:00Z,shop/api,shop/db,TCP,5432,allowed\n")
	if _, err := tighten.Make(ctx, p); err == nil {
		t.Error("a question that was given up has an answer")
	}
}

// TestMadePoliciesStay: what a controller makes from another object comes back when
// it is replaced or deleted, so that what it grants is not counted as gone.
func TestMadePoliciesStay(t *testing.T) {
	const owned = "metadata: {name: db, namespace: shop, ownerReferences: [{apiVersion: databases.example/v1, kind: Database, name: books, uid: u, controller: true}]}"
	const handwritten = `---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: scrape, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  policyTypes: [Ingress]
  ingress: [{from: [{namespaceSelector: {}}], ports: [{port: 9187}]}]
`
	const flows = head + "2026-11-20T10:00:00Z,shop/api,shop/db,TCP,5432,allowed\n2026-11-20T10:00:00Z,shop/web,shop/api,TCP,8080,allowed\n"
	onlyDB := func(p *tighten.Problem) {
		p.Only, p.Directions = []ident.Ref{{Namespace: "shop", Name: "db", Kind: "Deployment"}}, []segment.Gress{segment.Ingress}
	}
	made := strings.Replace(shop, "metadata: {name: db, namespace: shop}\nspec:\n  podSelector", owned+"\nspec:\n  podSelector", 1)
	if made == shop {
		t.Fatal("the policy has no owner")
	}
	narrow := strings.Replace(made, "from: [{podSelector: {}}]", "from: [{podSelector: {}}]\n    ports: [{port: 5432}]", 1)
	shared := strings.Replace(made, "podSelector: {matchLabels: {app: db}}\n  policyTypes", "podSelector: {}\n  policyTypes", 1)
	kyverno := strings.Replace(made, owned, "metadata: {name: db, namespace: shop, labels: {generate.kyverno.io/policy-name: open-shop}}", 1)
	// A default deny that is made, too, must not hide what the other one grants.
	denied := made + `---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop, labels: {generate.kyverno.io/policy-name: deny-all}}
spec: {podSelector: {}, policyTypes: [Egress]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: out, namespace: shop}
spec: {podSelector: {}, policyTypes: [Egress], egress: [{}]}
`
	const byDatabase = "NetworkPolicy shop/db, which Database books makes"
	for _, tt := range []struct {
		name, manifests string
		state           tighten.State
		madeBy          string // of what web may open to db
		keeps           int
		edits           []string
	}{
		{"handwritten, for comparison", shop, tighten.Tightened, "", -1, []string{"replace db"}},
		{"all is granted by it", made, tighten.HeldBack, byDatabase, 2, nil},
		{"all is granted by it, beside a deny", denied, tighten.HeldBack, byDatabase, 2, nil},
		{"by a rule of Kyverno", kyverno, tighten.HeldBack, "NetworkPolicy shop/db, which Kyverno policy open-shop makes", 2, nil},
		{"of many workloads", shared, tighten.HeldBack, byDatabase, 2, nil},
		{"beside a handwritten one", narrow + handwritten, tighten.Tightened, byDatabase, 1, []string{"replace scrape"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := mustRead(t, tt.manifests, flows)
			onlyDB(p)
			p.AcceptUnobserved = true
			plan := mustMake(t, p)
			s := sideOf(t, plan, "db", "ingress")
			if s.State != tt.state || s.State == tighten.HeldBack && !strings.Contains(strings.Join(s.Why, "; "), " makes: change ") {
				t.Errorf("%s %q, want %s", s.State, s.Why, tt.state)
			}
			var edits []string
			for _, e := range plan.Edits {
				edits = append(edits, e.Action+" "+e.Name)
			}
			if !slices.Equal(edits, tt.edits) {
				t.Errorf("edits are %q, want %q", edits, tt.edits)
			}
			found := false
			for _, x := range s.Unused {
				if x.Peer.Name == "web" {
					if found = true; x.MadeBy != tt.madeBy || x.Stays != (tt.madeBy != "") {
						t.Errorf("web stays: %t, by %q; want %q", x.Stays, x.MadeBy, tt.madeBy)
					}
				}
			}
			if !found {
				t.Errorf("what web may open is not among what nobody used: %+v", s.Unused)
			}
			at := slices.IndexFunc(plan.Left, func(l tighten.Left) bool { return l.Name == "db" })
			switch {
			case tt.keeps < 0 && at >= 0:
				t.Errorf("db is left: %+v", plan.Left[at])
			case tt.keeps < 0:
			case at < 0:
				t.Errorf("db is not among what is left: %+v", plan.Left)
			case plan.Left[at].RemovedLast || plan.Left[at].Keeps != tt.keeps || plan.Left[at].MadeBy == "":
				t.Errorf("%+v, want it to keep %d permissions", plan.Left[at], tt.keeps)
			}
			files, err := plan.Folder()
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				if tt.keeps >= 0 && (strings.HasPrefix(f.Name, "remove") && strings.Contains(string(f.Data), "shop db\n") || f.Name == "apply/networkpolicy_shop_db.yaml") {
					t.Errorf("%s has db:\n%s", f.Name, f.Data)
				}
			}
		})
	}
}
