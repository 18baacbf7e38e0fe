package pick_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"pgregory.net/rapid"

	"github.com/cofferdam-io/cofferdam/contain/pick"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

type labels = map[string]string

// modelOf makes a namespace with one workload for each list of pods.
func modelOf(pods ...[]labels) *segment.Model {
	m := &segment.Model{Profile: segment.Generic(), Namespaces: []segment.Namespace{{Name: "shop"}}}
	for w, sets := range pods {
		ref := ident.Ref{Namespace: "shop", Kind: "Deployment", Name: fmt.Sprintf("w%d", w)}
		m.Workloads = append(m.Workloads, segment.Workload{Ref: ref})
		for i, l := range sets {
			m.Endpoints = append(m.Endpoints, segment.Endpoint{Workload: w, Labels: l, Ref: ident.Ref{Namespace: "shop", Kind: "Pod", Name: fmt.Sprintf("w%d-%d", w, i)}})
		}
	}
	return m
}

func ExamplePicker_Pick() {
	m := modelOf([]labels{{"app": "web", "pod-template-hash": "7d4"}}, []labels{{"app": "api"}}, []labels{{"app": "db"}})
	p := pick.New(m).Pick([]int{0, 1})
	fmt.Println(p.Selector)
	fmt.Println(p.NewPods)
	// Output:
	// app in (api,web)
	// a new pod in namespace shop is selected if it has app in (api,web), whoever creates it
}

func ExampleNot() {
	web := segment.MatchLabels(labels{"app": "web", "tier": "front"})
	for _, s := range pick.Not(web) {
		fmt.Println(s)
	}
	// Output:
	// app!=web
	// app=web,tier!=front
}

func TestPick(t *testing.T) {
	for name, tc := range map[string]struct {
		pods [][]labels
		want []int
		sel  string
		also string
	}{
		"one label":                   {[][]labels{{{"app": "web"}}, {{"app": "db"}}}, []int{0}, "app=web", ""},
		"recommended label first":     {[][]labels{{{"app": "web", "app.kubernetes.io/name": "web", "zz": "1"}}, {{"app": "db", "app.kubernetes.io/name": "db"}}}, []int{0}, "app.kubernetes.io/name=web", ""},
		"two where one is not enough": {[][]labels{{{"app": "web", "tier": "a"}}, {{"app": "web", "tier": "b"}}, {{"app": "db", "tier": "a"}}}, []int{0}, "app=web,tier=a", ""},
		"equalities before In":        {[][]labels{{{"app": "a", "part": "x"}}, {{"app": "b", "part": "x"}}, {{"app": "c", "part": "y"}}}, []int{0, 1}, "part=x", ""},
		"In before NotIn":             {[][]labels{{{"app": "a"}}, {{"app": "b"}}, {{"app": "c"}}}, []int{0, 1}, "app in (a,b)", ""},
		"never a rollout's label":     {[][]labels{{{"app": "a", "pod-template-hash": "1"}}, {{"app": "a", "pod-template-hash": "2"}}}, []int{0}, "app=a", "shop/w1"},
		"a release's label last":      {[][]labels{{{"version": "1", "app": "a"}}, {{"version": "1", "app": "b"}}, {{"version": "2", "app": "c"}}}, []int{0, 1}, "app in (a,b)", ""},
		"a release's label if needed": {[][]labels{{{"version": "1", "app": "a"}}, {{"version": "2", "app": "a"}}}, []int{0}, "version=1", ""},
		"absence":                     {[][]labels{{{"app": "a"}}, {{"app": "a", "canary": "yes"}}}, []int{0}, "!canary", ""},
		"presence":                    {[][]labels{{{"debug": "in!valid"}}, {{"app": "a"}}}, []int{0}, "!app", ""},
		"pods that differ":            {[][]labels{{{"app": "a"}, {}}, {{"app": "b"}}, {{"app": "c", "x": "y"}}}, []int{0}, "app notin (b,c)", ""},
		"no labels at all":            {[][]labels{{{}}, {{}}}, []int{0}, "everything", "shop/w1"},
		"all of the namespace":        {[][]labels{{{"app": "a"}}, {{"app": "b"}}}, []int{0, 1}, "app in (a,b)", ""},
		"all, without labels":         {[][]labels{{{}}, {{"app": "b"}}}, []int{0, 1}, "everything", ""},
		"all look alike":              {[][]labels{{{"app": "a"}}, {{"app": "a"}}}, []int{0}, "app=a", "shop/w1"},
		"never the model's own label": {[][]labels{{{"io.cilium.k8s.policy.serviceaccount": "a"}}, {{"io.cilium.k8s.policy.serviceaccount": "b"}}}, []int{0}, "everything", "shop/w1"},
		"nor one that is not valid":   {[][]labels{{{"a b": "x", "k": "in!valid"}}, {{}}}, []int{0}, "k", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := pick.New(modelOf(tc.pods...)).Pick(tc.want)
			var also []string
			for _, r := range got.Also {
				also = append(also, r.Short())
			}
			if got.Selector.String() != tc.sel || strings.Join(also, " ") != tc.also || len(got.Missing) > 0 {
				t.Errorf("selector %q, also %v, missing %v, want %q and %q", got.Selector, also, got.Missing, tc.sel, tc.also)
			}
			if (got.Quarantine != "") != (len(also) > 0) || got.Exact != (len(also) == 0) || got.NewPods == "" {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestNextPodsCount(t *testing.T) {
	m := modelOf([]labels{{"app": "web", "tier": "old"}}, []labels{{"app": "db"}})
	m.Workloads[0].Labels = labels{"app": "web", "tier": "new"}
	if got := pick.New(m).Pick([]int{0}); got.Selector.String() != "app=web" {
		t.Errorf("%s does not select the pods of the next rollout", got.Selector)
	}
	m.Workloads[1].Labels = labels{"app": "web"}
	got := pick.New(m).Pick([]int{0})
	if got.Selector.String() != "tier in (new,old)" || !got.Exact {
		t.Errorf("%s would catch the next pods of the other", got.Selector)
	}
}

func TestMissing(t *testing.T) {
	m := modelOf([]labels{{"app": "web"}}, nil)
	m.Namespaces = append(m.Namespaces, segment.Namespace{Name: "bank"})
	m.Workloads = append(m.Workloads, segment.Workload{Ref: ident.Ref{Namespace: "bank", Name: "db"}})
	m.Endpoints = append(m.Endpoints, segment.Endpoint{Workload: 2, Namespace: 1, Labels: labels{"app": "db"}})
	p := pick.New(m)
	if got := p.Pick([]int{0, 1, 2}); len(got.Missing) != 2 || got.Exact || got.Selector.String() != "app=web" {
		t.Errorf("%+v", got)
	}
	if got := p.Pick([]int{1}); len(got.Missing) != 1 || got.Exact || got.Namespace != "" {
		t.Errorf("a workload without pods: %+v", got)
	}
	if got := p.Pick(nil); got.Exact && got.Namespace != "" {
		t.Errorf("nothing asked: %+v", got)
	}
}

func TestQuarantine(t *testing.T) {
	m := modelOf([]labels{{}}, []labels{{}}, []labels{{pick.QuarantineKey: "web"}})
	m.Workloads[0].Ref.Name = "web"
	if got := pick.New(m).Pick([]int{0}); got.Quarantine != pick.QuarantineKey+"=web-2" {
		t.Errorf("%q is taken or wrong", got.Quarantine)
	}
	m.Workloads[0].Ref.Name = strings.Repeat("é.", 200)
	got := pick.New(m).Pick([]int{0})
	key, value, _ := strings.Cut(got.Quarantine, "=")
	checkValid(t, segment.MatchLabels(labels{key: value}))
}

func checkValid(t interface{ Fatalf(string, ...any) }, s segment.Selector) {
	l := pick.LabelSelector(s)
	if errs := validation.ValidateLabelSelector(&l, validation.LabelSelectorValidationOptions{}, field.NewPath("s")); len(errs) > 0 {
		t.Fatalf("%s is refused: %v", s, errs)
	}
	back, err := metav1.LabelSelectorAsSelector(&l)
	if err != nil || len(s) > 0 && back.Empty() {
		t.Fatalf("%s becomes %v: %v", s, back, err)
	}
}

func TestHostileLabels(t *testing.T) {
	huge := labels{"app": "x"}
	for i := range 5000 {
		huge[fmt.Sprintf("k%d", i)] = strings.Repeat("v", i%80)
	}
	pods := [][]labels{{huge}, {{"app": "x"}}}
	for i := range 300 {
		pods = append(pods, []labels{{"app": "x", fmt.Sprintf("k%d", i): "other", "id": fmt.Sprint(i)}})
	}
	p := pick.New(modelOf(pods...))
	for _, want := range [][]int{{0}, {1}, {0, 1}, {2, 3}} {
		got := p.Pick(want)
		checkValid(t, got.Selector)
		checkSelection(t, modelOf(pods...), want, got)
	}
}

// checkSelection holds what is selected against what the Pick says of it.
func checkSelection(t interface{ Fatalf(string, ...any) }, m *segment.Model, want []int, got pick.Pick) {
	caught := map[ident.Ref]bool{}
	for i := range m.Endpoints {
		e := &m.Endpoints[i]
		hit := got.Selector.Matches(e.Labels)
		if slices.Contains(want, e.Workload) {
			if !hit {
				t.Fatalf("%s does not select %s with %v", got.Selector, e.Ref, e.Labels)
			}
		} else if hit {
			caught[m.Workloads[e.Workload].Ref] = true
		}
	}
	if len(caught) != len(got.Also) {
		t.Fatalf("%s also selects %v, and says %v", got.Selector, caught, got.Also)
	}
	for _, r := range got.Also {
		if !caught[r] {
			t.Fatalf("%s does not select %s", got.Selector, r)
		}
	}
}

// TestAgainstBruteForce holds picks against every conjunction of requirements
// that a small namespace allows: nobody else that labels can spare, the most
// preferred form, and the fewest requirements of that form.
func TestAgainstBruteForce(t *testing.T) {
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 3))
		keys, values := []string{"app", "tier", "zz"}[:1+r.IntN(3)], []string{"a", "b", "c"}
		random := func() labels {
			l := labels{"pod-template-hash": fmt.Sprint(r.IntN(99))}
			for _, k := range keys {
				if r.IntN(4) > 0 {
					l[k] = values[r.IntN(3)]
				}
			}
			return l
		}
		var pods [][]labels
		for range 2 + r.IntN(5) {
			l := []labels{random()}
			if r.IntN(3) == 0 {
				l = append(l, random())
			}
			pods = append(pods, l)
		}
		m := modelOf(pods...)
		want := r.Perm(len(pods))[:1+r.IntN(2)]
		got := pick.New(m).Pick(want)
		checkValid(t, got.Selector)
		checkSelection(t, m, want, got)

		form, best := twin(m, want, keys, values)
		others := func(s segment.Selector) (n int) {
			for i := range m.Endpoints {
				if !slices.Contains(want, m.Endpoints[i].Workload) && s.Matches(m.Endpoints[i].Labels) {
					n++
				}
			}
			return n
		}
		if others(got.Selector) != others(best) {
			t.Fatalf("seed %d: %s selects %d others, %s only %d", seed, got.Selector, others(got.Selector), best, others(best))
		}
		if len(best) == 0 {
			continue // one label stands for the empty selector
		}
		if formOf(got.Selector) != form || len(got.Selector) != len(best) {
			t.Fatalf("seed %d: %s for %s\n%v %v", seed, got.Selector, best, pods, want)
		}
	}
}

// TestWithin separates pods only from those that another selector selects too,
// also where that asks for labels that no Pick uses. Many ask at once.
func TestWithin(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 4))
		var pods [][]labels
		for range 2 + r.IntN(6) {
			var l []labels
			for range 1 + r.IntN(2) {
				x := labels{"pod-template-hash": fmt.Sprint(r.IntN(2))}
				for _, k := range []string{"app", "tier"} {
					if r.IntN(4) > 0 {
						x[k] = []string{"a", "b"}[r.IntN(2)]
					}
				}
				l = append(l, x)
			}
			pods = append(pods, l)
		}
		m := modelOf(pods...)
		p := pick.New(m)
		universe := segment.NewSelector([]segment.Requirement{{Key: []string{"app", "tier", "pod-template-hash"}[r.IntN(3)], Op: segment.Operator(r.IntN(4)), Values: []string{"a", "1"}}}) //nolint:gosec // four operators
		var all sync.WaitGroup
		for w := range pods {
			all.Go(func() {
				got := p.Within(universe, []int{w})
				also := map[ident.Ref]bool{}
				others, asked := 0, 0
				for i := range m.Endpoints {
					e := &m.Endpoints[i]
					if !universe.Matches(e.Labels) {
						continue
					}
					hit := got.Selector.Matches(e.Labels)
					switch {
					case e.Workload == w:
						asked++
						if !hit {
							t.Errorf("seed %d: %s within %s misses %v", seed, got.Selector, universe, e.Labels)
						}
					case hit:
						also[m.Workloads[e.Workload].Ref] = true
						others++
					default:
						others++
					}
				}
				if asked > 0 && (len(also) != len(got.Also) || got.NamespaceWide != (others == 0)) {
					t.Errorf("seed %d: %s within %s also selects %v, and says %+v", seed, got.Selector, universe, also, got)
				}
			})
		}
		all.Wait()
	}
}

func formOf(s segment.Selector) int {
	form := 0
	for _, r := range s {
		switch {
		case r.Op != segment.In:
			form = 2
		case len(r.Values) > 1:
			form = max(form, 1)
		}
	}
	return form
}

// twin tries everything.
func twin(m *segment.Model, want []int, keys, values []string) (form int, best segment.Selector) {
	var all []segment.Requirement
	for _, k := range keys {
		all = append(all, segment.Requirement{Key: k, Op: segment.Exists}, segment.Requirement{Key: k, Op: segment.DoesNotExist})
		for set := 1; set < 1<<len(values); set++ {
			var vs []string
			for i, v := range values {
				if set>>i&1 == 1 {
					vs = append(vs, v)
				}
			}
			all = append(all, segment.Requirement{Key: k, Op: segment.In, Values: vs}, segment.Requirement{Key: k, Op: segment.NotIn, Values: vs})
		}
	}
	cost := [3]int{1 << 30}
	var try func(s segment.Selector, from int)
	try = func(s segment.Selector, from int) {
		others := 0
		for i := range m.Endpoints {
			hit, asked := s.Matches(m.Endpoints[i].Labels), slices.Contains(want, m.Endpoints[i].Workload)
			if asked && !hit {
				return
			}
			if hit && !asked {
				others++
			}
		}
		if c := [3]int{others, formOf(s), len(s)}; slices.Compare(c[:], cost[:]) < 0 {
			cost, best = c, slices.Clone(s)
		}
		if len(s) < 3 {
			for i := from; i < len(all); i++ {
				try(append(s, all[i]), i+1)
			}
		}
	}
	try(nil, 0)
	return cost[1], best
}

func TestNotIsTheComplement(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key, value := rapid.SampledFrom([]string{"a", "b"}), rapid.SampledFrom([]string{"", "x", "y"})
		reqs := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) segment.Requirement {
			r := segment.Requirement{Key: key.Draw(t, "key"), Op: segment.Operator(rapid.IntRange(0, 3).Draw(t, "op"))} //nolint:gosec // four operators
			if r.Op == segment.In || r.Op == segment.NotIn {
				r.Values = rapid.SliceOfN(value, 1, 2).Draw(t, "values")
			}
			return r
		}), 0, 3).Draw(t, "reqs")
		s := segment.NewSelector(reqs)
		checkValid(t, s)
		l := rapid.MapOf(key, value).Draw(t, "labels")
		n := 0
		for _, not := range pick.Not(s) {
			if not.Matches(l) {
				n++
			}
		}
		if s.Matches(l) == (n == 1) || n > 1 {
			t.Fatalf("%s: %v is in %d of %v", s, l, n, pick.Not(s))
		}
		ls := pick.LabelSelector(s)
		back, err := metav1.LabelSelectorAsSelector(&ls)
		if err != nil || back.Matches(set(l)) != s.Matches(l) {
			t.Fatalf("%s becomes %s: %v", s, back, err)
		}
	})
}

type set labels

func (s set) Has(k string) bool              { _, ok := s[k]; return ok }
func (s set) Get(k string) string            { return s[k] }
func (s set) Lookup(k string) (string, bool) { v, ok := s[k]; return v, ok }

func BenchmarkPick(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var pods [][]labels
			for i := range n {
				pods = append(pods, []labels{{"app": fmt.Sprintf("app-%d", i/2), "tier": fmt.Sprint(i % 2), "release": "stable"}})
			}
			p := pick.New(modelOf(pods...))
			b.ResetTimer()
			for i := range b.N {
				p.Pick([]int{i % n})
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	var pods [][]labels
	for i := range 10_000 {
		pods = append(pods, []labels{{"app": fmt.Sprintf("app-%d", i/2), "tier": fmt.Sprint(i % 2), "release": "stable"}})
	}
	m := modelOf(pods...)
	for b.Loop() {
		pick.New(m)
	}
}
